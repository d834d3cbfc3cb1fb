/** The listener of the Admin API: bounds, addresses, keys; what is asked for is `AdminApi`'s part. */
import http from 'node:http';
import https from 'node:https';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { dump } from 'js-yaml';
import { refuse, Refused } from './answer.ts';
import type { Answer } from './answer.ts';
import type { AdminApi } from './api.ts';
import { bound, close, listen } from './bounded-server.ts';
import type { Listening } from './bounded-server.ts';
import { AdminKeys, cookieOf, keyOf } from './keys.ts';
import type { AdminKey, Caller } from './keys.ts';
import type { AdminRequest } from './request.ts';
import { pathOf } from './side-server.ts';
import type { SideServer } from './side-server.ts';

export interface AdminServerOptions extends Listening {
  readonly api: AdminApi;
  readonly keys: readonly AdminKey[];
  /** Everyone who reaches the listener is an admin; keys are ignored. For loopback addresses only. */
  readonly allowsAnonymous: boolean;
  /** Addresses and CIDR blocks that may call; all if empty. */
  readonly allow: readonly string[];
  readonly maxBody_bytes: number;
  /** PEM; null for plain HTTP. */
  readonly tls: TlsFiles | null;
  /** Told of refused keys and addresses, never with the key. */
  onDenied(detail: { readonly address: string; readonly reason: string; readonly path: string }): void;
  /** A fault of the gateway's own code, or of a connection. */
  onError(error: unknown): void;
}

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Clients must have a certificate of one of these authorities; null asks for none. */
  readonly clientCa: string | null;
}

const LIMITS: http.ServerOptions = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2000,
  requireHostHeader: true,
  insecureHTTPParser: false,
};
/** Longer than anyone waits for `?wait=true`. */
const SOCKET_TIMEOUT_MS = 60_000;

const FIELDS = {
  // What clients read the version of APISIX from.
  Server: 'APISIX/3.18.0',
  'X-API-VERSION': 'v3',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};
const ANONYMOUS: Caller = { name: 'anonymous', role: 'admin' };
const BROKEN: Answer = { status: 500, body: { error_msg: 'the gateway failed: its error log says why' } };

/** @returns once it listens; rejects with the system's error, or with OpenSSL's if a certificate or key is none */
export async function startAdminServer(options: AdminServerOptions): Promise<SideServer> {
  const gate = new Gate(options);
  const respond = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    void answer(request, response, gate, options).catch((error: unknown) => {
      options.onError(error);
      if (!response.headersSent) send(request, response, BROKEN);
      else response.destroy();
    });
  };
  const server = create(options, respond);
  bound(server, SOCKET_TIMEOUT_MS);
  server.on('checkContinue', respond);
  const port = await listen(server, options);
  server.on('error', (error) => options.onError(error));
  return { port, close: () => close(server) };
}

function create({ tls }: AdminServerOptions, respond: http.RequestListener): http.Server {
  if (tls === null) return http.createServer(LIMITS, respond);
  const { cert, key, clientCa } = tls;
  const verification = clientCa === null ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  return https.createServer({ ...LIMITS, cert, key, minVersion: 'TLSv1.2', ...verification }, respond);
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  gate: Gate,
  options: AdminServerOptions,
): Promise<void> {
  let found: Answer;
  try {
    const address = plainAddress(request.socket.remoteAddress ?? '');
    const path = pathOf(request);
    const query = new URLSearchParams((request.url ?? '').slice(path.length));
    const caller = gate.admit(request, query, address);
    const body = await readBody(request, response, options.maxBody_bytes);
    found = await options.api.answer(asked(request, query, body), path, { caller, address });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    found = error.answer;
  }
  send(request, response, found);
}

