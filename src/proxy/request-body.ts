/** What plugins want of a request body: to have it whole, to put another one in its place, or to keep its beginning. */
import { ByteQueue } from '../http1/bytes.ts';
import { ChunkScanner } from '../http1/chunked.ts';
import { TRANSFER_ENCODING } from '../http1/fields.ts';
import type { RequestFault } from '../http1/faults.ts';
import type { RequestSink } from '../http1/server-settings.ts';
import type { Exchange } from './exchange.ts';

interface Wish {
  readonly max_bytes: number;
  readonly resolve: (body: Uint8Array | null) => void;
}

const NO_BYTES = Buffer.alloc(0);

export class RequestBody {
  /** What goes to the upstream in place of what came; null for that. */
  replacement: Buffer | null = null;
  private readonly exchange: Exchange;
  private wish: Wish | null = null;
  private whole: Buffer | null = null;
  /** Bytes of what is held that the decoder has seen. */
  private seen = 0;
  private readonly decoder: BodyDecoder;
  private most_bytes = Infinity;
  private keptBytes = 0;
  private kept: ByteQueue | null = null;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
    this.decoder = new BodyDecoder(exchange);
  }

  read(max_bytes: number): Promise<Uint8Array | null> {
    const known = this.replacement ?? this.whole ?? (this.exchange.hasBody ? null : NO_BYTES);
    if (known !== null) return Promise.resolve(known.length <= max_bytes ? known : null);
    if (this.wish !== null) return Promise.reject(new Error('the body is being read already: wait for that'));
    return new Promise((resolve) => {
      this.wish = { max_bytes, resolve };
      // Whether it is held already: a phase that has not returned yet is going to be.
      this.exchange.asked?.held?.reconsider();
    });
  }

  /** Looks at what is held. @returns whether more is wanted */
  offer(held: ByteQueue, isComplete: boolean): boolean {
    const { wish, decoder } = this;
    if (wish === null) return false;
    const bytes = held.peek();
    decoder.take(bytes, this.seen, bytes.length);
    this.seen = bytes.length;
    const isTooLong = decoder.length > wish.max_bytes || this.declaredBytes > wish.max_bytes;
    if (!isComplete && !isTooLong) {
      this.letClientSend();
      return true;
    }
    this.wish = null;
    if (isComplete) this.whole = decoder.bytes();
    wish.resolve(isTooLong ? null : this.whole);
    return false;
  }

  /** A client that waits for leave to send its body would wait for ever. */
  private letClientSend(): void {
    const { exchange } = this;
    if (exchange.expectsContinue) exchange.downstream.respondInterim('HTTP/1.1 100 Continue\r\n\r\n');
    exchange.expectsContinue = false;
  }

  private get declaredBytes(): number {
    return Number(this.exchange.head.get('content-length') ?? 0);
  }

  /** What is longer is answered with 413. */
  limit(max_bytes: number): void {
    this.most_bytes = Math.min(this.most_bytes, max_bytes);
  }

  keep(max_bytes: number): void {
    this.keptBytes = Math.max(this.keptBytes, max_bytes);
    this.kept ??= new ByteQueue();
  }

  get keptBody(): Uint8Array {
    return this.kept?.peek() ?? NO_BYTES;
  }

  /** What the request goes through on its way to `sink`; `sink` itself where nothing was asked for. */
  sinkBefore(sink: RequestSink): RequestSink {
    if (this.replacement !== null) return new ReplacedBody(this.exchange, sink, this.replacement);
    const next =
      this.kept === null ? sink : new KeptBody(sink, this.kept, this.keptBytes, new BodyDecoder(this.exchange));
    return this.most_bytes === Infinity ? next : new LimitedBody(this.exchange, next, this.most_bytes);
  }
}

/** Takes the transfer coding off a body, piece by piece. */
class BodyDecoder {
  private readonly scanner: ChunkScanner | null;
  private readonly decoded = new ByteQueue();

  constructor(exchange: Exchange) {
    this.scanner = exchange.head.has(TRANSFER_ENCODING) ? new ChunkScanner('data') : null;
  }

  get length(): number {
    return this.decoded.length;
  }

  /** What was taken so far, valid until the next `take`. */
  bytes(): Buffer {
    return this.decoded.peek();
  }

