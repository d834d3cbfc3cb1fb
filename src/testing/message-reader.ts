/** Reads the messages of HTTP/1.1 that come over one connection, with their bodies: what a scripted upstream or a client sees. */
import { BodyReader } from '../http1/body-reader.ts';

export type Field = readonly [name: string, value: string];

export interface Message {
  /** `GET /x HTTP/1.1`, or `HTTP/1.1 200 OK`. */
  readonly startLine: string;
  /** In their order, as written. */
  readonly fields: readonly Field[];
  readonly body: Buffer;
}

export interface MessageSink {
  /** The head is there, the body may not be. */
  onHead(message: Message): void;
  /** With its whole body. */
  onMessage(message: Message): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');

export class MessageReader {
  private readonly sink: MessageSink;
  /** Whether the response to come has no body, whatever its fields say; null reads requests. */
  private readonly isBodiless: ((status: number) => boolean) | null;
  private rest = Buffer.alloc(0);
  private head: Omit<Message, 'body'> | null = null;
  private readonly body = new BodyReader();
  private pieces: Buffer[] = [];
  private endsByClose = false;

  constructor(sink: MessageSink, isBodiless: ((status: number) => boolean) | null) {
    this.sink = sink;
    this.isBodiless = isBodiless;
  }

  /** What came of a message that is not complete; null where none has begun. */
  get partial(): Message | null {
    return this.head === null ? null : { ...this.head, body: Buffer.concat(this.pieces) };
  }

  take(bytes: Uint8Array): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length > 0) {
      if (this.head === null && !this.takeHead()) return;
      if (!this.takeBody()) return;
    }
  }

  /** The other end sends no more. @returns whether what came is complete */
  end(): boolean {
    if (this.head !== null && this.endsByClose) this.complete();
    return this.head === null && this.rest.length === 0;
  }

  private takeHead(): boolean {
    const end = this.rest.indexOf(HEAD_END);
    if (end < 0) return false;
    const [startLine = '', ...lines] = this.rest.toString('latin1', 0, end).split('\r\n');
    this.rest = this.rest.subarray(end + HEAD_END.length);
    const fields = lines.map((line): Field => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    const head = { startLine, fields };
    this.head = head;
    this.frame(head);
    this.sink.onHead({ ...head, body: Buffer.alloc(0) });
    if (this.body.isDone) this.complete();
    return true;
  }

  /** RFC 9112 §6.3. */
  private frame({ startLine, fields }: Omit<Message, 'body'>): void {
    const { body, isBodiless } = this;
    const valueOf = (name: string) => fields.find((field) => field[0].toLowerCase() === name)?.[1];
    const length = valueOf('content-length');
    this.endsByClose = false;
    if (isBodiless?.(Number(startLine.slice(9, 12))) === true) body.beginLength(0);
    else if (valueOf('transfer-encoding') !== undefined) body.beginChunked('data');
    else if (length !== undefined) body.beginLength(Number(length));
    else if (isBodiless === null) body.beginLength(0);
    else {
      body.beginUntilClose();
      this.endsByClose = true;
    }
  }

  /** @returns whether the body is complete */
  private takeBody(): boolean {
    const { body, rest } = this;
    if (this.head === null) return true;
    for (let at = 0; at < rest.length && !body.isDone;) {
      at = body.scan(rest, at, rest.length);
      if (at < 0) throw new Error('a body is framed wrongly');
      if (body.runEnd > body.runStart) this.pieces.push(Buffer.from(rest.subarray(body.runStart, body.runEnd)));
      this.rest = rest.subarray(at);
    }
    if (!body.isDone) return false;
    this.complete();
    return true;
  }

  private complete(): void {
    const message = this.partial;
    this.head = null;
    this.pieces = [];
    if (message !== null) this.sink.onMessage(message);
  }
}

/** By lower-case name; the values of a repeated one are joined with a comma, those of Set-Cookie by a line end. */
export function headersOf(fields: readonly Field[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    const before = headers[key];
    headers[key] = before === undefined ? value : `${before}${key === 'set-cookie' ? '\n' : ', '}${value}`;
  }
  return headers;
}
