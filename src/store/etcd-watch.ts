/** One watch on etcd: a response that never ends, a message a line. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { describe, type EtcdClient } from './etcd-client.ts';
import { EtcdRefusal, type WatchResponse } from './etcd-messages.ts';

/** Longer than any transaction that etcd takes. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;

export interface WatchHandlers {
  readonly onMessage: (message: WatchResponse) => void;
  /** Once, when it is over for whatever reason but `close`. Nothing comes after it. */
  readonly onEnd: (error: Error) => void;
}

/** Follows `range` from `start_revision`. `client.authorize()` has to come before. */
export class EtcdWatch {
  private readonly handlers: WatchHandlers;
  private readonly outgoing: ClientRequest;
  private isOver = false;
  private pieces: Buffer[] = [];
  private size = 0;

  constructor(
    client: EtcdClient,
    range: { key: string; range_end: string; start_revision: string },
    handlers: WatchHandlers,
  ) {
    this.handlers = handlers;
    this.outgoing = client.open('/v3/watch', false);
    this.outgoing.on('error', (error) => this.end(new Error(describe(error), { cause: error })));
    this.outgoing.on('response', (response) => this.take(response));
    // A machine that vanished is noticed by the kernel, also while nothing happens.
    this.outgoing.on('socket', (socket) => socket.setKeepAlive(true, 5_000));
    this.outgoing.end(JSON.stringify({ create_request: { ...range, progress_notify: true } }));
  }

  close(): void {
    this.isOver = true;
    this.outgoing.destroy();
  }

  private take(response: IncomingMessage): void {
    response.on('data', (piece: Buffer) => this.read(piece, response.statusCode ?? 0));
    response.on('error', (error) => this.end(error));
    response.on('close', () => this.end(new Error('the connection was closed')));
  }

  private read(piece: Buffer, status: number): void {
    let rest = piece;
    for (let end = rest.indexOf(10); end >= 0 && !this.isOver; end = rest.indexOf(10)) {
      this.pieces.push(rest.subarray(0, end));
      const line = Buffer.concat(this.pieces).toString('utf8');
      this.pieces = [];
      this.size = 0;
      rest = rest.subarray(end + 1);
      if (line.trim() !== '') this.message(line, status);
    }
    this.size += rest.length;
    if (this.size > MAX_LINE_BYTES) this.end(new Error(`a message has more than ${MAX_LINE_BYTES} bytes`));
    else if (rest.length > 0) this.pieces.push(rest);
  }

  private message(line: string, status: number): void {
    try {
      const { result, ...problem } = JSON.parse(line) as { result?: WatchResponse };
      if (result === undefined) this.end(new EtcdRefusal(status, problem));
      else this.handlers.onMessage(result);
    } catch (error) {
      this.end(error as Error);
    }
  }

  private end(error: Error): void {
    if (this.isOver) return;
    this.close();
    this.handlers.onEnd(error);
  }
}
