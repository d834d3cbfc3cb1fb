import { UsedUpstream } from '../compile/plugin-uses.ts';
import type { Http2Wish } from '../sdk/exchange.ts';
import type { Upstream } from '../sdk/host.ts';
import type { ConnectionWishes } from '../upstream/transport.ts';
import type { Exchange } from './exchange.ts';
import type { HeldRequest } from './held-request.ts';
import { introductionOf } from './introduction.ts';
import type { RequestBody } from './request-body.ts';

const VARIABLE = /^[a-z][a-z0-9_]{0,63}$/;

/** What plugins asked of one exchange beyond the usual. Made when the first of them does, so that other exchanges pay nothing. */
export class Asked implements ConnectionWishes {
  /** By `setVariable`. */
  variables: Map<string, string> | null = null;
  /** In place of the route's own. */
  upstream: UsedUpstream | null = null;
  /** In place of the peer. */
  client: { readonly address: string; readonly port: string } | null = null;
  /** Header of the PROXY protocol for the upstream. */
  preamble: Uint8Array | null = null;
  http2: Http2Wish | null = null;
  /** Whether the node answered in HTTP/2. */
  isHttp2 = false;
  body: RequestBody | null = null;
  /** Plugins that do not run. */
  skipped: Set<string> | null = null;
  /** Who keeps the request while a phase waits. */
  held: HeldRequest | null = null;
  /** Why the response is to break off; '' if it is not. */
  breakCode = '';
  /** By `transformWholeBody`: how long the body may be; 0 if nobody wants it whole. */
  wholeResponse_bytes = 0;
  private callbacks: (() => void)[] = [];

  setVariable(name: string, value: string): void {
    if (!VARIABLE.test(name))
      throw new TypeError(`${JSON.stringify(name)} is no variable: use lower case and underscores`);
    if (typeof value !== 'string') throw new TypeError(`the value of the variable ${name} is no string`);
    (this.variables ??= new Map()).set(name, value);
  }

  skip(plugin: string): void {
    this.skipped ??= new Set();
    this.skipped.add(plugin);
  }

  onOver(callback: () => void): void {
    this.callbacks.push(callback);
  }

  /** The exchange is over. @param onFault told of what callbacks throw */
  end(onFault: (error: unknown) => void): void {
    const { callbacks } = this;
    this.callbacks = [];
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        onFault(error);
      }
    }
  }
}

export function useUpstream(exchange: Exchange, upstream: Upstream): void {
  exchange.mustBeUnsent();
  if (exchange.isNodeChosen)
    throw new Error('a node was chosen already: another upstream can be used up to the phase access');
  if (!(upstream instanceof UsedUpstream)) throw new TypeError('this upstream is not one of host.upstream');
  exchange.ask().upstream = upstream;
}

export function sendProxyProtocol(exchange: Exchange, version: 1 | 2): void {
  exchange.mustBeUnsent();
  exchange.ask().preamble = introductionOf(exchange, version);
}

export function useHttp2(exchange: Exchange, wish: Http2Wish): void {
  exchange.mustBeUnsent();
  exchange.ask().http2 = wish;
}

/** Resolves after that time, or when the exchange is over. */
export function delayed(exchange: Exchange, delay_ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (exchange.isOver || !(delay_ms > 0)) {
      resolve();
      return;
    }
    const timer = exchange.plane.clock.startTimer(delay_ms, resolve);
    exchange.onOver(() => {
      timer.stop();
      resolve();
    });
  });
}
