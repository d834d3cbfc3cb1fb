import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LATENCY_FAILED, LATENCY_UNKNOWN, type Balancer, type BalanceNode } from './balancer.ts';
import { createBalancer } from './create-balancer.ts';
import { DECAY_ms, ewmaScore, FIRST_FAILURE_ms, LEAST_ms, recordLatency, WORST_ms } from './ewma.ts';
import { candidates, node, query, Seeded } from './scenario.ts';
import type { NodeLoad } from './tier.ts';

const settings = { type: 'ewma' } as const;
const load = (average_ms: number, measured_ms: number, inFlight = 0): NodeLoad => ({
  inFlight,
  average_ms,
  measured_ms,
});

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);
}

describe('the average', () => {
  const e = Math.exp(-1);
  const rows: readonly [string, NodeLoad, number, number, number][] = [
    ['starts with the first measurement', load(NaN, -Infinity), 40, 5, 40],
    ['jumps to a sample above it', load(10, 0), 50, 1, 50],
    ['jumps also when it has decayed in between', load(10, 0), 50, 5 * DECAY_ms, 50],
    ['keeps 1/e after the decay time', load(100, 0), 20, DECAY_ms, 20 + 80 * e],
    ['keeps everything when no time has passed', load(100, 7), 20, 7, 100],
    ['keeps everything when time seems to run backwards', load(100, 7), 20, 3, 100],
    ['doubles with a failure', load(30, 0), LATENCY_FAILED, 9, 60],
    ['doubles with a failure whatever time has passed', load(30, 0), LATENCY_FAILED, 9 * DECAY_ms, 60],
    ['is a second when the first attempt fails', load(NaN, -Infinity), LATENCY_FAILED, 9, FIRST_FAILURE_ms],
    ['is bounded above', load(50_000, 0), LATENCY_FAILED, 9, WORST_ms],
    ['is bounded below', load(NaN, -Infinity), 0, 9, LEAST_ms],
    ['learns nothing from a client that left', load(30, 0), LATENCY_UNKNOWN, 9, 30],
  ];
  for (const [name, before, latency_ms, now_ms, expected] of rows) {
    test(name, () => {
      recordLatency(before, latency_ms, now_ms);
      near(before.average_ms, expected);
    });
  }

  test('does not decay twice for the same stretch of time when results come out of order', () => {
    const state = load(100, 0);
    recordLatency(state, 0, DECAY_ms);
    const after = state.average_ms;
    recordLatency(state, 0, DECAY_ms / 2);
    recordLatency(state, 0, DECAY_ms);
    near(state.average_ms, after);
  });

  test('a client that left leaves a node without a measurement as it is', () => {
    const state = load(NaN, -Infinity);
    recordLatency(state, LATENCY_UNKNOWN, 5);
    assert.ok(Number.isNaN(state.average_ms));
  });
});

describe('the score', () => {
  const rows: readonly [string, NodeLoad, number, number, number][] = [
    ['is the average', load(30, 0), 1, 0, 30],
    ['decays with time', load(30, 0), 1, 2 * DECAY_ms, 30 * Math.exp(-2)],
    ['grows with every attempt in flight', load(30, 0, 3), 1, 0, 120],
    ['is divided by the weight', load(30, 0, 3), 4, 0, 30],
    ['is 0 for an idle node without a measurement', load(NaN, -Infinity), 1, 0, 0],
    ['is the worst for one that is being tried for the first time', load(NaN, -Infinity, 1), 2, 0, WORST_ms],
  ];
  for (const [name, state, weight, now_ms, expected] of rows) {
    test(name, () => near(ewmaScore(state, weight, now_ms), expected));
  }
});

/** The definition, by search: all ordered pairs in a list, the random number chooses one. */
function expectedPick(
  nodes: readonly BalanceNode[],
  loads: readonly NodeLoad[],
  asked: ReturnType<typeof query>,
): number {
  const among = candidates(nodes, asked.excluded);
  if (among.length < 2) return among[0] ?? -1;
  const pairs = among.flatMap((one) => among.filter((two) => two !== one).map((two) => [one, two] as const));
  const [one, two] = pairs[Math.floor(asked.random * pairs.length)]!;
  const score = (index: number): number => ewmaScore(loads[index]!, nodes[index]!.weight, asked.now_ms);
  return score(two) < score(one) ? two : one;
}

