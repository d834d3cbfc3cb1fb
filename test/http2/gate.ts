/** A way to a node that stays shut until the test opens it: what comes meanwhile is held, so that no handshake ends. */
import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';

export class Gate {
  private readonly server: net.Server;
  private readonly to: number;
  private readonly sockets = new Set<net.Socket>();
  private readonly shut: net.Socket[] = [];
  private isOpen = false;
  /** Connections that came. */
  accepted = 0;

  private constructor(to: number) {
    this.to = to;
    this.server = net.createServer({ allowHalfOpen: true }, (socket) => {
      this.accepted++;
      this.own(socket);
      if (this.isOpen) this.lead(socket);
      else this.shut.push(socket);
    });
  }

  /** @param to the node's port */
  static async start(t: TestContext, to: number): Promise<Gate> {
    const gate = new Gate(to);
    await once(gate.server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => {
      gate.server.close();
      for (const socket of gate.sockets) socket.destroy();
    });
    return gate;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  open(): void {
    this.isOpen = true;
    for (const socket of this.shut.splice(0)) if (!socket.destroyed) this.lead(socket);
  }

  private own(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
  }

  private lead(socket: net.Socket): void {
    const inner = net.connect({ port: this.to, host: '127.0.0.1' });
    inner.on('error', () => undefined);
    inner.on('close', () => socket.destroy());
    socket.on('close', () => inner.destroy());
    socket.pipe(inner);
    inner.pipe(socket);
  }
}
