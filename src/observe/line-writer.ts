/** Collects lines and writes them in whole-line batches: at most one write at a time, in bounded memory. */
import { isFullForNow } from './destination.ts';
import type { Destination } from './destination.ts';

/** Runs `callback` once, `delay_ms` from now; the result cancels that. It must not keep the process alive. */
export type Schedule = (delay_ms: number, callback: () => void) => () => void;

export interface LineWriterOptions {
  readonly destination: Destination;
  readonly schedule: Schedule;
  /** Of lines: `latin1` where they are known to be ASCII, which spares counting bytes. */
  readonly encoding: 'latin1' | 'utf8';
  /** A batch is written once it has this many bytes. Default 64 KiB. */
  readonly batch_bytes?: number;
  /** How long a line may wait for others; 0 writes at once. Default 1000. */
  readonly flush_ms?: number;
  /** Lines that would take more memory than this are dropped. Default 8 MiB. */
  readonly maxPending_bytes?: number;
  /** How long `close` waits for a reader or a disk that takes nothing. Default 2000. */
  readonly closeGrace_ms?: number;
  /** A write failed, after one that did not. Called again only after a write went well. */
  readonly onFailure?: (error: NodeJS.ErrnoException) => void;
}

const BATCH_BYTES = 65_536;
const FLUSH_MS = 1000;
const MAX_PENDING_BYTES = 8 * 1024 * 1024;
const CLOSE_GRACE_MS = 2000;
/** A full pipe or terminal is asked again soon, and less and less often while it takes nothing; a full disk, once a second. */
const FULL_FOR_NOW_MS = 1;
const FULL_FOR_LONG_MS = 64;
const FAILED_MS = 1000;
const LINE_FEED = 10;

export class LineWriter {
  private readonly options: LineWriterOptions;
  private readonly batch_bytes: number;
  private readonly maxPending_bytes: number;
  /** The batch that is being collected. */
  private text = '';
  private bytes = 0;
  /** Full batches, the oldest first. */
  private queue: Buffer[] = [];
  private queue_bytes = 0;
  /** What of the oldest batch was not taken yet, while it is being written. */
  private current: Buffer | null = null;
  private isWriting = false;
  /** The end of what was taken of `current` is not the end of a line. */
  private isMidLine = false;
  /** The file was replaced during a write: what that leaves of its last line belongs to neither file. */
  private isReplaced = false;
  private hasFailed = false;
  private backoff_ms = FULL_FOR_NOW_MS;
  private isGone = false;
  private isClosed = false;
  private cancelFlush: (() => void) | null = null;
  private cancelRetry: (() => void) | null = null;
  private waiters: (() => void)[] = [];
  private droppedLines = 0;

  constructor(options: LineWriterOptions) {
    this.options = options;
    this.batch_bytes = options.batch_bytes ?? BATCH_BYTES;
    this.maxPending_bytes = options.maxPending_bytes ?? MAX_PENDING_BYTES;
  }

  /** Lines that were given up since the start. */
  get dropped(): number {
    return this.droppedLines;
  }

  /** Bytes that wait to be written. */
  get pending_bytes(): number {
    return this.bytes + this.queue_bytes + (this.current?.length ?? 0);
  }

  /** @param line one line, with its line feed */
  write(line: string): void {
    const bytes = this.options.encoding === 'latin1' ? line.length : Buffer.byteLength(line);
    if (this.isClosed || this.isGone || this.pending_bytes + bytes > this.maxPending_bytes) {
      this.droppedLines++;
      return;
    }
    if (this.bytes + bytes > this.batch_bytes && this.bytes > 0) this.flushNow();
    this.text += line;
    this.bytes += bytes;
    if (this.bytes >= this.batch_bytes || this.options.flush_ms === 0) {
      this.flushNow();
    } else this.cancelFlush ??= this.options.schedule(this.options.flush_ms ?? FLUSH_MS, () => this.flushNow());
  }

