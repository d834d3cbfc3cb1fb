import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CALL_BROKEN,
  CALL_FAILED,
  CALL_PROBE,
  CALL_SLOW,
  CIRCUIT_NUMBERS,
  type CircuitSettings,
  noteCall,
  openFor,
  stateOf,
} from './circuit.ts';

const SETTINGS: CircuitSettings = {
  window_ms: 10_000,
  min_calls: 10,
  failure_percent: 50,
  slow_percent: 80,
  consecutive_failures: 0,
  open_ms: 1_000,
  max_open_ms: 5_000,
  half_open_successes: 2,
};
const fresh = (): Float64Array => new Float64Array(CIRCUIT_NUMBERS);

test('half of ten calls failing opens it, four of ten do not', () => {
  for (const [failures, state] of [
    [4, 'closed'],
    [5, 'open'],
  ] as const) {
    const record = fresh();
    for (let i = 0; i < 10; i++) noteCall(record, i < failures ? CALL_FAILED : 0, 1_000, SETTINGS);
    assert.equal(stateOf(record, 1_000), state);
  }
});

test('nine calls are too few, whatever became of them', () => {
  const record = fresh();
  for (let i = 0; i < 9; i++) assert.equal(noteCall(record, CALL_FAILED, 1_000, SETTINGS), null);
  assert.equal(noteCall(record, CALL_FAILED, 1_000, SETTINGS), 'open');
});

test('failures of a window ago weigh little', () => {
  const record = fresh();
  for (let i = 0; i < 9; i++) noteCall(record, CALL_FAILED, 1_000, SETTINGS);
  for (let i = 0; i < 10; i++) noteCall(record, 0, 21_000, SETTINGS);
  assert.equal(stateOf(record, 21_000), 'closed');
});

test('a run of failures opens it long before there are enough calls, and a good one ends the run', () => {
  const settings = { ...SETTINGS, consecutive_failures: 3 };
  const record = fresh();
  for (const call of [CALL_FAILED, CALL_FAILED, 0, CALL_FAILED, CALL_FAILED])
    assert.equal(noteCall(record, call, 0, settings), null);
  assert.equal(noteCall(record, CALL_FAILED, 0, settings), 'open');
});

test('slow calls open it by a share of their own', () => {
  const record = fresh();
  for (let i = 0; i < 10; i++) noteCall(record, i < 7 ? CALL_SLOW : 0, 0, SETTINGS);
  assert.equal(stateOf(record, 0), 'closed');
  const other = fresh();
  for (let i = 0; i < 10; i++) noteCall(other, i < 8 ? CALL_SLOW : 0, 0, SETTINGS);
  assert.equal(stateOf(other, 0), 'open');
});

test('each opening in a row lasts twice as long, up to the bound', () => {
  const settings = { ...SETTINGS, consecutive_failures: 1 };
  const record = fresh();
  noteCall(record, CALL_FAILED, 0, settings);
  const times: number[] = [];
  let now_ms = 0;
  for (let i = 0; i < 5; i++) {
    times.push(openFor(record, now_ms));
    assert.equal(stateOf(record, now_ms + openFor(record, now_ms) - 1), 'open');
    now_ms += openFor(record, now_ms);
    assert.equal(stateOf(record, now_ms), 'half_open');
    assert.equal(noteCall(record, CALL_PROBE | CALL_FAILED, now_ms, settings), 'open');
  }
  assert.deepEqual(times, [1_000, 2_000, 4_000, 5_000, 5_000]);
});

test('good probes in a row close it and leave nothing behind; only probes count', () => {
  const settings = { ...SETTINGS, consecutive_failures: 1 };
  const record = fresh();
  noteCall(record, CALL_FAILED, 0, settings);
  assert.equal(noteCall(record, CALL_FAILED, 500, settings), null, 'asked before it opened');
  assert.equal(noteCall(record, CALL_FAILED, 1_500, settings), null, 'as was this one');
  assert.equal(noteCall(record, CALL_PROBE, 1_500, settings), null);
  assert.equal(noteCall(record, CALL_PROBE, 1_500, settings), 'closed');
  assert.deepEqual([...record], [0, 0, 0, 0, 0, 0, 0]);
  assert.equal(noteCall(record, CALL_PROBE | CALL_FAILED, 1_600, settings), null, 'a late probe says nothing any more');
});

test('a slow probe is a bad one', () => {
  const record = fresh();
  noteCall(record, CALL_FAILED, 0, { ...SETTINGS, consecutive_failures: 1 });
  assert.equal(noteCall(record, CALL_PROBE | CALL_SLOW, 1_000, SETTINGS), 'open');
});

