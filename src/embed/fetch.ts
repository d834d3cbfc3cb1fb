/** One request of the web's kind through a gateway, over a connection within the process: no port, no socket. */
import http from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import type { PairedSocket } from './paired-socket.ts';

/** A body up to this length is sent with its length, a longer one in chunks, as it comes. */
const MOST_KEPT = 65_536;
const WITHOUT_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304]);
/** Of the connection, not of the message. */
const OF_CONNECTION: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

/** Resolves with the head of the response; its body streams. Rejects with the request's reason if that is aborted. */
export async function fetchThrough(request: Request, client: PairedSocket): Promise<Response> {
  const { signal } = request;
  const onAbort = (): void => void client.destroy(reasonOf(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await asked(request, client);
  } catch (error) {
    client.destroy();
    signal.throwIfAborted();
    throw error;
  }
}

async function asked(request: Request, client: PairedSocket): Promise<Response> {
  const { method } = request;
  const url = new URL(request.url);
  if (url.protocol !== 'http:') throw new TypeError(`the gateway is asked over http:, not ${url.protocol}`);
  const headers: Record<string, string> = { host: url.host };
  for (const [name, value] of request.headers) headers[name] = value;
  if (headers['upgrade'] !== undefined) throw new TypeError('fetch cannot leave HTTP: remove the field Upgrade');
  const body = request.body === null ? null : await firstOf(request.body as WebStream<Uint8Array>);
  if (body !== null && body.rest === null) headers['content-length'] = String(body.first.length);
  const target = `${url.pathname}${url.search}`;
  // No agent: the connection is there, and serves this request alone.
  const createConnection = (): Socket => client as unknown as Socket;
  const sent = http.request({ createConnection, method, path: target, headers, setHost: false });
  const answered = answerTo(sent, method);
  send(sent, body).catch((error: unknown) => sent.destroy(error as Error));
  return answered;
}

interface Body {
  readonly first: Buffer;
  /** What follows; null if that was all. */
  readonly rest: ReadableStreamDefaultReader<Uint8Array> | null;
}

async function firstOf(stream: WebStream<Uint8Array>): Promise<Body> {
  const reader = stream.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  while (length <= MOST_KEPT) {
    const { done, value } = await reader.read();
    if (done) return { first: Buffer.concat(pieces), rest: null };
    pieces.push(value);
    length += value.length;
  }
  return { first: Buffer.concat(pieces), rest: reader };
}

async function send(sent: http.ClientRequest, body: Body | null): Promise<void> {
  if (body === null) {
    sent.end();
    return;
  }
  const { first, rest } = body;
  if (rest === null) {
    sent.end(first);
    return;
  }
  await pipeline(Readable.from(piecesOf(first, rest)), sent);
}

async function* piecesOf(first: Buffer, rest: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (;;) {
    const { done, value } = await rest.read();
    if (done) return;
    yield value;
  }
}

function answerTo(sent: http.ClientRequest, method: string): Promise<Response> {
  return new Promise((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (answer) => {
      const { statusCode: status = 0, statusMessage: statusText = '', rawHeaders } = answer;
      const headers = new Headers();
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
        if (!OF_CONNECTION.has(name.toLowerCase())) headers.append(name, value);
      }
      const isEmpty = method === 'HEAD' || WITHOUT_BODY.has(status);
      if (isEmpty) answer.resume();
      try {
        const body = isEmpty ? null : (Readable.toWeb(answer) as unknown as ReadableStream<Uint8Array>);
        resolve(new Response(body, { status, statusText, headers }));
      } catch (error: unknown) {
        // A status that the web does not know.
        sent.destroy();
        reject(error instanceof Error ? error : new Error('no answer'));
      }
    });
  });
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error('the request was aborted');
}
