/**
 * A long run of the gateway with a changing configuration and failing nodes under load: what it loses, and whether memory and
 * descriptors stay flat. `npm run soak -- --minutes 10`; it prints figures as it goes, and exits with 1 if anything was lost
 * or grew. A 504 counts as lost unless this process, in which the nodes are, stood still while it was waited for.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { descriptorsOf } from './accounts.ts';
import { FaultyNode, type Mood } from './faulty-node.ts';
import { RunningGateway } from '../gateway.ts';
import { Load } from '../load.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    clients: { type: 'string', default: '32' },
    workers: { type: 'string', default: 'auto' },
  },
});
const MOST_MINUTES = 24 * 60;
const minutes = Number(values.minutes);
const clients = Number(values.clients);
const workers = values.workers === 'auto' ? 'auto' : Number(values.workers);
if (!(minutes > 0 && minutes <= MOST_MINUTES) || !(clients > 0 && clients <= 1_000)) {
  console.error(`usage: npm run soak -- [--minutes 1…${MOST_MINUTES}] [--clients 1…1000] [--workers N]`);
  process.exit(64);
}

/** Moods in which a GET that meets them is tried elsewhere: what fails then is the gateway's fault. */
const MOODS: readonly Mood[] = ['resets', 'closes', 'silent', 'closes_idle', 'fine'];
const CHANGE_MS = 1_000;
const MOOD_MS = 4_000;
const SAMPLES = 60;
const TIMEOUT_S = 1;
/** Each of three attempts may take its time. */
const MOST_TRIES_MS = 3 * TIMEOUT_S * 1_000 + 500;
/** A pause that leaves nodes so little time to answer is taken for the reason of a timeout. */
const LONG_PAUSE_MS = TIMEOUT_S * 500;
const PAUSE_LOOK_MS = 20;
/** Memory of the last third of the run over that of the middle third. */
const MOST_GROWTH = 1.15;
const MOST_MORE_DESCRIPTORS = 64;

interface Sample {
  readonly at_s: number;
  readonly rss_mb: number;
  readonly descriptors: number;
  readonly requests: number;
}

const nodes = [await FaultyNode.start(), await FaultyNode.start(), await FaultyNode.start()];
const gateway = await RunningGateway.start({ gateway: { workers }, routes: [route(0)] });
const file = path.join(gateway.folder, 'gatewright.json');
const load = new Load(gateway.port, clients);
const ends_ms = performance.now() + minutes * 60_000;
const isOver = (): boolean => performance.now() >= ends_ms;
const samples: Sample[] = [];
/** Clients and nodes are in this process: while it is late itself, its nodes are slow. */
const pauses = watchPauses();

await Promise.all([change(), upset(), measure()]);
for (const node of nodes) node.mood = 'fine';
const { answered, failed } = await load.stop();
const { code } = await gateway.stop();
for (const node of nodes) await node[Symbol.asyncDispose]();
process.exitCode = report() ? 0 : 1;

function route(round: number): object {
  const upstream = {
    nodes: Object.fromEntries(nodes.map(({ port }) => [`127.0.0.1:${port}`, 1 + (round % 3)])),
    timeout: { connect: TIMEOUT_S, send: TIMEOUT_S, read: TIMEOUT_S },
    keepalive_pool: { idle_timeout: 5 },
    checks: {
      active: {
        http_path: '/probe',
        healthy: { interval: 1, successes: 1 },
        unhealthy: { interval: 1, http_failures: 1, tcp_failures: 1, timeouts: 1 },
      },
      passive: { healthy: { successes: 0 }, unhealthy: { tcp_failures: 2, timeouts: 2, http_failures: 0 } },
    },
  };
  return { id: 'everything', uri: '/*', plugins: { 'request-id': {}, 'limit-count': limit(round) }, upstream };
}

/** Too high to refuse anybody; each change of it makes a new instance of the plugin. */
function limit(round: number): object {
  return { count: 1_000_000_000 + (round % 7), time_window: 60, key: 'remote_addr', rejected_code: 429 };
}

