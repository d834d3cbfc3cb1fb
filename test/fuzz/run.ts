/**
 * `npm run fuzz -- --seconds N --seed S`: random messages through the parsers, the connections and a whole worker.
 * Findings go to .fuzz/, each with what repeats it. Exits with 1 if there is any.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { ThreadOptions } from './fuzz-thread.ts';
import { Inputs } from './input.ts';
import { type Finding, type FuzzReport, writeFinding } from './loop.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../.fuzz');
/** An input that has not come to its end by then never will. */
const HANGS_AFTER_MS = 60_000;
/** What a heap that does not grow may differ by between two measurements. */
const HEAP_SLACK_BYTES = 16 * 1_048_576;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    from: { type: 'string', default: '0' },
    count: { type: 'string', default: '0' },
  },
});

function numberOf(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name} is "${values[name]}", and has to be a whole number that is not negative`);
    process.exit(64);
  }
  return value;
}

const seed = numberOf('seed');
const current = new Int32Array(new SharedArrayBuffer(4));
const options: ThreadOptions = {
  seed,
  from: numberOf('from'),
  count: numberOf('count'),
  seconds: numberOf('seconds'),
  current,
};
const thread = new Worker(new URL('./fuzz-thread.ts', import.meta.url), { workerData: options });
const startedAt = performance.now();
console.log(`fuzzing for ${options.seconds} s with seed ${seed}`);

let last = -1;
let lastAt = startedAt;
const watch = setInterval(() => {
  const index = Atomics.load(current, 0);
  if (index !== last) {
    last = index;
    lastAt = performance.now();
  } else if (performance.now() - lastAt > HANGS_AFTER_MS) {
    report({
      inputs: index - options.from,
      heap: [],
      findings: [{ index, problem: 'hangs', bytes: new Inputs(seed).input(index).bytes }],
    });
    void thread.terminate();
  }
}, 1_000);
thread.on('message', report);
thread.on('error', (error) => {
  console.error(error);
  process.exitCode = 1;
});
thread.on('exit', () => clearInterval(watch));

function report({ inputs, findings, heap }: FuzzReport): void {
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(
    `${inputs} inputs in ${seconds.toFixed(0)} s, ${(inputs / seconds).toFixed(0)} a second, ${findings.length} findings`,
  );
  for (const finding of findings) tell(finding);
  const grown = growthOf(heap);
  console.log(`heap after collection: ${heap.map((size) => (size / 1_048_576).toFixed(1)).join(' ')} MB`);
  if (grown > HEAP_SLACK_BYTES) console.log(`the heap grew by ${(grown / 1_048_576).toFixed(1)} MB`);
  process.exitCode = findings.length > 0 || grown > HEAP_SLACK_BYTES ? 1 : 0;
}

function tell(finding: Finding): void {
  const bytes = Buffer.from(finding.bytes);
  const file = writeFinding(FOLDER, seed, { ...finding, bytes });
  console.log(`${path.relative(process.cwd(), file)}: ${finding.problem.slice(0, 500)}`);
}

/** From the first tenth of the measurements, in which caches fill, to the lowest of the last ones. */
function growthOf(heap: readonly number[]): number {
  const settled = heap[Math.floor(heap.length / 10)] ?? 0;
  const atEnd = heap.slice(-3);
  return atEnd.length === 0 ? 0 : Math.min(...atEnd) - settled;
}
