/**
 * What looks like a connection of an HTTP/1.1 client, and asks in HTTP/2: each request that is written becomes a stream, and each
 * answer is written down as HTTP/1.1 has it. So suites run over either protocol, whatever client they use.
 *
 * A stream that is reset in the middle of its answer is a connection that breaks; an answer that comes before the request is
 * complete closes it; a request that is pipelined is sent when the one before it was answered.
 */
import { STATUS_CODES } from 'node:http';
import net from 'node:net';
import { Duplex } from 'node:stream';
import * as h2 from '../../src/http2/protocol.ts';
import type { Fields } from '../http2/frames.ts';
import { type Breach, type ClientStream, Http2Connection } from './http2-connection.ts';
import { Http1Reader, type RequestHead } from './http1-reader.ts';

const NOTHING = Buffer.alloc(0);

/** How the request of a stream that nobody looked at fails: it may be sent again. */
export const REFUSED = 'ERR_STREAM_REFUSED';

/** One request, and what came of its answer and was not read. */
interface Turn {
  readonly method: string;
  /** Nothing follows on this connection. */
  saysClose: boolean;
  stream: ClientStream | null;
  isChunked: boolean;
  /** Content that Content-Length still promises. */
  promised: number;
  /** What is to be read: content says how much of the stream's window it took. */
  readonly pieces: { readonly bytes: Buffer; readonly flow: number }[];
  isAnswered: boolean;
  isStopped: boolean;
  breach: Error | null;
}

export interface Http1Options {
  readonly port: number;
  readonly host?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly allowHalfOpen?: boolean;
  /** Opens the connection, or gives one that others use too. */
  readonly connectionFor?: (client: Http1OverHttp2) => Http2Connection;
}

export class Http1OverHttp2 extends Duplex {
  connecting = true;
  private readonly connection: Http2Connection;
  private readonly isShared: boolean;
  private readonly reader: Http1Reader;
  /** Whose answer was not read to its end. */
  private turn: Turn | null = null;
  private isHeld = false;
  private written = 0;
  private isWanted = false;
  private isGone = false;
  /** Answers of requests that come are of no interest: an answer said that it is the last one. */
  private isLast = false;
  private owedWrites = 0;
  private onCaughtUp: (() => void) | null = null;
  private readonly socketTimer: { timer: NodeJS.Timeout | undefined } = { timer: undefined };

  constructor(options: Http1Options) {
    super({ allowHalfOpen: options.allowHalfOpen ?? true, autoDestroy: true, emitClose: true });
    this.isShared = options.connectionFor !== undefined;
    this.connection = options.connectionFor?.(this) ?? this.connect(options);
    this.reader = new Http1Reader({
      mayBegin: () => this.turn === null && !this.isLast,
      onHead: (head) => this.begin(head),
      onBody: (bytes) => this.sendBody(bytes),
      onEnd: (trailers) => this.finish(trailers),
    });
    const { socket } = this.connection;
    const connected = (): void => {
      this.connecting = false;
      this.emit('connect');
    };
    if (socket.connecting) socket.once('connect', connected);
    else process.nextTick(connected);
  }

  private connect({ port, host = '127.0.0.1', localAddress }: Http1Options): Http2Connection {
    const socket = net.connect({
      port,
      host,
      ...(localAddress === undefined ? {} : { localAddress }),
      allowHalfOpen: true,
    });
    return new Http2Connection(socket, {
      onGoaway: () => this.onGoaway(),
      onClosed: (error) => this.onClosed(error),
    });
  }

  // As a socket has it.

  /** Bytes that were written, as far as they were given on. */
  get bytesWritten(): number {
    return this.written;
  }

  get remoteAddress(): string | undefined {
    return this.connection.socket.remoteAddress;
  }

  get localPort(): number | undefined {
    return this.connection.socket.localPort;
  }

