import { ByteQueue } from '../http1/bytes.ts';
import type { RequestFault } from '../http1/faults.ts';
import type { RequestSink } from '../http1/server-settings.ts';
import type { Exchange } from './exchange.ts';

/** The sink of a request of which it is not decided yet where it goes: keeps what comes until then. */
export class HeldRequest implements RequestSink {
  private readonly exchange: Exchange;
  private readonly onEnded: (fault: RequestFault | 'client_closed') => void;
  private readonly kept = new ByteQueue();
  private isComplete = false;
  private hasBegun = false;
  private next: RequestSink | null = null;
  private isOver = false;

  /** @param onEnded the request came to nothing while it was held */
  constructor(exchange: Exchange, onEnded: (fault: RequestFault | 'client_closed') => void) {
    this.exchange = exchange;
    this.onEnded = onEnded;
    exchange.ask().held = this;
  }

  /** Passes what was kept, and everything from now on, to `sink`. Does nothing if the request is over. */
  release(sink: RequestSink): void {
    if (this.isOver) return;
    this.next = sink;
    const kept = this.kept.take();
    sink.onRequestStart(kept, 0, kept.length, this.isComplete);
    this.exchange.downstream.resumeBody();
  }

  /** Whether there is nobody left to answer. */
  get isGone(): boolean {
    return this.isOver;
  }

  onRequestStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    this.onRequestBody(bytes, start, end, isComplete);
  }

  onRequestBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    if (this.next !== null) {
      this.next.onRequestBody(bytes, start, end, isComplete);
      return;
    }
    this.isComplete = isComplete;
    this.kept.append(bytes, start, end);
    this.hasBegun = true;
    this.reconsider();
  }

  /** Lets the body come while a plugin wants to have it, and no further. */
  reconsider(): void {
    if (!this.hasBegun || this.isOver || this.next !== null) return;
    const wantsMore = this.exchange.asked?.body?.offer(this.kept, this.isComplete) === true;
    if (this.isComplete) return;
    if (wantsMore) this.exchange.downstream.resumeBody();
    else this.exchange.downstream.pauseBody();
  }

  onRequestFault(fault: RequestFault): void {
    if (this.next !== null) this.next.onRequestFault(fault);
    else this.give(fault);
  }

  onClientGone(): void {
    if (this.next !== null) this.next.onClientGone();
    else this.give('client_closed');
  }

  onClientWritable(): void {
    this.next?.onClientWritable();
  }

  private give(fault: RequestFault | 'client_closed'): void {
    if (this.isOver) return;
    this.isOver = true;
    this.onEnded(fault);
  }
}
