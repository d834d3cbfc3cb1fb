import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Balancer, BalanceNode } from './balancer.ts';
import { keyPosition, nodePoints, POINTS_PER_NODE } from './chash.ts';
import { createBalancer } from './create-balancer.ts';
import { candidates, node, pickOnce, query, Seeded, type Excluded } from './scenario.ts';

const settings = { type: 'chash', hashKey: { kind: 'vars', name: 'uri', variable: 'uri' } } as const;
const KEYS = Array.from({ length: 4000 }, (_, at) => `/users/${at * 7919}/profile`);

const make = (nodes: readonly BalanceNode[], previous?: Balancer): Balancer =>
  createBalancer(settings, nodes, previous);

/** The authority that serves a key, which unlike the index does not depend on the order of the list. */
function owner(
  balancer: Balancer,
  nodes: readonly BalanceNode[],
  hashKey: string,
  excluded: Excluded | null = null,
): string {
  return nodes[pickOnce(balancer, query({ hashKey, excluded }))]?.authority ?? 'none';
}

const owners = (nodes: readonly BalanceNode[]): string[] => {
  const balancer = make(nodes);
  return KEYS.map((key) => owner(balancer, nodes, key));
};

function pointsOf(authority: string): Uint32Array {
  const points = new Uint32Array(POINTS_PER_NODE);
  nodePoints(authority, points, 0);
  return points;
}

/** The definition: of all candidates, the one whose nearest point clockwise, divided by its weight, is nearest. */
function expectedOwner(nodes: readonly BalanceNode[], hashKey: string, excluded: Excluded | null): string {
  const position = keyPosition(hashKey) >>> 0;
  let chosen = 'none';
  let lowest = Infinity;
  for (const index of candidates(nodes, excluded)) {
    const { authority, weight } = nodes[index]!;
    const nearest = Math.min(...Array.from(pointsOf(authority), (point) => (point - position) >>> 0));
    if (nearest / weight < lowest) {
      lowest = nearest / weight;
      chosen = authority;
    }
  }
  return chosen;
}

test('picks are those of the definition, on random lists, weights, priorities and exclusions', () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new Seeded(seed);
    const nodes = random.nodes(random.whole(1, 8), random.chance(0.5) ? 3 : 3000, 2);
    const balancer = make(nodes);
    for (let turn = 0; turn < 40; turn++) {
      const hashKey = `k${random.whole(0, 1e9)}`;
      const excluded = random.exclusion(nodes.length);
      const expected = expectedOwner(nodes, hashKey, excluded);
      assert.equal(owner(balancer, nodes, hashKey, excluded), expected, `seed ${seed}, key ${hashKey}`);
    }
  }
});

test('with equal weights a key belongs to the next point clockwise, and around the end to the first', () => {
  const nodes = Array.from({ length: 4 }, (_, at) => node(`n${at}:80`));
  const ring = nodes.flatMap(({ authority }) => Array.from(pointsOf(authority), (point) => ({ point, authority })));
  ring.sort((a, b) => a.point - b.point);
  const balancer = make(nodes);
  let wrapped = 0;
  for (let at = 0; at < 20_000; at++) {
    const position = keyPosition(`key-${at}`) >>> 0;
    const found = ring.find(({ point }) => point >= position);
    if (found === undefined) wrapped += 1;
    assert.equal(owner(balancer, nodes, `key-${at}`), (found ?? ring[0]!).authority);
  }
  assert.ok(wrapped > 0);
});

