/** How what comes by TLS is read: into the buffer that all sockets share, or by events. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import tls from 'node:tls';
import { PAIR } from '../certificate.ts';
import type { SocketOwner } from '../../src/http1/owned-socket.ts';
import { own, type ReadPath, readSecured } from '../../src/http1/sockets.ts';

class Reader implements SocketOwner {
  readonly buffers = new Set<Buffer>();
  readonly ended = Promise.withResolvers<void>();
  length = 0;
  text = '';
  onSome: () => void = () => undefined;

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.buffers.add(bytes);
    this.length += end - start;
    if (this.length < 1000) this.text += bytes.toString('latin1', start, end);
    this.onSome();
  }

  onPeerEnd(): void {
    this.ended.resolve();
  }

  onBehind(): void {}
  onWritable(): void {}
  onGone(): void {}
  onException(error: unknown): void {
    assert.fail(error as Error);
  }
}

async function pair(t: TestContext, path: ReadPath, begin: string) {
  const reader = new Reader();
  const server = tls.createServer(PAIR);
  const secured = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
  let used: ReadPath | null = null;
  server.on('secureConnection', (socket) => {
    own(socket, reader);
    used = readSecured(socket, path);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ socket: net.connect(port, '127.0.0.1'), servername: 'a.example', ca: PAIR.cert });
  // It leaves together with the end of the handshake.
  client.write(begin);
  const [socket] = await secured;
  t.after(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  assert.equal(used, path, 'this Node.js has both ways of reading');
  return { client, socket, reader };
}

const some = (reader: Reader): Promise<void> => new Promise((resolve) => (reader.onSome = resolve));

async function has(reader: Reader, text: string): Promise<void> {
  while (reader.text !== text) await some(reader);
}

for (const path of ['onread', 'data'] as const) {
  test(`a secured socket is read by ${path}, from its first byte to its end`, async (t) => {
    const { client, reader } = await pair(t, path, 'first');
    await has(reader, 'first');
    client.write('second');
    await has(reader, 'firstsecond');
    client.end(Buffer.alloc(1_000_000));
    await reader.ended.promise;
    assert.equal(reader.length, 1_000_011);
    if (path === 'onread') assert.ok(reader.buffers.size <= 2, 'the shared one, and what came with the handshake');
    else assert.ok(reader.buffers.size > 2);
  });

  test(`a secured socket that is read by ${path} stops while it is paused`, async (t) => {
    const { client, socket, reader } = await pair(t, path, 'first');
    await has(reader, 'first');
    socket.pause();
    let isSent = false;
    client.write(Buffer.alloc(50_000_000), () => (isSent = true));
    // What one loop brings and what the kernel holds: far from all of it.
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    const before = reader.length;
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(reader.length === before && !isSent, `${reader.length} bytes came`);
    socket.resume();
    while (reader.length < 50_000_005) await some(reader);
  });
}
