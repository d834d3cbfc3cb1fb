/**
 * What attacks on HTTP/2 do to everybody else: clients of a process of their own attack at a fixed rate of connections, while a good client
 * on another connection asks one request after the other. `npm run attacks` measures each; a test takes a short look at some.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as h2 from '../../src/http2/protocol.ts';
import { answering, ok, ScriptedUpstream } from '../traps/scripted-upstream.ts';
import { RunningGateway } from '../e2e/gateway.ts';
import { blockOf, frame, GET, number32, POST } from './frame-client.ts';

const repeat = (count: number, one: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => one(i)));
const odd = (i: number): number => i * 2 + 1;
const open = (stream: number, fields = GET, isLast = true): Buffer =>
  frame(h2.HEADERS, h2.END_HEADERS | (isLast ? h2.END_STREAM : 0), stream, blockOf(fields));
/** One field of 4,000 bytes, and then 4,000 references to it of a byte each. */
const BOMB = Buffer.concat([
  blockOf(GET),
  Buffer.of(0x40, 1, 97, 0x7f, 0x81, 0x1e),
  Buffer.alloc(4_000, 'b'),
  Buffer.alloc(4_000, 0xbe),
]);

/** What each attack writes on a connection; then it waits for the end, a few seconds at most. */
export const ATTACKS: Readonly<Record<string, () => Buffer>> = {
  rapid_reset: () =>
    repeat(2_000, (i) => Buffer.concat([open(odd(i)), frame(h2.RST_STREAM, 0, odd(i), number32(h2.CANCEL))])),
  continuation_flood: () =>
    Buffer.concat([
      frame(h2.HEADERS, 0, 1, blockOf(GET)),
      repeat(5_000, () => frame(h2.CONTINUATION, 0, 1, blockOf([['a', 'b']]))),
    ]),
  settings_flood: () => repeat(5_000, () => frame(h2.SETTINGS, 0, 0)),
  ping_flood: () => repeat(5_000, () => frame(h2.PING, 0, 0, Buffer.alloc(8))),
  empty_frames: () => Buffer.concat([open(1, POST, false), repeat(5_000, () => frame(h2.DATA, 0, 1))]),
  window_updates: () => Buffer.concat([open(1), repeat(20_000, () => frame(h2.WINDOW_UPDATE, 0, 0, number32(1)))]),
  refused_streams: () => repeat(3_000, (i) => open(odd(i), POST, false)),
  hpack_bomb: () => repeat(100, (i) => frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, odd(i), BOMB)),
  zero_window: () =>
    Buffer.concat([
      frame(h2.SETTINGS, 0, 0, Buffer.of(0, h2.INITIAL_WINDOW_SIZE, 0, 0, 0, 0)),
      repeat(20, (i) => open(odd(i), [...GET.slice(0, 2), [':path', '/large'], ...GET.slice(3)])),
    ]),
  slow_head: () => frame(h2.HEADERS, h2.END_HEADERS, 1, blockOf(GET)).subarray(0, 20),
  idle_streams: () => repeat(100, (i) => open(odd(i), POST, false)),
};

/** How long one connection of an attack lives at most. */
const HOLD_MS = 3_000;

/** Attacks with so many new connections a second until it is ended. */
function attack(name: string, port: number, rate: number): void {
  const bytes = Buffer.concat([
    Buffer.from(h2.PREFACE),
    frame(h2.SETTINGS, 0, 0),
    ATTACKS[name]?.() ?? Buffer.alloc(0),
  ]);
  setInterval(() => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined).on('data', () => undefined);
    socket.write(bytes);
    setTimeout(() => socket.destroy(), HOLD_MS).unref();
  }, 1_000 / rate);
}

/** Median of how long requests take on one connection, one after the other. */
async function medianLatency(
  port: number,
  forMs: number,
): Promise<{ readonly median_ms: number; readonly failed: number }> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const times: number[] = [];
  let failed = 0;
  for (const end = performance.now() + forMs; performance.now() < end; await sleep(2)) {
    const began = performance.now();
    const stream = session.request({ ':path': '/' });
    stream.resume();
    const [head] = (await once(stream, 'response')) as [http2.IncomingHttpStatusHeader];
    await once(stream, 'end');
    if (head[':status'] !== 200) failed++;
    times.push(performance.now() - began);
  }
  session.destroy();
  return { median_ms: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Infinity, failed };
}