function asked(request: http.IncomingMessage, query: URLSearchParams, body: string): AdminRequest {
  const { headers, method = '' } = request;
  const digest = headers['x-digest'] ?? '';
  return {
    method,
    query,
    body,
    contentType: (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
    ifMatch: headers['if-match'] ?? '',
    ifNoneMatch: headers['if-none-match'] ?? '',
    digest: Array.isArray(digest) ? digest.join(', ') : digest,
    accept: headers.accept ?? '',
  };
}

/** Who gets in. */
class Gate {
  private readonly options: AdminServerOptions;
  private readonly keys: AdminKeys;
  private readonly allowed: BlockList | null;

  constructor(options: AdminServerOptions) {
    this.options = options;
    this.keys = new AdminKeys(options.keys);
    this.allowed = options.allow.length === 0 ? null : blockListOf(options.allow);
  }

  /** Throws Refused. */
  admit(request: http.IncomingMessage, query: URLSearchParams, address: string): Caller {
    const path = pathOf(request);
    const deny = (status: number, reason: string, headers: Readonly<Record<string, string>> = {}): Refused => {
      this.options.onDenied({ address, reason, path: path.slice(0, 200) });
      return refuse(status, reason, { Connection: 'close', ...headers });
    };
    if (this.allowed?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') === false) {
      throw deny(403, `the address ${address} is not allowed here`);
    }
    // Clients look for the version before they have a key; there is nothing else in the answer.
    if (request.method === 'HEAD' && /^\/apisix\/admin\/?$/.test(path)) return { name: '', role: 'viewer' };
    const { key, isAmbient } = keyOf({
      header: textOf(request.headers['x-api-key']),
      argument: query.get('api_key') ?? '',
      cookie: cookieOf(request.headers.cookie ?? '', 'x_api_key'),
    });
    const caller = this.options.allowsAnonymous ? ANONYMOUS : this.keys.identify(key);
    if (caller === null) {
      throw deny(401, 'failed to check token', { 'WWW-Authenticate': 'ApiKey realm="Admin API"' });
    }
    // No page of another origin may use what a browser adds by itself, or that it runs on this machine.
    if ((isAmbient || this.options.allowsAnonymous) && isForeign(request)) {
      throw deny(403, 'requests of pages of another origin are refused');
    }
    if (this.options.allowsAnonymous && !isLocalHost(request.headers.host ?? '')) {
      throw deny(403, 'Host: without keys this machine must be named as localhost or by its address');
    }
    return caller;
  }
}

function isForeign({ headers }: http.IncomingMessage): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return headers['sec-fetch-site'] === 'cross-site';
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

/** A name that anyone can point at this machine is none of its own. */
function isLocalHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}

const textOf = (field: string | readonly string[] | undefined): string => (typeof field === 'string' ? field : '');

/** An IPv4 address that came through an IPv6 socket is one all the same. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

function blockListOf(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = '', bits] = block.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** The body as text. Throws Refused: 413 beyond the limit, 400 if it is not UTF-8. */
async function readBody(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  max_bytes: number,
): Promise<string> {
  const tooLarge = () =>
    refuse(413, `the body is larger than gateway.admin.max_body_bytes: ${max_bytes}`, { Connection: 'close' });
  if (Number(request.headers['content-length'] ?? 0) > max_bytes) throw tooLarge();
  if (request.headers.expect !== undefined) response.writeContinue();
  const pieces: Buffer[] = [];
  let bytes = 0;
  // Without destroying the request at a refusal: the answer goes over the same socket.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > max_bytes) throw tooLarge();
    pieces.push(piece);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
  } catch {
    throw refuse(400, 'invalid request body: it is not UTF-8');
  }
}

function send(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  { status, body, headers, format }: Answer,
): void {
  if (response.destroyed) return;
  const isYaml = format === 'yaml';
  const text = body === null ? '' : isYaml ? dump(body) : `${JSON.stringify(body)}\n`;
  const type = isYaml ? 'application/yaml' : 'application/json';
  // What is left of a body that was not read would be taken for the next request.
  const last = request.complete ? {} : { Connection: 'close' };
  response.writeHead(status, {
    ...FIELDS,
    ...(text === '' ? {} : { 'Content-Type': type }),
    ...(status === 204 ? {} : { 'Content-Length': Buffer.byteLength(text) }),
    ...headers,
    ...last,
  });
  // node:http leaves the body out of an answer to HEAD by itself.
  response.end(status === 204 ? undefined : text);
}
