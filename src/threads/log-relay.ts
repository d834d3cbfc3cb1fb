/** The standard streams belong to main: other threads send it whole-line batches, one at a time, and are told what became of each. */
import type { Destination, WriteDone } from '../observe/destination.ts';
import { isFullForNow } from '../observe/destination.ts';
import type { Schedule } from '../observe/line-writer.ts';
import type { LogBatch, LogWritten } from './messages.ts';

type StreamName = LogBatch['stream'];

/** In a thread: its ways to the standard streams. */
export class LogRelay {
  private readonly post: (batch: LogBatch) => void;
  private readonly waiting = new Map<number, WriteDone>();
  private next = 1;

  constructor(post: (batch: LogBatch) => void) {
    this.post = post;
  }

  destination(stream: StreamName, isTerminal: boolean): Destination {
    return {
      name: stream,
      isTerminal,
      canRecover: false,
      write: (bytes, done) => {
        const id = this.next++;
        this.waiting.set(id, done);
        // A copy: a slice of Node's pool would travel with the whole of it.
        this.post({ type: 'log', id, stream, bytes: new Uint8Array(bytes) });
      },
      reopen: () => undefined,
      close: () => undefined,
    };
  }

  onWritten({ id, written, error }: LogWritten): void {
    const done = this.waiting.get(id);
    this.waiting.delete(id);
    done?.(error === null ? null : Object.assign(new Error(error.message), { code: error.code }), written);
  }
}

/** A full pipe or terminal is asked again soon, and less and less often while it takes nothing. */
const FULL_FOR_NOW_MS = 1;
const FULL_FOR_LONG_MS = 64;

interface Turn {
  rest: Buffer;
  readonly reply: (error: NodeJS.ErrnoException | null) => void;
}

/**
 * In main: one standard stream. Batches are written one after the other, each to its end, so that no line of one thread
 * stands inside a line of another. There are never more than a thread has logs, since each waits for its answer.
 */
export class StreamWriter {
  private readonly destination: Destination;
  private readonly schedule: Schedule;
  private readonly turns: Turn[] = [];
  private isWriting = false;
  private delay_ms = FULL_FOR_NOW_MS;

  constructor(destination: Destination, schedule: Schedule) {
    this.destination = destination;
    this.schedule = schedule;
  }

  write(bytes: Uint8Array<ArrayBuffer>, reply: (error: NodeJS.ErrnoException | null) => void): void {
    this.turns.push({ rest: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), reply });
    this.pump();
  }

  private pump(): void {
    const [turn] = this.turns;
    if (this.isWriting || turn === undefined) return;
    this.isWriting = true;
    this.destination.write(turn.rest, (error, written) => {
      this.isWriting = false;
      turn.rest = turn.rest.subarray(written);
      if (error !== null && isFullForNow(error)) {
        this.isWriting = true;
        this.schedule(this.delay_ms, () => {
          this.isWriting = false;
          this.pump();
        });
        this.delay_ms = Math.min(this.delay_ms * 2, FULL_FOR_LONG_MS);
        return;
      }
      this.delay_ms = FULL_FOR_NOW_MS;
      if (error !== null || turn.rest.length === 0) {
        this.turns.shift();
        turn.reply(error);
      }
      this.pump();
    });
  }
}
