/**
 * The service behind the first route: it says what it was asked, streams events, sends and counts bytes.
 *
 * It listens on 127.0.0.1, port 8081 or the one that DEMO_PORT names, says so in one line on standard output, and ends
 * when its standard input does: start.sh ties it to the life of the gateway that way.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const CHUNK = Buffer.alloc(64 * 1024, 'gatewright demo ');
const MAX_DOWNLOAD_BYTES = 1024 ** 3;
const MAX_EVENTS = 1000;
const MAX_INTERVAL_MS = 60_000;

/** A number of the query, `fallback` if it is missing, undefined if it is not an integer from 0 to `max`. */
function numberOf(query: URLSearchParams, name: string, fallback: number, max: number): number | undefined {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  return /^\d+$/.test(text) && value <= max ? value : undefined;
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const body = `${JSON.stringify(value, null, 2)}\n`;
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function countBytes(request: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).length;
  return bytes;
}

/** What arrived: how the gateway changes a request on its way can be read from it. */
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url, headers } = request;
  answer(response, 200, { method, path: url, headers, body_bytes: await countBytes(request) });
}

async function upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  answer(response, 200, { body_bytes: await countBytes(request) });
}

async function* blocks(bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
}

async function download(query: URLSearchParams, response: ServerResponse): Promise<void> {
  const bytes = numberOf(query, 'bytes', 1024, MAX_DOWNLOAD_BYTES);
  if (bytes === undefined) return answer(response, 400, { error: `bytes is a number up to ${MAX_DOWNLOAD_BYTES}` });
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
  await pipeline(Readable.from(blocks(bytes)), response);
}

/** Server-sent events: each is written by itself, so that a proxy which collects them can be told from one which does not. */
async function events(query: URLSearchParams, response: ServerResponse): Promise<void> {
  const count = numberOf(query, 'count', 5, MAX_EVENTS);
  const interval_ms = numberOf(query, 'interval_ms', 1000, MAX_INTERVAL_MS);
  if (count === undefined || interval_ms === undefined) {
    const bounds = `count is a number up to ${MAX_EVENTS} and interval_ms one up to ${MAX_INTERVAL_MS}`;
    return answer(response, 400, { error: bounds });
  }
  const left = new AbortController();
  response.on('close', () => left.abort());
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  for (let id = 1; id <= count && !left.signal.aborted; id++) {
    response.write(`id: ${id}\ndata: event ${id} of ${count}\n\n`);
    if (id < count) await sleep(interval_ms, undefined, { signal: left.signal });
  }
  response.end();
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://demo');
  switch (pathname) {
    case '/hello':
      return answer(response, 200, { message: 'hello from the demo upstream' });
    case '/events':
      return events(searchParams, response);
    case '/download':
      return download(searchParams, response);
    case '/upload':
      return upload(request, response);
    default:
      return echo(request, response);
  }
}

const port = Number(process.env['DEMO_PORT'] ?? 8081);
const server = createServer((request, response) => {
  // A client that goes away in mid-body is no failure of the demo.
  serve(request, response).catch(() => response.destroy());
});
server.on('error', (error) => {
  console.error(`demo upstream: cannot listen on 127.0.0.1 port ${port}: ${error.message}`);
  process.exit(1);
});
server.listen(port, '127.0.0.1', () => {
  console.log(`demo upstream listening on 127.0.0.1 port ${(server.address() as AddressInfo).port}`);
});

// Ctrl-C reaches every process of the terminal. The gateway still finishes what is under way, so the service behind it
// stays until the gateway is gone, which closes our standard input.
process.on('SIGINT', () => {});
process.stdin.on('end', () => process.exit(0)).resume();
