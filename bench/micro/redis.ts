/**
 * What a limit in Redis adds to a request: how long its decision takes on loopback where one comes every two milliseconds, and
 * what a decision costs this process where 64 are always under way. Beside it, what the same server needs for PING over a bare
 * socket: the floor of the machine at this moment. Run with `node bench/micro/redis.ts`; it needs redis-server.
 */
import { once } from 'node:events';
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientSource } from '../../src/clients/clients.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { RedisLimits } from '../../src/plugins/limit-redis.ts';
import { RedisServer } from '../../test/limit/redis.ts';

const ROUNDS = 5;
const PACED = 300;
const PACE_MS = 2;
const CROWD = 64;
const CROWDED = 20_000;

const server = await RedisServer.start('redis-server');
const connect = clientSource((delay_ms, onExpired) => systemClock.startTimer(delay_ms, onExpired));
const servers = { kind: 'single', host: '127.0.0.1', port: server.port } as const;
const { client, close } = connect('redis', { servers, timeout_ms: 10_000 });
const limits = new RedisLimits({ client, owner: { plugin: 'limit-count', object: 'routes/1', configHash: 'h' } });
const socket = net.connect(server.port, '127.0.0.1').setNoDelay(true);
await once(socket, 'connect');

let serial = 0;
const decide = (): Promise<unknown> =>
  limits.fixedWindow('key', { key: `10.0.0.${serial++ % 250}`, limit: 2_000_000_000, window_ms: 3_600_000, cost: 1 });
const ping = async (): Promise<unknown> => {
  socket.write('*1\r\n$4\r\nPING\r\n');
  return once(socket, 'data');
};

/** Milliseconds of each. */
async function paced(work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < PACED; i++) {
    await sleep(PACE_MS);
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b);
}

const at = (times: readonly number[], share: number): number => times[Math.floor(share * (times.length - 1))] ?? 0;
const row = (name: string, times: readonly number[]): string =>
  `${name.padEnd(10)} p50 ${at(times, 0.5).toFixed(3)} ms   p90 ${at(times, 0.9).toFixed(3)} ms   p99 ${at(times, 0.99).toFixed(3)} ms`;

async function crowded(): Promise<number> {
  let left = CROWDED;
  const start = process.cpuUsage();
  const one = async (): Promise<void> => {
    while (left-- > 0) await decide();
  };
  await Promise.all(Array.from({ length: CROWD }, one));
  const { user, system } = process.cpuUsage(start);
  return (user + system) / CROWDED;
}

try {
  await decide();
  for (let round = 1; round <= ROUNDS; round++) {
    const [bare, decided] = [await paced(ping), await paced(decide)];
    console.log(`${row('PING', bare)}\n${row('a decision', decided)}`);
    console.log(`${CROWD} at once: ${(await crowded()).toFixed(1)} us of CPU time for each decision\n`);
  }
} finally {
  close();
  socket.destroy();
  await server.end();
}
