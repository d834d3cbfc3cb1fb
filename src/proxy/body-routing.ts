import { ByteQueue } from '../http1/bytes.ts';
import { ChunkScanner } from '../http1/chunked.ts';
import type { RequestFault } from '../http1/faults.ts';
import { TRANSFER_ENCODING } from '../http1/fields.ts';
import type { RequestSink } from '../http1/server-settings.ts';
import { createBodyVariables } from '../router/body-variables.ts';
import type { Exchange } from './exchange.ts';
import { replyError } from './reply.ts';

/** A longer body is not looked at: predicates on it see none. */
const ROUTED_BODY_BYTES = 65_536;

/** The sink of a request whose route depends on its body: waits for that, within bounds, and passes everything on. */
export class BodyRouting implements RequestSink {
  private readonly exchange: Exchange;
  private readonly route: (exchange: Exchange) => RequestSink;
  private readonly kept = new ByteQueue();
  private next: RequestSink | null = null;

  constructor(exchange: Exchange, route: (exchange: Exchange) => RequestSink) {
    this.exchange = exchange;
    this.route = route;
  }

  onRequestStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    this.onRequestBody(bytes, start, end, isComplete);
  }

  onRequestBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    if (this.next !== null) {
      this.next.onRequestBody(bytes, start, end, isComplete);
      return;
    }
    this.kept.append(bytes, start, end);
    const isTooLong = this.kept.length > ROUTED_BODY_BYTES;
    if (!isComplete && !isTooLong) {
      // A client that waits for leave to send its body would wait for ever: the route depends on it.
      if (this.exchange.expectsContinue) this.exchange.downstream.respondInterim('HTTP/1.1 100 Continue\r\n\r\n');
      this.exchange.expectsContinue = false;
      return;
    }
    const whole = this.kept.take();
    this.exchange.body = createBodyVariables({
      contentType: this.exchange.header('content-type') ?? '',
      text: isTooLong ? '' : this.content(whole).toString('utf8'),
      query: this.exchange.query.slice(1),
    });
    this.next = this.route(this.exchange);
    this.next.onRequestStart(whole, 0, whole.length, isComplete);
  }

  private content(whole: Buffer): Buffer {
    if (!this.exchange.head.has(TRANSFER_ENCODING)) return whole;
    const scanner = new ChunkScanner('data');
    const pieces: Buffer[] = [];
    let at = 0;
    while (at >= 0 && at < whole.length && !scanner.isDone) {
      at = scanner.scan(whole, at, whole.length);
      pieces.push(whole.subarray(scanner.runStart, scanner.runEnd));
    }
    return Buffer.concat(pieces);
  }

  onRequestFault(fault: RequestFault): void {
    if (this.next !== null) this.next.onRequestFault(fault);
    else replyError(this.exchange, fault);
  }

  onClientGone(): void {
    if (this.next !== null) {
      this.next.onClientGone();
      return;
    }
    this.exchange.status = 499;
    this.exchange.errorCode = 'client_closed';
    this.exchange.finish();
  }

  onClientWritable(): void {
    this.next?.onClientWritable();
  }
}
