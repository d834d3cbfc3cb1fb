/** One TCP connection in the hands of a test: it sends any bytes, and waits for what comes. */
import type net from 'node:net';
import { connect } from '../client/speaking.ts';
import { type Message, type MessageKind, takeMessage } from './message.ts';

/** How long a test waits for anything before it fails. */
export const PATIENCE_MS = 40_000;

/** The peer went away while a test or a script waited for something of it. */
export class ConnectionOver extends Error {}

/** `open`; the peer ended it cleanly; it broke. */
export type ConnectionEnd = 'open' | 'fin' | 'reset';

interface Waiter {
  check(): boolean;
}

interface Waiting {
  /** What is waited for can still happen after the peer ended the connection. */
  readonly mayBeOver?: boolean;
  readonly isPatient?: boolean;
}

export class RawConnection {
  readonly socket: net.Socket;
  /** Bytes that came since the connection began. */
  receivedBytes = 0;
  end: ConnectionEnd = 'open';
  isClosed = false;
  /** Drops what comes, unseen, instead of keeping it. */
  isDropping = false;
  private pieces: Buffer[] = [];
  private readonly waiters = new Set<Waiter>();

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.receivedBytes += bytes.length;
      if (!this.isDropping) this.pieces.push(bytes);
      this.notify();
    });
    socket.on('drain', () => this.notify());
    socket.on('end', () => this.over('fin'));
    socket.on('error', () => this.over('reset'));
    socket.on('close', () => {
      this.isClosed = true;
      this.over('reset');
    });
  }

  /** Everything that came and was not taken. */
  get bytes(): Buffer {
    if (this.pieces.length > 1) this.pieces = [Buffer.concat(this.pieces)];
    return this.pieces[0] ?? Buffer.alloc(0);
  }

  /** Forgets what came. */
  clear(): void {
    this.pieces = [];
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  write(data: string | Uint8Array): void {
    if (typeof data === 'string') this.socket.write(data, 'latin1');
    else this.socket.write(data);
  }

  /** Sends all of it at the pace of the peer; resolves when the kernel took the last byte, or the connection is over. */
  async writeAll(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length && !this.socket.destroyed; at += 65_536) {
      if (this.socket.write(data.subarray(at, at + 65_536))) continue;
      await this.until(() => this.isClosed || this.socket.writableLength === 0, 'drain', { mayBeOver: true });
    }
  }

  /** Sends no more, and goes on reading. */
  finish(): void {
    this.socket.end();
  }

  /** Ends the connection by RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /**
   * The next message. Rejects with ConnectionOver if the connection ends before one begins.
   * @param isPatient whether it may take any time: a server does not know when it is asked again
   */
  async receive(kind: MessageKind, isPatient = false): Promise<Message> {
    let message: Message | null = null;
    const isThere = (): boolean => {
      if (this.bytes.length > 0) message = takeMessage(this.bytes, kind, this.end !== 'open');
      return message !== null;
    };
    await this.until(isThere, `a whole ${kind}`, { isPatient });
    const taken = message as unknown as Message;
    this.pieces = [this.bytes.subarray(taken.length)];
    return taken;
  }

  /** Waits until `text` has come, and takes everything up to its end. */
  async take(text: string): Promise<string> {
    await this.until(() => this.bytes.includes(text, 0, 'latin1'), JSON.stringify(text));
    const end = this.bytes.indexOf(text, 0, 'latin1') + text.length;
    const taken = this.bytes.toString('latin1', 0, end);
    this.pieces = [this.bytes.subarray(end)];
    return taken;
  }

  /** Waits for the peer to end the connection. */
  async whenOver(): Promise<ConnectionEnd> {
    await this.until(() => this.end !== 'open', 'the end of the connection', { mayBeOver: true });
    return this.end;
  }

  /** Waits for the socket to be gone on this side too. */
  whenClosed(): Promise<void> {
    return this.until(() => this.isClosed, 'the connection to be gone', { mayBeOver: true });
  }

  until(isThere: () => boolean, what: string, { mayBeOver = false, isPatient = false }: Waiting = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null): boolean => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        if (error === null) resolve();
        else reject(error);
        return true;
      };
      const waiter: Waiter = {
        check: () => {
          try {
            if (isThere()) return settle(null);
          } catch (error) {
            return settle(error as Error);
          }
          if (mayBeOver || this.end === 'open') return false;
          return settle(
            new ConnectionOver(`${what} did not come before the connection ended by ${this.end}: ${this.seen()}`),
          );
        },
      };
      const late = new Error(`${what} did not come in ${PATIENCE_MS} ms`);
      const giveUp = (): void => {
        late.message += `: ${this.seen()}`;
        settle(late);
      };
      const timer = isPatient ? undefined : setTimeout(giveUp, PATIENCE_MS);
      if (waiter.check()) return;
      this.waiters.add(waiter);
    });
  }

  private seen(): string {
    const { text } = this;
    return text.length > 400 ? `${JSON.stringify(text.slice(0, 400))}… (${text.length} bytes)` : JSON.stringify(text);
  }

  private over(how: ConnectionEnd): void {
    if (this.end === 'open') this.end = how;
    this.notify();
  }

  private notify(): void {
    for (const waiter of this.waiters) waiter.check();
  }
}

/** Opens a connection to a port of this machine. */
export function connectTo(port: number): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, { allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(new RawConnection(socket));
    });
  });
}