  get localAddress(): string | undefined {
    return this.connection.socket.localAddress;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(timeout_ms: number, onTimeout?: () => void): this {
    clearTimeout(this.socketTimer.timer);
    if (onTimeout !== undefined) this.once('timeout', onTimeout);
    if (timeout_ms > 0) this.socketTimer.timer = setTimeout(() => this.emit('timeout'), timeout_ms).unref();
    return this;
  }

  ref(): this {
    this.connection.socket.ref();
    return this;
  }

  unref(): this {
    if (!this.isShared) this.connection.socket.unref();
    return this;
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  /** The connection breaks; where others use it too, the streams alone do. */
  resetAndDestroy(): this {
    const { socket } = this.connection;
    if (!this.isShared) {
      // Node.js loses the handle of a socket that is reset while it is being shut down.
      if (socket.writableEnded && !socket.writableFinished) socket.destroy();
      else socket.resetAndDestroy();
    }
    return this.destroy();
  }

  // Requests.

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.isLast || this.isGone) return done();
    // What happens within the call, too.
    this.owedWrites = 1;
    this.onCaughtUp = () => {
      this.written += chunk.length;
      done();
    };
    this.readOn(chunk);
    this.settleWrite();
  }

  private readOn(bytes: Buffer): void {
    try {
      this.reader.read(bytes);
      if (this.reader.isHeld !== this.isHeld) {
        this.isHeld = !this.isHeld;
        if (this.isHeld) this.owedWrites++;
        else this.settleWrite();
      }
    } catch (error) {
      // A test that writes it has a mistake of its own, whatever it waits for.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  private readonly settleWrite = (): void => {
    if (--this.owedWrites > 0) return;
    const { onCaughtUp } = this;
    this.onCaughtUp = null;
    onCaughtUp?.();
  };

  /** As a client that shuts down its writing side. */
  override _final(done: (error?: Error | null) => void): void {
    if (!this.isShared) this.connection.socket.end();
    done();
  }

  private begin({ method, fields, hasBody, saysClose }: RequestHead): void {
    const turn: Turn = {
      method,
      saysClose,
      stream: null,
      isChunked: false,
      promised: 0,
      pieces: [],
      isAnswered: false,
      isStopped: false,
      breach: null,
    };
    this.turn = turn;
    turn.stream = this.connection.open(fields, !hasBody, {
      onHead: (status, head) => this.onHead(turn, status, head),
      onData: (bytes) => this.onData(turn, bytes),
      onEnd: (trailers) => this.onAnswered(turn, trailers),
      onSent: () => this.show(),
      onStopped: () => {
        turn.isStopped = true;
        this.show();
      },
      onBreach: (breach, why) => this.onBreach(turn, breach, why),
    });
  }

  private sendBody(bytes: Buffer): void {
    const stream = this.turn?.stream;
    if (stream === null || stream === undefined) return;
    this.owedWrites++;
    this.connection.send(stream, Buffer.from(bytes), this.settleWrite);
  }

  private finish(trailers: Fields): void {
    const stream = this.turn?.stream;
    if (stream !== null && stream !== undefined) this.connection.finish(stream, trailers);
  }

  // Answers.

  private onHead(turn: Turn, status: number, head: Fields): void {
    const length = head.find(([name]) => name === 'content-length')?.[1];
    const hasBody = !(turn.method === 'HEAD' || status < 200 || status === 204 || status === 304);
    turn.isChunked = hasBody && length === undefined;
    turn.promised = hasBody && length !== undefined ? Number(length) : 0;
    // What a server says of its connection, GOAWAY, is said with each answer there; and who is answered before the request is
    // complete cannot use the connection again.
    if (status >= 200 && (this.connection.isLeaving || turn.stream?.isSent !== true)) turn.saysClose = true;
    const isFinal = status >= 200 && turn.saysClose;
    const lines = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Whatever'}`,
      ...head.map(([name, value]) => `${name.replaceAll(/(?:^|-)[a-z]/g, (first) => first.toUpperCase())}: ${value}`),
      ...(turn.isChunked ? ['Transfer-Encoding: chunked'] : []),
      ...(isFinal ? ['Connection: close'] : []),
    ];
    this.give(turn, Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), 0);
  }

  private onData(turn: Turn, bytes: Buffer): void {
    const { length } = bytes;
    if (turn.isChunked) {
      const line = Buffer.from(`${length.toString(16)}\r\n`);
      this.give(turn, Buffer.concat([line, bytes, Buffer.from('\r\n')]), length);
      return;
    }
    turn.promised -= length;
    if (turn.promised < 0) this.break(new Error('the gateway sent more than Content-Length said'));
    else this.give(turn, bytes, length);
  }

  private onAnswered(turn: Turn, trailers: Fields): void {
    if (turn.promised > 0) return this.break(new Error('the gateway sent less than Content-Length said'));
    if (turn.isChunked) {
      const lines = trailers.map(
        ([name, value]) => `${name.replaceAll(/(?:^|-)[a-z]/g, (c) => c.toUpperCase())}: ${value}\r\n`,
      );
      turn.pieces.push({ bytes: Buffer.from(`0\r\n${lines.join('')}\r\n`, 'latin1'), flow: 0 });
    }
    turn.isAnswered = true;
    this.show();
  }

  private onBreach(turn: Turn, breach: Breach, why: string): void {
    const message = breach === 'refused' ? `the stream was refused: ${why}` : `read ECONNRESET: ${why}`;
    turn.breach = Object.assign(new Error(message), { code: breach === 'refused' ? REFUSED : 'ECONNRESET' });
    this.show();
  }

  private give(turn: Turn, bytes: Buffer, flow: number): void {
    turn.pieces.push({ bytes, flow });
    this.show();
  }

  override _read(): void {
    this.isWanted = true;
    this.show();
  }

  /** Hands out what is there, as far as it is wanted. */
  private show(): void {
    while (!this.isGone && !this.destroyed) {
      const { turn } = this;
      if (turn === null) break;
      const piece = turn.pieces[0];
      if (piece !== undefined) {
        if (!this.isWanted) return;
        turn.pieces.shift();
        this.isWanted = this.push(piece.bytes);
        if (turn.stream !== null && piece.flow > 0) this.connection.took(turn.stream, piece.flow);
        continue;
      }
      if (turn.breach !== null) return this.break(turn.breach);
      if (!turn.isAnswered || !(turn.stream?.isSent === true || turn.isStopped)) return;
      this.turn = null;
      if (turn.isStopped || turn.saysClose) return this.over();
      this.readOn(NOTHING);
    }
    if (this.connection.isClosed && this.turn === null) this.over();
  }

  // The end.

  /** A server that takes no more streams, or one that will not: who shares a connection finds another one. */
  onGoaway(): void {
    if (this.turn === null && (this.isShared || !this.connection.takesStreams)) this.over();
  }

  /** The connection is over, whoever it belongs to. */
  onClosed(error: Error | null): void {
    if (error !== null && (this.connecting || this.turn !== null)) this.break(error);
    else this.show();
  }

  /** Nothing more will come: as a connection that the server closes. */
  private over(): void {
    if (this.isGone) return;
    this.isGone = this.isLast = true;
    this.push(null);
    this.releaseWrites();
    if (!this.isShared) this.connection.socket.end();
  }

  private break(error: Error): void {
    if (this.isGone) return;
    this.isGone = true;
    this.releaseWrites();
    this.destroy(error);
  }

  private releaseWrites(): void {
    this.owedWrites = 1;
    this.settleWrite();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.isGone = true;
    clearTimeout(this.socketTimer.timer);
    this.onCaughtUp = null;
    const stream = this.turn?.stream;
    if (stream !== null && stream !== undefined) this.connection.reset(stream, h2.CANCEL);
    if (!this.isShared) this.connection.socket.destroySoon();
    this.emit('detached');
    done(error);
  }
}