async function change(): Promise<void> {
  for (let round = 1; !isOver(); round++) {
    await sleep(CHANGE_MS);
    const document = JSON.parse(readFileSync(file, 'utf8')) as { routes: object[] };
    document.routes = [route(round)];
    for (let i = 0; i < round % 20; i++)
      document.routes.push({ ...route(round), id: `extra-${i}`, uri: `/extra/${i}` });
    writeFileSync(`${file}.new`, JSON.stringify(document));
    renameSync(`${file}.new`, file);
    if (round % 5 === 0) gateway.signal('SIGHUP');
  }
}

/** One node at a time: the other two can answer everything. */
async function upset(): Promise<void> {
  for (let round = 0; !isOver(); round++) {
    const node = nodes[round % nodes.length];
    if (node === undefined) return;
    node.mood = MOODS[Math.floor(Math.random() * MOODS.length)] ?? 'fine';
    await sleep(MOOD_MS);
    node.mood = 'fine';
    // Until it has been found well again.
    await sleep(MOOD_MS);
  }
}

async function measure(): Promise<void> {
  const every_ms = Math.max(1_000, (minutes * 60_000) / SAMPLES);
  const begun_ms = performance.now();
  console.log('seconds  requests     RSS  descriptors');
  while (!isOver()) {
    await sleep(every_ms);
    const sample: Sample = {
      at_s: Math.round((performance.now() - begun_ms) / 1000),
      rss_mb: Math.round(gateway.rss_bytes / 1_048_576),
      descriptors: descriptorsOf(gateway),
      requests: load.count,
    };
    samples.push(sample);
    const { at_s, rss_mb, descriptors, requests } = sample;
    console.log(
      `${String(at_s).padStart(7)} ${String(requests).padStart(9)} ${String(rss_mb).padStart(4)} MB ${String(descriptors).padStart(11)}`,
    );
  }
}

/** @returns whether it went well */
function report(): boolean {
  const third = Math.floor(samples.length / 3);
  const middle = samples.slice(third, 2 * third);
  const last = samples.slice(2 * third);
  const most = (of: readonly Sample[], field: 'rss_mb' | 'descriptors'): number =>
    of.reduce((so, sample) => Math.max(so, sample[field]), 0);
  const growth = most(last, 'rss_mb') / most(middle, 'rss_mb');
  const more = most(last, 'descriptors') - most(middle, 'descriptors');
  const statuses = Object.entries(answered)
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ');
  console.log(`answered: ${statuses}; lost: ${failed.length}; changes: ${serving()}; exit code ${code}`);
  console.log(
    `memory, last third over middle third: ${growth.toFixed(3)}; descriptors: ${more >= 0 ? '+' : ''}${more}`,
  );
  const explained = load.refused.filter(isExplained).length;
  console.log(
    `this process, with its clients and nodes, stood still ${pauses.length} times for ${LONG_PAUSE_MS} ms and more, ` +
      `${Math.round(Math.max(0, ...pauses.map(({ from_ms, to_ms }) => to_ms - from_ms)))} ms at most; ` +
      `${explained} of ${load.refused.length} refusals were 504 in such a time, which is no fault of the gateway`,
  );
  for (const reason of new Set(failed)) console.log(`lost: ${reason}`);
  for (const refusal of load.refusals) console.log(`refused: ${refusal}`);
  const isFlat = samples.length < 6 || (growth <= MOST_GROWTH && more <= MOST_MORE_DESCRIPTORS);
  return failed.length === 0 && explained === load.refused.length && isFlat && code === 0;
}

interface Pause {
  readonly from_ms: number;
  readonly to_ms: number;
}

/** The long pauses of this process, as they come. */
function watchPauses(): readonly Pause[] {
  const found: Pause[] = [];
  let before_ms = performance.now();
  setInterval(() => {
    const now_ms = performance.now();
    if (now_ms - before_ms > LONG_PAUSE_MS) found.push({ from_ms: before_ms, to_ms: now_ms });
    before_ms = now_ms;
  }, PAUSE_LOOK_MS).unref();
  return found;
}

/** Whether nodes could not answer in time because this process had no processor time for them. */
function isExplained({ at_ms, status }: { readonly at_ms: number; readonly status: number }): boolean {
  const isInTime = ({ from_ms, to_ms }: Pause): boolean => from_ms < at_ms && to_ms > at_ms - MOST_TRIES_MS;
  return status === 504 && pauses.some(isInTime);
}

function serving(): number {
  return [...gateway.errorLog.matchAll(/serving revision=/g)].length;
}
