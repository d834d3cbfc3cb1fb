/** Calls of gRPC, by its own client and server, through the gateway: in the clear and over TLS. */
import assert from 'node:assert/strict';
import * as grpc from '@grpc/grpc-js';
import { after, before, describe, test, type TestContext } from 'node:test';
import { type Lab, openLab } from '../plugins/lab.ts';
import { requireProgram } from '../require-program.ts';
import { type Authority, Certificates } from '../tls/certificates.ts';

const bytes = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
function asIs(value: Buffer): Buffer {
  return value;
}
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  ...bytes,
});
const SERVICE = {
  unary: method('Unary', false, false),
  down: method('Down', false, true),
  up: method('Up', true, false),
  both: method('Both', true, true),
} as const satisfies grpc.ServiceDefinition;

type Unary = grpc.ServerUnaryCall<Buffer, Buffer>;
type Reply = grpc.sendUnaryData<Buffer>;

/** What the last call was cancelled with, if it was. */
let cancelled = 0;

function serve(server: grpc.Server): void {
  server.addService(SERVICE, {
    unary(call: Unary, reply: Reply): void {
      const trailers = new grpc.Metadata();
      trailers.set('x-seen', String(call.metadata.get('x-asked')[0] ?? ''));
      trailers.set('x-raw-bin', Buffer.from([0, 255, 7]));
      const text = call.request.toString();
      if (text === 'never') call.on('cancelled', () => cancelled++);
      else if (text === 'fail')
        reply({ code: grpc.status.FAILED_PRECONDITION, details: 'not now – später', metadata: trailers });
      else reply(null, call.request, trailers);
    },
    down(call: grpc.ServerWritableStream<Buffer, Buffer>): void {
      const count = Number(call.request.toString());
      for (let i = 0; i < count; i++) call.write(Buffer.alloc(1_000, i));
      call.end();
    },
    up(call: grpc.ServerReadableStream<Buffer, Buffer>, reply: Reply): void {
      let total = 0;
      call.on('data', (message: Buffer) => (total += message.length));
      call.on('end', () => reply(null, Buffer.from(String(total))));
    },
    both(call: grpc.ServerDuplexStream<Buffer, Buffer>): void {
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => call.end());
    },
  });
}

const Client = grpc.makeGenericClientConstructor(SERVICE, 'Echo');

/** The methods of a client that is made of a definition, which have no types. */
interface Calls {
  unary(
    message: Buffer,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: (error: grpc.ServiceError | null, reply?: Buffer) => void,
  ): grpc.ClientUnaryCall;
  down(message: Buffer): grpc.ClientReadableStream<Buffer>;
  up(callback: (error: grpc.ServiceError | null, reply?: Buffer) => void): grpc.ClientWritableStream<Buffer>;
  both(): grpc.ClientDuplexStream<Buffer, Buffer>;
  close(): void;
}

let files: Certificates;
let authority: Authority;
const servers: grpc.Server[] = [];

async function startServer(credentials: grpc.ServerCredentials): Promise<number> {
  const server = new grpc.Server();
  serve(server);
  servers.push(server);
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error === null ? resolve(port) : reject(error))),
  );
}

before((t) => {
  if (requireProgram(t as TestContext, 'openssl') === undefined) return;
  files = new Certificates();
  authority = files.selfSigned('node authority');
});

after(() => {
  for (const server of servers) server.forceShutdown();
  files.remove();
});

async function open(t: TestContext, scheme: 'grpc' | 'grpcs'): Promise<{ client: Calls; lab: Lab; port: number }> {
  let credentials = grpc.ServerCredentials.createInsecure();
  if (scheme === 'grpcs') {
    const { cert, key } = authority.issue('echo.test');
    credentials = grpc.ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) },
    ]);
  }
  const port = await startServer(credentials);
  const upstream = { scheme, nodes: { [`127.0.0.1:${port}`]: 1 }, pass_host: 'rewrite', upstream_host: 'echo.test' };
  const lab = await openLab(t, JSON.stringify({ routes: [{ uri: '/test.Echo/*', upstream }] }), {
    authorities: [authority.cert],
  });
  const client = new Client(`127.0.0.1:${lab.port}`, grpc.credentials.createInsecure()) as unknown as Calls;
  t.after(() => client.close());
  return { client, lab, port };
}

interface Outcome {
  readonly error: grpc.ServiceError | null;
  readonly reply: Buffer | undefined;
  readonly status: grpc.StatusObject;
}

