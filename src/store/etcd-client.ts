/** Calls to etcd over its HTTP/JSON gateway: several endpoints, one after the other, with TLS and a user where configured. */
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { EtcdRefusal, refusalError } from './etcd-messages.ts';
import { StoreError } from './store-error.ts';

/** As node:tls takes them. */
export interface EtcdTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

export interface EtcdClientOptions {
  /** `http://` or `https://`, host and port; at least one. */
  readonly endpoints: readonly string[];
  /** Until a call has failed. */
  readonly timeout_ms: number;
  readonly user: string;
  readonly password: string;
  readonly tls: EtcdTls;
}

/** A response larger than this is none of ours. */
const MAX_RESPONSE_BYTES = 1024 * 1024 * 1024;

interface CallOptions {
  /** False for what must not happen twice: it is sent once, unless it surely did not arrive. */
  readonly isRepeatable: boolean;
}

export class EtcdClient {
  private readonly options: EtcdClientOptions;
  private readonly endpoints: readonly URL[];
  private readonly agents: { readonly http: HttpAgent; readonly https: HttpsAgent };
  /** The endpoint that answered last. */
  private current = 0;
  private token: string | null = null;

  constructor(options: EtcdClientOptions) {
    this.options = options;
    this.endpoints = options.endpoints.map((endpoint) => new URL(endpoint));
    const agent = { keepAlive: true, maxSockets: 8, maxFreeSockets: 2 };
    this.agents = { http: new HttpAgent(agent), https: new HttpsAgent({ ...agent, ...options.tls }) };
  }

  get endpointCount(): number {
    return this.endpoints.length;
  }

  /** The endpoint in use, for messages: without anything secret. */
  get endpoint(): string {
    return this.endpoints[this.current]?.origin ?? '';
  }

  /** Reads: asks each endpoint until one answers. Rejects with a StoreError. */
  read<T>(path: string, body: object): Promise<T> {
    return this.call<T>(path, body, { isRepeatable: true });
  }

  /** Writes: asks the next endpoint only if the one before surely did not get the request. */
  write<T>(path: string, body: object): Promise<T> {
    return this.call<T>(path, body, { isRepeatable: false });
  }

  /** The next endpoint takes its turn. */
  turn(): void {
    this.current = (this.current + 1) % this.endpoints.length;
  }