const LISTS: readonly [string, readonly number[]][] = [
  ['equal weights', Array.from({ length: 12 }, () => 1)],
  ['small weights', [1, 2, 3, 1, 5, 2]],
  ['wild weights', [1000, 1, 7, 333, 64, 1000]],
];
for (const [name, weights] of LISTS) {
  const nodes = weights.map((weight, at) => node(`10.1.0.${at}:8080`, weight));
  const before = owners(nodes);

  test(`${name}: a node that goes moves only its own keys, one that comes only takes keys`, () => {
    for (const [index, gone] of nodes.entries()) {
      const after = owners(nodes.toSpliced(index, 1));
      for (const [at, was] of before.entries()) {
        if (was === gone.authority) assert.notEqual(after[at], was);
        else assert.equal(after[at], was, `${KEYS[at]} moved from ${was} when ${gone.authority} went`);
      }
    }
  });

  test(`${name}: raising a weight only draws keys to its node, lowering it only gives some away`, () => {
    for (const [index, changed] of nodes.entries()) {
      const after = owners(nodes.with(index, { ...changed, weight: changed.weight * 3 }));
      let moved = 0;
      for (const [at, was] of before.entries()) {
        if (after[at] === was) continue;
        assert.equal(after[at], changed.authority);
        moved += 1;
      }
      assert.ok(moved > 0);
    }
  });

  test(`${name}: an excluded node's keys go where they would go without it`, () => {
    const balancer = make(nodes);
    for (const [index] of nodes.entries()) {
      const without = nodes.toSpliced(index, 1);
      const smaller = make(without);
      for (const key of KEYS.slice(0, 500)) {
        assert.equal(
          owner(balancer, nodes, key, (at) => at === index),
          owner(smaller, without, key),
        );
      }
    }
  });

  test(`${name}: the order of the list does not matter`, () => {
    const reversed = nodes.toReversed();
    const balancer = make(reversed);
    for (const [at, key] of KEYS.entries()) assert.equal(owner(balancer, reversed, key), before[at]);
  });
}

test('shares are those of the weights within the stated deviation', () => {
  const random = new Seeded(1);
  const deviations: number[] = [];
  const samples = 40_000;
  for (let round = 0; round < 6; round++) {
    const nodes = Array.from({ length: 10 }, (_, at) =>
      node(`r${round}-n${at}:80`, round < 3 ? 1 : random.whole(1, 20)),
    );
    const total = nodes.reduce((sum, { weight }) => sum + weight, 0);
    const balancer = make(nodes);
    const counts = nodes.map(() => 0);
    for (let at = 0; at < samples; at++) counts[pickOnce(balancer, query({ hashKey: `${round}/${at}` }))]! += 1;
    for (const [index, { weight }] of nodes.entries()) {
      const expected = (samples * weight) / total;
      const noise = 1 / Math.sqrt(expected);
      const deviation = counts[index]! / expected - 1;
      assert.ok(
        Math.abs(deviation) < 4 * (1 / Math.sqrt(POINTS_PER_NODE) + noise),
        `round ${round}, node ${index}: ${deviation}`,
      );
      if (expected > 2000) deviations.push(deviation);
    }
  }
  const root = Math.sqrt(deviations.reduce((sum, deviation) => sum + deviation ** 2, 0) / deviations.length);
  assert.ok(root < 1.4 / Math.sqrt(POINTS_PER_NODE), `standard deviation ${root}`);
  assert.ok(root > 0.5 / Math.sqrt(POINTS_PER_NODE), `standard deviation ${root}: the documented one is too high`);
});

test('a balancer that follows another picks as one that made its own ring', () => {
  const nodes = [node('c:80', 3), node('a:80'), node('b:80', 2)];
  const edits = [
    [node('b:80', 5), node('c:80'), node('a:80', 4)],
    [node('a:80'), node('b:80'), node('other:80')],
    [node('a:80'), node('b:80')],
  ];
  for (const edited of edits) {
    const fresh = make(edited);
    const heir = make(edited, make(nodes));
    for (const key of KEYS) assert.equal(owner(heir, edited, key), owner(fresh, edited, key));
  }
});

test('a key always goes to the same node, and the empty key to one as well', () => {
  const nodes = [node('a:80'), node('b:80'), node('c:80')];
  const balancer = make(nodes);
  for (const key of ['', 'x', '日本', 'x'.repeat(10_000)]) {
    const first = owner(balancer, nodes, key);
    for (let turn = 0; turn < 10; turn++) assert.equal(owner(balancer, nodes, key), first);
  }
});

test('excluded is asked a bounded number of times when a large tier is wholly excluded', () => {
  const nodes = Array.from({ length: 500 }, (_, at) => node(`n${at}:80`));
  let asked = 0;
  const excluded = (): boolean => {
    asked += 1;
    return true;
  };
  assert.equal(make(nodes).pick(query({ hashKey: 'k', excluded })), -1);
  assert.ok(asked <= 2 * nodes.length, `asked ${asked} times`);
});
