/** What both sides of a stream have (RFC 9113 §5): a window each way, and what waits for the other side to open its own. */
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';
import { ByteQueue } from '../http1/bytes.ts';
import type { HttpConnection } from './http-connection.ts';

/** Content of fewer bytes is put together with what follows it in the same read. */
const SMALL_BYTES = 1_024;
/** Who takes less of what waits, in the whole time for taking something, takes nothing. */
const LEAST_PROGRESS_BYTES = 1_024;

export abstract class HttpStream extends TimedEntry {
  readonly connection: HttpConnection;
  /** 0 as long as the stream is not opened. */
  id: number;
  /** What the other side lets us send. */
  sendWindow: number;
  /** RFC 9218 §4: 0 is the most urgent. */
  urgency = 3;
  isIncremental = false;

  protected isClosed = false;
  /** Received and not yet allowed again. */
  private owed = 0;
  /** Received, and the connection does not know that it was taken. */
  private untaken = 0;
  /** What the other side may still send. */
  private receiveWindow: number;
  private readonly fullWindow: number;

  /** Small pieces of one read, until there is a reason to hand them on. */
  private gathered: ByteQueue | null = null;
  private waiting: ByteQueue | null = null;
  /** Our message ends with what is waiting. */
  private endsAfterWaiting = false;
  private sentTrailers = '';
  /** Our side was told to wait. */
  private isBehind = false;
  /** The last frame of this stream, as long as it can still be changed. */
  private lastFrameAt = 0;
  private lastFrameGeneration = -1;
  private progress = 0;
  private lastProgress = 0;
  /** The deadline is that of what waits. */
  private isProgressAwaited = false;

  constructor(connection: HttpConnection, id: number, receiveWindow: number) {
    super();
    this.connection = connection;
    this.id = id;
    this.sendWindow = connection.initialSendWindow;
    this.receiveWindow = this.fullWindow = receiveWindow;
  }

  protected get wheel(): TimerWheel {
    return this.connection.wheel;
  }

  /** Whether the other side may send more of its message. */
  abstract get isReceiving(): boolean;
  /** The other side reset the stream, or its connection is gone. @param code of the reset, `NO_ERROR` without */
  abstract gone(code: number): void;
  /** Content came. @param isLast nothing follows it */
  protected abstract take(content: Buffer, isLast: boolean): void;
  /** Our message was sent as a whole. */
  protected abstract onSent(): void;
  /** What waited was taken: more may be written. */
  protected abstract onCaughtUp(): void;
  /** Whether there may be a deadline for what waits: not while the stream's one is that of what is to come. */
  protected abstract get watchesSending(): boolean;
  protected abstract get send_ms(): number;

  /** Bytes that wait until the other side lets us send them. */
  get waitingBytes(): number {
    return this.waiting?.length ?? 0;
  }

  /** Whether all that waited was sent, and more is to come. */
  get isRefilling(): boolean {
    return !this.isClosed && this.waitingBytes === 0;
  }

  // Receiving.

  /** Part of the other side's message. @param flow what the frame takes of the windows, its padding included. @returns false: more than it may send */
  data(content: Buffer, flow: number, isLast: boolean): boolean {
    this.receiveWindow -= flow;
    // Also of what is too much: the connection gets it back when the stream ends.
    this.owed += flow;
    this.untaken += flow;
    if (this.receiveWindow < 0) return false;
    const { gathered, connection } = this;
    if (!isLast && content.length < SMALL_BYTES && connection.hasFurther) {
      // Each piece that is handed on costs as much as a large one.
      if (gathered === null) connection.startLater(this);
      (this.gathered ??= new ByteQueue()).append(content, 0, content.length);
    } else if (gathered === null) this.take(content, isLast);
    else {
      gathered.append(content, 0, content.length);
      this.handOn(isLast);
    }
    return true;
  }

  /** Hands on what was gathered. */
  handOn(isLast = false): void {
    const { gathered } = this;
    this.gathered = null;
    if (gathered !== null && !this.isClosed) this.take(gathered.take(), isLast);
  }