  close(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  private async call<T>(path: string, body: object, options: CallOptions): Promise<T> {
    let failure: StoreError | null = null;
    for (let i = 0; i < this.endpoints.length; i++) {
      try {
        return await this.authorized<T>(path, body, options);
      } catch (error) {
        failure = this.failureOf(error, options);
        const isElsewhereBetter = error instanceof EtcdRefusal ? error.isTemporary : true;
        if (!isElsewhereBetter) throw failure;
        this.turn();
        if (failure.isOutcomeUnknown) throw failure;
      }
    }
    throw failure ?? new StoreError('unavailable', 'no endpoint of etcd is configured');
  }

  private failureOf(error: unknown, { isRepeatable }: CallOptions): StoreError {
    if (error instanceof StoreError) return error;
    const found = error instanceof EtcdRefusal ? refusalError(error, this.endpoint) : this.unreachable(error);
    if (!found.isOutcomeUnknown) return found;
    // Of what may be repeated nothing is in doubt.
    const { code, message, cause } = found;
    if (isRepeatable) return new StoreError(code, message, { cause });
    const told = `${message}; the request had been sent: whether it was carried out is not known`;
    return new StoreError(code, told, { cause, isOutcomeUnknown: true });
  }

  private unreachable(error: unknown): StoreError {
    const isOutcomeUnknown = error instanceof CallFailure && error.wasSent;
    const reason = error instanceof Error ? error.message : String(error);
    return new StoreError('unavailable', `etcd at ${this.endpoint}: ${reason}`, { cause: error, isOutcomeUnknown });
  }

  private async authorized<T>(path: string, body: object, options: CallOptions): Promise<T> {
    if (this.options.user === '') return this.post<T>(path, body, options);
    this.token ??= await this.authenticate();
    try {
      return await this.post<T>(path, body, options);
    } catch (error) {
      // A call with a bad token is refused before anything else: it may be repeated.
      if (!(error instanceof EtcdRefusal) || !error.isStaleToken) throw error;
      this.token = await this.authenticate();
      return this.post<T>(path, body, options);
    }
  }

  private async authenticate(): Promise<string> {
    const { user, password } = this.options;
    this.token = null;
    try {
      const { token } = await this.post<{ token?: string }>(
        '/v3/auth/authenticate',
        { name: user, password },
        { isRepeatable: true },
      );
      return token ?? '';
    } catch (error) {
      if (error instanceof EtcdRefusal && !error.isTemporary) {
        const message = `etcd at ${this.endpoint} does not take the user "${user}": ${error.message}`;
        throw new StoreError('unavailable', message, { cause: error });
      }
      // Nothing but the question for a token was sent.
      if (error instanceof CallFailure) throw new CallFailure(error.message, false, error);
      throw error;
    }
  }

  private post<T>(path: string, body: object, { isRepeatable }: CallOptions): Promise<T> {
    const { timeout_ms } = this.options;
    return new Promise<T>((resolve, reject) => {
      let wasSent = isRepeatable;
      const fail = (reason: string, cause?: unknown): void => reject(new CallFailure(reason, wasSent, cause));
      // A connection that idled may be gone without our knowing: what must not happen twice gets a new one.
      const outgoing = this.open(path, isRepeatable);
      outgoing.on('socket', (socket) => {
        const isReady = socket.readyState === 'open';
        const ready = 'encrypted' in socket ? 'secureConnect' : 'connect';
        if (isReady) wasSent = true;
        else socket.once(ready, () => (wasSent = true));
      });
      const timer = setTimeout(() => {
        fail(`no answer within ${timeout_ms} ms`);
        outgoing.destroy();
      }, timeout_ms);
      const done = (): void => clearTimeout(timer);
      outgoing.on('error', (error) => {
        done();
        fail(describe(error), error);
      });
      outgoing.on('response', (response) => {
        collect(response).then(
          (text) => {
            done();
            settle<T>(response.statusCode ?? 0, text, resolve, reject);
          },
          (error: unknown) => {
            done();
            fail(describe(error as Error), error);
          },
        );
      });
      outgoing.end(JSON.stringify(body));
    });
  }

  /** A request to the endpoint in use, with its head; the caller sends the body and takes what comes. */
  open(path: string, isReused: boolean): ClientRequest {
    const url = this.endpoints[this.current];
    if (url === undefined) throw new StoreError('unavailable', 'no endpoint of etcd is configured');
    const isSecure = url.protocol === 'https:';
    const options: RequestOptions = {
      method: 'POST',
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isSecure ? 443 : 80) : url.port,
      path,
      headers: {
        host: url.host,
        'content-type': 'application/json',
        // A member that lost its leader refuses instead of answering from its past.
        'grpc-metadata-hasleader': 'true',
        ...(this.token === null ? {} : { authorization: this.token }),
      },
    };
    if (!isSecure) return httpRequest({ ...options, agent: isReused ? this.agents.http : false });
    return httpsRequest({ ...options, ...this.options.tls, agent: isReused ? this.agents.https : false });
  }

  /** Makes sure that `open` has a token to send, where there is a user. */
  async authorize(): Promise<void> {
    if (this.options.user !== '') this.token ??= await this.authenticate();
  }

  /** The token is no longer good. */
  forgetToken(): void {
    this.token = null;
  }
}

/** No answer came. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  /** The request may have been carried out. */
  readonly wasSent: boolean;

  constructor(message: string, wasSent: boolean, cause?: unknown) {
    super(message, { cause });
    this.wasSent = wasSent;
  }
}

function settle<T>(status: number, text: string, resolve: (value: T) => void, reject: (error: Error) => void): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    reject(
      new EtcdRefusal(status, {
        message: `HTTP status ${status} with something that is no JSON: is this etcd's client port?`,
      }),
    );
    return;
  }
  if (typeof parsed !== 'object' || parsed === null)
    reject(new EtcdRefusal(status, { message: 'an answer that is no object' }));
  else if (status === 200) resolve(parsed as T);
  else reject(new EtcdRefusal(status, parsed));
}

async function collect(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MAX_RESPONSE_BYTES) throw new Error(`the answer has more than ${MAX_RESPONSE_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Errors of several addresses say nothing by themselves. */
export function describe(error: Error): string {
  const inner = error instanceof AggregateError ? (error.errors as unknown[])[0] : undefined;
  return inner instanceof Error ? inner.message : error.message;
}
