import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { disown, type OwnedSocket } from './owned-socket.ts';
import { connect, type OutgoingOwner } from './sockets.ts';

/** An owner that notes what it is told, and wants to read on after a failed write. */
class Owner implements OutgoingOwner {
  readonly told: string[] = [];
  readonly over: Promise<void>;
  private end: () => void = () => {};

  constructor() {
    this.over = new Promise((resolve) => (this.end = resolve));
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.told.push(`bytes ${bytes.toString('latin1', start, end)}`);
  }

  onSendError(): boolean {
    this.told.push('send error');
    return true;
  }

  onPeerEnd(): void {
    this.told.push('peer end');
    this.end();
  }

  onGone(): void {
    this.told.push('gone');
    this.end();
  }

  onBehind(): void {}

  onWritable(): void {}

  onException(error: unknown): void {
    throw error;
  }
}

describe('an outgoing socket whose write failed', () => {
  async function connected(): Promise<{ owner: Owner; socket: OwnedSocket; peer: net.Socket; server: net.Server }> {
    const server = net.createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const owner = new Owner();
    const socket = connect('127.0.0.1', (server.address() as AddressInfo).port, owner);
    const [[peer]] = await Promise.all([accepted, once(socket, 'connect')]);
    return { owner, socket, peer, server };
  }

  it('tells its owner of the end, also where the write took the reset that reading would have found', async () => {
    const { owner, socket, peer, server } = await connected();
    // Both within one turn: the kernel tells of the reset once, and the write is the first to ask.
    peer.resetAndDestroy();
    socket.write('a request');
    await owner.over;
    assert.deepEqual(owner.told.slice(0, 2), ['send error', 'peer end']);
    disown(socket, false);
    server.close();
    await once(server, 'close');
  });
});
