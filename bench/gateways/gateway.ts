/** One adapter per gateway: it writes the gateway's configuration and says how to start it. */
import type { Command } from '../processes.ts';

/** What a gateway has to do in a workload. */
export interface Setup {
  /** An empty folder of its own for configuration and whatever else it writes. */
  readonly folder: string;
  /** Where it has to listen, on 127.0.0.1. */
  readonly port: number;
  /** A free port for its control interface, if it has one. */
  readonly controlPort: number;
  readonly upstreamPort: number;
  /** What `REDIS_PORT` in a tuning stands for. */
  readonly redisPort: number;
  /** Paths that it has to forward, as Gatewright's `uri`: `/*`, `/api/v1/*`. Everything goes to the one upstream. */
  readonly routes: readonly string[];
  readonly tuning: Tuning;
  /** Clients speak HTTP/2, in the clear by prior knowledge, and nothing else. Not so by default. */
  readonly isHttp2?: boolean;
  /** It speaks TLS there, by the certificate that lies in `folder`. Not so by default. */
  readonly isSecured?: boolean;
  /** The upstream speaks TLS; nobody looks at its certificate. Not so by default. */
  readonly isUpstreamSecured?: boolean;
}

/** Stands in a tuning for the port of the server of Redis, which is known only when it runs. */
export const REDIS_PORT = '$REDIS_PORT';

/** What a workload adds to the configuration of each gateway, in its own language. */
export interface Tuning {
  readonly nginx?: {
    readonly workers?: number;
    /** Lines for the `http` block. */
    readonly http?: readonly string[];
    /** Lines for the `server` block, from which every location inherits. */
    readonly server?: readonly string[];
  };
  readonly haproxy?: {
    readonly global?: readonly string[];
    readonly frontend?: readonly string[];
    /** Words for the line of the server. */
    readonly server?: readonly string[];
  };
  readonly gatewright?: {
    /** Keys for every route, such as `plugins`. */
    readonly route?: Readonly<Record<string, unknown>>;
    /** Further keys below `gateway`, such as `workers`. */
    readonly settings?: Readonly<Record<string, unknown>>;
    /** Further top-level keys of the configuration, such as `consumers`. */
    readonly document?: Readonly<Record<string, unknown>>;
  };
}

export interface Gateway {
  readonly name: string;
  /** Whether it compiles itself while it runs, so that what it does first costs more. */
  readonly needsWarmUp: boolean;
  /** Why it cannot be measured on this machine, with the remedy; undefined if it can. */
  missing(): string | undefined;
  /** Prints its version. */
  readonly version: Command;
  /** Writes what it needs into the setup's folder and gives the command, which stays in the foreground. */
  launch(setup: Setup): Command;
}

/** Sockets that a gateway has to cope with: 10,000 idle clients and its connections to the upstream. */
export const CONNECTIONS = 20_000;
/** Idle connections to the upstream that each gateway keeps, as APISIX does. */
export const KEPT_ALIVE = 320;
