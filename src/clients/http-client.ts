/** HTTP requests of plugins: bounded in time, size and connections; certificates verified; never led elsewhere by a redirect. */
import http from 'node:http';
import https from 'node:https';
import { ClientError } from '../sdk/clients.ts';
import type { HttpAnswer, HttpClient, HttpClientOptions, HttpRequest, HttpStream } from '../sdk/clients.ts';
import type { StartTimer } from './clients.ts';
import { AnswerHead, readStream, WholeAnswer } from './http-answer.ts';
import { clientError } from './http-faults.ts';
import { checkedOptions, type HttpBounds } from './http-options.ts';

const MOST_HEAD_BYTES = 65_536;

/** What is under way, so that closing can end it. */
type Pending = Set<http.ClientRequest>;

export class HttpConnections implements HttpClient {
  readonly #bounds: HttpBounds;
  readonly #startTimer: StartTimer;
  /** By protocol, made when first needed: most clients are made for routes that need none for now. */
  readonly #agents: { http?: http.Agent; https?: https.Agent } = {};
  readonly #pending: Pending = new Set();
  #isClosed = false;

  /** Throws TypeError for wrong options. */
  constructor(options: HttpClientOptions, startTimer: StartTimer) {
    this.#bounds = checkedOptions(options);
    this.#startTimer = startTimer;
  }

  #agent(isSecure: boolean): http.Agent {
    const { keepalive, connections, idle_connections, idle_ms, tls } = this.#bounds;
    const options = {
      keepAlive: keepalive,
      maxSockets: connections,
      maxFreeSockets: idle_connections,
      timeout: idle_ms,
    };
    if (isSecure) return (this.#agents.https ??= new https.Agent({ ...options, ...tls }));
    return (this.#agents.http ??= new http.Agent(options));
  }

  async request(request: HttpRequest): Promise<HttpAnswer> {
    const url = checkedUrl(request.url);
    const deadline = this.#startDeadline(request);
    const most = Math.min(request.max_response_bytes ?? Infinity, this.#bounds.max_response_bytes);
    try {
      const message = await this.#follow(url, request, deadline);
      return await WholeAnswer.read(message, most, deadline).catch((error: unknown) => {
        throw withStatus(error, message.statusCode);
      });
    } finally {
      deadline.stop();
    }
  }

  async open(request: HttpRequest): Promise<HttpStream> {
    const url = checkedUrl(request.url);
    const deadline = this.#startDeadline(request);
    const message = await this.#follow(url, request, deadline).finally(() => deadline.stop());
    const head = new AnswerHead(message);
    return {
      status: head.status,
      header: (name) => head.header(name),
      headerEntries: () => head.headerEntries(),
      body: readStream(message, () => this.#startDeadline(request)),
      abort: () => message.destroy(),
    };
  }

  /** Gives up what is under way, and closes every connection. */
  close(): void {
    this.#isClosed = true;
    for (const request of this.#pending) request.destroy(closedError());
    this.#agents.http?.destroy();
    this.#agents.https?.destroy();
  }

  #startDeadline({ timeout_ms = Infinity }: HttpRequest): Deadline {
    return new Deadline(this.#startTimer, Math.min(timeout_ms, this.#bounds.timeout_ms));
  }

  /** Where a redirect leads to another origin, it is the answer. */
  async #follow(start: URL, request: HttpRequest, deadline: Deadline): Promise<http.IncomingMessage> {
    const { method = 'GET' } = request;
    let left = method === 'GET' || method === 'HEAD' ? this.#bounds.redirects : 0;
    for (let url = start; ; left--) {
      const message = await this.#send(url, request, deadline);
      const next = left > 0 ? redirectOf(message, url) : null;
      if (next === null) return message;
      message.resume();
      url = next;
    }
  }

  async #send(url: URL, request: HttpRequest, deadline: Deadline): Promise<http.IncomingMessage> {
    try {
      return await this.#exchange(url, request, deadline);
    } catch (error) {
      // The server closed the idle connection just as it was used again: nothing was done yet.
      if (!(error instanceof StaleConnection)) throw error;
      if (!isIdempotent(request.method) && request.isRepeatable !== true) throw error.fault;
      return this.#exchange(url, request, deadline).catch((again: unknown) => {
        throw again instanceof StaleConnection ? again.fault : again;
      });
    }
  }

  #exchange(
    url: URL,
    { method = 'GET', headers = {}, body }: HttpRequest,
    deadline: Deadline,
  ): Promise<http.IncomingMessage> {
    if (this.#isClosed) return Promise.reject(closedError());
    const isSecure = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const sent = (isSecure ? https : http).request(url, {
        method,
        agent: this.#agent(isSecure),
        headers: headersOf(headers, body),
        maxHeaderSize: MOST_HEAD_BYTES,
        ...(isSecure ? this.#bounds.tls : {}),
      });
      this.#pending.add(sent);
      deadline.expireBy((fault) => sent.destroy(fault));
      sent.on('close', () => this.#pending.delete(sent));
      sent.on('response', resolve);
      sent.on('error', (error: NodeJS.ErrnoException) => {
        const fault = this.#isClosed ? closedError() : clientError(error, url);
        reject(error.code === 'ECONNRESET' && sent.reusedSocket ? new StaleConnection(fault) : fault);
      });
      sent.end(body);
    });
  }
}

/** One deadline for everything that a request takes. */
export class Deadline {
  readonly #timer: { stop(): void };
  #onExpired: (fault: ClientError) => void = () => {};
  #fault: ClientError | null = null;

  constructor(startTimer: StartTimer, delay_ms: number) {
    this.#timer = startTimer(delay_ms, () => {
      this.#fault = new ClientError('timeout', `no answer within ${delay_ms} ms`);
      this.#onExpired(this.#fault);
    });
  }

  /** Told when it expires, in place of who was told before; at once if it has. */
  expireBy(onExpired: (fault: ClientError) => void): void {
    this.#onExpired = onExpired;
    if (this.#fault !== null) onExpired(this.#fault);
  }

  stop(): void {
    this.#timer.stop();
  }
}

function withStatus(error: unknown, status = 0): unknown {
  return error instanceof ClientError ? new ClientError(error.fault, error.message, { cause: error, status }) : error;
}

function closedError(): ClientError {
  return new ClientError('closed', 'the client was closed');
}

class StaleConnection extends Error {
  readonly fault: ClientError;

  constructor(fault: ClientError) {
    super(fault.message);
    this.fault = fault;
  }
}

function isIdempotent(method = 'GET'): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'PUT' || method === 'DELETE';
}

function checkedUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new TypeError(`${JSON.stringify(text)} is no absolute http or https URL`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('a URL with credentials is refused: they go into a header');
  }
  return url;
}

function redirectOf({ statusCode = 0, headers: { location } }: http.IncomingMessage, url: URL): URL | null {
  if (location === undefined || ![301, 302, 303, 307, 308].includes(statusCode)) return null;
  const next = URL.parse(location, url.href);
  return next !== null && next.origin === url.origin && next.username === '' ? next : null;
}

function headersOf(headers: NonNullable<HttpRequest['headers']>, body: HttpRequest['body']): http.OutgoingHttpHeaders {
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  return { ...(headers as http.OutgoingHttpHeaders), ...length };
}
