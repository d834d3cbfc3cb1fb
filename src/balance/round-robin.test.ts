import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BalanceNode } from './balancer.ts';
import { createBalancer } from './create-balancer.ts';
import { candidates, node, pickOnce, query, Seeded, type Excluded } from './scenario.ts';

const settings = { type: 'roundrobin' } as const;

/** The definition in `turns.ts`, word by word. Equal weights with exclusions follow the rotation instead. */
class Model {
  readonly #nodes: readonly BalanceNode[];
  readonly #credits: number[];

  constructor(nodes: readonly BalanceNode[]) {
    this.#nodes = nodes;
    this.#credits = nodes.map(() => 0);
  }

  pick(excluded: Excluded | null): number {
    const among = candidates(this.#nodes, excluded);
    for (const index of among) this.#credits[index]! += this.#nodes[index]!.weight;
    const highest = Math.max(...among.map((index) => this.#credits[index]!));
    const chosen = among.find((index) => this.#credits[index] === highest) ?? -1;
    for (const index of among) if (index === chosen) this.#credits[index]! -= sumOfWeights(this.#nodes, among);
    return chosen;
  }
}

function sumOfWeights(nodes: readonly BalanceNode[], among: readonly number[]): number {
  return among.reduce((sum, index) => sum + nodes[index]!.weight, 0);
}

function hasEqualWeights(nodes: readonly BalanceNode[]): boolean {
  const weights = nodes.filter(({ weight }) => weight > 0).map(({ weight }) => weight);
  return new Set(weights).size <= 1;
}

test('weights 5, 1, 1 give the documented order', () => {
  const balancer = createBalancer(settings, [node('a:80', 5), node('b:80'), node('c:80')]);
  assert.equal(Array.from({ length: 14 }, () => 'ABC'[pickOnce(balancer)]).join(''), 'AABACAAAABACAA');
});

test('picks are those of the definition, on random lists, without exclusions', () => {
  for (let seed = 0; seed < 400; seed++) {
    const random = new Seeded(seed);
    const nodes = random.nodes(random.whole(1, 15), random.whole(1, 9), 2);
    const balancer = createBalancer(settings, nodes);
    const model = new Model(nodes);
    for (let turn = 0; turn < 100; turn++)
      assert.equal(pickOnce(balancer), model.pick(null), `seed ${seed}, turn ${turn}`);
  }
});

test('picks are those of the definition, on random unequal weights, with exclusions', () => {
  for (let seed = 0; seed < 400; seed++) {
    const random = new Seeded(seed);
    const nodes = random.nodes(random.whole(2, 10), 9, 1);
    if (hasEqualWeights(nodes)) continue;
    const balancer = createBalancer(settings, nodes);
    const model = new Model(nodes);
    for (let turn = 0; turn < 60; turn++) {
      const excluded = random.exclusion(nodes.length);
      assert.equal(pickOnce(balancer, query({ excluded })), model.pick(excluded), `seed ${seed}, turn ${turn}`);
    }
  }
});

test('equal weights rotate: the next node after the last one that is not excluded', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Seeded(seed);
    const count = random.whole(2, 12);
    const nodes = Array.from({ length: count }, (_, at) => node(`n${at}:80`, 4));
    const balancer = createBalancer(settings, nodes);
    let last = -1;
    for (let turn = 0; turn < 60; turn++) {
      const excluded = random.exclusion(count);
      const order = Array.from({ length: count }, (_, step) => (last + 1 + step) % count);
      const expected = order.find((index) => !excluded?.(index)) ?? -1;
      assert.equal(pickOnce(balancer, query({ excluded })), expected, `seed ${seed}, turn ${turn}`);
      if (expected >= 0) last = expected;
    }
  }
});

test('every window of sum(weights) picks has each node exactly weight times', () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new Seeded(seed);
    const nodes = random.nodes(random.whole(1, 10), 12, 1);
    const window = sumOfWeights(nodes, [...nodes.keys()]);
    const balancer = createBalancer(settings, nodes);
    if (window === 0) continue;
    const picks = Array.from({ length: 3 * window }, () => pickOnce(balancer));
    const counts = nodes.map(() => 0);
    for (const [at, index] of picks.entries()) {
      counts[index]! += 1;
      if (at >= window) counts[picks[at - window]!]! -= 1;
      if (at >= window - 1)
        assert.deepEqual(
          counts,
          nodes.map(({ weight }) => weight),
          `seed ${seed}, pick ${at}`,
        );
    }
  }
});

test('while some nodes stay excluded, the others share by weight', () => {
  const nodes = [node('a:80', 7), node('b:80', 2), node('c:80', 3), node('d:80', 4)];
  const balancer = createBalancer(settings, nodes);
  for (let turn = 0; turn < 5; turn++) pickOnce(balancer);
  const counts = nodes.map(() => 0);
  for (let turn = 0; turn < 9 * 20; turn++)
    counts[pickOnce(balancer, query({ excluded: (index) => index === 0 }))]! += 1;
  assert.equal(counts[0], 0);
  for (const [index, share] of [0, 40, 60, 80].entries()) {
    assert.ok(Math.abs(counts[index]! - share) <= 2, `node ${index}: ${counts[index]} picks, not about ${share}`);
  }
});

for (const weights of [
  [5, 1, 1, 3],
  [2, 2, 2, 2],
]) {
  test(`an edit that leaves the weights ${weights.join()} alone goes on where the old balancer stopped`, () => {
    const nodes = weights.map((weight, at) => node(`n${at}:80`, weight));
    for (let stop = 0; stop < 12; stop++) {
      const undisturbed = createBalancer(settings, nodes);
      const first = createBalancer(settings, nodes);
      for (let turn = 0; turn < stop; turn++) assert.equal(pickOnce(first), pickOnce(undisturbed));
      const second = createBalancer(settings, nodes, first);
      for (let turn = 0; turn < 30; turn++) assert.equal(pickOnce(second), pickOnce(undisturbed), `stopped at ${stop}`);
    }
  });
}

test('frequent edits do not send all traffic to the first node', () => {
  const counts = [0, 0, 0];
  let balancer = createBalancer(settings, []);
  for (let edit = 0; edit < 300; edit++) {
    const extra = edit % 2 === 0 ? [node(`x${edit}:80`, 0)] : [];
    balancer = createBalancer(settings, [node('a:80'), node('b:80'), node('c:80'), ...extra], balancer);
    counts[pickOnce(balancer)]! += 1;
  }
  assert.deepEqual(counts, [100, 100, 100]);
});

test('a change of the scale of the weights starves no node', () => {
  const weigh = (a: number, b: number, c: number): BalanceNode[] => [node('a:80', a), node('b:80', b), node('c:80', c)];
  for (let stop = 0; stop < 2000; stop += 97) {
    const big = createBalancer(settings, weigh(1000, 700, 300));
    for (let turn = 0; turn < stop; turn++) pickOnce(big);
    const small = createBalancer(settings, weigh(2, 1, 1), big);
    const counts = [0, 0, 0];
    for (let turn = 0; turn < 40; turn++) counts[pickOnce(small)]! += 1;
    for (const [index, share] of [20, 10, 10].entries()) {
      assert.ok(Math.abs(counts[index]! - share) <= 2, `stopped at ${stop}: ${counts.join()}`);
    }
  }
});
