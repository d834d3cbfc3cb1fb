import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { readClientHello } from './client-hello.ts';

/** What Node's own client begins with. */
function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      tls.connect({ port, host: '127.0.0.1', ...options }).on('error', () => undefined);
    });
  });
}

let hello: Buffer;

before(async () => {
  hello = await helloOf({ servername: 'A.example.com', ALPNProtocols: ['h2', 'http/1.1'] });
});

test('the name is read, in lower case; a client that names none is understood', async () => {
  assert.deepEqual(readClientHello(hello), { serverName: 'a.example.com' });
  assert.deepEqual(readClientHello(await helloOf({ maxVersion: 'TLSv1.2' })), { serverName: '' });
});

test('every beginning of a message is incomplete, and bytes after it change nothing', () => {
  for (let length = 0; length < hello.length; length++) {
    assert.equal(readClientHello(hello.subarray(0, length)), 'incomplete', `the first ${length} bytes`);
  }
  assert.deepEqual(readClientHello(Buffer.concat([hello, Buffer.alloc(50, 255)])), { serverName: 'a.example.com' });
});

/** The same message in records of any sizes (RFC 8446 §5.1). */
function inRecords(message: Buffer, sizes: readonly number[]): Buffer {
  const records: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < message.length; i++) {
    const part = message.subarray(at, at + (sizes[i % sizes.length] ?? 1));
    records.push(Buffer.concat([Buffer.of(22, 3, 1, part.length >> 8, part.length & 255), part]));
    at += part.length;
  }
  return Buffer.concat(records);
}

test('a message in several records is the same message, whole or cut', () => {
  const message = hello.subarray(5);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 6 }), fc.nat(), (sizes, cut) => {
      const bytes = inRecords(message, sizes);
      if (bytes.length > 16_000) return;
      assert.deepEqual(readClientHello(bytes), { serverName: 'a.example.com' });
      assert.equal(readClientHello(bytes.subarray(0, cut % bytes.length)), 'incomplete');
    }),
  );
});

const extension = (type: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.of(type >> 8, type & 255, content.length >> 8, content.length & 255), content]);

function withExtensions(...extensions: Buffer[]): Buffer {
  const all = Buffer.concat(extensions);
  const head = Buffer.concat([Buffer.alloc(34, 1), Buffer.of(0, 0, 2, 19, 1, 1, 0, all.length >> 8, all.length & 255)]);
  const body = Buffer.concat([head, all]);
  return inRecords(Buffer.concat([Buffer.of(1, 0, body.length >> 8, body.length & 255), body]), [16_000]);
}

function nameOf(name: string, type = 0): Buffer {
  const entry = Buffer.concat([Buffer.of(type, name.length >> 8, name.length & 255), Buffer.from(name, 'latin1')]);
  return extension(0, Buffer.concat([Buffer.of(entry.length >> 8, entry.length & 255), entry]));
}

test('a message made by hand is read', () => {
  assert.deepEqual(readClientHello(withExtensions(nameOf('a.test'))), { serverName: 'a.test' });
  assert.deepEqual(readClientHello(withExtensions()), { serverName: '' });
});

const MALFORMED: readonly (readonly [what: string, bytes: () => Buffer])[] = [
  ['two names', () => withExtensions(nameOf('a.test'), nameOf('b.test'))],
  ['a name with a slash in it', () => withExtensions(nameOf('a/b'))],
  ['a name with NUL in it', () => withExtensions(nameOf('a.test\0.b'))],
  ['an empty name', () => withExtensions(nameOf(''))],
  ['a name of another type', () => withExtensions(nameOf('a.test', 1))],
  ['a wildcard for a name', () => withExtensions(nameOf('*.test'))],
  ['an extension longer than the message', () => withExtensions(Buffer.of(0, 0, 255, 255))],
  ['a message of another type', () => Buffer.of(22, 3, 1, 0, 4, 2, 0, 0, 0)],
  ['an alert', () => Buffer.of(21, 3, 1, 0, 2, 1, 0)],
  ['an empty record', () => Buffer.of(22, 3, 1, 0, 0)],
  ['a message of 2 MiB', () => Buffer.of(22, 3, 1, 0, 4, 1, 32, 0, 0)],
  ['the hello of SSL 2', () => Buffer.of(128, 46, 1, 3, 1, 0, 21)],
];
for (const [what, bytes] of MALFORMED)
  test(`${what} is malformed`, () => assert.equal(readClientHello(bytes()), 'malformed'));

test('whatever comes is read, refused or waited for, and never throws', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 12 }), fc.nat(), (changes, cut) => {
      const bytes = Buffer.from(hello);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const result = readClientHello(bytes.subarray(0, cut % (bytes.length + 1)));
      if (typeof result !== 'string') assert.match(result.serverName, /^[a-z0-9_.-]*$/);
    }),
    { numRuns: 5_000 },
  );
});
