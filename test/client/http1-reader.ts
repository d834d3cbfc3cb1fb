/** Cuts what a client writes in HTTP/1.1 into requests, as it comes, for a connection that speaks HTTP/2. */
import type { Fields } from '../http2/frames.ts';

export interface RequestHead {
  readonly method: string;
  /** As HTTP/2 has them, pseudo fields first. */
  readonly fields: Fields;
  readonly hasBody: boolean;
  /** The client said that it is its last one. */
  readonly saysClose: boolean;
}

export interface RequestReaderEvents {
  /** Whether the next request may begin: what is there of it waits otherwise. */
  mayBegin(): boolean;
  onHead(head: RequestHead): void;
  onBody(bytes: Buffer): void;
  onEnd(trailers: Fields): void;
}

/** What has no place in HTTP/2. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

const MOST_HEAD = 1_000_000;

export class Http1Reader {
  private readonly events: RequestReaderEvents;
  private rest: Buffer = Buffer.alloc(0);
  private expects: 'head' | 'body' | 'size' | 'chunk' | 'trailers' = 'head';
  /** Of a body with a length, or of a chunk with its line end. */
  private left = 0;
  private trailers: [string, string][] = [];

  constructor(events: RequestReaderEvents) {
    this.events = events;
  }

  /** Throws for what can only be said in HTTP/1.1. */
  read(bytes: Buffer): void {
    if (bytes.length > 0) this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    while (this.rest.length > 0 && this.step());
  }

  /** @returns false while it needs more */
  private step(): boolean {
    switch (this.expects) {
      case 'head':
        return this.readHead();
      case 'body':
        return this.readBody();
      case 'size':
        return this.readSize();
      case 'chunk':
        return this.readChunk();
      case 'trailers':
        return this.readTrailer();
    }
  }

  /** Something waits for its turn. */
  get isHeld(): boolean {
    return this.expects === 'head' && this.rest.length > 0 && !this.events.mayBegin();
  }

  private readHead(): boolean {
    if (!this.events.mayBegin()) return false;
    const end = this.rest.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.rest.length > MOST_HEAD) throw new Error('a head without end');
      return false;
    }
    const head = this.rest.toString('latin1', 0, end);
    this.rest = this.rest.subarray(end + 4);
    const [line = '', ...lines] = head.split('\r\n');
    const parts = /^(\S+) (\S+) HTTP\/1\.1$/.exec(line);
    if (parts === null) throw new Error(`only HTTP/1.1 can say ${JSON.stringify(line)}`);
    const [, method = '', target = ''] = parts;
    const all = lines.map((text): [string, string] => {
      const colon = text.indexOf(':');
      return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
    });
    const get = (wanted: string): string | undefined => all.find(([name]) => name === wanted)?.[1];
    const named = new Set((get('connection') ?? '').toLowerCase().split(/\s*,\s*/));
    const absolute = /^http:\/\/([^/?]*)(.*)$/i.exec(target);
    const path = absolute === null ? target : (absolute[2] ?? '').replace(/^(?!\/)/, '/');
    const isKept = ([name]: [string, string]): boolean =>
      !OF_CONNECTION.has(name) && (name === 'te' || !named.has(name));
    const fields: Fields = [
      [':method', method],
      [':scheme', 'http'],
      [':path', path],
      [':authority', absolute?.[1] ?? get('host') ?? ''],
      // RFC 9113 §8.2.2: TE says nothing but that.
      ...all
        .filter((field) => isKept(field) && (field[0] !== 'te' || /(?:^|[\s,])trailers/i.test(field[1])))
        .map(([name, value]): [string, string] => (name === 'te' ? [name, 'trailers'] : [name, value])),
    ];
    const isChunked = get('transfer-encoding') !== undefined;
    this.left = isChunked ? 0 : Number(get('content-length') ?? 0);
    const hasBody = isChunked || this.left > 0;
    this.expects = isChunked ? 'size' : hasBody ? 'body' : 'head';
    this.events.onHead({ method, fields, hasBody, saysClose: named.has('close') });
    return true;
  }

  private readBody(): boolean {
    const piece = this.rest.subarray(0, this.left);
    this.rest = this.rest.subarray(piece.length);
    this.left -= piece.length;
    this.events.onBody(piece);
    if (this.left === 0) this.end();
    return true;
  }

  private readSize(): boolean {
    const line = this.line();
    if (line === null) return false;
    const digits = /^([0-9a-fA-F]+)(?:;.*)?$/.exec(line)?.[1];
    if (digits === undefined) throw new Error(`only HTTP/1.1 can say ${JSON.stringify(line)}`);
    const size = Number.parseInt(digits, 16);
    this.left = size + 2;
    this.expects = size === 0 ? 'trailers' : 'chunk';
    return true;
  }

  private readChunk(): boolean {
    const piece = this.rest.subarray(0, Math.max(0, this.left - 2));
    this.rest = this.rest.subarray(piece.length);
    this.left -= piece.length;
    if (piece.length > 0) this.events.onBody(piece);
    if (this.left > 2 || this.rest.length < 2) return false;
    if (this.rest.toString('latin1', 0, 2) !== '\r\n') throw new Error('only HTTP/1.1 has chunks of a wrong size');
    this.rest = this.rest.subarray(2);
    this.expects = 'size';
    return true;
  }

  private readTrailer(): boolean {
    const line = this.line();
    if (line === null) return false;
    const colon = line.indexOf(':');
    if (line === '') this.end();
    else this.trailers.push([line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]);
    return true;
  }

  private end(): void {
    const { trailers } = this;
    this.trailers = [];
    this.expects = 'head';
    this.events.onEnd(trailers);
  }

  private line(): string | null {
    const end = this.rest.indexOf('\r\n');
    if (end < 0) return null;
    const line = this.rest.toString('latin1', 0, end);
    this.rest = this.rest.subarray(end + 2);
    return line;
  }
}