  take(bytes: Uint8Array, start: number, end: number): void {
    const { scanner, decoded } = this;
    if (scanner === null) {
      decoded.append(bytes, start, end);
      return;
    }
    for (let at = start; at >= 0 && at < end && !scanner.isDone;) {
      at = scanner.scan(bytes, at, end);
      if (scanner.runEnd > scanner.runStart) decoded.append(bytes, scanner.runStart, scanner.runEnd);
    }
  }

  /** Forgets what was taken. */
  clear(): void {
    this.decoded.take();
  }
}

/** Passes a request on; what differs is for those who extend it. */
abstract class PassedRequest implements RequestSink {
  protected readonly sink: RequestSink;

  constructor(sink: RequestSink) {
    this.sink = sink;
  }

  abstract onRequestStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void;
  abstract onRequestBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void;

  onRequestFault(fault: RequestFault): void {
    this.sink.onRequestFault(fault);
  }

  onClientGone(): void {
    this.sink.onClientGone();
  }

  onClientWritable(): void {
    this.sink.onClientWritable();
  }
}

/** Another body goes on, at once and as a whole; the client's is read and dropped. */
class ReplacedBody extends PassedRequest {
  private readonly exchange: Exchange;
  private readonly replacement: Buffer;

  constructor(exchange: Exchange, sink: RequestSink, replacement: Buffer) {
    super(sink);
    this.exchange = exchange;
    this.replacement = replacement;
  }

  onRequestStart(_bytes: Buffer, start: number, end: number, _isComplete: boolean): void {
    const { exchange, replacement } = this;
    exchange.hasBody = replacement.length > 0;
    exchange.request.fields.frame(replacement.length);
    // Of the client's, not of what it was replaced by.
    exchange.bodyBytesReceived += end - start - replacement.length;
    this.sink.onRequestStart(replacement, 0, replacement.length, true);
  }

  onRequestBody(_bytes: Buffer, start: number, end: number, _isComplete: boolean): void {
    this.exchange.bodyBytesReceived += end - start;
  }
}

/** The body passes on until it is too long. */
class LimitedBody extends PassedRequest {
  private readonly exchange: Exchange;
  private readonly most_bytes: number;
  private readonly decoder: BodyDecoder;
  private length = 0;
  private isRefused = false;

  constructor(exchange: Exchange, sink: RequestSink, most_bytes: number) {
    super(sink);
    this.exchange = exchange;
    this.most_bytes = most_bytes;
    this.decoder = new BodyDecoder(exchange);
  }

  onRequestStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    if (this.isTooLong(bytes, start, end)) {
      // Nothing is sent yet, and nothing has to be begun for a request that is refused.
      this.refuse();
    } else this.sink.onRequestStart(bytes, start, end, isComplete);
  }

  onRequestBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    if (this.isRefused) return;
    if (this.isTooLong(bytes, start, end)) this.refuse();
    else this.sink.onRequestBody(bytes, start, end, isComplete);
  }

  private isTooLong(bytes: Buffer, start: number, end: number): boolean {
    const { decoder } = this;
    decoder.take(bytes, start, end);
    this.length += decoder.length;
    decoder.clear();
    return this.length > this.most_bytes;
  }

  private refuse(): void {
    this.isRefused = true;
    this.exchange.downstream.closeAfterAnswer();
    this.sink.onRequestFault('body_too_large');
  }
}

/** The body passes on as it comes, and its beginning is kept. */
class KeptBody extends PassedRequest {
  private readonly kept: ByteQueue;
  private readonly max_bytes: number;
  private readonly decoder: BodyDecoder;

  constructor(sink: RequestSink, kept: ByteQueue, max_bytes: number, decoder: BodyDecoder) {
    super(sink);
    this.kept = kept;
    this.max_bytes = max_bytes;
    this.decoder = decoder;
  }

  onRequestStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    this.copy(bytes, start, end);
    this.sink.onRequestStart(bytes, start, end, isComplete);
  }

  onRequestBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void {
    this.copy(bytes, start, end);
    this.sink.onRequestBody(bytes, start, end, isComplete);
  }

  private copy(bytes: Buffer, start: number, end: number): void {
    const { kept, decoder } = this;
    const room = this.max_bytes - kept.length;
    if (room <= 0) return;
    decoder.take(bytes, start, end);
    kept.append(decoder.bytes(), 0, Math.min(decoder.length, room));
    decoder.clear();
  }
}
