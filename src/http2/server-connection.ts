/**
 * The server side of one HTTP/2 connection (RFC 9113): frames, streams and windows. It knows the protocol and its
 * bounds; what to answer is its handler's business. What the RFC calls an error ends the stream or the connection.
 */
import type net from 'node:net';
import { TimedEntry } from '../clock/timer-wheel.ts';
import { plainAddress } from '../http1/address.ts';
import { disown, type OwnedSocket, type SocketOwner } from '../http1/owned-socket.ts';
import { own } from '../http1/sockets.ts';
import { AbuseBudgets, type Budgeted } from './abuse-budgets.ts';
import { type Frame, type FrameSink, FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { Outflow } from './outflow.ts';
import { ownSettings } from './own-settings.ts';
import { PeerSettings } from './peer-settings.ts';
import * as h2 from './protocol.ts';
import { kindOf } from './protocol.ts';
import { SendQueue } from './send-queue.ts';
import type { ServerStream } from './server-stream.ts';
import type { Http2Settings } from './settings.ts';
import { Streams } from './streams.ts';

/** How long a client may be quiet, while connections are drained, before its own is closed. */
const DRAINED_IDLE_MS = 500;
/** Control frames wait for the socket too: a client that makes us write and does not read is cut off here. */
const MOST_CONTROL_BACKLOG = 1_048_576;
const LAST_STREAM = 2 ** 31 - 1;

export class ServerConnection extends TimedEntry implements SocketOwner, FrameSink {
  readonly socket: OwnedSocket;
  readonly settings: Http2Settings;
  readonly remoteAddress: string;
  readonly localPort: number;
  /** Room for what the handler keeps per connection. */
  memo: unknown = null;

  readonly budgets: AbuseBudgets;
  private readonly reader = new FrameReader(this);
  private readonly writer: FrameWriter;
  /** What streams write with. */
  readonly outflow: Outflow;
  private readonly peer = new PeerSettings();
  private readonly queue = new SendQueue();
  private readonly streams: Streams;
  /** Bytes of the preface that have come. */
  private prefaceRead = 0;
  private hasSettings = false;
  private receiveWindow: number;
  private owed = 0;
  private isReading = false;
  private isDraining = false;
  /** GOAWAY with the last stream was sent: what comes after that is not answered. */
  private isLeaving = false;
  private isClosed = false;

  constructor(socket: net.Socket, settings: Http2Settings, localPort: number) {
    super();
    this.socket = own(socket, this);
    this.settings = settings;
    this.remoteAddress = plainAddress(socket.remoteAddress ?? '');
    this.localPort = localPort;
    const { wheel, limits, timeouts, turn } = settings;
    this.budgets = new AbuseBudgets(wheel.now_ms);
    this.streams = new Streams(this);
    this.receiveWindow = limits.connection_window_bytes;
    this.writer = new FrameWriter(socket, {
      turn,
      wheel,
      send_ms: timeouts.send_ms,
      onStalled: () => this.cutOff(),
      onFlushed: () => this.queue.pump(),
    });
    this.outflow = new Outflow(this.writer, settings.lines, () => this.budgets.of('window_updates').refund(2));
    socket.setNoDelay(true);
    wheel.arm(this, timeouts.head_ms);
    this.greet();
  }

  private greet(): void {
    const { limits } = this.settings;
    const payload = ownSettings(limits);
    this.writer.frame(kindOf(h2.SETTINGS, 0), 0, payload, 0, payload.length);
    const more = limits.connection_window_bytes - h2.DEFAULT_WINDOW;
    if (more > 0) this.writer.numbers(kindOf(h2.WINDOW_UPDATE, 0), 0, more);
  }

  get isIdle(): boolean {
    return this.streams.count === 0;
  }

  /** What the client gets as the first window of a stream of its responses. */
  get initialSendWindow(): number {
    return this.peer.initialWindow;
  }

  get acceptsStreams(): boolean {
    return !this.isLeaving;
  }

  // Reading.

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.isClosed) return;
    if (this.isLeaving && this.isIdle) return;
    this.isReading = true;
    const from = this.prefaceRead < h2.PREFACE.length ? this.readPreface(bytes, start, end) : start;
    if (from < end) this.reader.read(bytes, from, end);
    this.isReading = false;
    this.streams.startWaiting();
    this.setDeadline();
  }

  /** @returns the offset behind what belongs to it, `end` if it is wrong */
  private readPreface(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.prefaceRead < h2.PREFACE.length) {
      if (bytes[at] !== h2.PREFACE.charCodeAt(this.prefaceRead)) {
        this.error(h2.PROTOCOL_ERROR);
        return end;
      }
      at++;
      this.prefaceRead++;
    }
    return at;
  }

  onOversize(): void {
    this.error(h2.FRAME_SIZE_ERROR);
  }

  onFrame(frame: Frame): boolean {
    const { type, flags, stream } = frame;
    const { blockOf } = this.streams;
    // §6.10: nothing may come between the frames of a header block. §3.4: SETTINGS come first.
    const isOutOfPlace =
      (blockOf !== 0 && (type !== h2.CONTINUATION || stream !== blockOf)) ||
      (!this.hasSettings && (type !== h2.SETTINGS || (flags & h2.ACK) !== 0));
    const fault = isOutOfPlace ? h2.PROTOCOL_ERROR : this.take(frame);
    if (fault !== h2.NO_ERROR) this.error(fault);
    return !this.isClosed && !(this.isLeaving && this.isIdle);
  }

  /** @returns a connection error, `NO_ERROR` for none */
  private take(frame: Frame): number {
    const { type, stream, start, end } = frame;
    const { streams } = this;
    switch (type) {
      case h2.DATA:
        return this.takeData(frame);
      case h2.HEADERS:
        return streams.headers(frame);
      case h2.CONTINUATION:
        if (start === end && !this.spend('empty_frames')) return h2.ENHANCE_YOUR_CALM;
        return streams.continuation(frame);
      case h2.PRIORITY:
        if (!this.spend('priority_flood')) return h2.ENHANCE_YOUR_CALM;
        return streams.priority(frame);
      case h2.RST_STREAM:
        return streams.reset(stream, end - start);
      case h2.SETTINGS:
        return this.takeSettings(frame);
      case h2.PING:
        return this.takePing(frame);
      case h2.GOAWAY:
        if (stream !== 0) return h2.PROTOCOL_ERROR;
        // The client opens no more streams; those that are open are answered.
        return end - start < 8 ? h2.FRAME_SIZE_ERROR : h2.NO_ERROR;
      case h2.WINDOW_UPDATE:
        return this.takeWindowUpdate(frame);
      case h2.PUSH_PROMISE:
        return h2.PROTOCOL_ERROR;
      case h2.PRIORITY_UPDATE:
        if (!this.spend('priority_flood')) return h2.ENHANCE_YOUR_CALM;
        return streams.priorityUpdate(frame);
      default:
        // §5.5: unknown types are ignored.
        return this.spend('empty_frames') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
    }
  }

  private takeData(frame: Frame): number {
    const flow = frame.end - frame.start;
    this.receiveWindow -= flow;
    if (this.receiveWindow < 0) return h2.FLOW_CONTROL_ERROR;
    if (flow === 0 && (frame.flags & h2.END_STREAM) === 0 && !this.spend('empty_frames')) return h2.ENHANCE_YOUR_CALM;
    return this.streams.data(frame);
  }

  private takeSettings({ flags, stream, bytes, start, end }: Frame): number {
    if (stream !== 0) return h2.PROTOCOL_ERROR;
    if ((flags & h2.ACK) !== 0) return end === start ? h2.NO_ERROR : h2.FRAME_SIZE_ERROR;
    if ((end - start) % 6 !== 0) return h2.FRAME_SIZE_ERROR;
    if (!this.spend('settings_flood')) return h2.ENHANCE_YOUR_CALM;
    const before = this.peer.initialWindow;
    const fault = this.peer.read(bytes, start, end);
    if (fault !== h2.NO_ERROR) return fault;
    this.hasSettings = true;
    if (this.peer.tableSize >= 0) this.outflow.allowTable(this.peer.tableSize);
    // §6.9.2: a change counts for the streams that are open, too, and may make their windows negative.
    if (!this.streams.adjustWindows(this.peer.initialWindow - before)) return h2.FLOW_CONTROL_ERROR;
    this.writer.frame(kindOf(h2.SETTINGS, h2.ACK), 0, bytes, 0, 0);
    this.queue.pump();
    return h2.NO_ERROR;
  }

  private takePing({ flags, stream, bytes, start, end }: Frame): number {
    if (stream !== 0) return h2.PROTOCOL_ERROR;
    if (end - start !== 8) return h2.FRAME_SIZE_ERROR;
    if ((flags & h2.ACK) !== 0) return h2.NO_ERROR;
    if (!this.spend('ping_flood')) return h2.ENHANCE_YOUR_CALM;
    this.writer.frame(kindOf(h2.PING, h2.ACK), 0, bytes, start, end);
    return h2.NO_ERROR;
  }

  private takeWindowUpdate({ stream, bytes, start, end }: Frame): number {
    if (end - start !== 4) return h2.FRAME_SIZE_ERROR;
    if (!this.spend('window_updates')) return h2.ENHANCE_YOUR_CALM;
    const more = bytes.readUInt32BE(start) & 0x7fff_ffff;
    if (stream !== 0) return this.streams.windowUpdate(stream, more);
    if (more === 0) return h2.PROTOCOL_ERROR;
    if (!this.outflow.widen(more)) return h2.FLOW_CONTROL_ERROR;
    this.queue.pump();
    return h2.NO_ERROR;
  }

  /** @returns false if the client did that too often: it is counted, and the connection is to end */
  spend(kind: Budgeted): boolean {
    const isWithin = this.budgets.of(kind).spend(this.settings.wheel.now_ms);
    if (!isWithin) this.settings.handler.onAbuse(kind);
    return isWithin;
  }

  // What streams use.

  reset(stream: number, code: number): void {
    this.writer.numbers(kindOf(h2.RST_STREAM, 0), stream, code);
    this.streams.noteReset(stream);
  }

  /** Lets the client send more to a stream. */
  allow(stream: number, bytes: number): void {
    this.writer.numbers(kindOf(h2.WINDOW_UPDATE, 0), stream, bytes);
  }

  /** The same for the connection: half a window at a time. */
  credit(bytes: number): void {
    this.owed += bytes;
    if (this.isClosed || this.owed * 2 < this.settings.limits.connection_window_bytes) return;
    this.receiveWindow += this.owed;
    this.writer.numbers(kindOf(h2.WINDOW_UPDATE, 0), 0, this.owed);
    this.owed = 0;
  }

  await(stream: ServerStream): void {
    this.queue.add(stream);
  }

  settle(stream: ServerStream): void {
    this.queue.delete(stream);
  }

  startLater(stream: ServerStream): void {
    this.streams.startLater(stream);
  }

  forget(stream: ServerStream): void {
    this.queue.delete(stream);
    this.streams.forget(stream);
    if (this.isClosed || !this.isIdle) return;
    if (this.isLeaving) this.leave();
    else if (!this.isReading) this.setDeadline();
  }

  /** A stream has waited for its window as long as a client may take nothing. */
  onStalledWindow(stream: ServerStream): void {
    this.settings.handler.onAbuse('stalled_window');
    stream.close(h2.CANCEL);
    stream.gone();
  }

  // The end.

  private setDeadline(): void {
    if (this.isClosed) return;
    const { wheel, timeouts } = this.settings;
    if (this.writer.backlog > MOST_CONTROL_BACKLOG) {
      this.settings.handler.onAbuse('output_backlog');
      this.cutOff();
    } else if (this.isLeaving && this.isIdle) wheel.arm(this, timeouts.linger_ms);
    else if (this.isWithinHead) {
      if (this.waitsFor !== 'head') wheel.arm(this, timeouts.head_ms);
      this.waitsFor = 'head';
    } else if (this.isDraining) {
      if (this.waitsFor !== 'drained') wheel.arm(this, DRAINED_IDLE_MS);
      this.waitsFor = 'drained';
    } else if (this.isIdle) {
      wheel.arm(this, timeouts.idle_ms);
      this.waitsFor = 'request';
    } else {
      wheel.disarm(this);
      this.waitsFor = 'nothing';
    }
  }

  private waitsFor: 'head' | 'request' | 'drained' | 'nothing' = 'head';

  private get isWithinHead(): boolean {
    return !this.hasSettings || this.streams.blockOf !== 0 || this.reader.isWithinHead;
  }

  onDeadline(): void {
    if (this.isLeaving && this.isIdle) disown(this.socket, false);
    else if (this.isWithinHead) {
      this.settings.handler.onAbuse('slow_head');
      this.error(h2.NO_ERROR);
      return;
    } else if (this.isDraining || this.isIdle) {
      this.sayGoodbye();
      if (this.isIdle) this.leave();
      return;
    } else return;
    this.closed();
  }

  /** Lets the connection end without losing a request: what is open is answered, and what is on its way still counts. */
  drain(): void {
    if (this.isDraining || this.isClosed) return;
    this.isDraining = true;
    // §6.8: the first GOAWAY announces, the second one, after a while, says which streams were seen.
    this.writer.numbers(kindOf(h2.GOAWAY, 0), 0, LAST_STREAM, h2.NO_ERROR);
    this.setDeadline();
  }

  private sayGoodbye(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.writer.numbers(kindOf(h2.GOAWAY, 0), 0, this.streams.last, h2.NO_ERROR);
  }

  /** Nothing is open any more: sees the client off, so that it gets what was written. */
  private leave(): void {
    if (this.isClosed) return;
    this.writer.flush();
    this.socket.end();
    this.settings.wheel.arm(this, this.settings.timeouts.linger_ms);
  }

  /** A connection error (§5.4.1). */
  private error(code: number): void {
    if (this.isClosed || (this.isLeaving && this.isIdle)) return;
    this.isLeaving = true;
    this.writer.numbers(kindOf(h2.GOAWAY, 0), 0, this.streams.last, code);
    this.streams.endAll();
    this.leave();
  }

  /** Gives the client up, and tells the exchanges that are under way. */
  cutOff(): void {
    disown(this.socket, true);
    this.onGone();
  }

  onPeerEnd(): void {
    // Half-closed: the client asks for nothing more, and still gets its answers (§5.4.1 wants no more than that).
    if (this.isIdle) {
      disown(this.socket, false);
      this.closed();
    } else {
      this.streams.endReceiving();
      this.sayGoodbye();
    }
  }

  /** Frames are written by their own writer, which sees that by itself. */
  onBehind(): void {}

  onWritable(): void {
    this.writer.caughtUp();
    this.queue.pump();
  }

  onGone(): void {
    this.closed();
  }

  onException(error: unknown): void {
    this.settings.handler.onException(error);
    this.closed();
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.settings.wheel.remove(this);
    this.writer.stop();
    this.streams.endAll();
    this.settings.handler.onConnectionClosed(this);
  }
}
