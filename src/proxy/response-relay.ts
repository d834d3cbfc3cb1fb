/** Passes one upstream response on to the client, through the plugins that want a part in it. */
import { ByteQueue } from '../http1/bytes.ts';
import type { ResponseFraming } from '../http1/client-settings.ts';
import { DATE, parsed } from '../http1/fields.ts';
import { Head } from '../http1/head.ts';
import { passableTrailers } from '../http1/trailers.ts';
import type { UpstreamStream } from '../upstream/transport.ts';
import type { Exchange } from './exchange.ts';
import { noteHeadSent } from './plane.ts';
import { droppedFromResponse, type ResponseShape } from './forwarding.ts';
import { runResponseBody, runResponseHead } from './pipeline.ts';
import { reasonOf } from './reason.ts';
import { ownFields } from './reply.ts';

const NO_BYTES = Buffer.alloc(0);
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const CRLF = Buffer.from('\r\n');

/** What became of a piece that was passed on. */
export type Passed = 'taken' | 'behind' | 'failed';

export class ResponseRelay {
  private readonly exchange: Exchange;
  private readonly framing: ResponseFraming;
  private readonly reasonEnd: number;
  /** The status line is in the spelling in which it is passed on. */
  private readonly isStartPlain: boolean;
  private shape: ResponseShape = 'plain';
  private isRechunked = false;
  /** Whether the client's response is complete although the upstream's is not: its body was replaced. */
  isReplaced = false;
  /** A plugin that may have had something to hide did not come to it. */
  private hasFailed = false;
  /** The body that a plugin wants as a whole, as far as it came; the head waits for it. Null where none does. */
  private whole: ByteQueue | null = null;
  /** What is sent in its place; null for nothing, where the length of what would have been is not known. */
  private replacement: Buffer | null = null;

  /** The head is in the parser's scratch memory; `text` is its text. */
  constructor(exchange: Exchange, status: number, text: string, framing: ResponseFraming) {
    this.exchange = exchange;
    this.framing = framing;
    this.reasonEnd = parsed.targetEnd;
    this.isStartPlain = parsed.minorVersion === 1 && text.charCodeAt(12) === 32;
    exchange.upstreamHead = new Head(text);
    exchange.status = exchange.upstreamStatus = status;
    if (status === 204) this.shape = 'unframed';
  }

  /** Runs the phase `responseHead`. @returns how the upstream's connection is to hand out the body */
  begin(): 'coding' | 'codingWithTrailers' | 'data' {
    const { exchange, framing } = this;
    if (exchange.chain.responseHead.length > 0) this.runHead();
    // Where a plugin changed method or status, one side may have a body that the other must not have.
    if (!this.isReplaced && this.isBodiless !== (framing === 'none')) this.replaceBody(null);
    const isOwnBody = this.isReplaced || exchange.bodySteps.length > 0;
    // RFC 9112 §7.1: an HTTP/1.0 client knows no chunks; the end of the connection ends its body. HTTP/2 has frames.
    const knowsChunks = exchange.minorVersion === 1 && !exchange.downstream.isMultiplexed;
    if (!knowsChunks && this.shape === 'plain')
      this.shape = exchange.downstream.isMultiplexed ? 'unchunked' : 'decoded';
    if (framing !== 'chunked' || isOwnBody || !knowsChunks) return 'data';
    if (!exchange.acceptsTrailers) return 'coding';
    this.shape = 'withTrailers';
    return 'codingWithTrailers';
  }

  private runHead(): void {
    const { exchange } = this;
    const response = exchange.openResponse(exchange.upstreamHead);
    this.hasFailed = !runResponseHead(exchange);
    if (response.replacement !== null) this.replaceBody(response.replacement);
    else if (exchange.bodySteps.length > 0) {
      // The length of what goes on is not known beforehand.
      this.shape = 'unframed';
      if (this.framing === 'none') exchange.dropBodySteps();
      else if (exchange.asked !== null && exchange.asked.wholeResponse_bytes > 0) this.whole = new ByteQueue();
      else this.isRechunked = exchange.minorVersion === 1 && !exchange.downstream.isMultiplexed;
    }
  }

  /** Whether the client's response has no body, whatever its fields say (RFC 9112 §6.3). */
  private get isBodiless(): boolean {
    const { isHead, status } = this.exchange;
    return isHead || status === 204 || status === 304;
  }

  private replaceBody(replacement: Buffer | null): void {
    this.shape = 'unframed';
    this.isReplaced = true;
    this.replacement = replacement;
    this.exchange.dropBodySteps();
  }

  /** Sends the head, and the first piece of the body with it. */
  start(bytes: Buffer, start: number, end: number, isLast: boolean): Passed {
    const { exchange } = this;
    if (this.hasFailed) return 'failed';
    if (this.isReplaced) return this.startReplaced();
    if (this.whole !== null) return this.gather(this.whole, bytes.subarray(start, end), isLast);
    if (exchange.bodySteps.length === 0) {
      const endsByClose = this.framing === 'until_close' || (this.framing === 'chunked' && this.shape === 'decoded');
      if (endsByClose) exchange.downstream.closeAfterAnswer();
      exchange.bodyBytesSent += end - start;
      return this.respond('', bytes, start, end) ? 'taken' : 'behind';
    }
    if (!this.isRechunked) exchange.downstream.closeAfterAnswer();
    const piece = runResponseBody(exchange, bytes.subarray(start, end), isLast);
    if (piece === null) return 'failed';
    const framed = this.frame(piece, isLast);
    return this.respond(this.isRechunked ? 'Transfer-Encoding: chunked\r\n' : '', framed, 0, framed.length)
      ? 'taken'
      : 'behind';
  }

