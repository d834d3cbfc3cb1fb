/** How long the fuzzing of HTTP/2 takes, by which seed, and whether memory grows meanwhile. */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Random, seededRandom } from '../fuzz/random.ts';
import type { Lab } from '../traps/lab.ts';

/** What a heap that does not grow may differ by. */
const HEAP_SLACK_BYTES = 16 * 1_048_576;
/** Shorter runs do not get beyond filling what is filled once. */
const MEASURED_MS = 20_000;
/** A round that takes longer than all its deadlines together hangs. */
const ROUND_MS = 60_000;

export class FuzzRun {
  readonly seed = Number(process.env['GATEWRIGHT_FUZZ_SEED'] ?? (Math.random() * 2 ** 31) | 0);
  readonly random: Random = seededRandom(this.seed);
  /** Of the whole; the environment may say more. */
  readonly duration_ms: number;
  rounds = 0;
  private heap_bytes = 0;

  constructor(seconds: number) {
    this.duration_ms = Number(process.env['GATEWRIGHT_FUZZ_SECONDS'] ?? seconds) * 1_000;
  }

  /** For the test as a whole: a round that hangs ends before it. */
  get timeout_ms(): number {
    return this.duration_ms + 2 * ROUND_MS;
  }

  /** Runs rounds until the time is over. After each, nothing may be left of what it did but what the lab itself keeps. */
  async all(lab: Lab, round: () => Promise<void>): Promise<void> {
    const began = performance.now();
    let nextLook = began + this.duration_ms / 10;
    for (; performance.now() - began < this.duration_ms; this.rounds++) {
      await within(ROUND_MS, round(), `round ${this.rounds}`);
      assert.deepEqual(lab.faults, [], `seed ${this.seed}`);
      forget(lab);
      if (this.duration_ms < MEASURED_MS || performance.now() < nextLook) continue;
      nextLook = performance.now() + this.duration_ms / 10;
      this.look();
    }
  }

  private look(): void {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    const { heapUsed } = process.memoryUsage();
    if (this.heap_bytes === 0) this.heap_bytes = heapUsed;
    const grown = heapUsed - this.heap_bytes;
    assert.ok(grown < HEAP_SLACK_BYTES, `the heap grew by ${grown} bytes, seed ${this.seed}, ${this.rounds} rounds`);
  }
}

/** What the lab keeps for tests that look at it. */
function forget(lab: Lab): void {
  for (const list of [lab.log, lab.abuses, lab.nodeAbuses]) list.length = 0;
  for (const { connections } of lab.upstreams) {
    const open = connections.filter(({ isClosed }) => !isClosed);
    connections.splice(0, connections.length, ...open);
  }
}

async function within(most_ms: number, work: Promise<void>, what: string): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what} hangs`)), most_ms);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
