/**
 * What attacks on HTTP/2 do to everybody else: clients of a process of their own attack at a fixed rate of connections, while a good client
 * on another connection asks one request after the other. `npm run attacks` measures each; a test takes a short look at some.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ATTACKER } from './attack/attacker.ts';
import { ATTACKS } from './attack/attacks.ts';
import { type Contestant, cpu_us, type Name, rss_mib, startContestant } from './attack/contestants.ts';
import { UPSTREAM } from './attack/upstream.ts';

interface Latency {
  readonly median_ms: number;
  readonly p99_ms: number;
  readonly failed: number;
  /** Of the machine's time, what the gateway used meanwhile: 1 is a core. */
  readonly cores: number;
}

/** How long requests take on one connection, one after the other. */
async function latency(contestant: Contestant, forMs: number): Promise<Latency> {
  const session = http2.connect(`http://127.0.0.1:${contestant.port}`);
  const times: number[] = [];
  let failed = 0;
  const [began, cpu] = [performance.now(), cpu_us(contestant)];
  for (const end = began + forMs; performance.now() < end; await sleep(2)) {
    const asked = performance.now();
    const stream = session.request({ ':path': '/' });
    stream.resume();
    const [head] = (await once(stream, 'response')) as [http2.IncomingHttpStatusHeader];
    await once(stream, 'end');
    if (head[':status'] !== 200) failed++;
    times.push(performance.now() - asked);
  }
  const cores = (cpu_us(contestant) - cpu) / (performance.now() - began) / 1_000;
  session.destroy();
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Infinity;
  return { median_ms: at(0.5), p99_ms: at(0.99), failed, cores };
}

export interface Effect {
  readonly name: string;
  readonly quiet: Latency;
  readonly attacked: Latency;
  /** CPU time of the gateway for each connection of the attack. */
  readonly cpu_us: number;
  readonly before_mib: number;
  readonly after_mib: number;
  /** What the gateway counted of the attack. */
  readonly counted: string;
}

export interface Pace {
  readonly rate: number;
  readonly phase_ms: number;
}

/** Measures an attack, after a quiet time, against a gateway of its own. */
export async function measure(name: string, { rate, phase_ms }: Pace, of: Name = 'gatewright'): Promise<Effect> {
  const children: ChildProcess[] = [];
  const start = (...args: string[]): ChildProcess => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  };
  try {
    const upstream = start(UPSTREAM);
    const [line] = (await once(upstream.stdout!, 'data')) as [Buffer];
    await using contestant = await startContestant(of, Number(line.toString()));
    await latency(contestant, phase_ms);
    const quiet = await latency(contestant, phase_ms);
    const before_mib = rss_mib(contestant);
    const attacker = start(ATTACKER, name, String(contestant.port), String(rate));
    // What its own work costs is not meant: others go first on a core that they share.
    setPriority(attacker.pid!, 10);
    await sleep(Math.min(1_000, phase_ms));
    const attacked = await latency(contestant, phase_ms);
    const after_mib = rss_mib(contestant);
    const used = ((attacked.cores - quiet.cores) / rate) * 1e6;
    const within_ms = of === 'nginx' || ATTACKS[name]?.isLawful === true ? 0 : COUNTED_WITHIN_MS;
    const counted = await countedSoon(contestant, within_ms);
    return { name, quiet, attacked, cpu_us: used, before_mib, after_mib, counted };
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/**
 * CPU time of who is attacked for one connection of an attack, and what one costs that asks for nothing: connections come one after the other, so
 * that a busy machine changes little.
 */
export async function costOf(name: string, count: number, of: Name): Promise<number> {
  const upstream = spawn(process.execPath, [UPSTREAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(upstream.stdout, 'data')) as [Buffer];
    await using contestant = await startContestant(of, Number(line.toString()));
    const run = async (times: number): Promise<void> => {
      const args = [ATTACKER, name, String(contestant.port), '0', String(times)];
      await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit');
    };
    await run(count);
    await sleep(300);
    const before = cpu_us(contestant);
    await run(count);
    return (cpu_us(contestant) - before) / count;
  } finally {
    upstream.kill('SIGKILL');
  }
}

/** The attack goes on, and metrics are collected now and then. */
const COUNTED_WITHIN_MS = 15_000;

async function countedSoon(contestant: Contestant, within_ms: number): Promise<string> {
  const deadline = performance.now() + within_ms;
  for (;;) {
    const found = await contestant.counted();
    if (found !== '' || performance.now() > deadline) return found;
    await sleep(100);
  }
}

const HEADLINE = [
  'attack                     quiet ms  attacked  ratio  p99 ms  CPU µs/connection  RSS MiB before, after  counted',
].join('');

function lineOf({ name, quiet, attacked, cpu_us, before_mib, after_mib, counted }: Effect): string {
  const columns = [
    name.padEnd(27),
    quiet.median_ms.toFixed(2).padStart(8),
    attacked.median_ms.toFixed(2).padStart(10),
    (attacked.median_ms / quiet.median_ms).toFixed(2).padStart(7),
    attacked.p99_ms.toFixed(1).padStart(8),
    cpu_us.toFixed(0).padStart(19),
    `${before_mib.toFixed(0)}, ${after_mib.toFixed(0)}`.padStart(23),
    `  ${counted}`,
  ];
  const failed = quiet.failed + attacked.failed;
  return `${columns.join('')}${failed > 0 ? ` (${failed} failed)` : ''}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      rate: { type: 'string', default: '20' },
      seconds: { type: 'string', default: '3' },
      only: { type: 'string' },
      of: { type: 'string', default: 'gatewright' },
      cost: { type: 'string' },
    },
  });
  const names = values.only?.split(',') ?? Object.keys(ATTACKS);
  if (values.cost !== undefined) {
    for (const name of names) {
      const of: Name = values.of === 'nginx' ? 'nginx' : 'gatewright';
      console.log(name.padEnd(27), (await costOf(name, Number(values.cost), of)).toFixed(0).padStart(8), 'µs');
    }
    process.exit();
  }
  const pace = { rate: Number(values.rate), phase_ms: Number(values.seconds) * 1_000 };
  console.log(HEADLINE);
  for (const name of names) {
    console.log(lineOf(await measure(name, pace, values.of === 'nginx' ? 'nginx' : 'gatewright')));
  }
}