export interface Effect {
  readonly name: string;
  readonly quiet_ms: number;
  readonly attacked_ms: number;
  readonly failed: number;
  readonly rss_before_mib: number;
  readonly rss_after_mib: number;
  /** What the gateway counted of the attack. */
  readonly counted: string;
}

export interface Pace {
  readonly rate: number;
  readonly phase_ms: number;
}

const MIB = 1_048_576;

/** Measures an attack, between two quiet times, against a gateway of its own. */
export async function measure(name: string, { rate, phase_ms }: Pace): Promise<Effect> {
  const upstream = await ScriptedUpstream.start(
    answering(({ startLine }) => (startLine.includes('/large') ? ok('x'.repeat(100_000)) : ok('hello'))),
  );
  await using gateway = await RunningGateway.start({
    gateway: {
      http: [{ address: '127.0.0.1', port: 0, http2: true }],
      metrics: { address: '127.0.0.1', port: 0 },
      workers: 1,
      timeouts: { head_ms: 1_000, send_ms: 1_000 },
    },
    routes: [{ uri: '/*', upstream: { nodes: { [`127.0.0.1:${upstream.port}`]: 1 } } }],
  });
  let attacker: ChildProcess | null = null;
  try {
    const { port } = gateway;
    await medianLatency(port, phase_ms);
    const quiet = await medianLatency(port, phase_ms);
    const before = gateway.rss_bytes;
    attacker = spawn(process.execPath, [
      fileURLToPath(import.meta.url),
      '--attack',
      name,
      '--port',
      String(port),
      '--rate',
      String(rate),
    ]);
    await sleep(Math.min(1_000, phase_ms));
    const attacked = await medianLatency(port, phase_ms);
    const after = gateway.rss_bytes;
    return {
      name,
      quiet_ms: quiet.median_ms,
      attacked_ms: attacked.median_ms,
      failed: quiet.failed + attacked.failed,
      rss_before_mib: before / MIB,
      rss_after_mib: after / MIB,
      counted: await counted(gateway.errorLog, name === 'idle_streams' ? 0 : COUNTED_WITHIN_MS),
    };
  } finally {
    attacker?.kill('SIGKILL');
    upstream.close();
  }
}

/** The attack goes on, and metrics are collected now and then. */
const COUNTED_WITHIN_MS = 15_000;

async function counted(errorLog: string, within_ms: number): Promise<string> {
  const deadline = performance.now() + within_ms;
  for (;;) {
    const found = await countedOf(errorLog);
    if (found !== '' || performance.now() > deadline) return found;
    await sleep(100);
  }
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      attack: { type: 'string' },
      port: { type: 'string', default: '0' },
      rate: { type: 'string', default: '20' },
      seconds: { type: 'string', default: '3' },
      only: { type: 'string' },
    },
  });
  if (values.attack !== undefined) attack(values.attack, Number(values.port), Number(values.rate));
  else {
    const pace = { rate: Number(values.rate), phase_ms: Number(values.seconds) * 1_000 };
    console.log('attack               quiet ms  attacked ms  ratio  RSS MiB before, after  counted');
    for (const name of values.only?.split(',') ?? Object.keys(ATTACKS)) {
      const { quiet_ms, attacked_ms, failed, rss_before_mib, rss_after_mib, counted } = await measure(name, pace);
      const memory = `${rss_before_mib.toFixed(0)}, ${rss_after_mib.toFixed(0)}`;
      const ratio = (attacked_ms / quiet_ms).toFixed(2);
      console.log(
        `${name.padEnd(21)}${quiet_ms.toFixed(2).padStart(8)}${attacked_ms.toFixed(2).padStart(13)}${ratio.padStart(7)}${memory.padStart(23)}  ${counted}${failed > 0 ? ` (${failed} failed)` : ''}`,
      );
    }
  }
}