  /** Lets the other side send again what it has sent. */
  protected credit(): void {
    const { owed, untaken, connection } = this;
    // At once: the connection's window is that of others, too, and halves of several streams' windows are all of it.
    if (untaken > 0) {
      this.untaken = 0;
      connection.onTaken(untaken);
    }
    // Half a window at a time: one frame per piece of the body would cost as much as the body.
    if (owed * 2 < this.fullWindow || !this.isReceiving || this.isClosed) return;
    this.owed = 0;
    this.receiveWindow += owed;
    connection.allow(this.id, owed);
  }

  // Sending.

  /** @returns false if it has to wait: write no more until `onCaughtUp` */
  protected writeContent(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.isClosed || end === start) return true;
    let at = start;
    if (this.waitingBytes === 0) at += this.sendWithin(bytes, start, end);
    if (at === end && !this.connection.outflow.isBehind) return true;
    if (at < end) {
      this.waiting ??= new ByteQueue();
      this.waiting.append(bytes, at, end);
      this.connection.hold(end - at);
    }
    this.connection.await(this);
    this.awaitProgress();
    this.isBehind = true;
    return false;
  }

  /** @returns how much of it the windows let through */
  private sendWithin(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const length = Math.min(end - at, this.sendWindow, this.connection.outflow.sendable);
      if (length <= 0) break;
      const isCrumb = length < SMALL_BYTES && at + length < end;
      this.note(this.connection.outflow.writeData(this.id, bytes, at, at + length, isCrumb));
      this.sendWindow -= length;
      at += length;
    }
    this.progress += at - start;
    return at - start;
  }

  /** Sends what waits, at most so much of it. @returns whether anything went */
  pump(most: number): boolean {
    const { waiting } = this;
    if (waiting === null || waiting.length === 0) return this.caughtUp();
    const bytes = waiting.take();
    const sent = this.sendWithin(bytes, 0, Math.min(bytes.length, most));
    if (sent > 0) this.connection.hold(-sent);
    if (sent < bytes.length) waiting.putBack(bytes, sent, bytes.length);
    else this.caughtUp();
    return sent > 0;
  }

  private caughtUp(): boolean {
    this.connection.settle(this);
    if (this.isProgressAwaited) this.wheel.disarm(this);
    this.isProgressAwaited = false;
    if (this.endsAfterWaiting) {
      // Who shares a turn is asked once more.
      this.endsAfterWaiting = false;
      this.finish();
    } else if (this.isBehind) {
      this.isBehind = false;
      this.onCaughtUp();
    }
    return false;
  }

  protected awaitProgress(): void {
    if (!this.watchesSending || this.isProgressAwaited) return;
    this.isProgressAwaited = true;
    this.lastProgress = this.progress;
    this.wheel.arm(this, this.send_ms);
  }

  protected get awaitsProgress(): boolean {
    return this.isProgressAwaited;
  }

  /** The deadline of what waits has come. @returns whether nothing of it was taken since it was set, or next to nothing */
  protected hasStalled(): boolean {
    if (this.waitingBytes === 0) return false;
    if (this.progress < this.lastProgress + LEAST_PROGRESS_BYTES) return true;
    this.isProgressAwaited = false;
    this.awaitProgress();
    return false;
  }

  /** Our message ends with what was written. @param trailers lines of fields, each with its CRLF */
  protected endMessage(trailers: string): void {
    this.sentTrailers = trailers;
    if (this.isClosed) return;
    if (this.waitingBytes > 0) this.endsAfterWaiting = true;
    else this.finish();
  }

  private finish(): void {
    if (this.isClosed) return;
    const { outflow } = this.connection;
    if (this.sentTrailers !== '') outflow.writeTrailers(this.id, this.sentTrailers);
    else outflow.endStream(this.id, this.lastFrameAt, this.lastFrameGeneration);
    this.onSent();
  }

  /** A frame was put together at this offset. */
  protected note(frameAt: number): void {
    this.lastFrameAt = frameAt;
    this.lastFrameGeneration = this.connection.outflow.generation;
  }

  // The end.

  /** Resets the stream. */
  close(code: number): void {
    if (this.isClosed) return;
    this.connection.reset(this.id, code);
    this.closed();
  }

  protected closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.waitingBytes > 0) this.connection.hold(-this.waitingBytes);
    this.waiting = this.gathered = null;
    this.wheel.remove(this);
    this.credit();
    this.connection.forget(this);
  }
}
