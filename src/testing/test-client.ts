/** A client of the gateway under test: sends one request on a connection of its own and reads what comes back. */
import type net from 'node:net';
import { type Field, type Message, MessageReader } from './message-reader.ts';

export interface RequestOptions {
  /** Default GET, POST with a body. */
  readonly method?: string;
  /** Host is `gateway.test` unless given, or said by an absolute URL. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Sent with its length; an object as JSON; a list piece by piece, in chunks. */
  readonly body?: string | Uint8Array | readonly string[] | Readonly<Record<string, unknown>>;
  /** Address of the client, with or without a port. Default 127.0.0.1. */
  readonly from?: string;
  /** The port that the client connects to. Default: the first of `gateway.http`, of `gateway.https` for TLS. */
  readonly port?: number;
  /** A connection over TLS, as one to an https URL is. */
  readonly tls?: boolean | ClientTls;
  readonly httpVersion?: '1.0' | '1.1';
  /** The client gives up after so long. */
  readonly givesUpAfter?: number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;
}

/** What the gateway is to know of a secured connection: nothing is encrypted. */
export interface ClientTls {
  /** The name that the client asks for. Default: the host of the request. */
  readonly serverName?: string;
  /** Default `TLSv1.3`. */
  readonly protocol?: 'TLSv1.2' | 'TLSv1.3';
  readonly certificate?: ClientCertificate;
}

export interface ClientCertificate {
  /** Parts of its distinguished names, as `{ CN: 'jack', O: 'Example' }`. */
  readonly subject?: Readonly<Record<string, string>>;
  readonly issuer?: Readonly<Record<string, string>>;
  /** Hexadecimal. */
  readonly serialNumber?: string;
  readonly fingerprint?: string;
  /** Whether the authorities of the SSL object vouch for it. Default true. */
  readonly isTrusted?: boolean;
}

/** What came back. */
export interface ClientAnswer {
  /** 0 if no head came. */
  readonly status: number;
  readonly fields: readonly Field[];
  readonly interim: readonly { readonly status: number; readonly fields: readonly Field[] }[];
  readonly body: Buffer;
  /** The whole answer came. */
  readonly isComplete: boolean;
}

/** A request as bytes, and what of it its answer depends on. */
export interface Outgoing {
  readonly method: string;
  readonly bytes: Buffer;
  readonly pieces: readonly Buffer[];
}

/** Throws TypeError for what cannot be sent. @param target path and query */
export function outgoing(target: string, host: string, options: RequestOptions): Outgoing {
  const { headers = {}, body, httpVersion = '1.1' } = options;
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const lines = [`${method} ${target} HTTP/${httpVersion}`];
  if (!names.has('host')) lines.push(`Host: ${host}`);
  for (const [name, value] of Object.entries(headers)) {
    for (const each of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${each}`);
  }
  const pieces = Array.isArray(body) ? (body as readonly string[]).map((piece) => Buffer.from(piece)) : null;
  const isObject = pieces === null && typeof body === 'object' && !(body instanceof Uint8Array);
  if (isObject && !names.has('content-type')) lines.push('Content-Type: application/json');
  const whole =
    pieces !== null || body === undefined ? null : Buffer.from(isObject ? JSON.stringify(body) : (body as string));
  if (!names.has('content-length') && !names.has('transfer-encoding')) {
    if (pieces !== null) lines.push('Transfer-Encoding: chunked');
    else if (whole !== null) lines.push(`Content-Length: ${whole.length}`);
  }
  const wrong = lines.find((line) => /[\r\n\0]/.test(line));
  if (wrong !== undefined) throw new TypeError(`${JSON.stringify(wrong)} cannot be sent: it has a line end or a zero`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return {
    method,
    bytes: Buffer.concat([head, whole ?? Buffer.alloc(0)]),
    pieces: pieces === null ? [] : chunks(pieces),
  };
}

function chunks(pieces: readonly Buffer[]): Buffer[] {
  const framed = pieces
    .filter(({ length }) => length > 0)
    .map((piece) => Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
  return [...framed, Buffer.from('0\r\n\r\n')];
}

export class TestClient {
  private readonly socket: net.Socket;
  private readonly reader: MessageReader;
  private readonly interim: { status: number; fields: readonly Field[] }[] = [];
  private final: Message | null = null;
  private isWhole = false;
  private hasEnded = false;

  constructor(socket: net.Socket, method: string) {
    this.socket = socket;
    const isBodiless = (status: number): boolean =>
      method === 'HEAD' || status < 200 || status === 204 || status === 304;
    this.reader = new MessageReader({ onHead: () => {}, onMessage: (message) => this.take(message) }, isBodiless);
    socket.on('data', (bytes: Buffer) => this.reader.take(bytes));
    socket.on('end', () => this.ended());
    socket.on('close', () => this.ended());
    socket.on('error', () => {});
  }

  send({ bytes, pieces }: Outgoing): void {
    this.socket.write(bytes);
    for (const piece of pieces) this.socket.write(piece);
  }

  /** Nothing more is to be expected. */
  get isOver(): boolean {
    return this.isWhole || this.hasEnded;
  }

  get answer(): ClientAnswer {
    const message = this.final ?? this.reader.partial;
    return {
      status: message === null ? 0 : statusOf(message),
      fields: message?.fields ?? [],
      interim: this.interim,
      body: message?.body ?? Buffer.alloc(0),
      isComplete: this.isWhole,
    };
  }

  close(): void {
    this.socket.destroy();
  }

  /** Gives up, as a client that goes away does. */
  giveUp(): void {
    this.hasEnded = true;
    this.socket.resetAndDestroy();
  }

  private take(message: Message): void {
    const status = statusOf(message);
    if (status < 200 && status !== 101) this.interim.push({ status, fields: message.fields });
    else {
      this.final = message;
      this.isWhole = true;
    }
  }

  private ended(): void {
    if (!this.hasEnded && this.final === null) this.reader.end();
    this.hasEnded = true;
  }
}

const statusOf = ({ startLine }: Message): number => Number(startLine.slice(9, 12));
