import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TimerWheel } from '../clock/timer-wheel.ts';
import { ClientConnection } from './client-connection.ts';
import { disown, type OwnedSocket, type SocketOwner } from './owned-socket.ts';
import { own } from './sockets.ts';
import { NO_BYTES, writeMessage } from './writer.ts';

const fail = (error: unknown): void => assert.fail(String(error));
const ignore = (): void => {};

/** An owner that notes whether it fell behind. */
class Owner implements SocketOwner {
  behind = 0;
  onBytes(): void {}
  onPeerEnd(): void {}
  onBehind(): void {
    this.behind++;
  }
  onWritable(): void {}
  onGone(): void {}
  onException(error: unknown): void {
    fail(error);
  }
}

interface Pair {
  readonly owner: Owner;
  readonly socket: OwnedSocket;
  readonly peer: net.Socket;
  /** What the socket hands to the stream, one entry per write. */
  readonly writes: string[];
}

async function pairOf(t: TestContext): Promise<Pair> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[peer]] = await Promise.all([accepted, once(client, 'connect')]);
  const owner = new Owner();
  const socket = own(client, owner);
  const writes: string[] = [];
  const write = socket.write.bind(socket) as (data: string | Uint8Array, encoding?: BufferEncoding) => boolean;
  socket.write = (data: string | Uint8Array, encoding?: unknown): boolean => {
    writes.push(typeof data === 'string' ? data : Buffer.from(data).toString('latin1'));
    return write(data, encoding as BufferEncoding);
  };
  t.after(() => {
    client.destroy();
    peer.destroy();
    server.close();
  });
  return { owner, socket, peer, writes };
}

const write = (socket: OwnedSocket, text: string): boolean => writeMessage(socket, text, NO_BYTES, 0, 0);

describe('small messages wait for the end of the turn', () => {
  it('and those of one socket go out together, in their order', async (t) => {
    const { socket, peer, writes } = await pairOf(t);
    write(socket, 'a');
    writeMessage(socket, 'b', Buffer.from('xcx'), 1, 2);
    assert.deepEqual(writes, []);
    await nextTurn();
    assert.deepEqual(writes, ['abc']);
    assert.deepEqual(await once(peer, 'data'), [Buffer.from('abc')]);
  });

  it('and a large one takes them along', async (t) => {
    const { socket, writes } = await pairOf(t);
    const large = Buffer.alloc(5_000, 'l');
    write(socket, 'a');
    writeMessage(socket, 'b', large, 0, large.length);
    write(socket, 'c');
    await nextTurn();
    assert.deepEqual(writes, [`ab${large.toString('latin1')}`, 'c']);
  });

  it('unless there are many of them', async (t) => {
    const { socket, writes } = await pairOf(t);
    for (let k = 0; k < 20; k++) write(socket, 'x'.repeat(1_000));
    assert.deepEqual(
      writes.map(({ length }) => length),
      [17_000],
    );
    await nextTurn();
    assert.equal(writes.join('').length, 20_000);
  });

  it('and sockets beyond the bound do not wait for each other', async (t) => {
    const pairs = await Promise.all(Array.from({ length: 70 }, () => pairOf(t)));
    for (const { socket } of pairs) write(socket, 'a');
    assert.equal(pairs.filter(({ writes }) => writes.length === 1).length, 64);
    await nextTurn();
    assert.ok(pairs.every(({ writes }) => writes.length === 1));
  });

  it('and go out before the socket ends', async (t) => {
    const { socket, peer } = await pairOf(t);
    write(socket, 'a last word');
    disown(socket, false);
    assert.deepEqual(await once(peer, 'data'), [Buffer.from('a last word')]);
    await once(peer, 'end');
  });

  it('and who turns out to be behind is told then', async (t) => {
    const { socket, owner } = await pairOf(t);
    // A kernel that takes nothing: what the stream would show then.
    let waiting = 0;
    socket.write = (data: string | Uint8Array): boolean => {
      waiting += data.length;
      return false;
    };
    Object.defineProperty(socket, 'writableLength', { get: () => waiting });
    Object.defineProperty(socket, 'writableNeedDrain', { get: () => waiting > 0 });
    assert.equal(write(socket, 'a'), true, 'nobody knows yet');
    assert.equal(owner.behind, 0);
    await nextTurn();
    assert.equal(owner.behind, 1);
    assert.equal(write(socket, 'b'), false, 'now it is known at once');
    assert.equal(waiting, 2);
  });
});

describe('a request that has not left yet', () => {
  it('is answered by no byte: the connection was stale when it was taken', async (t) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const settings = {
      limits: { line_bytes: 8_192, head_bytes: 32_768, fields: 100 },
      wheel: new TimerWheel(50, fail),
    };
    const timeouts = { connect_ms: 1_000, send_ms: 1_000, read_ms: 1_000 };
    const owner = { onReusable: ignore, onClosed: ignore, onException: fail };
    const connection = new ClientConnection({ host: '127.0.0.1', port }, settings, owner, timeouts);
    const [peer] = await accepted;
    while (!connection.isConnected) await nextTurn();
    const faults: string[] = [];
    const sink = {
      onResponseInterim: fail,
      onResponseHead: (): 'data' => 'data',
      onResponseStart: ignore,
      onResponseBody: ignore,
      onUpstreamWritable: ignore,
      onResponseFault: (fault: string): void => void faults.push(fault),
    };
    const request = {
      keepsStart: false,
      method: 'GET',
      target: '/',
      host: 'a',
      fields: null,
      dropped: new Uint8Array(32),
      added: '',
    };
    connection.begin(sink, false, timeouts);
    connection.send(request, NO_BYTES, 0, 0, true);
    // As if they had stood in the kernel's buffer when the connection was taken.
    const unasked = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    connection.onBytes(unasked, 0, unasked.length);
    assert.deepEqual(faults, ['reset']);
    assert.equal(connection.hasReceived, false);
    peer.on('data', fail);
    peer.resume();
    await once(peer, 'close');
  });
});