  private startReplaced(): Passed {
    const { exchange, isBodiless, replacement } = this;
    const body = replacement ?? NO_BYTES;
    const sent = isBodiless ? NO_BYTES : body;
    exchange.bodyBytesSent += sent.length;
    // RFC 9110 §8.6: a 204 has no Content-Length, and one that is not known is not told.
    const isUntold = exchange.status === 204 || (isBodiless && body.length === 0);
    const length = isUntold ? '' : `Content-Length: ${body.length}\r\n`;
    return this.respond(length, sent, 0, sent.length) ? 'taken' : 'behind';
  }

  /** Sends more of the body. */
  pass(bytes: Buffer, start: number, end: number, isLast: boolean): Passed {
    const { exchange } = this;
    if (this.isReplaced) return 'taken';
    if (this.whole !== null) return this.gather(this.whole, bytes.subarray(start, end), isLast);
    if (exchange.bodySteps.length === 0) {
      exchange.bodyBytesSent += end - start;
      return end === start || exchange.downstream.write(bytes, start, end) ? 'taken' : 'behind';
    }
    const piece = runResponseBody(exchange, bytes.subarray(start, end), isLast);
    if (piece === null) return 'failed';
    const framed = this.frame(piece, isLast);
    return framed.length === 0 || exchange.downstream.write(framed, 0, framed.length) ? 'taken' : 'behind';
  }

  /** The trailers of the upstream's response that go with the client's, where they do not go as part of its coding. */
  trailersOf({ trailers }: UpstreamStream): string {
    const isPassed = trailers !== '' && this.exchange.downstream.isMultiplexed && !this.isReplaced && !this.isBodiless;
    return isPassed ? passableTrailers(trailers) : '';
  }

  /** Keeps a piece of a body that is wanted whole; with the last one, it is transformed and sent. */
  private gather(whole: ByteQueue, piece: Uint8Array, isLast: boolean): Passed {
    const { exchange } = this;
    const asked = exchange.ask();
    if (whole.length + piece.length > asked.wholeResponse_bytes) {
      asked.breakCode = 'response_too_large';
      return 'failed';
    }
    whole.append(piece, 0, piece.length);
    if (!isLast) return 'taken';
    const made = runResponseBody(exchange, whole.take(), true);
    if (made === null) return 'failed';
    this.replaceBody(Buffer.from(made));
    return this.startReplaced();
  }

  private frame(piece: Uint8Array, isLast: boolean): Uint8Array {
    this.exchange.bodyBytesSent += piece.length;
    if (!this.isRechunked) return piece;
    const parts: Uint8Array[] = [];
    if (piece.length > 0) parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, CRLF);
    if (isLast) parts.push(LAST_CHUNK);
    return Buffer.concat(parts);
  }

  private respond(framing: string, bytes: Uint8Array, start: number, end: number): boolean {
    const { exchange } = this;
    const { plane, upstreamHead, status } = exchange;
    noteHeadSent(exchange);
    const keepsStart = this.isStartPlain && status === exchange.upstreamStatus;
    return exchange.downstream.respond(
      {
        keepsStart,
        status,
        reason: keepsStart ? '' : this.reasonFor(status),
        fields: upstreamHead,
        dropped: droppedFromResponse(this.shape, plane.options.serverHeader !== ''),
        added: this.added() + framing,
      },
      bytes,
      start,
      end,
    );
  }

  private reasonFor(status: number): string {
    const { upstreamHead, upstreamStatus } = this.exchange;
    return status === upstreamStatus ? (upstreamHead?.text.slice(13, this.reasonEnd) ?? '') : reasonOf(status);
  }

  private added(): string {
    const { exchange } = this;
    const { upstreamStatusHeader } = exchange.plane.options;
    const own = exchange.responseAdded;
    let added = own === null ? '' : own.text();
    if (own !== null && own.has('server')) {
      if (exchange.upstreamHead?.has(DATE) !== true && !own.has('date'))
        added += `Date: ${exchange.plane.httpDate()}\r\n`;
    } else if (exchange.upstreamHead?.has(DATE) !== true) added += ownFields(exchange.plane);
    else added += exchange.plane.ownFields.server;
    if (upstreamStatusHeader === 'always' || (upstreamStatusHeader === 'on_5xx' && exchange.upstreamStatus >= 500)) {
      const before = exchange.upstreamStatuses;
      exchange.upstreamHead?.remove('x-apisix-upstream-status');
      added += `X-APISIX-Upstream-Status: ${before === '' ? '' : `${before}, `}${exchange.upstreamStatus}\r\n`;
    }
    return added;
  }
}
