/**
 * What changes cost those who do not ask for what changes: `npm run bench:changes`. A real gateway with many routes in its embedded store is
 * asked for a route that nobody touches, a thousand times a second, while others are changed through its Admin API; all the while
 * one stream of server-sent events is open. Then: what its threads keep in their heaps, after collection.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { allowedCores } from './cpu.ts';
import { freePort } from './probe.ts';
import { Processes, type Running } from './processes.ts';
import type { Probed, ProberData } from './prober.ts';
import { quantile } from './summary.ts';

const LAUNCHER = resolve(import.meta.dirname, '../bin/gatewright');
const KEY = 'a-key-for-the-benchmark';
const READY_MS = 120_000;
const WARM_MS = 2_000;
const MOST_QUIET_MS = 15_000;

/** Collects its thread's heap whenever it is made anew, in control and in every worker, and says what is left. */
const HEAP_PLUGIN = `
import { appendFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { definePlugin } from 'gatewright/sdk';
export default definePlugin({
  name: 'heap',
  priority: 1,
  summary: 'Tells what is left of a heap after collection.',
  schema: { type: 'object', properties: { file: { type: 'string' }, time: { type: 'integer' } } },
  create({ file, time }) {
    globalThis.gc();
    globalThis.gc();
    appendFileSync(file, JSON.stringify({ time, thread: threadId, bytes: process.memoryUsage().heapUsed }) + '\\n');
    return { rewrite() {} };
  },
});
`;

interface HeapLine {
  readonly time: number;
  readonly thread: number;
  readonly bytes: number;
}

function settingsOf(args: readonly string[]): { routes: number; changes: number; rate: number } {
  const text = (name: string): { type: 'string'; default: string } => ({ type: 'string', default: name });
  const { values } = parseArgs({
    args: [...args],
    options: { routes: text('40000'), changes: text('500'), rate: text('1000') },
  });
  for (const [name, value] of Object.entries(values)) {
    if (/^[1-9]\d{0,5}$/.test(value)) continue;
    console.error(`--${name} is '${value}', must be a whole number from 1 to 999999`);
    process.exit(64);
  }
  return { routes: Number(values.routes), changes: Number(values.changes), rate: Number(values.rate) };
}

class Subject {
  readonly port: number;
  private readonly adminPort: number;
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number, adminPort: number) {
    this.port = port;
    this.adminPort = adminPort;
  }

  /** Writes one object; with `wait`, resolves when every worker serves by it. */
  async put(object: string, body: object, wait: boolean): Promise<void> {
    const request = http.request({
      host: '127.0.0.1',
      port: this.adminPort,
      method: 'PUT',
      path: `/apisix/admin/${object}${wait ? '?wait=true' : ''}`,
      headers: { 'X-API-KEY': KEY, 'X-Digest': 'bench' },
      agent: this.agent,
    });
    request.end(JSON.stringify(body));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let answer = '';
    for await (const piece of response.setEncoding('utf8')) answer += piece as string;
    const { statusCode = 0 } = response;
    if (statusCode >= 300) throw new Error(`${object}: ${statusCode} ${answer}`);
  }

  async untilServed(path: string, running: Running): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (;;) {
      const status = await fetch(`http://127.0.0.1:${this.port}${path}`).then(
        async (response) => (await response.text(), response.status),
        () => 0,
      );
      if (status === 200) return;
      if (running.hasEnded() || performance.now() > deadline) throw new Error(`not ready: ${running.output()}`);
      await sleep(20);
    }
  }
}

/** Resolves with what a prober measured since it was asked last. */
async function probed(prober: Worker): Promise<Probed> {
  prober.postMessage('');
  const [answer] = (await once(prober, 'message')) as [Probed];
  return answer;
}

/** Sends an event every 100 ms, for ever. */
async function startEvents(): Promise<http.Server> {
  const server = http.createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => response.write(`data: ${performance.now()}\n\n`), 100);
    response.on('close', () => clearInterval(timer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function routeOf(i: number, change: number): object {
  const plugins = { 'proxy-rewrite': { headers: { set: { 'X-Change': String(change) } } } };
  return { uri: `/many/${i % 100}/${i}/*`, upstream: { nodes: { '127.0.0.1:9': 1 } }, plugins };
}

function heapsOf(file: string, time: number): Map<number, number> {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const found = lines.map((line) => JSON.parse(line) as HeapLine).filter((line) => line.time === time);
  return new Map(found.map(({ thread, bytes }) => [thread, bytes]));
}

const say = (text: string): void => console.error(`bench: ${text}`);
const { routes, changes, rate } = settingsOf(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), 'gatewright-changes-'));
const processes = new Processes();
processes.guard(() => rmSync(folder, { recursive: true, force: true }));

