/** One scenario on both transports: in memory, and on real sockets. What it gives is to be the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfiguration } from '../../src/testing/compiled-configuration.ts';
import type { TestResult } from '../../src/testing/index.ts';
import { Stage } from '../../src/testing/stage.ts';
import {
  gatewayOn,
  type MakeNetwork,
  type TestGateway,
  type TestGatewayOptions,
} from '../../src/testing/test-gateway.ts';
import { LoopbackNetwork } from './loopback-network.ts';

export interface Scenario {
  /** Without `gateway`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly upstreams?: TestGatewayOptions['upstreams'];
  readonly options?: TestGatewayOptions;
  /** Of `gateway`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Only in memory: what no kernel does when it is told to. */
  readonly isUnreal?: boolean;
}

/** Everything that happened to each request, as far as both transports have to agree. */
type Outcome = Readonly<Record<string, unknown>>;

export type Ask = (...args: Parameters<TestGateway['request']>) => Promise<TestResult>;

/** @param run is given the gateway, and what sends requests; its assertions hold on both */
export function scenario(
  name: string,
  { config, upstreams = { '10.0.0.1:80': 200 }, options = {}, settings = {}, isUnreal = false }: Scenario,
  run: (ask: Ask, gateway: TestGateway) => Promise<void>,
): void {
  test(name, async () => {
    const gatewaySettings = { http: [{ address: '127.0.0.1', port: 0 }], ...settings };
    const checked = await checkConfiguration(
      { gateway: gatewaySettings, ...config },
      { env: {}, plugins: options.plugins ?? [] },
    );
    const outcomes: Outcome[][] = [];
    for (const transport of isUnreal ? ['memory'] : ['memory', 'sockets']) {
      const seen: Outcome[] = [];
      let loopback: LoopbackNetwork | null = null;
      const make: MakeNetwork = (_wire, _clock, nodes) => (loopback = new LoopbackNetwork(nodes));
      const gateway = gatewayOn(
        new Stage(checked, options),
        { ...options, upstreams },
        transport === 'memory' ? undefined : make,
      );
      await (loopback as LoopbackNetwork | null)?.start(Object.keys(upstreams));
      try {
        await run(async (...args) => {
          const result = await gateway.request(...args);
          seen.push(outcomeOf(result));
          return result;
        }, gateway);
        await gateway.close();
      } catch (error) {
        if (error instanceof Error) error.message = `on ${transport}: ${error.message}`;
        throw error;
      } finally {
        await gateway.close().catch(() => {});
        (loopback as LoopbackNetwork | null)?.close();
      }
      outcomes.push(seen);
    }
    if (!isUnreal) assert.deepEqual(outcomes[1], outcomes[0], 'real sockets give what memory gives');
  });
}

function outcomeOf(result: TestResult): Outcome {
  const {
    status,
    headers,
    body,
    isComplete,
    interim,
    attempts,
    route,
    service,
    consumer,
    repliedBy,
    errorCode,
    limits,
    elapsed_ms,
  } = result;
  return {
    status,
    headers,
    body,
    isComplete,
    interim,
    attempts,
    route,
    service,
    consumer,
    repliedBy,
    errorCode,
    limits,
    elapsed_ms,
    seen: result.seen.map(({ node, method, target, headers: fields, text, at_ms }) => {
      // The kernel chooses it.
      const { 'x-forwarded-port': _, ...rest } = fields;
      return { node, method, target, fields: rest, text, at_ms };
    }),
  };
}

/** A route for every path to these nodes. */
export function routeTo(
  nodes: Readonly<Record<string, number>>,
  plugins: Readonly<Record<string, unknown>> = {},
  upstream: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return { routes: [{ id: 'r', uri: '/*', plugins, upstream: { nodes, ...upstream } }] };
}

export const ONE = { '10.0.0.1:80': 1 };
export const TWO = { '10.0.0.1:80': 1, '10.0.0.2:80': 1 };
export const THREE = { '10.0.0.1:80': 1, '10.0.0.2:80': 1, '10.0.0.3:80': 1 };

/** `10.0.0.1:80 upstream_refused, 10.0.0.2:80 200`. */
export function attemptsOf({ attempts }: TestResult): string {
  return attempts
    .map(({ node, outcome, status, code }) => `${node} ${outcome === 'answered' ? status : code || outcome}`)
    .join(', ');
}
