/** The clients that plugins reach out with, by kind. */
import type { ClientKind, Clients, ClientTls } from '../sdk/clients.ts';
import { HttpConnections } from './http-client.ts';
import { LdapConnections } from './ldap-client.ts';
import { RedisConnections } from './redis-client.ts';

/** A client beside what ends it. */
export interface OwnedClient<C> {
  readonly client: C;
  /** Gives up what is under way, and closes every connection. */
  close(): void;
}

export type StartTimer = (delay_ms: number, onExpired: () => void) => { stop(): void };

/** Makes clients; `startTimer` is the time that their deadlines follow. */
export type ClientSource = <K extends ClientKind>(
  kind: K,
  options: Clients[K]['options'],
) => OwnedClient<Clients[K]['client']>;

type Makers = { readonly [K in ClientKind]: (options: Clients[K]['options']) => OwnedClient<Clients[K]['client']> };

/** @param authorities certificates (PEM) that are trusted where options name none; undefined: those that Node.js brings along */
export function clientSource(startTimer: StartTimer, authorities?: string): ClientSource {
  const trusting = (tls: ClientTls = {}): ClientTls =>
    authorities === undefined || tls.ca !== undefined ? tls : { ...tls, ca: authorities };
  const makers: Makers = {
    http: (options) => {
      const connections = new HttpConnections({ ...options, tls: trusting(options.tls) }, startTimer);
      return { client: connections, close: () => connections.close() };
    },
    redis: (options) => {
      const connections = new RedisConnections(
        options.tls === undefined ? options : { ...options, tls: trusting(options.tls) },
        startTimer,
      );
      return { client: connections, close: () => connections.close() };
    },
    ldap: (options) => {
      const connections = new LdapConnections({ ...options, tls: trusting(options.tls) }, startTimer);
      return { client: connections, close: () => connections.close() };
    },
  };
  return (kind, options) => {
    if (!Object.hasOwn(makers, kind)) {
      throw new TypeError(
        `there is no client of kind ${JSON.stringify(kind)}: there are ${Object.keys(makers).join(', ')}`,
      );
    }
    return makers[kind](options);
  };
}
