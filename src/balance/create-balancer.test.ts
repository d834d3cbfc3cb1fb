import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LATENCY_FAILED, LATENCY_UNKNOWN } from './balancer.ts';
import { createBalancer } from './create-balancer.ts';
import { ALL_SETTINGS, candidates, node, pickOnce, query, Seeded } from './scenario.ts';

const keyed = (random: Seeded): { hashKey: string; random: number } => ({
  hashKey: `key-${random.whole(0, 1e9)}`,
  random: random.unit(),
});

for (const settings of ALL_SETTINGS) {
  describe(`every balancer: ${settings.type}`, () => {
    test('an empty list gives -1', () => {
      assert.equal(createBalancer(settings, []).pick(query()), -1);
    });

    test('a single node is always picked, and -1 given while it is excluded', () => {
      const balancer = createBalancer(settings, [node('a:80', 3)]);
      assert.equal(pickOnce(balancer), 0);
      assert.equal(pickOnce(balancer, query({ excluded: () => true })), -1);
      assert.equal(pickOnce(balancer, query({ excluded: () => false })), 0);
    });

    test('a node of weight 0 is never picked, not even as the last one', () => {
      const random = new Seeded(1);
      const balancer = createBalancer(settings, [node('a:80', 0), node('b:80'), node('c:80', 0), node('d:80')]);
      for (let turn = 0; turn < 200; turn++) {
        assert.ok([1, 3].includes(pickOnce(balancer, query(keyed(random)))));
      }
      assert.equal(pickOnce(balancer, query({ excluded: (index) => index % 2 === 1 })), -1);
      assert.equal(pickOnce(createBalancer(settings, [node('a:80', 0)])), -1);
    });

    test('-1 when all nodes are excluded, also with several priorities and thousands of nodes', () => {
      const random = new Seeded(2);
      for (const nodes of [random.nodes(7, 3, 3), random.nodes(3000, 5, 2)]) {
        const balancer = createBalancer(settings, nodes);
        assert.equal(balancer.pick(query({ ...keyed(random), excluded: () => true })), -1);
        assert.ok(nodes.every((_, index) => balancer.inFlight(index) === 0));
      }
    });

    test('a lower priority serves only while every node of the higher ones is excluded or weightless', () => {
      const nodes = [
        node('a:80', 1, -1),
        node('b:80', 1, 5),
        node('c:80', 1, 5),
        node('d:80', 0, 9),
        node('e:80', 1, -1),
      ];
      const balancer = createBalancer(settings, nodes);
      const cases: readonly [number[], number[]][] = [
        [[], [1, 2]],
        [[1], [2]],
        [
          [1, 2],
          [0, 4],
        ],
        [[1, 2, 0], [4]],
        [
          [0, 4],
          [1, 2],
        ],
      ];
      const random = new Seeded(3);
      for (const [out, expected] of cases) {
        const seen = new Set<number>();
        for (let turn = 0; turn < 100; turn++) {
          seen.add(pickOnce(balancer, query({ ...keyed(random), excluded: (index) => out.includes(index) })));
        }
        assert.deepEqual(seen, new Set(expected), `excluded: ${out.join()}`);
      }
    });

    test('every pick is a candidate, and none is missed, on random lists and exclusions', () => {
      for (let seed = 0; seed < 300; seed++) {
        const random = new Seeded(seed);
        const nodes = random.nodes(random.whole(0, 12), 3, random.whole(1, 3));
        const balancer = createBalancer(settings, nodes);
        for (let turn = 0; turn < 20; turn++) {
          const excluded = random.exclusion(nodes.length);
          const allowed = candidates(nodes, excluded);
          const index = balancer.pick(query({ ...keyed(random), now_ms: turn, excluded }));
          if (allowed.length === 0) assert.equal(index, -1, `seed ${seed}`);
          else assert.ok(allowed.includes(index), `seed ${seed}: ${index} is not one of ${allowed.join()}`);
          if (index >= 0 && random.chance(0.7)) balancer.release(index, random.whole(-2, 50), turn);
        }
      }
    });

    test('retries that exclude what was tried reach every node once', () => {
      const random = new Seeded(4);
      const nodes = random.nodes(40, 5, 3).filter(({ weight }) => weight > 0);
      const balancer = createBalancer(settings, nodes);
      const tried = new Set<number>();
      const asked = { ...keyed(random), excluded: (index: number) => tried.has(index) };
      for (let attempt = 0; attempt < nodes.length; attempt++) {
        const index = balancer.pick(query(asked));
        assert.ok(index >= 0 && !tried.has(index));
        tried.add(index);
        balancer.release(index, LATENCY_FAILED, attempt);
      }
      assert.equal(balancer.pick(query(asked)), -1);
    });

    test('an equal sequence of calls gives an equal sequence of picks', () => {
      const run = (): number[] => {
        const random = new Seeded(5);
        const balancer = createBalancer(settings, random.nodes(9, 4, 2));
        return Array.from({ length: 300 }, (_, turn) => {
          const index = balancer.pick(query({ ...keyed(random), now_ms: turn, excluded: random.exclusion(9) }));
          if (index >= 0 && random.chance(0.8)) balancer.release(index, random.whole(0, 90), turn);
          return index;
        });
      };
      assert.deepEqual(run(), run());
    });

    test('thousands of nodes of equal weight are all in use', () => {
      const random = new Seeded(6);
      const nodes = Array.from({ length: 4000 }, (_, at) => node(`node-${at}:80`));
      const balancer = createBalancer(settings, nodes);
      const seen = new Set<number>();
      for (let turn = 0; turn < 20_000; turn++) seen.add(balancer.pick(query(keyed(random))));
      assert.ok(!seen.has(-1));
      // chash and ewma pick by chance: of 4000, 4000·e^−5 = 27 would be missed by uniform picks, more by uneven arcs.
      assert.ok(seen.size > 3800, `only ${seen.size} of 4000 were picked`);
    });

    test('a pick that is not released stays in the count, one that is leaves nothing', () => {
      const random = new Seeded(7);
      const nodes = random.nodes(6, 3, 1);
      const balancer = createBalancer(settings, nodes);
      const expected = nodes.map(() => 0);
      const held: number[] = [];
      for (let turn = 0; turn < 2000; turn++) {
        if (random.chance(0.5)) {
          const index = balancer.pick(query({ ...keyed(random), now_ms: turn }));
          held.push(index);
          expected[index]! += 1;
        } else if (held.length > 0) {
          const [index] = held.splice(random.whole(0, held.length - 1), 1);
          balancer.release(index!, random.chance(0.1) ? LATENCY_UNKNOWN : 5, turn);
          expected[index!]! -= 1;
        }
        assert.deepEqual(
          nodes.map((_, index) => balancer.inFlight(index)),
          expected,
        );
      }
      for (const index of held) balancer.release(index, 5, 2000);
      assert.ok(nodes.every((_, index) => balancer.inFlight(index) === 0));
    });

    test('a release without a pick is refused', () => {
      const balancer = createBalancer(settings, [node('a:80'), node('b:80')]);
      const index = balancer.pick(query());
      balancer.release(index, 1, 0);
      for (const wrong of [index, 1 - index, -1, 2]) {
        assert.throws(() => balancer.release(wrong, 1, 0), { name: 'RangeError', message: /has no pick to release/ });
      }
      assert.equal(balancer.inFlight(index), 0);
    });

    test('a weight that is no number from 0 up is refused', () => {
      for (const weight of [-1, NaN, Infinity]) {
        assert.throws(() => createBalancer(settings, [node('a:80', weight)]), { name: 'RangeError', message: /a:80/ });
      }
    });

    test('the same target named twice is two nodes, each with its weight', () => {
      const random = new Seeded(8);
      const balancer = createBalancer(settings, [node('a:80'), node('a:80'), node('b:80')]);
      const seen = new Set<number>();
      for (let turn = 0; turn < 200; turn++) seen.add(balancer.pick(query(keyed(random))));
      assert.deepEqual(seen, new Set([0, 1, 2]));
    });

    test('an edit keeps the counts, and picks of before it are released on the old balancer', () => {
      const first = createBalancer(settings, [node('a:80'), node('b:80')]);
      const before = query({ excluded: (index) => index !== 1 });
      assert.equal(first.pick(before), 1);
      assert.equal(first.pick(before), 1);
      const second = createBalancer(settings, [node('c:80'), node('b:80', 7), node('a:80')], first);
      assert.deepEqual(
        [0, 1, 2].map((index) => second.inFlight(index)),
        [0, 2, 0],
      );
      first.release(1, 3, 1);
      assert.equal(second.inFlight(1), 1);
      assert.equal(second.pick(query({ excluded: (index) => index !== 1 })), 1);
      assert.equal(first.inFlight(1), 2);
    });

    test('a node that leaves with picks under way and comes back still has them', () => {
      const first = createBalancer(settings, [node('a:80')]);
      first.pick(query());
      const without = createBalancer(settings, [node('b:80')], first);
      const still = createBalancer(settings, [node('b:80')], without);
      const back = createBalancer(settings, [node('b:80'), node('a:80')], still);
      assert.equal(back.inFlight(1), 1);
      first.release(0, 1, 1);
      assert.equal(back.inFlight(1), 0);
    });
  });
}

test('a change of type keeps the counts', () => {
  const before = createBalancer({ type: 'roundrobin' }, [node('a:80'), node('b:80')]);
  assert.equal(before.pick(query()), 0);
  const after = createBalancer({ type: 'least_conn' }, [node('a:80'), node('b:80')], before);
  assert.equal(after.pick(query()), 1);
});
