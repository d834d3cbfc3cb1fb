import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findExact, findLongest } from './radix-search.ts';
import { RadixEditor } from './radix-tree.ts';
import type { RadixNode } from './radix-tree.ts';

interface Value {
  readonly text: string;
  readonly number: number;
}
type Tree = RadixNode<Value> | null;

interface Step {
  readonly key: string;
  readonly isPrefix: boolean;
  /** null removes. */
  readonly number: number | null;
}

const step: fc.Arbitrary<Step> = fc.record({
  key: fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'z'), maxLength: 6 }),
  isPrefix: fc.boolean(),
  number: fc.option(fc.nat(), { freq: 2 }),
});
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'y', 'z'), maxLength: 9 });

function after(tree: Tree, steps: readonly Step[]): Tree {
  const editor = new RadixEditor(tree, {});
  for (const { key, isPrefix, number } of steps) {
    editor.apply({ key, isPrefix, change: () => (number === null ? null : { text: key, number }) });
  }
  return editor.root;
}

const placeOf = ({ key, isPrefix }: Step): string => `${key}${isPrefix ? '*' : ''}`;

/** The steps that count in the end, one for each place. */
function lastSteps(steps: readonly Step[]): Step[] {
  return [...new Map(steps.map((each) => [placeOf(each), each])).values()].filter(({ number }) => number !== null);
}

/** A tree without what tells editors apart. */
function shapeOf(tree: Tree): unknown {
  if (tree === null) return null;
  const { owner: _owner, ...rest } = tree;
  return { ...rest, kids: rest.kids.map(shapeOf) };
}

test('a text finds what equals it and the longest beginning of it', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.array(text, { maxLength: 10 }),
      fc.nat(9),
      (steps, texts, longest) => {
        const tree = after(null, steps);
        const kept = lastSteps(steps);
        if (tree === null) return assert.equal(kept.length, 0);
        for (const each of texts) {
          const exact = kept.find(({ key, isPrefix }) => !isPrefix && key === each);
          assert.equal(findExact(tree, each, false)?.number, exact?.number);
          const limit = Math.min(longest, each.length);
          const [prefix] = kept
            .filter(({ key, isPrefix }) => isPrefix && key.length <= limit && each.startsWith(key))
            .sort((a, b) => b.key.length - a.key.length);
          assert.equal(findLongest(tree, each, limit, false)?.number, prefix?.number);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test('in a tree of reversed keys it finds the longest end', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 12 }), text, fc.nat(9), (ends, each, longest) => {
      const editor = new RadixEditor<Value>(null, {});
      for (const end of ends) {
        const change = () => ({ text: end, number: end.length });
        const key = end.split('').reverse().join('');
        editor.apply({ key, isPrefix: true, change });
        editor.apply({ key, isPrefix: false, change });
      }
      assert.ok(editor.root !== null);
      const limit = Math.min(longest, each.length);
      const expected = Math.max(
        -1,
        ...ends.filter((end) => end.length <= limit && each.endsWith(end)).map(({ length }) => length),
      );
      assert.equal(findLongest(editor.root, each, limit, true)?.number ?? -1, expected);
      assert.equal(findExact(editor.root, each, true) !== null, ends.includes(each));
    }),
    { numRuns: 3000 },
  );
});

test('the shape depends on what a tree holds, not on how it came to hold it', () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 6 }), (batches) => {
      const chained = batches.reduce(after, null as Tree);
      const direct = after(null, lastSteps(batches.flat()).reverse());
      assert.deepEqual(shapeOf(chained), shapeOf(direct));
    }),
    { numRuns: 2000 },
  );
});

test('a tree stays what it was while others are made of it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 15 }), fc.array(step, { maxLength: 15 }), (first, second) => {
      const tree = after(null, first);
      const before = structuredClone(shapeOf(tree));
      after(tree, second);
      assert.deepEqual(shapeOf(tree), before);
    }),
    { numRuns: 2000 },
  );
});

test('an edit copies one path and shares the rest', () => {
  const keys = Array.from({ length: 1000 }, (_, i) => `/service${i}`);
  const tree = after(
    null,
    keys.map((key, number) => ({ key, isPrefix: false, number })),
  );
  const edited = after(tree, [{ key: '/service500', isPrefix: false, number: -1 }]);
  const nodes = new Set<RadixNode<Value>>();
  const collect = (node: Tree): void => {
    if (node === null) return;
    nodes.add(node);
    for (const kid of node.kids) collect(kid);
  };
  collect(tree);
  const shared = nodes.size;
  collect(edited);
  assert.ok(nodes.size - shared <= 5, `${nodes.size - shared} of ${shared} nodes were copied`);
});