test('an answer that broke off after it was counted is a failure of the same call', () => {
  const record = fresh();
  for (let i = 0; i < 9; i++) noteCall(record, 0, 0, SETTINGS);
  for (let i = 0; i < 4; i++) noteCall(record, CALL_BROKEN, 0, SETTINGS);
  assert.equal(stateOf(record, 0), 'closed');
  noteCall(record, 0, 0, SETTINGS);
  assert.equal(noteCall(record, CALL_BROKEN, 0, SETTINGS), 'open', '5 of 10');
});

test('a clock that is a little behind fades nothing backwards', () => {
  const record = fresh();
  noteCall(record, CALL_FAILED, 1_000, SETTINGS);
  noteCall(record, CALL_FAILED, 990, SETTINGS);
  assert.equal(record[0], 2);
});

/** The same as lists and words. */
class NaiveCircuit {
  private calls: { at_ms: number; call: number }[] = [];
  private openings = 0;
  private until_ms = 0;
  private good = 0;
  private readonly settings: CircuitSettings;

  constructor(settings: CircuitSettings) {
    this.settings = settings;
  }

  state(now_ms: number): string {
    if (this.openings === 0) return 'closed';
    return now_ms < this.until_ms ? 'open' : 'half_open';
  }

  note(call: number, now_ms: number): void {
    const state = this.state(now_ms);
    const isProbe = (call & CALL_PROBE) > 0;
    const isBad = (call & (CALL_FAILED | CALL_BROKEN)) > 0 || (call & CALL_SLOW) > 0;
    if (state === 'closed' && !isProbe) {
      this.calls.push({ at_ms: now_ms, call });
      if (this.isBeyond(now_ms)) this.open(now_ms);
    } else if (state === 'half_open' && isProbe) {
      if (isBad) this.open(now_ms);
      else if (++this.good === this.settings.half_open_successes) {
        this.openings = 0;
        this.calls = [];
      }
    }
  }

  private open(now_ms: number): void {
    const { open_ms, max_open_ms } = this.settings;
    this.openings++;
    this.good = 0;
    this.calls = [];
    this.until_ms = now_ms + Math.min(max_open_ms, open_ms * 2 ** (this.openings - 1));
  }

  private isBeyond(now_ms: number): boolean {
    const { min_calls, failure_percent, slow_percent, consecutive_failures, window_ms } = this.settings;
    const weight = (bit: number): number =>
      this.calls.reduce(
        (sum, { at_ms, call }) =>
          sum +
          ((bit === 0 ? (call & CALL_BROKEN) === 0 : (call & bit) > 0) ? Math.exp(-(now_ms - at_ms) / window_ms) : 0),
        0,
      );
    const lastGood = this.calls.findLastIndex(({ call }) => (call & (CALL_FAILED | CALL_BROKEN)) === 0);
    if (consecutive_failures > 0 && this.calls.length - 1 - lastGood >= consecutive_failures) return true;
    const all = weight(0);
    if (all < min_calls - 0.5) return false;
    const share = (bit: number): number => (weight(bit) / all) * 100;
    const epsilon = 1e-9;
    return (
      (weight(CALL_FAILED | CALL_BROKEN) > 0 && share(CALL_FAILED | CALL_BROKEN) >= failure_percent - epsilon) ||
      (weight(CALL_SLOW) > 0 && share(CALL_SLOW) >= slow_percent - epsilon)
    );
  }
}

test('random calls bring about what lists of them bring about', (t) => {
  const seed = Number(process.env['SEED'] ?? 5);
  t.diagnostic(`seed ${seed}`);
  let random_state = seed;
  const random = (): number => (random_state = (random_state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const upTo = (most: number): number => Math.floor(random() * (most + 1));
  const reached = new Set<string>();
  for (let run = 0; run < 80; run++) {
    const settings: CircuitSettings = {
      window_ms: 1_000 + upTo(10_000),
      min_calls: 1 + upTo(15),
      failure_percent: 20 + upTo(80),
      slow_percent: 20 + upTo(80),
      consecutive_failures: upTo(6),
      open_ms: 100 + upTo(1_000),
      max_open_ms: 1_100 + upTo(4_000),
      half_open_successes: 1 + upTo(3),
    };
    const [bad, slow] = [random() * 0.6, random() * 0.6];
    const record = fresh();
    const naive = new NaiveCircuit(settings);
    let now_ms = 1;
    for (let step = 0; step < 200; step++) {
      now_ms += upTo(300);
      const probe = stateOf(record, now_ms) === 'half_open' && random() < 0.8 ? CALL_PROBE : 0;
      const ended = (random() < bad ? CALL_FAILED : 0) | (random() < slow ? CALL_SLOW : 0) | probe;
      const call = random() < 0.1 ? CALL_BROKEN : ended;
      noteCall(record, call, now_ms, settings);
      naive.note(call, now_ms);
      assert.equal(stateOf(record, now_ms), naive.state(now_ms), `run ${run}, step ${step}`);
      reached.add(naive.state(now_ms));
    }
  }
  assert.deepEqual([...reached].toSorted(), ['closed', 'half_open', 'open']);
});
