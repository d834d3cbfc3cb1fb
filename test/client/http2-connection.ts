/**
 * The client's side of an HTTP/2 connection, frame by frame, for tests: unlike Node.js's own it sends whatever it is told, and
 * tells apart what was cut off, what was refused unprocessed and what was lost.
 */
import type net from 'node:net';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { type Frame, FrameReader } from '../../src/http2/frame-reader.ts';
import * as h2 from '../../src/http2/protocol.ts';
import { blockOf, type Fields, frame, number32 } from '../http2/frames.ts';

/** What each stream of ours may send ahead of who reads it. */
const STREAM_WINDOW = 262_144;
/** Nothing is held back by the window of all streams together. */
const CONNECTION_WINDOW = 2 ** 30;
/** RFC 9113 §6.8: named by a GOAWAY that only announces. */
const ANY_STREAM = 2 ** 31 - 1;

/** How a stream ended before its answer was complete. `refused`: nobody looked at the request, it can be sent again. */
export type Breach = 'reset' | 'refused' | 'lost';

export interface StreamEvents {
  /** Of an interim response too. */
  onHead(status: number, fields: Fields): void;
  onData(bytes: Buffer): void;
  onEnd(trailers: Fields): void;
  /** The request went out as a whole. */
  onSent(): void;
  /** The answer is complete, and the rest of the request is not wanted. */
  onStopped(): void;
  onBreach(breach: Breach, why: string): void;
}

export interface ConnectionEvents {
  /** Whoever opens more streams may find them refused. */
  onGoaway(): void;
  onClosed(error: Error | null): void;
}

interface Piece {
  readonly bytes: Buffer;
  readonly onSent: () => void;
}

export class ClientStream {
  readonly id: number;
  readonly events: StreamEvents;
  sendWindow: number;
  readonly waiting: Piece[] = [];
  /** Fields behind the body, once it is complete. */
  trailers: Fields | null = null;
  isSent: boolean;
  hasHead = false;
  isAnswered = false;
  isOver = false;
  owed = 0;

  constructor(id: number, events: StreamEvents, sendWindow: number, isSent: boolean) {
    this.id = id;
    this.events = events;
    this.sendWindow = sendWindow;
    this.isSent = isSent;
  }
}

export class Http2Connection {
  readonly socket: net.Socket;
  private readonly events: ConnectionEvents;
  private readonly decoder = new HpackDecoder(4_096);
  private readonly streams = new Map<number, ClientStream>();
  private readonly reader = new FrameReader({
    onFrame: (each) => this.take(each),
    onOversize: () => this.fail('a frame larger than was allowed'),
  });
  private nextId = 1;
  private sendWindow = h2.DEFAULT_WINDOW;
  private initialWindow = h2.DEFAULT_WINDOW;
  private received = 0;
  private block: { stream: number; flags: number; pieces: Buffer[] } | null = null;
  private isCorked = false;
  private error: Error | null = null;
  /** GOAWAY came. */
  isLeaving = false;
  /** Or else streams beyond its last one are ignored. */
  takesStreams = true;
  isClosed = false;