test('picks are those of the definition on random lists, latencies, failures and exclusions', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Seeded(seed);
    const nodes = random.nodes(random.whole(1, 10), 3, 2);
    const balancer = createBalancer(settings, nodes);
    const loads = nodes.map(() => load(NaN, -Infinity));
    let now_ms = 0;
    for (let turn = 0; turn < 100; turn++) {
      now_ms += random.unit() * 2000;
      const asked = query({ now_ms, random: random.unit(), excluded: random.exclusion(nodes.length) });
      const index = balancer.pick(asked);
      assert.equal(index, expectedPick(nodes, loads, asked), `seed ${seed}, turn ${turn}`);
      if (index >= 0) loads[index]!.inFlight += 1;
      for (const [at, state] of loads.entries()) {
        if (state.inFlight === 0 || random.chance(0.5)) continue;
        const latency_ms = random.chance(0.2) ? random.whole(-2, -1) : random.unit() * 300;
        balancer.release(at, latency_ms, now_ms);
        state.inFlight -= 1;
        recordLatency(state, latency_ms, now_ms);
      }
    }
  }
});

test('each ordered pair of candidates is drawn by an equal range of the random number', () => {
  const nodes = Array.from({ length: 5 }, (_, at) => node(`n${at}:80`));
  const counts = nodes.map(() => 0);
  for (let step = 0; step < 2000; step++) {
    // All idle and without a measurement: every pair ties, so the first drawn is picked.
    const index = createBalancer(settings, nodes).pick(query({ random: step / 2000 }));
    counts[index]! += 1;
  }
  assert.deepEqual(counts, [400, 400, 400, 400, 400]);
  assert.equal(createBalancer(settings, nodes).pick(query({ random: 1 - 2 ** -53 })), 4);
});

/** Traffic of one request at a time against nodes of fixed latencies; the share of each node. */
function simulate(balancer: Balancer, latencies: readonly number[], random: Seeded, from_ms: number): number[] {
  const counts = latencies.map(() => 0);
  let now_ms = from_ms;
  for (let turn = 0; turn < 3000; turn++) {
    const index = balancer.pick(query({ now_ms, random: random.unit() }));
    counts[index]! += 1;
    now_ms += 10;
    balancer.release(index, latencies[index]!, now_ms);
  }
  return counts;
}

test('the slowest node is avoided, is tried again now and then, and returns when it is fast again', () => {
  const random = new Seeded(1);
  const balancer = createBalancer(
    settings,
    ['a', 'b', 'c'].map((name) => node(`${name}:80`)),
  );
  const slow = simulate(balancer, [5, 5, 200], random, 0);
  assert.ok(slow[2]! >= 1 && slow[2]! < 30, `the slow node served ${slow[2]} of 3000`);
  // Out for τ·ln(200/5) = 37 s, then its share grows e-fold every τ.
  for (let from_ms = 30_000; from_ms < 150_000; from_ms += 30_000) simulate(balancer, [5, 5, 5], random, from_ms);
  const even = simulate(balancer, [5, 5, 5], random, 150_000);
  assert.ok(even[2]! > 600, `after it had recovered, the node served ${even[2]} of 3000`);
});

test('a node that refuses every attempt at once gets almost none', () => {
  const random = new Seeded(2);
  const balancer = createBalancer(
    settings,
    ['a', 'b'].map((name) => node(`${name}:80`)),
  );
  const counts = simulate(balancer, [5, LATENCY_FAILED], random, 0);
  assert.ok(counts[1]! <= 10, `the failing node was tried ${counts[1]} times in 30 s`);
});

test('a new node among measured ones is tried by one request at a time until it has answered', () => {
  const before = createBalancer(
    settings,
    ['a', 'b'].map((name) => node(`${name}:80`)),
  );
  simulate(before, [5, 5], new Seeded(3), 0);
  const balancer = createBalancer(
    settings,
    ['a', 'b', 'new'].map((name) => node(`${name}:80`)),
    before,
  );
  const random = new Seeded(4);
  const picks = Array.from({ length: 200 }, () => {
    const index = balancer.pick(query({ now_ms: 30_000, random: random.unit() }));
    if (index !== 2) balancer.release(index, 5, 30_000);
    return index;
  });
  assert.equal(picks.filter((index) => index === 2).length, 1);
});

test('averages survive an edit', () => {
  const before = createBalancer(settings, [node('fast:80'), node('slow:80')]);
  const each: readonly [number, number][] = [
    [0, 5],
    [1, 500],
  ];
  for (const [index, latency_ms] of each) {
    assert.equal(before.pick(query({ excluded: (at) => at !== index })), index);
    before.release(index, latency_ms, 0);
  }
  const after = createBalancer(settings, [node('slow:80'), node('fast:80', 2)], before);
  for (const random of [0, 0.3, 0.6, 0.9]) {
    const index = after.pick(query({ random }));
    assert.equal(index, 1);
    after.release(index, 5, 0);
  }
});
