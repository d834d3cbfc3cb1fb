/** Sets up what every measurement needs: cores, folder, upstream; and sees to it that all of it goes away again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allowedCores } from './cpu.ts';
import { freePort } from './probe.ts';
import { findCommand, pinSelf, Processes, untilLine, untilOutput } from './processes.ts';
import type { Cores, Lab, Pace } from './rounds.ts';
import { startSecuredUpstream } from './secured-upstream.ts';
import type { Workload } from './workloads.ts';

const UPSTREAM = fileURLToPath(new URL('upstream.ts', import.meta.url));

/** The last core for the gateway, since interrupts often go to the first; all others for the rest. */
export function divideCores(allowed: readonly number[]): Cores {
  const gateway = allowed.slice(-1);
  return { gateway, load: allowed.length > 1 ? allowed.slice(0, -1) : gateway };
}

/** What is missing on this machine for all gateways, with the Debian package that brings it. */
export function missingTools(): string[] {
  const missing: string[] = [];
  if (findCommand('wrk') === undefined) {
    missing.push("wrk is missing, so nothing can be put under load: 'apt-get install wrk' brings it");
  }
  if (findCommand('h2load') === undefined) {
    missing.push("h2load is missing, so HTTP/2 cannot be measured: 'apt-get install nghttp2-client' brings it");
  }
  if (findCommand('haproxy') === undefined) {
    missing.push("haproxy is missing, so upstreams over TLS are left out: 'apt-get install haproxy' brings it");
  }
  if (findCommand('taskset') === undefined) {
    missing.push("taskset is missing, so nothing is pinned to a core: 'apt-get install util-linux' brings it");
  }
  if (findCommand('redis-server') === undefined) {
    missing.push("redis-server is missing, so limits in Redis are left out: 'apt-get install redis-server' brings it");
  }
  if (allowedCores().length < 2) missing.push('there is one core only: the gateways share it with the load generator');
  return missing;
}

/** Opens a lab for these workloads. It is cleared away when this process ends, in whatever way but SIGKILL. */
export async function openLab(pace: Pace, progress: Lab['progress'], workloads: readonly Workload[]): Promise<Lab> {
  const cores = divideCores(allowedCores());
  const folder = mkdtempSync(join(tmpdir(), 'gatewright-bench-'));
  const processes = new Processes();
  processes.guard(() => rmSync(folder, { recursive: true, force: true }));
  pinSelf(cores.load);
  const upstream = processes.start({ command: process.execPath, args: [UPSTREAM] }, cores.load);
  const { port: upstreamPort } = JSON.parse(await untilLine(upstream, 5000)) as { port: number };
  const needsRedis = workloads.some((workload) => workload.needsRedis === true);
  const needsSecured = workloads.some((workload) => workload.isUpstreamSecured === true);
  const redisPort = needsRedis ? await startRedis(processes, folder, cores.load) : 0;
  const securedPort = needsSecured ? await startSecuredUpstream(processes, folder, cores.load) : 0;
  return { processes, folder, cores, upstreamPort, securedPort, redisPort, pace, progress };
}

/** One that keeps nothing. */
async function startRedis(processes: Processes, folder: string, cores: readonly number[]): Promise<number> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const server = processes.start({ command: 'redis-server', args }, cores);
  await untilOutput(server, 'Ready to accept connections', 5000);
  return port;
}
