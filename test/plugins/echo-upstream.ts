/** The upstream of plugin tests: tells what it was sent, and answers as the path says. */
import { once } from 'node:events';
import http from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

export type Field = readonly [name: string, value: string];

/** A request as the upstream got it. */
export interface SeenRequest {
  readonly method: string;
  /** The request target. */
  readonly url: string;
  /** In their order, as written. */
  readonly headers: readonly Field[];
  readonly body: string;
}

const CODINGS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync } as const;

/**
 * Every answer but those of `/text`, `/pieces`, `/large` and `/cut` has what was seen as its body, in JSON. By path:
 * `/status/NNN` has that status; `/headers?Name=value` has these fields (a name may be repeated); `/gzip`, `/deflate`, `/br`
 * are compressed; `/text?body=…&type=…&coding=gzip&status=…` has that body, type, coding and status; `/pieces?a&b` sends each name as one chunk;
 * `/large?bytes=N` sends N times `x` in chunks; `/slow` waits for `release()`; `/cut` breaks off in the middle of its body.
 */
export class EchoUpstream {
  readonly seen: SeenRequest[] = [];
  private readonly server = http.createServer((request, response) => void this.serve(request, response));
  private readonly waiting: (() => void)[] = [];

  static async start(): Promise<EchoUpstream> {
    const upstream = new EchoUpstream();
    // Longer than any test waits between two requests: one that crosses the end of an idle connection is lost, unless it is idempotent.
    upstream.server.keepAliveTimeout = 120_000;
    await once(upstream.server.listen(0, '127.0.0.1'), 'listening');
    return upstream;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Lets the requests to `/slow` that have arrived be answered. */
  release(): void {
    for (const answer of this.waiting.splice(0)) answer();
  }

  /** How many requests to `/slow` wait for an answer. */
  get waitingCount(): number {
    return this.waiting.length;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    // A gateway that gives up, or a test that is over: nobody is left to be told.
    request.on('error', () => {});
    response.on('error', () => {});
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece as Buffer);
    } catch {
      return;
    }
    const { method = '', url = '', rawHeaders } = request;
    const seen: SeenRequest = { method, url, headers: fieldsOf(rawHeaders), body: Buffer.concat(pieces).toString() };
    this.seen.push(seen);
    const { pathname, searchParams } = new URL(url, 'http://upstream');
    const [, kind = '', detail = ''] = pathname.split('/');
    const echo = Buffer.from(JSON.stringify(seen));
    if (kind === 'status') return finish(response, Number(detail), [], echo);
    if (kind === 'headers') return finish(response, 200, Array.from(searchParams), echo);
    if (isCoding(kind)) return finish(response, 200, [['Content-Encoding', kind]], CODINGS[kind](echo));
    if (kind === 'text') return answerText(response, searchParams);
    if (kind === 'slow') await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (kind === 'pieces') return answerPieces(response, Array.from(searchParams.keys()));
    if (kind === 'large') return answerLarge(response, Number(searchParams.get('bytes') ?? 1_048_576));
    if (kind === 'cut') {
      response.writeHead(200, { 'Content-Length': 1000 }).write('the beginning', () => response.destroy());
      return;
    }
    finish(response, 200, [], echo);
  }
}

function isCoding(text: string): text is keyof typeof CODINGS {
  return Object.hasOwn(CODINGS, text);
}

function finish(response: http.ServerResponse, status: number, fields: readonly Field[], body: Buffer): void {
  const hasType = fields.some(([name]) => name.toLowerCase() === 'content-type');
  const type: Field[] = hasType ? [] : [['Content-Type', 'application/json']];
  const length: Field[] = status === 204 ? [] : [['Content-Length', String(body.length)]];
  response.writeHead(status, [...type, ...length, ...fields].flat()).end(body);
}

function answerText(response: http.ServerResponse, query: URLSearchParams): void {
  const coding = query.get('coding') ?? '';
  const body = Buffer.from(query.get('body') ?? '');
  const fields: Field[] = [['Content-Type', query.get('type') ?? 'text/plain']];
  if (coding !== '') fields.push(['Content-Encoding', coding]);
  finish(response, Number(query.get('status') ?? 200), fields, isCoding(coding) ? CODINGS[coding](body) : body);
}

/** One write at a time, each after the one before has left, so that each arrives as a piece of its own. */
async function answerPieces(response: http.ServerResponse, pieces: readonly string[]): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  for (const piece of pieces) {
    await new Promise<void>((resolve) => response.write(piece, () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}

async function answerLarge(response: http.ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  const piece = Buffer.alloc(65_536, 'x');
  for (let left = bytes; left > 0 && !response.destroyed; left -= piece.length) {
    const isTaken = response.write(left < piece.length ? piece.subarray(0, left) : piece);
    if (!isTaken) await drained(response);
  }
  response.end();
}

function drained(response: http.ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

export function fieldsOf(raw: readonly string[]): Field[] {
  const fields: Field[] = [];
  for (let i = 0; i < raw.length; i += 2) fields.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return fields;
}
