import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BalanceNode } from './balancer.ts';
import { createBalancer } from './create-balancer.ts';
import { candidates, node, query, Seeded, type Excluded } from './scenario.ts';

const settings = { type: 'least_conn' } as const;

/** The nodes with the lowest (in flight + 1) / weight, compared as exact fractions. */
function lowest(nodes: readonly BalanceNode[], busy: readonly number[], excluded: Excluded | null): number[] {
  const among = candidates(nodes, excluded);
  const cost = (index: number, other: number): number => (busy[index]! + 1) * nodes[other]!.weight;
  return among.filter((index) => among.every((other) => cost(index, other) <= cost(other, index)));
}

test('each pick is one of the lowest (in flight + 1) / weight, and ties take turns by smooth round robin', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new Seeded(seed);
    const nodes = random.nodes(random.whole(2, 9), random.whole(1, 6), 1);
    const isEqual = new Set(nodes.filter(({ weight }) => weight > 0).map(({ weight }) => weight)).size === 1;
    const balancer = createBalancer(settings, nodes);
    const busy = nodes.map(() => 0);
    const credits = nodes.map(() => 0);
    let last = -1;
    for (let turn = 0; turn < 80; turn++) {
      const excluded = random.exclusion(nodes.length);
      const tied = lowest(nodes, busy, excluded);
      const index = balancer.pick(query({ excluded }));
      if (isEqual) {
        assert.equal(index, tied.find((at) => at > last) ?? tied[0] ?? -1, `seed ${seed}, turn ${turn}`);
        if (index >= 0) last = index;
      } else if (tied.length < 2) {
        assert.equal(index, tied[0] ?? -1, `seed ${seed}, turn ${turn}`);
      } else {
        for (const at of tied) credits[at]! += nodes[at]!.weight;
        const highest = Math.max(...tied.map((at) => credits[at]!));
        assert.equal(
          index,
          tied.find((at) => credits[at] === highest),
          `seed ${seed}, turn ${turn}`,
        );
        credits[index]! -= tied.reduce((sum, at) => sum + nodes[at]!.weight, 0);
      }
      if (index >= 0) busy[index]! += 1;
      for (const [at, count] of busy.entries()) {
        if (count > 0 && random.chance(0.3)) {
          balancer.release(at, 1, turn);
          busy[at]! -= 1;
        }
      }
    }
  }
});

test('idle nodes of equal weight are used in turn, also when only some of them tie', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((name) => node(`${name}:80`));
  const balancer = createBalancer(settings, nodes);
  const hold = balancer.pick(query());
  assert.equal(hold, 0);
  const order = Array.from({ length: 6 }, () => {
    const index = balancer.pick(query());
    balancer.release(index, 1, 0);
    return index;
  });
  assert.deepEqual(order, [1, 2, 3, 1, 2, 3]);
});

test('held connections end up in proportion to the weights', () => {
  const nodes = [node('a:80', 1), node('b:80', 2), node('c:80', 5)];
  const balancer = createBalancer(settings, nodes);
  for (let turn = 0; turn < 80; turn++) balancer.pick(query());
  assert.deepEqual(
    [0, 1, 2].map((index) => balancer.inFlight(index)),
    [10, 20, 50],
  );
});

test('a node whose picks are never released falls out of use', () => {
  const balancer = createBalancer(settings, [node('leaky:80'), node('sound:80')]);
  const picks = [0, 0];
  for (let turn = 0; turn < 100; turn++) {
    const index = balancer.pick(query());
    picks[index]! += 1;
    if (index === 1) balancer.release(index, 1, turn);
  }
  assert.equal(balancer.inFlight(0), 1);
  assert.deepEqual(picks, [1, 99]);
});

test('a huge weight and a huge count are compared without loss', () => {
  const balancer = createBalancer(settings, [node('a:80', 3_000_000), node('b:80', 1)]);
  for (let turn = 0; turn < 1000; turn++) assert.equal(balancer.pick(query()), 0);
});

test('a new node joins at its count, and loaded ones keep theirs', () => {
  const before = createBalancer(settings, [node('a:80'), node('b:80')]);
  for (let turn = 0; turn < 10; turn++) before.pick(query());
  const after = createBalancer(settings, [node('a:80'), node('b:80'), node('c:80')], before);
  const picks = Array.from({ length: 5 }, () => after.pick(query()));
  assert.deepEqual(picks, [2, 2, 2, 2, 2]);
});
