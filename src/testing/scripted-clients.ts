/** What plugins reach beyond the gateway with, in a test: the test answers in the place of what is outside. */
import type { ClientSource } from '../clients/clients.ts';
import {
  ClientError,
  type ClientKind,
  type Clients,
  type HttpAnswer,
  type HttpClient,
  type HttpRequest,
  type LdapClient,
  type RedisClient,
} from '../sdk/clients.ts';
import { headersOf } from './message-reader.ts';

export interface Effects {
  /** Answers the HTTP requests of plugins. May throw a ClientError of the SDK. */
  readonly http?: (request: HttpAsked) => HttpEffect | Promise<HttpEffect>;
  /** Stands for Redis. */
  readonly redis?: RedisClient;
  /** Stands for a directory. */
  readonly ldap?: LdapClient;
}

/** What a plugin asks. */
export interface HttpAsked {
  readonly method: string;
  readonly url: string;
  /** By lower-case name; the values of a repeated one are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** As UTF-8; '' without. */
  readonly body: string;
}

export interface HttpEffect {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: string | Readonly<Record<string, unknown>>;
}

const nobody = (what: string): ClientError =>
  new ClientError('refused', `${what}, and nothing is scripted for it: give the option effects`);

/** Clients of each kind; without a script, nobody is there. */
export function scriptedClients(effects: Effects): ClientSource {
  const http: HttpClient = {
    request: (request) => answerTo(request, effects),
    async open(request) {
      const answer = await answerTo(request, effects);
      return { ...answer, body: once(answer.body), abort: () => {} };
    },
  };
  const refuse = (what: string) => (): Promise<never> => Promise.reject(nobody(`a plugin asks ${what}`));
  const redis: RedisClient = effects.redis ?? { run: refuse('Redis'), command: refuse('Redis') };
  const ldap: LdapClient = effects.ldap ?? { accepts: refuse('a directory'), find: refuse('a directory') };
  const clients: { readonly [K in ClientKind]: Clients[K]['client'] } = { http, redis, ldap };
  return (kind) => {
    if (!Object.hasOwn(clients, kind))
      throw new TypeError(`there is no client of kind ${JSON.stringify(kind)} in tests`);
    return { client: clients[kind], close: () => {} };
  };
}

async function answerTo(request: HttpRequest, { http }: Effects): Promise<HttpAnswer> {
  if (http === undefined) throw nobody(`a plugin sends ${request.method ?? 'GET'} ${request.url}`);
  const { status = 200, headers = {}, body = '' } = await http(askedOf(request));
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const entries = Object.entries(headers);
  return {
    status,
    header: (name) => entries.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1],
    headerEntries: () => entries.map(([name, value]) => [name, value]),
    body: bytes,
    text: () => bytes.toString(),
    json: () => JSON.parse(bytes.toString()) as unknown,
  };
}

function askedOf({ method = 'GET', url, headers = {}, body = '' }: HttpRequest): HttpAsked {
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => [name, each] as const),
  );
  return { method, url, headers: headersOf(fields), body: Buffer.from(body).toString() };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
