/** A Reply whose body comes piece by piece: it is sent as it comes, as fast as the client takes it. */
import type { RequestSink } from '../http1/server-settings.ts';
import type { Reply } from '../sdk/reply.ts';
import type { Exchange } from './exchange.ts';
import { noteHeadSent } from './plane.ts';
import { runResponseBody, runResponseHead } from './pipeline.ts';
import { breakOff, fill, headOf, reply } from './reply.ts';
import type { ResponseView } from './response-view.ts';

const NO_BYTES = Buffer.alloc(0);
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const CRLF = Buffer.from('\r\n');

export function isStreamed(body: Reply['body']): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

export class StreamedReply implements RequestSink {
  private readonly exchange: Exchange;
  private readonly answer: Reply;
  private readonly pieces: AsyncIterator<Uint8Array>;
  private response: ResponseView | null = null;
  private onWritable: (() => void) | null = null;

  constructor(exchange: Exchange, answer: Reply, body: AsyncIterable<Uint8Array>) {
    this.exchange = exchange;
    this.answer = answer;
    this.pieces = body[Symbol.asyncIterator]();
  }

  onRequestStart(): void {
    const { exchange } = this;
    this.run().catch((error: unknown) => {
      exchange.plane.onPluginFault({ exchange, plugin: exchange.repliedBy, phase: 'body', error });
      this.stop();
      if (!exchange.isOver) breakOff(exchange);
    });
  }

  onRequestBody(): void {}

  /** The answer does not wait for the request's body, nor mind what becomes of it. */
  onRequestFault(): void {}

  onClientGone(): void {
    const { exchange } = this;
    if (!exchange.isHeadSent) exchange.status = 499;
    exchange.errorCode = 'client_closed';
    exchange.finish();
    this.stop();
    this.onClientWritable();
  }

  onClientWritable(): void {
    const { onWritable } = this;
    this.onWritable = null;
    onWritable?.();
  }

  private async run(): Promise<void> {
    const { exchange } = this;
    exchange.downstream.discardBody();
    const response = this.openResponse();
    const whole = response.replacement;
    const isBodiless = exchange.isHead || exchange.status === 204 || exchange.status === 304;
    if (whole !== null || isBodiless) {
      this.stop();
      this.send(whole ?? NO_BYTES, true);
      return;
    }
    const isWanted = exchange.asked !== null && exchange.asked.wholeResponse_bytes > 0 && exchange.bodySteps.length > 0;
    if (isWanted) return this.sendWhole(exchange.ask().wholeResponse_bytes);
    for (;;) {
      const { done, value } = await this.next();
      if (exchange.isOver) return;
      const isTaken = this.send(value ?? NO_BYTES, done === true);
      if (done === true) return;
      if (!isTaken) await new Promise<void>((resolve) => (this.onWritable = resolve));
    }
  }

  private openResponse(): ResponseView {
    const { exchange, answer } = this;
    const { status, code = '', headers = {} } = answer;
    exchange.errorCode = code;
    exchange.status = status;
    exchange.upstreamHead = null;
    const response = (this.response = exchange.openResponse(null));
    fill(response, { type: 'application/octet-stream', headers, code });
    exchange.dropBodySteps();
    if (exchange.chain.responseHead.length > 0) runResponseHead(exchange);
    return response;
  }

  /** The next piece; one that does not come for too long is a fault of the plugin. */
  private next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { plane } = this.exchange;
    const { pluginTimeout_ms } = plane.options;
    return new Promise((resolve, reject) => {
      const late = new Error(`no piece of the body within ${pluginTimeout_ms} ms`);
      const timer = plane.startTimer(pluginTimeout_ms, () => reject(late));
      this.pieces
        .next()
        .finally(() => timer.stop())
        .then(resolve as (result: IteratorResult<Uint8Array>) => void, reject);
    });
  }

  /** A plugin wants the body as a whole: it becomes a Reply like any other. */
  private async sendWhole(max_bytes: number): Promise<void> {
    const { exchange, answer } = this;
    const pieces: Uint8Array[] = [];
    for (let length = 0; ;) {
      const { done, value } = await this.next();
      if (exchange.isOver) return;
      if (done === true) break;
      length += value.length;
      pieces.push(value);
      if (length > max_bytes) throw new Error(`the body is longer than the ${max_bytes} bytes that a plugin takes`);
    }
    reply(exchange, { ...answer, body: Buffer.concat(pieces) });
  }

  /** @returns false if the client is behind */
  private send(piece: Uint8Array, isLast: boolean): boolean {
    const { exchange } = this;
    const { downstream } = exchange;
    if (!(piece instanceof Uint8Array)) throw new TypeError('a piece of the body is no Uint8Array');
    let passed: Uint8Array | null = piece;
    if (exchange.bodySteps.length > 0) passed = runResponseBody(exchange, piece, isLast);
    if (passed === null) {
      this.stop();
      breakOff(exchange);
      return true;
    }
    exchange.bodyBytesSent += passed.length;
    const isTaken = exchange.isHeadSent ? this.write(passed, isLast) : this.sendHead(passed, isLast);
    if (!isLast) return isTaken;
    downstream.end();
    exchange.finish();
    return true;
  }

  private write(piece: Uint8Array, isLast: boolean): boolean {
    const framed = this.isChunked ? chunked(piece, isLast) : piece;
    return framed.length === 0 || this.exchange.downstream.write(framed, 0, framed.length);
  }

  /** RFC 9112 §7.1: an HTTP/1.0 client knows no chunks; the end of the connection ends its body. HTTP/2 has frames. */
  private get isChunked(): boolean {
    return this.exchange.minorVersion === 1 && !this.exchange.downstream.isMultiplexed;
  }

  private sendHead(piece: Uint8Array, isLast: boolean): boolean {
    const { exchange, response } = this;
    const { downstream } = exchange;
    if (response === null) return true;
    noteHeadSent(exchange);
    const isBodiless = exchange.isHead || exchange.status === 204 || exchange.status === 304;
    if (isLast) {
      const sent = isBodiless ? NO_BYTES : piece;
      // The length of what would have been is not known.
      const length = isBodiless ? -1 : piece.length;
      return downstream.respond(headOf(exchange, response, length), sent, 0, sent.length);
    }
    const { isChunked } = this;
    if (!isChunked) downstream.closeAfterAnswer();
    const head = headOf(exchange, response, -1);
    const framing = isChunked ? 'Transfer-Encoding: chunked\r\n' : '';
    const framed = isChunked ? chunked(piece, false) : piece;
    return downstream.respond({ ...head, added: head.added + framing }, framed, 0, framed.length);
  }

  /** Nobody wants the rest. */
  private stop(): void {
    // It may wait for something itself, and fail: nobody is left to be told.
    void Promise.resolve(this.pieces.return?.()).catch(() => undefined);
  }
}

function chunked(piece: Uint8Array, isLast: boolean): Uint8Array {
  const parts: Uint8Array[] = [];
  if (piece.length > 0) parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, CRLF);
  if (isLast) parts.push(LAST_CHUNK);
  return Buffer.concat(parts);
}
