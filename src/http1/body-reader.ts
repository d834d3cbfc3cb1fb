/** Finds the end of a message body, however it is framed (RFC 9112 §6). One per connection, set anew for each message. */
import { ChunkScanner, type ChunkRuns } from './chunked.ts';

export class BodyReader {
  /** What the last `scan` found to pass on. */
  runStart = 0;
  runEnd = 0;
  isDone = true;
  /** Bytes of content so far, without framing. */
  dataBytes = 0;
  /** Bytes that a Content-Length still promises; 0 with other framings. */
  remaining = 0;
  private chunks: ChunkScanner | null = null;

  get isChunked(): boolean {
    return this.chunks !== null;
  }

  /** What came behind a chunked body, each line with its CRLF; '' without. */
  get trailers(): string {
    return this.chunks === null ? '' : this.chunks.trailers;
  }

  /** @param length −1 without Content-Length */
  beginRequest(length: number, isChunked: boolean): void {
    if (isChunked) this.beginChunked('coding');
    else this.beginLength(Math.max(0, length));
  }

  beginLength(length: number): void {
    this.begin(length);
    this.isDone = length === 0;
  }

  beginChunked(runs: ChunkRuns): void {
    this.begin(0);
    this.chunks = new ChunkScanner(runs);
  }

  /** Only the end of the connection ends the body. */
  beginUntilClose(): void {
    this.begin(Number.POSITIVE_INFINITY);
  }

  private begin(remaining: number): void {
    this.remaining = remaining;
    this.chunks = null;
    this.dataBytes = 0;
    this.isDone = false;
  }

  /** @returns the offset up to which input was consumed, −1 if the framing is malformed */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const { chunks } = this;
    if (chunks === null) {
      const next = end - start < this.remaining ? end : start + this.remaining;
      this.runStart = start;
      this.runEnd = next;
      this.remaining -= next - start;
      this.dataBytes += next - start;
      this.isDone = this.remaining === 0;
      return next;
    }
    const next = chunks.scan(bytes, start, end);
    this.runStart = chunks.runStart;
    this.runEnd = chunks.runEnd;
    this.dataBytes = chunks.dataBytes;
    this.isDone = chunks.isDone;
    return next;
  }
}
