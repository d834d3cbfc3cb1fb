/**
 * What both sides of a connection have (RFC 9113): frames, streams, windows, settings. It knows the protocol and its bounds.
 * What the RFC calls an error ends the stream or the connection.
 */
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import type { OutgoingOwner } from '../http1/sockets.ts';
import { AbuseBudgets, type Budgeted } from './abuse-budgets.ts';
import type { FlushTurn } from './flush-turn.ts';
import { type Frame, type FrameSink, FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import type { HttpStream } from './http-stream.ts';
import type { LineMemo } from './hpack-encoder.ts';
import { Outflow } from './outflow.ts';
import { PeerSettings } from './peer-settings.ts';
import * as h2 from './protocol.ts';
import { kindOf } from './protocol.ts';
import { SendQueue } from './send-queue.ts';
import type { Abuse } from './settings.ts';
import type { StreamTable } from './stream-table.ts';

/** Control frames wait for the socket too: a peer that makes us write and does not read is cut off here. */
const MOST_CONTROL_BACKLOG = 1_048_576;

/** SETTINGS of so many bytes, a hundred of them, count twice: nobody has that many to say. */
const LONG_SETTINGS_BYTES = 600;

export interface ConnectionParts {
  /** Whether this is the server's side. */
  readonly isServer: boolean;
  readonly wheel: TimerWheel;
  readonly turn: FlushTurn;
  /** Shared by all connections of a worker. */
  readonly lines: LineMemo;
  readonly send_ms: number;
  /** What all streams together may send ahead of us. */
  readonly window_bytes: number;
}

export abstract class HttpConnection extends TimedEntry implements FrameSink, OutgoingOwner {
  readonly socket: OwnedSocket;
  readonly wheel: TimerWheel;
  readonly budgets: AbuseBudgets;
  protected readonly reader = new FrameReader(this);
  protected readonly writer: FrameWriter;
  /** What streams write with. */
  readonly outflow: Outflow;
  protected readonly peer: PeerSettings;
  private readonly queue: SendQueue;
  /** Made by the side. */
  protected abstract readonly streams: StreamTable;
  protected hasSettings = false;
  /** The peer knows our settings. */
  isAcknowledged = false;
  private readonly window_bytes: number;
  private receiveWindow: number;
  private owed = 0;
  protected isReading = false;
  /** GOAWAY with the last stream was sent: what comes after that is not answered. */
  protected isLeaving = false;
  protected isClosed = false;
  private readonly turn: FlushTurn;
  private hasPeerEnded = false;

  /** @param socketFor gives the socket, owned by the connection */
  constructor(socketFor: (owner: OutgoingOwner) => OwnedSocket, parts: ConnectionParts) {
    super();
    const { wheel, turn, lines, send_ms, window_bytes, isServer } = parts;
    this.peer = new PeerSettings(!isServer);
    const socket = (this.socket = socketFor(this));
    this.wheel = wheel;
    this.turn = turn;
    this.window_bytes = this.receiveWindow = window_bytes;
    this.budgets = new AbuseBudgets(wheel.now_ms);
    this.writer = new FrameWriter(socket, {
      turn,
      wheel,
      send_ms,
      onStalled: () => this.cutOff(),
      onFlushed: () => this.queue.pump(),
      onHeld: (bytes) => this.hold(bytes),
    });
    this.queue = new SendQueue(turn, () => this.writer.isBehind);
    this.outflow = new Outflow(this.writer, lines, () => this.budgets.noteSent());
  }

  /** Gives the peer up, and tells the exchanges that are under way. */
  abstract cutOff(): void;
  protected abstract onAbuse(kind: Abuse): void;
  /** A connection error (§5.4.1). */
  protected abstract error(code: number): void;
  protected abstract takeGoaway(frame: Frame): number;
  /** SETTINGS of the peer are in force. */
  protected abstract onSettings(): void;
  /** A PING of ours came back. */
  protected abstract onPong(): void;
  /** Everything of one read was looked at. */
  protected abstract setDeadline(): void;
  abstract forget(stream: HttpStream): void;
  abstract onBytes(bytes: Buffer, start: number, end: number): void;
  /** The peer sends nothing more, and everything that it sent was looked at. */
  protected abstract onEnd(): void;
  abstract onGone(error: Error | null): void;
  abstract onException(error: unknown): void;

  /** SETTINGS, and a window for all streams together. */
  protected greet(settings: Buffer): void {
    this.writer.frame(kindOf(h2.SETTINGS, 0), 0, settings, 0, settings.length);
    const more = this.window_bytes - h2.DEFAULT_WINDOW;
    if (more > 0) this.writer.numbers(kindOf(h2.WINDOW_UPDATE, 0), 0, more);
  }

  get isIdle(): boolean {
    return this.streams.count === 0;
  }

  /** What the peer gives every stream to begin with. */
  get initialSendWindow(): number {
    return this.peer.initialWindow;
  }

  // Reading.

  /** @param start behind a preface */
  protected read(bytes: Buffer, start: number, end: number): void {
    this.isReading = true;
    if (start < end) this.reader.read(bytes, start, end);
    this.looked();
  }

  /** Everything was looked at that may be in one turn. */
  private looked(): void {
    this.isReading = false;
    if (this.isDone) this.reader.drop();
    else if (this.reader.hasMore) {
      // What is asked for waits, too: what follows may take it back, or end the connection.
      this.socket.pause();
      this.turn.add(this.further);
      return;
    }
    this.streams.startWaiting();
    this.setDeadline();
  }

  private readonly further = { flush: (): void => this.readOn() };

  private readOn(): void {
    if (this.isClosed) return;
    this.isReading = true;
    if (!this.isDone) this.reader.readOn();
    this.looked();
    if (this.reader.hasMore) return;
    this.socket.resume();
    if (this.hasPeerEnded) this.onPeerEnd();
  }

  onPeerEnd(): void {
    this.hasPeerEnded = true;
    if (!this.reader.hasMore) this.onEnd();
  }

  /** Whether nothing that comes is looked at any more. */
  private get isDone(): boolean {
    return this.isClosed || (this.isLeaving && this.isIdle);
  }

  /** Whether the peer sent more than the frame that is being looked at. */
  get hasFurther(): boolean {
    return this.reader.hasFurther;
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
    return !this.isDone;
  }

  /** @returns a connection error, `NO_ERROR` for none */
  private take(frame: Frame): number {
    const { type, start, end } = frame;
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
        return streams.reset(frame);
      case h2.SETTINGS:
        return this.takeSettings(frame);
      case h2.PING:
        return this.takePing(frame);
      case h2.GOAWAY:
        if (frame.stream !== 0) return h2.PROTOCOL_ERROR;
        if (!this.spend('empty_frames')) return h2.ENHANCE_YOUR_CALM;
        return end - start < 8 ? h2.FRAME_SIZE_ERROR : this.takeGoaway(frame);
      case h2.WINDOW_UPDATE:
        return this.takeWindowUpdate(frame);
      case h2.PUSH_PROMISE:
        // §8.4: clients push nothing, and to servers we say that we want nothing pushed.
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
    this.onContent(flow);
    // Padding is nothing, too.
    const isEmpty = flow === 0 || ((frame.flags & h2.PADDED) !== 0 && frame.bytes[frame.start] >= flow - 1);
    if (isEmpty && (frame.flags & h2.END_STREAM) === 0 && !this.spend('empty_frames')) return h2.ENHANCE_YOUR_CALM;
    return this.streams.data(frame);
  }

  private takeSettings({ flags, stream, bytes, start, end }: Frame): number {
    if (stream !== 0) return h2.PROTOCOL_ERROR;
    if ((flags & h2.ACK) !== 0) {
      if (end !== start) return h2.FRAME_SIZE_ERROR;
      this.isAcknowledged = true;
      return this.spend('empty_frames') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
    }
    if ((end - start) % 6 !== 0) return h2.FRAME_SIZE_ERROR;
    if (!this.spend('settings_flood', 1 + Math.floor((end - start) / LONG_SETTINGS_BYTES))) return h2.ENHANCE_YOUR_CALM;
    const before = this.peer.initialWindow;
    const fault = this.peer.read(bytes, start, end);
    if (fault !== h2.NO_ERROR) return fault;
    this.hasSettings = true;
    if (this.peer.tableSize >= 0) this.outflow.allowTable(this.peer.tableSize);
    // §6.9.2: a change counts for the streams that are open, too, and may make their windows negative.
    if (!this.streams.adjustWindows(this.peer.initialWindow - before)) return h2.FLOW_CONTROL_ERROR;
    this.writer.frame(kindOf(h2.SETTINGS, h2.ACK), 0, bytes, 0, 0);
    this.onSettings();
    this.queue.pump();
    return h2.NO_ERROR;
  }

  private takePing({ flags, stream, bytes, start, end }: Frame): number {
    if (stream !== 0) return h2.PROTOCOL_ERROR;
    if (end - start !== 8) return h2.FRAME_SIZE_ERROR;
    if ((flags & h2.ACK) !== 0) {
      this.onPong();
      return this.spend('empty_frames') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
    }
    if (!this.spend('ping_flood')) return h2.ENHANCE_YOUR_CALM;
    this.writer.frame(kindOf(h2.PING, h2.ACK), 0, bytes, start, end);
    return h2.NO_ERROR;
  }

  private takeWindowUpdate({ stream, bytes, start, end }: Frame): number {
    if (end - start !== 4) return h2.FRAME_SIZE_ERROR;
    const more = bytes.readUInt32BE(start) & 0x7fff_ffff;
    if (!this.outflow.isGivenBack(stream, more) && !this.spend('window_updates')) return h2.ENHANCE_YOUR_CALM;
    if (stream !== 0) return this.streams.windowUpdate(stream, more);
    if (more === 0) return h2.PROTOCOL_ERROR;
    if (!this.outflow.widen(more)) return h2.FLOW_CONTROL_ERROR;
    this.queue.pump();
    return h2.NO_ERROR;
  }

  /** @returns false if the peer did that too often: it is counted, and the connection is to end */
  spend(kind: Budgeted, cost = 1): boolean {
    const isWithin = this.budgets.of(kind).spend(this.wheel.now_ms, cost);
    if (!isWithin) this.onAbuse(kind);
    return isWithin;
  }

  /** A stream was ended for what the peer sent on it (§5.4.2). @returns false if that was once too often, and ended the connection */
  blame(cost = 1): boolean {
    if (this.spend('stream_errors', cost)) return true;
    this.error(h2.ENHANCE_YOUR_CALM);
    return false;
  }

  /** Cuts off who makes us write and does not read. @returns whether that is so */
  protected endsBacklog(): boolean {
    if (this.writer.backlog <= MOST_CONTROL_BACKLOG) return false;
    this.onAbuse('output_backlog');
    this.cutOff();
    return true;
  }

  // What streams use.

  reset(stream: number, code: number): void {
    this.writer.numbers(kindOf(h2.RST_STREAM, 0), stream, code);
    this.streams.noteReset(stream);
  }

  /** Lets the peer send more to a stream. */
  allow(stream: number, bytes: number): void {
    this.writer.numbers(kindOf(h2.WINDOW_UPDATE, 0), stream, bytes);
  }

  /** Content came, for whichever stream. */
  protected abstract onContent(bytes: number): void;
  /** Content was taken by who it is for, or dropped. */
  abstract onTaken(bytes: number): void;

  /** So many more bytes, or fewer, wait in memory for the peer, or came from it and were not taken. */
  abstract hold(bytes: number): void;

  /** Lets the peer send more to the connection: half a window at a time. */
  protected credit(bytes: number): void {
    this.owed += bytes;
    if (this.isClosed || this.owed * 2 < this.window_bytes) return;
    this.receiveWindow += this.owed;
    this.writer.numbers(kindOf(h2.WINDOW_UPDATE, 0), 0, this.owed);
    this.owed = 0;
  }

  await(stream: HttpStream): void {
    this.queue.add(stream);
  }

  settle(stream: HttpStream): void {
    this.queue.delete(stream);
  }

  startLater(stream: HttpStream): void {
    this.streams.startLater(stream);
  }

  // What the socket tells.

  /** Frames are written by their own writer, which sees that by itself. */
  onBehind(): void {}

  /** What a client sent before is lost with its streams: there is nothing to read on for. */
  onSendError(): boolean {
    return false;
  }

  onWritable(): void {
    this.writer.caughtUp();
    this.queue.pump();
  }
}
