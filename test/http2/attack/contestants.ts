/** Who is attacked: Gatewright, and nginx beside it where the machine has it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { nginx } from '../../../bench/gateways/nginx.ts';
import { treeCpu, treeRss_kib } from '../../../bench/cpu.ts';
import { RunningGateway } from '../../e2e/gateway.ts';
import { freePort } from '../../free-port.ts';
import { eventually } from '../../e2e/waiting.ts';

export interface Contestant extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** What it counted of attacks; '' for nothing. */
  counted(): Promise<string>;
}

export const cpu_us = ({ pid }: Contestant): number => {
  const { user_us, system_us } = treeCpu(pid);
  return user_us + system_us;
};

export const rss_mib = ({ pid }: Contestant): number => treeRss_kib(pid) / 1_024;

export type Name = 'gatewright' | 'nginx';

export function startContestant(name: Name, upstreamPort: number): Promise<Contestant> {
  return name === 'nginx' ? startNginx(upstreamPort) : startGatewright(upstreamPort);
}

async function startGatewright(upstreamPort: number): Promise<Contestant> {
  const gateway = await RunningGateway.start({
    gateway: {
      http: [{ address: '127.0.0.1', port: 0, http2: true }],
      metrics: { address: '127.0.0.1', port: 0 },
      workers: 1,
      timeouts: { head_ms: 1_000, send_ms: 1_000 },
    },
    routes: [{ uri: '/*', upstream: { nodes: { [`127.0.0.1:${upstreamPort}`]: 1 } } }],
  });
  return {
    port: gateway.port,
    pid: gateway.pid,
    counted: () => countedOf(gateway.errorLog),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

/** The abuses that the gateway counts, in its metrics. */
async function countedOf(errorLog: string): Promise<string> {
  const port = /listening protocol=metrics .*port=([0-9]+)/.exec(errorLog)?.[1];
  if (port === undefined) return '';
  const text = await (await fetch(`http://127.0.0.1:${port}/apisix/prometheus/metrics`)).text();
  return Array.from(text.matchAll(/^gatewright_http2_abuse_total\{kind="([a-z_]+)"\} ([0-9]+)$/gm), ([, kind, count]) =>
    count === '0' ? '' : `${kind} ${count}`,
  )
    .filter((each) => each !== '')
    .join(', ');
}

async function startNginx(upstreamPort: number): Promise<Contestant> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-attacks-'));
  const port = await freePort();
  const tuning = { nginx: { server: ['client_header_timeout 1s;', 'send_timeout 1s;', 'keepalive_timeout 75s;'] } };
  const setup = { folder, port, controlPort: 0, upstreamPort, redisPort: 0, routes: ['/*'], tuning, isHttp2: true };
  const { command, args } = nginx.launch(setup);
  const child: ChildProcess = spawn(command, args);
  await eventually(
    () => canConnect(port),
    () => 'nginx does not listen',
  );
  assert.ok(child.pid !== undefined);
  return {
    port,
    pid: child.pid,
    counted: () => Promise.resolve(''),
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const is = (value: boolean) => () => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', is(true)).once('error', is(false));
  });
}
