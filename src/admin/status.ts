/**
 * The status server, for the probes of orchestrators and load balancers, as the Status API of APISIX's documentation:
 * `/status` says that the process lives, `/status/ready` whether it should get traffic. It runs beside the data
 * plane on node:http, where nothing counts microseconds.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for the prober's log; it names nothing that is secret. Ignored while ready. */
  readonly reason: string;
}

export interface StatusOptions {
  /** IP address to listen on. */
  readonly address: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Asked at every `/status/ready`. It answers from memory: nothing waits for it. */
  isReady(): Readiness;
  /** What went wrong after the start: a connection that could not be accepted, an exception of `isReady`. */
  onError(error: unknown): void;
}

export interface StatusServer {
  /** The port that it listens on. */
  readonly port: number;
  /** Stops listening, lets an answer under way finish and ends idle connections. Resolves when all are gone, after one second at most. */
  close(): Promise<void>;
}

/** Probes are small and quick; anything else is no probe. */
const LIMITS: http.ServerOptions = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 5000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 2000,
  requireHostHeader: true,
  insecureHTTPParser: false,
};
const MAX_CONNECTIONS = 256;
const MAX_FIELDS = 64;
const SOCKET_TIMEOUT_MS = 20_000;
const CLOSE_GRACE_MS = 1000;

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly allow?: string;
}

const OK: Answer = { status: 200, body: { status: 'ok' } };
const NOT_FOUND: Answer = { status: 404, body: { error_msg: '404 Not Found' } };
const NOT_ALLOWED: Answer = { status: 405, body: { error_msg: '405 Method Not Allowed' }, allow: 'GET, HEAD' };

/** What the status server answers: a function of the request line and of readiness alone. */
function answer(method: string, target: string, isReady: () => Readiness): Answer {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  if (path !== '/status' && path !== '/status/ready') return NOT_FOUND;
  if (method !== 'GET' && method !== 'HEAD') return NOT_ALLOWED;
  if (path === '/status') return OK;
  const { ready, reason } = isReady();
  return ready ? OK : { status: 503, body: { status: 'error', error: reason } };
}

/** @returns once it listens; rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL) if it cannot */
export async function startStatusServer(options: StatusOptions): Promise<StatusServer> {
  const server = http.createServer(LIMITS, (request, response) => {
    // A body is no part of a probe: it is not read, and the connection ends with the answer.
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    send(response, decide(request, options), hasBody || !server.listening);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = MAX_FIELDS;
  server.setTimeout(SOCKET_TIMEOUT_MS);
  // An Expect or Upgrade that nobody asked for is answered like any other request; Node.js would wait, or hang up.
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  await listen(server, options);
  server.on('error', (error) => options.onError(error));
  const { port } = server.address() as AddressInfo;
  return { port, close: () => close(server) };
}

function decide(request: http.IncomingMessage, options: StatusOptions): Answer {
  try {
    return answer(request.method ?? '', request.url ?? '', () => options.isReady());
  } catch (error) {
    options.onError(error);
    return { status: 503, body: { status: 'error', error: 'readiness is not known' } };
  }
}

function send(response: http.ServerResponse, { status, body, allow }: Answer, isLast: boolean): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    Server: 'Gatewright',
    ...(allow === undefined ? {} : { Allow: allow }),
    ...(isLast ? { Connection: 'close' } : {}),
  });
  // node:http leaves the body out of an answer to HEAD by itself.
  response.end(text);
}

function listen(server: http.Server, { address, port }: StatusOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(grace);
      resolve();
    });
    server.closeIdleConnections();
  });
}
