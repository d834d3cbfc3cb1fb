/**
 * Which protocol the clients of the tests speak: HTTP/1.1, or HTTP/2 with `TEST_HTTP=2`. Suites take their connections and agents
 * from here, and are the same for both.
 */
import http from 'node:http';
import net from 'node:net';
import { Http1OverHttp2 } from './http1-over-http2.ts';
import { type AgentOptions, Http2Agent } from './http2-agent.ts';

export { REFUSED } from './http1-over-http2.ts';

export const IS_HTTP2 = process.env['TEST_HTTP'] === '2';

/** For the listeners of a gateway: both protocols, where HTTP/2 is spoken. */
export const LISTENER: { readonly http2?: true } = IS_HTTP2 ? { http2: true } : {};

/** Of a test whose subject HTTP/2 does not have: it is skipped there, and the report says why. */
export function onlyHttp1(reason: string): { readonly skip?: string } {
  return IS_HTTP2 ? { skip: `only in HTTP/1.1: ${reason}` } : {};
}

interface ConnectOptions {
  readonly localAddress?: string | undefined;
  readonly allowHalfOpen?: boolean;
}

/** A connection to a gateway on this machine: requests are written and answers read as HTTP/1.1 has them. */
export function connect(port: number, options: ConnectOptions = {}): net.Socket {
  if (!IS_HTTP2) return net.connect({ host: '127.0.0.1', port, ...options } as net.NetConnectOpts);
  return new Http1OverHttp2({ port, allowHalfOpen: false, ...options }) as unknown as net.Socket;
}

/** For `http.request` and what is made of it. */
export function newAgent(options: AgentOptions = {}): http.Agent {
  return IS_HTTP2 ? new Http2Agent(options) : new http.Agent(options);
}

/** Where no agent is named. */
export const AGENT = IS_HTTP2 ? newAgent({ keepAlive: true }) : http.globalAgent;