function ask(client: Calls, message: string | Buffer, options: grpc.CallOptions = {}): Promise<Outcome> {
  const metadata = new grpc.Metadata();
  metadata.set('x-asked', 'something');
  return new Promise((resolve) => {
    let answered: Omit<Outcome, 'status'> | null = null;
    let status: grpc.StatusObject | null = null;
    const settle = (): void => {
      if (answered !== null && status !== null) resolve({ ...answered, status });
    };
    const call = client.unary(Buffer.from(message), metadata, options, (error, reply) => {
      answered = { error, reply };
      settle();
    });
    call.on('status', (came: grpc.StatusObject) => {
      status = came;
      settle();
    });
  });
}

for (const scheme of ['grpc', 'grpcs'] as const) {
  describe(`with the scheme ${scheme}`, () => {
    test('a call is answered, with its metadata in both directions', async (t) => {
      const { client } = await open(t, scheme);
      const { error, reply, status } = await ask(client, 'hello');
      assert.equal(error, null);
      assert.equal(reply?.toString(), 'hello');
      assert.equal(status.code, grpc.status.OK);
      assert.deepEqual(status.metadata.get('x-seen'), ['something']);
      assert.deepEqual(status.metadata.get('x-raw-bin'), [Buffer.from([0, 255, 7])]);
    });

    test('a call that fails tells why', async (t) => {
      const { client } = await open(t, scheme);
      const { error } = await ask(client, 'fail');
      assert.deepEqual([error?.code, error?.details], [grpc.status.FAILED_PRECONDITION, 'not now – später']);
      assert.deepEqual(error?.metadata.get('x-seen'), ['something']);
    });

    test('two hundred at once are answered, large messages too', async (t) => {
      const { client } = await open(t, scheme);
      const large = Buffer.alloc(1_500_000, 'x');
      const calls = Array.from({ length: 200 }, (_, i) => (i % 50 === 7 ? large : Buffer.from(String(i))));
      const outcomes = await Promise.all(calls.map((message) => ask(client, message)));
      for (const [i, { error, reply }] of outcomes.entries()) {
        assert.equal(error, null);
        assert.ok(reply?.equals(calls[i]!), `the answer to ${i}`);
      }
    });

    test('streams pass in both directions, alone and together', async (t) => {
      const { client } = await open(t, scheme);
      const down = client.down(Buffer.from('2000'));
      let count = 0;
      for await (const message of down as AsyncIterable<Buffer>) assert.equal(message[0], count++ & 255);
      assert.equal(count, 2_000);
      const total = await new Promise<string>((resolve, reject) => {
        const up = client.up((error, reply) => (error === null ? resolve(String(reply)) : reject(error)));
        for (let i = 0; i < 500; i++) up.write(Buffer.alloc(3_000));
        up.end();
      });
      assert.equal(total, '1500000');
      const both = client.both();
      const echoes = (both as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
      for (let i = 0; i < 50; i++) {
        both.write(Buffer.from(`message ${i}`));
        assert.equal(String((await echoes.next()).value), `message ${i}`);
      }
      both.end();
      assert.equal((await echoes.next()).done, true);
    });
  });
}

test('a deadline of the client ends the call at the server, too', async (t) => {
  const { client, lab } = await open(t, 'grpc');
  const before = cancelled;
  const { error } = await ask(client, 'never', { deadline: Date.now() + 300 });
  assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
  for (let i = 0; i < 200 && cancelled === before; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(cancelled, before + 1);
  // The server knows the deadline, too, and may have been the first to give up.
  for (let i = 0; i < 200 && lab.log.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(lab.log.at(-1)?.errorCode, 'client_closed');
});

test('a server that is gone is UNAVAILABLE to its client', async (t) => {
  const { client } = await open(t, 'grpc');
  servers.pop()?.forceShutdown();
  const { error } = await ask(client, 'hello');
  assert.equal(error?.code, grpc.status.UNAVAILABLE);
});

test('a server without HTTP/2 by ALPN is not spoken to', async (t) => {
  const { cert, key } = authority.issue('echo.test');
  const { createServer } = await import('node:https');
  const server = createServer({ cert, key }, (_, response) => response.end('x'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const upstream = {
    scheme: 'grpcs',
    nodes: { [`127.0.0.1:${port}`]: 1 },
    pass_host: 'rewrite',
    upstream_host: 'echo.test',
  };
  const lab = await openLab(t, JSON.stringify({ routes: [{ uri: '/*', upstream }] }), {
    authorities: [authority.cert],
  });
  assert.equal((await lab.request('/')).status, 502);
});
