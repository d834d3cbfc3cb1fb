/**
 * What it costs a worker to know who calls: the phase `rewrite` of each way alone, without sockets. Run with
 * `node bench/micro/authentication.ts`; only the ratios within one run mean anything.
 */
import { compile } from '../../src/compile/compile.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import { parseConfiguration } from '../../src/config/configuration.ts';
import { Head } from '../../src/http1/head.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import { NameMemo } from '../../src/proxy/added-fields.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { RequestView } from '../../src/proxy/request-view.ts';
import type { Consumer } from '../../src/sdk/exchange.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { hostFactory } from '../../src/threads/host.ts';
import { labParts } from '../../test/plugins/lab-host.ts';
import { gatewrightConfig } from '../gateways/gatewright.ts';
import { WORKLOADS, type LoadWorkload } from '../workloads.ts';

const LIMITS = { line_bytes: 8_192, head_bytes: 32_768, fields: 100 };
const ROUND_MS = 300;

function prepare({ load, routes, tuning }: LoadWorkload): () => void {
  const text = gatewrightConfig({ port: 1, controlPort: 2, upstreamPort: 3, redisPort: 4, routes, tuning, folder: '' });
  const { settings, objects } = parseConfiguration(text, { format: 'json', dialect: 'gatewright', env: {} });
  const hostFor = hostFactory(labParts(systemClock, []));
  const { snapshot, problems } = compile(objects, {
    settings,
    revision: 1,
    plugins: pluginRegistry(ALL_PLUGINS),
    hostFor,
  });
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join(', '));
  const route = Array.from(snapshot.memory?.routes.entries() ?? [])[0]?.[1].entry.value ?? null;
  const chain = snapshot.chains?.chainOf(route, null);
  if (chain === undefined || chain.rewrite.length === 0) throw new Error('no plugin to run');
  const fields = Object.entries({ Host: 'a', 'User-Agent': 'bench', Accept: '*/*', ...load.headers });
  const head = ['GET / HTTP/1.1', ...fields.map(([name, value]) => `${name}: ${value}`)].join('\r\n');
  const bytes = Buffer.from(`${head}\r\n\r\n`);
  const names = new NameMemo();
  return () => {
    // As the gateway has it: a string of its own for each request, and offsets from the parser.
    parseRequestHead(bytes, 0, bytes.length, LIMITS);
    const exchange = {
      head: new Head(bytes.toString('latin1', 0, bytes.length - 2)),
      plane: { names },
      query: '',
      method: 'GET',
      target: '/',
      remoteAddress: '127.0.0.1',
      consumer: null as Consumer | null,
      newHost: null,
      ownRequestId: '',
      isOver: false,
      mustBeUnsent: () => {},
      variable: () => undefined,
      set: () => {},
      get: () => undefined,
      findConsumer: (plugin: string, key: string) => snapshot.consumers?.find(plugin, key),
      authenticate(consumer: Consumer) {
        this.consumer = consumer;
      },
      request: null as unknown,
    };
    exchange.request = new RequestView(exchange as unknown as Exchange);
    exchange.head.removeAlike(chain.claimed);
    for (const step of chain.rewrite) {
      if (step.instance.rewrite?.(exchange as unknown as Exchange) !== undefined) throw new Error('refused');
    }
    if (exchange.consumer === null) throw new Error('nobody');
  };
}

/** Microseconds of CPU time of one call; the best of some rounds. */
function measure(run: () => void): number {
  for (let i = 0; i < 2_000; i++) run();
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round++) {
    const since = process.threadCpuUsage();
    let count = 0;
    let spent_us = 0;
    while (spent_us < ROUND_MS * 1000) {
      for (let i = 0; i < 500; i++) run();
      count += 500;
      const { user, system } = process.threadCpuUsage(since);
      spent_us = user + system;
    }
    best = Math.min(best, spent_us / count);
  }
  return best;
}

for (const workload of WORKLOADS) {
  if (workload.kind !== 'load' || !workload.name.startsWith('auth-')) continue;
  process.stdout.write(`${workload.name.padEnd(24)} ${measure(prepare(workload)).toFixed(2)} µs\n`);
}
