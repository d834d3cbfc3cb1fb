/** A node that is well, until a test wants something else. It speaks HTTP/1.1 by hand, so that it can also fail by hand. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/**
 * `fine` answers 200; `slow` answers after the gateway has given up; `silent` never; `resets` and `closes` end the connection in
 * place of an answer; `garbage` answers what is no HTTP; `cut` ends in the middle of a body; `closes_idle` is fine, and closes
 * each connection when it has been idle for a moment.
 */
export type Mood = 'fine' | 'slow' | 'silent' | 'resets' | 'closes' | 'garbage' | 'cut' | 'closes_idle';

export class FaultyNode implements AsyncDisposable {
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();
  private readonly timers = new Set<NodeJS.Timeout>();
  port = 0;
  mood: Mood = 'fine';
  /** Requests that arrived whole, probes aside, by the mood that they met. */
  readonly requests: Partial<Record<Mood, number>> = {};
  /** How late `slow` answers. */
  slow_ms = 3_000;

  private constructor() {
    this.server = net.createServer((socket) => this.serve(socket));
  }

  static async start(): Promise<FaultyNode> {
    const node = new FaultyNode();
    node.server.listen(0, '127.0.0.1');
    await once(node.server, 'listening');
    node.port = (node.server.address() as AddressInfo).port;
    return node;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.sockets.size;
  }

  count(mood: Mood): number {
    return this.requests[mood] ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    for (const socket of this.sockets) socket.destroy();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }

  private serve(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.sockets.delete(socket)).on('error', () => {});
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      // The gateway sends one request at a time, and these have no bodies.
      if (!text.endsWith('\r\n\r\n')) return;
      const isProbe = text.startsWith('GET /probe ');
      text = '';
      if (!isProbe) this.requests[this.mood] = this.count(this.mood) + 1;
      this.answer(socket, this.mood);
    });
  }

  private answer(socket: net.Socket, mood: Mood): void {
    const body = `port ${this.port}`;
    const whole = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    if (mood === 'fine') socket.write(whole);
    else if (mood === 'slow') this.later(this.slow_ms, () => socket.write(whole));
    else if (mood === 'resets') socket.resetAndDestroy();
    else if (mood === 'closes') socket.destroy();
    else if (mood === 'garbage') socket.write('\x16\x03\x01 this is no HTTP\r\n\r\n');
    else if (mood === 'cut') socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length + 10}\r\n\r\n${body}`);
    else if (mood === 'closes_idle') {
      socket.write(whole);
      this.later(Math.random() * 4, () => socket.destroy());
    }
  }

  private later(delay_ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, delay_ms);
    this.timers.add(timer);
  }
}