  /** Resolves once everything written so far is out, or given up. It may never do so while nobody reads a pipe. */
  flush(): Promise<void> {
    this.flushNow();
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  /**
   * The file of that path from now on: what was collected before goes there too.
   * @throws the system's error; the old file stays in use
   */
  reopen(): void {
    this.options.destination.reopen();
    this.isGone = false;
    if (this.isWriting) this.isReplaced = true;
    else this.skipTornLine();
    this.retryNow();
  }

  /** Writes what is pending, waits for it for `closeGrace_ms` at most, then drops the rest. Lines after this are dropped. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.flushNow();
    this.retryNow();
    if (!this.isIdle()) {
      const cancel = this.options.schedule(this.options.closeGrace_ms ?? CLOSE_GRACE_MS, () => this.giveUp());
      await new Promise<void>((resolve) => this.waiters.push(resolve));
      cancel();
    }
    this.cancelRetry?.();
    this.options.destination.close();
  }

  private isIdle(): boolean {
    return this.current === null && this.queue.length === 0 && this.bytes === 0;
  }

  private flushNow(): void {
    this.seal();
    this.pump();
  }

  private seal(): void {
    this.cancelFlush?.();
    this.cancelFlush = null;
    if (this.bytes === 0) return;
    // As bytes at once: the joined string would hold on to the strings it was made of, whole request heads among them.
    this.queue.push(Buffer.from(this.text, this.options.encoding));
    this.queue_bytes += this.bytes;
    this.text = '';
    this.bytes = 0;
  }

  private pump(): void {
    if (this.isWriting || this.cancelRetry !== null) return;
    if (this.current === null) {
      const batch = this.queue.shift();
      if (batch === undefined) {
        if (this.isIdle()) this.wake();
        return;
      }
      this.queue_bytes -= batch.length;
      this.current = batch;
    }
    this.isWriting = true;
    this.options.destination.write(this.current, (error, written) => this.onWritten(error, written));
  }

  private onWritten(error: NodeJS.ErrnoException | null, written: number): void {
    this.isWriting = false;
    if (this.current !== null && written > 0) {
      // A write may take a part: what is left goes on where that ended, so that no line is torn.
      this.isMidLine = this.current[written - 1] !== LINE_FEED;
      this.current = written < this.current.length ? this.current.subarray(written) : null;
    }
    if (this.isReplaced) this.skipTornLine();
    this.isReplaced = false;
    if (error === null) {
      if (written > 0) {
        this.hasFailed = false;
        this.backoff_ms = FULL_FOR_NOW_MS;
      }
    } else if (isFullForNow(error)) {
      this.retryIn(this.backoff_ms);
      this.backoff_ms = Math.min(this.backoff_ms * 2, FULL_FOR_LONG_MS);
    } else {
      this.fail(error);
    }
    this.pump();
  }

  private fail(error: NodeJS.ErrnoException): void {
    if (!this.options.destination.canRecover) {
      this.isGone = true;
      this.giveUp();
    } else this.retryIn(FAILED_MS);
    const isNews = !this.hasFailed;
    this.hasFailed = true;
    if (isNews) this.options.onFailure?.(error);
  }

  private retryIn(delay_ms: number): void {
    this.cancelRetry = this.options.schedule(delay_ms, () => {
      this.cancelRetry = null;
      this.pump();
    });
  }

  private retryNow(): void {
    this.cancelRetry?.();
    this.cancelRetry = null;
    this.pump();
  }

  private skipTornLine(): void {
    if (this.current === null || !this.isMidLine) return;
    const end = this.current.indexOf(LINE_FEED) + 1;
    this.current = end < this.current.length ? this.current.subarray(end) : null;
    this.isMidLine = false;
    this.droppedLines++;
  }

  private giveUp(): void {
    this.seal();
    if (this.current !== null) this.droppedLines += linesIn(this.current);
    for (const batch of this.queue) this.droppedLines += linesIn(batch);
    this.current = null;
    this.isMidLine = false;
    this.queue = [];
    this.queue_bytes = 0;
    this.wake();
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const resolve of waiters) resolve();
  }
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}
