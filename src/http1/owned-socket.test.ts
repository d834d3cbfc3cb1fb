import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { constants } from 'node:os';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TimerWheel } from '../clock/timer-wheel.ts';
import { ClientConnection } from './client-connection.ts';
import { plainDialer } from './plain-dialer.ts';
import { disown, endWriting, hasUnsent, type OwnedSocket, type SocketOwner } from './owned-socket.ts';
import { currentScratch } from './scratch.ts';
import { own } from './sockets.ts';
import { NO_BYTES, writeMessage } from './writer.ts';

const fail = (error: unknown): void => assert.fail(String(error));
const ignore = (): void => {};

/** An owner that notes whether it fell behind. */
class Owner implements SocketOwner {
  behind = 0;
  writable = 0;
  failure: Error | null | undefined;
  onBytes(): void {}
  onPeerEnd(): void {}
  onBehind(): void {
    this.behind++;
  }
  onWritable(): void {
    this.writable++;
  }
  onGone(error: Error | null): void {
    this.failure = error;
  }
  onException(error: unknown): void {
    fail(error);
  }
}

interface Handle {
  writeLatin1String(request: unknown, text: string): unknown;
  writeBuffer(request: unknown, bytes: Uint8Array): unknown;
}

interface Pair {
  readonly owner: Owner;
  readonly socket: OwnedSocket;
  readonly peer: net.Socket;
  readonly handle: Handle;
  /** What reaches the handle, one entry per write. */
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
  const { _handle: handle } = socket as unknown as { _handle: Handle };
  const { writeLatin1String, writeBuffer } = handle;
  handle.writeLatin1String = (request, text) => {
    writes.push(text);
    return writeLatin1String.call(handle, request, text);
  };
  handle.writeBuffer = (request, bytes) => {
    writes.push(Buffer.from(bytes).toString('latin1'));
    return writeBuffer.call(handle, request, bytes);
  };
  t.after(() => {
    client.destroy();
    peer.destroy();
    server.close();
  });
  return { owner, socket, peer, handle, writes };
}