  /** @param socket may be about to connect */
  constructor(socket: net.Socket, events: ConnectionEvents) {
    this.socket = socket;
    this.events = events;
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(h2.ENABLE_PUSH, 0);
    settings.writeUInt16BE(h2.INITIAL_WINDOW_SIZE, 6);
    settings.writeUInt32BE(STREAM_WINDOW, 8);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.reader.read(bytes, 0, bytes.length));
    socket.on('error', (error) => (this.error = error));
    socket.on('end', () => this.closed());
    socket.on('close', () => this.closed());
    this.write(
      Buffer.from(h2.PREFACE),
      frame(h2.SETTINGS, 0, 0, settings),
      frame(h2.WINDOW_UPDATE, 0, 0, number32(CONNECTION_WINDOW - h2.DEFAULT_WINDOW)),
    );
  }

  get openStreams(): number {
    return this.streams.size;
  }

  // Requests.

  open(fields: Fields, isLast: boolean, events: StreamEvents): ClientStream {
    const stream = new ClientStream(this.nextId, events, this.initialWindow, isLast);
    this.nextId += 2;
    if (this.isClosed || !this.takesStreams) {
      stream.isOver = true;
      const breach = this.takesStreams ? 'lost' : 'refused';
      queueMicrotask(() => events.onBreach(breach, 'the connection is over'));
      return stream;
    }
    this.streams.set(stream.id, stream);
    const block = blockOf(fields);
    for (let at = 0; at === 0 || at < block.length; at += h2.FRAME_BYTES) {
      const isWhole = at + h2.FRAME_BYTES >= block.length;
      const flags = (isWhole ? h2.END_HEADERS : 0) | (isLast && at === 0 ? h2.END_STREAM : 0);
      const piece = block.subarray(at, at + h2.FRAME_BYTES);
      this.write(frame(at === 0 ? h2.HEADERS : h2.CONTINUATION, flags, stream.id, piece));
    }
    return stream;
  }

  /** @param onSent called as soon as it was sent, or nobody wants it any more */
  send(stream: ClientStream, bytes: Buffer, onSent: () => void): void {
    if (stream.isOver || stream.isSent) return onSent();
    stream.waiting.push({ bytes, onSent });
    this.pump(stream);
  }

  /** The request is complete. */
  finish(stream: ClientStream, trailers: Fields): void {
    if (stream.isOver || stream.isSent) return;
    stream.trailers = trailers;
    this.pump(stream);
  }

  reset(stream: ClientStream, code: number = h2.CANCEL): void {
    if (stream.isOver) return;
    this.write(frame(h2.RST_STREAM, 0, stream.id, number32(code)));
    this.forget(stream);
  }

  /** Somebody took so much of the answer: as much may follow. */
  took(stream: ClientStream, bytes: number): void {
    stream.owed += bytes;
    if (stream.isOver || stream.owed * 2 < STREAM_WINDOW) return;
    this.write(frame(h2.WINDOW_UPDATE, 0, stream.id, number32(stream.owed)));
    stream.owed = 0;
  }

  private pump(stream: ClientStream): void {
    while (!stream.isOver) {
      const [piece] = stream.waiting;
      if (piece === undefined) break;
      const length = Math.min(piece.bytes.length, h2.FRAME_BYTES, this.sendWindow, stream.sendWindow);
      if (piece.bytes.length > 0 && length <= 0) return;
      const isLast = length === piece.bytes.length && stream.waiting.length === 1 && stream.trailers?.length === 0;
      if (length > 0 || isLast)
        this.write(frame(h2.DATA, isLast ? h2.END_STREAM : 0, stream.id, piece.bytes.subarray(0, length)));
      if (isLast) this.sent(stream);
      this.sendWindow -= length;
      stream.sendWindow -= length;
      stream.waiting.shift();
      if (length === piece.bytes.length) this.whenTaken(piece.onSent);
      else stream.waiting.unshift({ ...piece, bytes: piece.bytes.subarray(length) });
    }
    const { trailers } = stream;
    if (stream.isOver || stream.isSent || trailers === null) return;
    if (trailers.length === 0) this.write(frame(h2.DATA, h2.END_STREAM, stream.id));
    else this.write(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream.id, blockOf(trailers)));
    this.sent(stream);
  }

  private sent(stream: ClientStream): void {
    stream.isSent = true;
    if (stream.isAnswered) this.forget(stream);
    stream.events.onSent();
  }

  /** The kernel holds back, too. */
  private whenTaken(onSent: () => void): void {
    if (this.socket.writableNeedDrain) {
      const go = (): void => {
        this.socket.off('drain', go).off('close', go);
        onSent();
      };
      this.socket.on('drain', go).on('close', go);
    } else onSent();
  }

  // What comes.

  /** @returns false if the connection is over */
  private take({ type, flags, stream: id, bytes, start, end }: Frame): boolean {
    const payload = Buffer.from(bytes.subarray(start, end));
    const stream = this.streams.get(id);
    if (this.block !== null && (type !== h2.CONTINUATION || id !== this.block.stream))
      return this.fail('a frame within a header block');
    switch (type) {
      case h2.DATA:
        this.takeData(stream, payload, flags);
        break;
      case h2.HEADERS:
        this.block = { stream: id, flags, pieces: [payload] };
        if ((flags & h2.END_HEADERS) !== 0) this.takeBlock(this.block);
        break;
      case h2.CONTINUATION:
        this.block?.pieces.push(payload);
        if ((flags & h2.END_HEADERS) !== 0 && this.block !== null) this.takeBlock(this.block);
        break;
      case h2.RST_STREAM:
        if (stream !== undefined) this.takeReset(stream, payload.readUInt32BE(0));
        break;
      case h2.SETTINGS:
        if ((flags & h2.ACK) === 0) this.takeSettings(payload);
        break;
      case h2.PING:
        if ((flags & h2.ACK) === 0) this.write(frame(h2.PING, h2.ACK, 0, payload));
        break;
      case h2.GOAWAY:
        this.takeGoaway(payload);
        break;
      case h2.WINDOW_UPDATE:
        if (id === 0) this.sendWindow += payload.readUInt32BE(0);
        else if (stream !== undefined) stream.sendWindow += payload.readUInt32BE(0);
        for (const each of id === 0 ? this.streams.values() : [stream]) if (each !== undefined) this.pump(each);
        break;
      default:
    }
    return !this.isClosed;
  }

  private takeData(stream: ClientStream | undefined, content: Buffer, flags: number): void {
    this.received += content.length;
    if (this.received * 4 > CONNECTION_WINDOW) {
      this.write(frame(h2.WINDOW_UPDATE, 0, 0, number32(this.received)));
      this.received = 0;
    }
    if (stream === undefined) return;
    if (!stream.hasHead) return void this.fail('DATA before a head');
    if (stream.isAnswered) return void this.fail('DATA behind the end of a stream');
    if (content.length > 0) stream.events.onData(content);
    if ((flags & h2.END_STREAM) !== 0) this.answered(stream, []);
  }

  private takeBlock({ stream: id, flags, pieces }: { stream: number; flags: number; pieces: Buffer[] }): void {
    this.block = null;
    const block = Buffer.concat(pieces);
    if (!this.decoder.decode(block, 0, block.length, { head_bytes: 1_000_000, fields: 10_000 }))
      return void this.fail('a header block that is malformed');
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    const isLast = (flags & h2.END_STREAM) !== 0;
    const fields = this.decoder.fields.map(({ name, value }): readonly [string, string] => [name, value]);
    const broken = fields.find(([name]) => /[^!#$%&'*+.^_`|~0-9a-z:-]/.test(name));
    if (broken !== undefined) return void this.fail(`a field called ${JSON.stringify(broken[0])}`);
    const rest = fields.filter(([name]) => !name.startsWith(':'));
    if (stream.hasHead) {
      if (!isLast || rest.length < fields.length) return void this.fail('trailers that are none');
      this.answered(stream, rest);
      return;
    }
    const [first] = fields;
    if (first?.[0] !== ':status' || rest.length !== fields.length - 1) return void this.fail('a head without status');
    const status = Number(first[1]);
    stream.hasHead = status >= 200;
    stream.events.onHead(status, rest);
    if (isLast) this.answered(stream, []);
  }

  private answered(stream: ClientStream, trailers: Fields): void {
    stream.isAnswered = true;
    stream.events.onEnd(trailers);
    if (stream.isSent) this.forget(stream);
  }

  private takeReset(stream: ClientStream, code: number): void {
    const { isAnswered, events } = stream;
    this.forget(stream);
    if (isAnswered) events.onStopped();
    else if (code === h2.REFUSED_STREAM) events.onBreach('refused', 'REFUSED_STREAM');
    else events.onBreach('reset', `RST_STREAM with code ${code}`);
  }

  private takeSettings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== h2.INITIAL_WINDOW_SIZE) continue;
      const window = payload.readUInt32BE(at + 2);
      for (const stream of this.streams.values()) stream.sendWindow += window - this.initialWindow;
      this.initialWindow = window;
    }
    this.write(frame(h2.SETTINGS, h2.ACK, 0));
    for (const stream of this.streams.values()) this.pump(stream);
  }

  /** RFC 9113 §6.8: what was opened behind the last stream was not looked at. */
  private takeGoaway(payload: Buffer): void {
    this.isLeaving = true;
    const last = payload.readUInt32BE(0);
    if (last < ANY_STREAM) this.takesStreams = false;
    for (const stream of this.streams.values()) {
      if (stream.id <= last) continue;
      this.forget(stream);
      stream.events.onBreach('refused', `GOAWAY, last stream ${last}`);
    }
    this.events.onGoaway();
  }

  private forget(stream: ClientStream): void {
    stream.isOver = true;
    this.streams.delete(stream.id);
    for (const { onSent } of stream.waiting.splice(0)) onSent();
  }

  // The end.

  private write(...frames: Buffer[]): void {
    const { socket } = this;
    if (socket.destroyed || socket.writableEnded) return;
    if (!this.isCorked) {
      this.isCorked = true;
      socket.cork();
      process.nextTick(() => {
        this.isCorked = false;
        socket.uncork();
      });
    }
    for (const each of frames) socket.write(each);
  }

  /** The server does what the protocol forbids. */
  private fail(what: string): false {
    this.error = new Error(`the gateway sent ${what}`);
    this.socket.destroy(this.error);
    this.closed();
    return false;
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const error = this.error;
    for (const stream of this.streams.values()) {
      this.forget(stream);
      if (!stream.isAnswered) stream.events.onBreach('lost', error?.message ?? 'the connection ended');
    }
    this.events.onClosed(error);
  }
}
