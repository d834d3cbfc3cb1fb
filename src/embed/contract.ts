/** What `gatewright` exports of embedding, as types: nothing here needs the types of Node.js. */
import type { ConfigurationFile } from '../builders/configuration-file.ts';
import type { Problem } from '../model/problem.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';

/** A configuration itself, or the path of a file with one. */
export type ConfigurationSource = ConfigurationFile | string;

export interface CreateGatewayOptions {
  readonly config: ConfigurationSource;
  /** Plugins of your own, as `definePlugin` gives them; their files need not stand under `gateway.plugin_files`. */
  readonly plugins?: readonly AnyPlugin[];
  /** What `${{NAME}}` in a file stands for; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Each line of the error log, without its end. Without it they go where `gateway.error_log` says: to stderr by default. */
  readonly onLog?: (line: string) => void;
  /** Called once for every exchange, when it is over. What it throws is logged and costs nobody anything. */
  readonly onExchange?: (exchange: ExchangeRecord) => void;
}

export interface FetchOptions extends RequestInit {
  /** The address that the client is taken to have; default 127.0.0.1. */
  readonly remoteAddress?: string;
}

/** A gateway in this thread. It answers `fetch` from the beginning, and has ports from `start` on. */
export interface Gateway {
  /** Of the configuration in force; grows with each change. */
  readonly revision: number;
  /** Where it listens: empty before `start` and after `stop`. */
  readonly addresses: readonly ListeningAddress[];
  /** Opens the ports of `gateway.http` and `gateway.https`. Rejects, with none of them open, if one cannot be had. */
  start(): Promise<readonly ListeningAddress[]>;
  /**
   * Puts another configuration in force, as a whole, without losing a request. Rejects with a ConfigurationError, and leaves
   * everything as it was, if anything is wrong with it; what stands under `gateway` must be what it was.
   */
  apply(config: ConfigurationSource): Promise<InForce>;
  /**
   * Sends a request through it, over a connection within the process, and resolves with the answer as a client would get
   * it: redirects are not followed, encoded bodies are not decoded. The host of the URL is the Host of the request; `http:` only.
   */
  fetch(input: string | URL | Request, init?: FetchOptions): Promise<Response>;
  /** Its metrics, in Prometheus' text format. */
  metrics(): string;
  /** Accepts no more, lets running exchanges end for at most `drain_ms` (default: `gateway.timeouts.drain_timeout_ms`), and ends. */
  stop(options?: { readonly drain_ms?: number }): Promise<void>;
}

/** Where it listens. */
export interface ListeningAddress {
  readonly protocol: 'http' | 'https';
  /** Path of a UNIX domain socket, which has no port: 0. */
  readonly address: string;
  readonly port: number;
}

/** What is in force after a change. */
export interface InForce {
  readonly revision: number;
  /** Unknown attributes in files that APISIX wrote. */
  readonly warnings: readonly Problem[];
}

/** What one exchange came to. */
export interface ExchangeRecord {
  /** Unique; in both logs and in `X-Gatewright-Exchange`. */
  readonly id: string;
  /** Of the configuration that decided. */
  readonly revision: number;
  readonly method: string;
  /** As sent: path and query. */
  readonly target: string;
  /** As sent. */
  readonly host: string;
  readonly remoteAddress: string;
  readonly status: number;
  /** '' where none matched. */
  readonly routeId: string;
  readonly serviceId: string;
  /** '' for nobody. */
  readonly consumer: string;
  /** `upstream`, `gateway`, or the name of the plugin that answered. */
  readonly repliedBy: string;
  /** Why the gateway or a plugin answered; '' if the upstream did. */
  readonly errorCode: string;
  /** `host:port` of each attempt, in their order. */
  readonly nodes: readonly string[];
  /** Whole exchange, in milliseconds. */
  readonly duration_ms: number;
  readonly bodyBytesSent: number;
  /** Where no route matched: which came near, and what kept each from serving it; '' where none did, or too many ask. */
  readonly nearRoutes: string;
}