const [port, adminPort, controlPort] = [await freePort(), await freePort(), await freePort()];
const heapFile = join(folder, 'heap');
const address = '127.0.0.1';
writeFileSync(join(folder, 'heap.ts'), HEAP_PLUGIN);
writeFileSync(
  join(folder, 'gatewright.json'),
  JSON.stringify({
    gateway: {
      http: [{ address, port }],
      control: { address, port: controlPort },
      store: { type: 'embedded', path: 'objects.db' },
      admin: { address, port: adminPort, keys: [{ name: 'bench', key: KEY }] },
      plugin_files: ['heap.ts'],
    },
  }),
);
const command = { command: LAUNCHER, args: ['run', '-c', join(folder, 'gatewright.json')] };
const running = processes.start({ ...command, env: { NODE_OPTIONS: '--expose-gc' } }, allowedCores());
const subject = new Subject(port, adminPort);
for (const deadline = performance.now() + READY_MS; ; await sleep(50)) {
  const status = await fetch(`http://${address}:${controlPort}/status/ready`).then(
    (response) => response.status,
    () => 0,
  );
  if (status === 200) break;
  if (running.hasEnded() || performance.now() > deadline) throw new Error(`not ready: ${running.output()}`);
}

say(`${routes} routes are put there`);
const many = Array.from({ length: routes }, (_, i) => ({ id: `many-${i}`, ...routeOf(i, -1) }));
await subject.put('configs', { routes: many }, false);
const events = await startEvents();
const eventsPort = (events.address() as { port: number }).port;
await subject.put('routes/probe', { uri: '/probe', plugins: { mocking: { response_example: 'here' } } }, true);
await subject.put('routes/events', { uri: '/events', upstream: { nodes: { [`${address}:${eventsPort}`]: 1 } } }, true);
await subject.untilServed('/probe', running);
const tellHeap = (time: number): Promise<void> =>
  subject.put('routes/heap', { uri: '/heap', plugins: { heap: { file: heapFile, time } } }, true);
const stream = http.get({ host: address, port, path: '/events' });
const [opened] = (await once(stream, 'response')) as [http.IncomingMessage];
let eventBytes = 0;
let hasStreamEnded = false;
opened.on('data', (bytes: Buffer) => (eventBytes += bytes.length)).on('close', () => (hasStreamEnded = true));

/** @param from numbers the changes: none writes what is there already */
async function changeAll(from: number, count: number): Promise<number> {
  const began_ms = performance.now();
  for (let i = from; i < from + count; i++)
    await subject.put(`routes/many-${i % routes}`, routeOf(i % routes, i), true);
  return performance.now() - began_ms;
}

const warm = Math.min(50, changes);
await changeAll(0, warm);
await tellHeap(1);
const data: ProberData = { port, path: '/probe', perSecond: rate };
const prober = new Worker(new URL('prober.ts', import.meta.url), { workerData: data });
await sleep(WARM_MS);
await probed(prober);
say(`${changes} changes, with ${rate} probes a second`);
const lasted_ms = await changeAll(warm, changes);
const changing = await probed(prober);
// As long as that was, up to a bound, but nothing changes.
await sleep(Math.min(Math.max(500, lasted_ms), MOST_QUIET_MS));
const quiet = await probed(prober);
await prober.terminate();
await tellHeap(2);

const failed = [...changing.failed, ...quiet.failed];
for (const each of failed.slice(0, 5)) console.log(`! ${each}`);
const SHARES = [0.5, 0.9, 0.99, 0.999, 1];
const row = (name: string, delays: readonly number[]): string =>
  name.padEnd(22) + SHARES.map((share) => quantile(delays, share).toFixed(2).padStart(9)).join('');
const added = SHARES.map((share) => quantile(changing.delays_ms, share) - quantile(quiet.delays_ms, share));
const load = loadavg()[0] ?? 0;
console.log(`${routes} routes, ${changes} changes, each of them in force after ${(lasted_ms / changes).toFixed(1)} ms`);
console.log(`machine: ${allowedCores().length} cores, load average ${load.toFixed(1)}`);
console.log(
  `${'delay of a probe, ms'.padEnd(22)}${['50 %', '90 %', '99 %', '99.9 %', 'most'].map((name) => name.padStart(9)).join('')}`,
);
console.log(row('nothing changes', quiet.delays_ms));
console.log(row('while changes', changing.delays_ms));
console.log('added'.padEnd(22) + added.map((each) => each.toFixed(2).padStart(9)).join(''));
console.log(
  `probes: ${changing.delays_ms.length} while changes, ${quiet.delays_ms.length} else, ${failed.length} failed`,
);
const [first, last] = [heapsOf(heapFile, 1), heapsOf(heapFile, 2)];
for (const [thread, bytes] of last) {
  const mebibytes = (value: number): string => (value / 1024 / 1024).toFixed(1);
  console.log(
    `heap of thread ${thread} after collection: ${mebibytes(first.get(thread) ?? 0)} MiB before, ${mebibytes(bytes)} MiB after`,
  );
}
// What went wrong, and what was replaced: nothing, on a machine that is not busy.
for (const line of running.output().split('\n'))
  if (/ (?:warn|error) | worker_ready /.test(line)) console.log(`log: ${line}`);
console.log(`stream of events: ${hasStreamEnded ? 'it ended' : 'open'}, ${eventBytes} bytes`);
// Before the gateway stops: that ends the stream too.
const exitCode = failed.length > 0 || hasStreamEnded ? 1 : 0;
await processes.stop(running);
process.exit(exitCode);