/** `once` would reject for the error that comes before. */
const closed = (socket: net.Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

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

  it('and so do larger ones, which take along what waits before them', async (t) => {
    const { socket, writes } = await pairOf(t);
    const [one, other] = [Buffer.alloc(5_000, 'l'), Buffer.alloc(6_000, 'm')];
    write(socket, 'a');
    writeMessage(socket, 'b', one, 0, one.length);
    write(socket, 'c');
    assert.equal(writes.length, 0);
    writeMessage(socket, 'd', other, 0, other.length);
    await nextTurn();
    assert.equal(writes.join(''), `ab${one.toString('latin1')}cd${other.toString('latin1')}`);
    assert.equal(writes[0]?.length, 5_002);
  });

  it('but not the largest, which fill the memory for them', async (t) => {
    const { socket, writes } = await pairOf(t);
    const large = Buffer.alloc(50_000, 'l');
    write(socket, 'a');
    writeMessage(socket, 'b', large, 0, large.length);
    assert.deepEqual(writes, [`ab${large.toString('latin1')}`]);
  });

  it('and each has its own content, however many there are', async (t) => {
    const pairs = await Promise.all(Array.from({ length: 20 }, () => pairOf(t)));
    for (let round = 0; round < 3; round++) {
      for (const [k, { socket }] of pairs.entries()) {
        const piece = Buffer.alloc(30_000, 65 + k + round);
        writeMessage(socket, `${k}:`, piece, 0, piece.length);
      }
    }
    await nextTurn();
    for (const [k, { writes }] of pairs.entries()) {
      const expected = [0, 1, 2].map((round) => `${k}:${String.fromCharCode(65 + k + round).repeat(30_000)}`);
      assert.ok(writes.join('') === expected.join(''), `socket ${k}`);
    }
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
});

describe('a peer that does not take everything at once', () => {
  /** A kernel that takes nothing: the handle answers with a request that waits. */
  async function stuck(t: TestContext): Promise<Pair & { pending: { oncomplete?: (status: number) => void } }> {
    const pair = await pairOf(t);
    const pending = {};
    pair.handle.writeLatin1String = () => pending;
    return { ...pair, pending };
  }

  it('is behind, which its owner hears at the end of the turn, and until it has taken everything', async (t) => {
    const { socket, owner, pending } = await stuck(t);
    assert.equal(write(socket, 'a'), true, 'nobody knows yet');
    assert.deepEqual([owner.behind, hasUnsent(socket)], [0, true]);
    await nextTurn();
    assert.deepEqual([owner.behind, owner.writable, hasUnsent(socket)], [1, 0, true]);
    assert.equal(write(socket, 'b'), false, 'now it is known at once');
    pending.oncomplete?.(0);
    assert.deepEqual([owner.writable, hasUnsent(socket)], [0, true]);
    pending.oncomplete?.(0);
    assert.deepEqual([owner.writable, hasUnsent(socket)], [1, false]);
  });

  it('and breaks, costs the socket, with the error that a stream would tell', async (t) => {
    const { socket, owner, pending } = await stuck(t);
    write(socket, 'a');
    await nextTurn();
    pending.oncomplete?.(-constants.errno.EPIPE);
    await closed(socket);
    const { errno, code, syscall } = owner.failure as NodeJS.ErrnoException;
    assert.deepEqual([errno, code, syscall], [-constants.errno.EPIPE, 'EPIPE', 'write']);
    assert.equal(owner.writable, 0);
  });

  it('gets every byte in order', async (t) => {
    const { socket, owner, peer } = await pairOf(t);
    const sent: Buffer[] = [];
    peer.pause();
    for (let k = 0; k < 200; k++) {
      const piece = Buffer.alloc(k % 3 === 0 ? 100 : 100_000, 65 + (k % 26));
      sent.push(Buffer.from('head'), piece);
      writeMessage(socket, 'head', piece, 0, piece.length);
      if (k % 7 === 0) await nextTurn();
    }
    assert.ok(hasUnsent(socket));
    socket.once('drain', () => disown(socket, false));
    const received = Buffer.concat((await peer.toArray()) as Buffer[]);
    assert.ok(received.equals(Buffer.concat(sent)));
    assert.equal(owner.writable, 1);
  });

  it('that broke before, costs the socket too', async (t) => {
    const { socket, owner, peer } = await pairOf(t);
    peer.resetAndDestroy();
    await once(peer, 'close');
    write(socket, 'a');
    await closed(socket);
    assert.ok(['EPIPE', 'ECONNRESET'].includes((owner.failure as NodeJS.ErrnoException).code ?? ''));
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
    const connection = new ClientConnection(plainDialer('127.0.0.1', port), settings, owner, timeouts);
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

/** libuv resets no socket that it is shutting down, and Node.js forgets the handle all the same: it stays until the process ends. */
describe('a socket that is reset while it is being ended', () => {
  const descriptors = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

  async function isGone(socket: OwnedSocket, peer: net.Socket, before: number): Promise<void> {
    const ended = closed(peer);
    disown(socket, true);
    peer.resume();
    await ended;
    for (const end = performance.now() + 20_000; descriptors() > before && performance.now() < end;) await nextTurn();
    assert.equal(descriptors(), before, 'neither of the two sockets is left');
  }

  it('at once is closed', async (t) => {
    const before = descriptors();
    const { socket, peer } = await pairOf(t);
    endWriting(socket);
    await isGone(socket, peer, before);
  });

  it('behind bytes that the peer does not take is cut off: what came of them does not look complete', async (t) => {
    const before = descriptors();
    const { socket, peer } = await pairOf(t);
    peer.pause();
    const errors: string[] = [];
    peer.on('error', (error: NodeJS.ErrnoException) => errors.push(String(error.code)));
    const large = Buffer.alloc(20_000_000, 'l');
    writeMessage(socket, 'a', large, 0, large.length);
    await nextTurn();
    assert.ok(hasUnsent(socket));
    endWriting(socket);
    await nextTurn();
    await isGone(socket, peer, before);
    assert.deepEqual(errors, ['ECONNRESET']);
  });
});

describe('the scratch', () => {
  it('comes back from a socket that was still connecting', async (t) => {
    const server = net.createServer((peer) => peer.resume());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const socket = own(net.connect((server.address() as AddressInfo).port, '127.0.0.1'), new Owner());
    const piece = Buffer.alloc(5_000, 'p');
    writeMessage(socket, 'head', piece, 0, piece.length);
    const scratch = currentScratch();
    assert.ok(scratch.isLent);
    while (scratch.isLent) await nextTurn();
    assert.equal(socket.listenerCount('drain'), 1, "the owner's own");
    disown(socket, false);
  });
});
