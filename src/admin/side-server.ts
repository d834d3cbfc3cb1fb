/**
 * A small server beside the data plane, on node:http, where nothing counts microseconds: bounded in all that a client
 * can send, quick to close, and it reads no bodies.
 */
import http from 'node:http';
import { bound, close, listen } from './bounded-server.ts';
import type { Listening } from './bounded-server.ts';

export interface SideServerOptions extends Listening {
  /** What went wrong after the start, such as a connection that could not be accepted. */
  onError(error: unknown): void;
}

export interface SideServer {
  /** The port that it listens on. */
  readonly port: number;
  /** Stops listening, lets an answer under way finish and ends idle connections. Resolves when all are gone, after one second at most. */
  close(): Promise<void>;
}

/** Answers a request; `fields` belong into the head of every answer. */
export type Respond = (
  request: http.IncomingMessage,
  response: http.ServerResponse,
  fields: Readonly<Record<string, string>>,
) => void;

/** What is asked here is small and quick; anything else comes from elsewhere. */
const LIMITS: http.ServerOptions = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 5000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 2000,
  requireHostHeader: true,
  insecureHTTPParser: false,
};

/** @returns once it listens; rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL) if it cannot */
export async function startSideServer(options: SideServerOptions, respond: Respond): Promise<SideServer> {
  const server = http.createServer(LIMITS, (request, response) => {
    // A body is not read: the connection ends with the answer.
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    const last = hasBody || !server.listening ? { Connection: 'close' } : {};
    respond(request, response, { 'Cache-Control': 'no-store', Server: 'Gatewright', ...last });
  });
  bound(server);
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  const port = await listen(server, options);
  server.on('error', (error) => options.onError(error));
  return { port, close: () => close(server) };
}

/** The path of a request target, without its query. */
export function pathOf(request: http.IncomingMessage): string {
  const target = request.url ?? '';
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

export const isRead = ({ method }: http.IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

export const NOT_FOUND = { error_msg: '404 Not Found' } as const;
export const NOT_ALLOWED = { error_msg: '405 Method Not Allowed' } as const;

/** Answers with JSON; with 405, says what is allowed. */
export function sendJson(
  response: http.ServerResponse,
  status: number,
  body: object,
  fields: Readonly<Record<string, string>>,
): void {
  sendText(response, { status, contentType: 'application/json', text: `${JSON.stringify(body)}\n` }, fields);
}

/** Answers with a text; with 405, says what is allowed. */
export function sendText(
  response: http.ServerResponse,
  { status, contentType, text }: { readonly status: number; readonly contentType: string; readonly text: string },
  fields: Readonly<Record<string, string>>,
): void {
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(text),
    ...fields,
    ...(status === 405 ? { Allow: 'GET, HEAD' } : {}),
  });
  // node:http leaves the body out of an answer to HEAD by itself.
  response.end(text);
}
