import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_OBJECTS, type Kind, type ObjectSet, type RawObject } from '../model/object-set.ts';
import { compile } from './compile.ts';
import { changeOf } from './set-changes.ts';
import type { Snapshot } from './snapshot.ts';

const settings = { router: 'radixtree_host_uri', merge_slashes: true } as const;
const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** One step of somebody who edits: at a place, to another version; bad ones are among them. */
interface Edit {
  readonly kind: 'put' | 'insert' | 'remove' | 'move' | 'copy' | 'twice';
  readonly at: number;
  readonly id: string;
  readonly version: number;
}

const edits = fc.array(
  fc.record({
    kind: fc.constantFrom<Edit['kind']>('put', 'insert', 'remove', 'move', 'copy', 'twice'),
    at: fc.nat(9),
    id: fc.constantFrom(...IDS),
    version: fc.nat(3),
  }),
  { maxLength: 4 },
);

function object(id: string, version: number): RawObject {
  // The last version is bad: nothing has a uri that is a number.
  return { id, path: `/routes/${id}`, value: { uri: version === 3 ? 7 : `/${id}${version}`, upstream_id: 'u' } };
}

function edited(list: readonly RawObject[], { kind, at, id, version }: Edit): RawObject[] {
  const next = [...list];
  const place = next.length === 0 ? 0 : at % next.length;
  const there = next[place];
  if (kind === 'insert' && !next.some((one) => one.id === id)) next.splice(place, 0, object(id, version));
  // The same id twice, which is a problem of the document.
  if (kind === 'twice') next.splice(place, 0, object(id, version));
  if (there === undefined) return next;
  if (kind === 'put') next[place] = object(there.id, version);
  if (kind === 'remove') next.splice(place, 1);
  if (kind === 'copy') next[place] = { ...there };
  if (kind === 'move') next.push(...next.splice(place, 1));
  return next;
}

const setOf = (routes: readonly RawObject[]): ObjectSet => ({
  ...EMPTY_OBJECTS,
  objects: { ...EMPTY_OBJECTS.objects, routes },
});

/** By comparing everything with everything. */
function naive(routes: readonly RawObject[], { memory }: Snapshot): string[] {
  const first = routes.filter(({ id }, i) => routes.findIndex((one) => one.id === id) === i);
  const changed = first.filter((raw) => {
    const last = memory?.readings.routes.get(raw.id);
    return (
      last === undefined ||
      last.problems.length + last.warnings.length > 0 ||
      JSON.stringify(last.raw.value) !== JSON.stringify(raw.value)
    );
  });
  const gone = [...(memory?.readings.routes.entries() ?? [])].filter(([id]) => !first.some((raw) => raw.id === id));
  return [...changed.map((raw) => JSON.stringify(raw)), ...gone.map(([id]) => `- ${id}`)].toSorted();
}

test('what changed is found as by looking at everything, whatever moves, comes twice, or is bad', () => {
  fc.assert(
    fc.property(fc.array(edits, { maxLength: 8 }), (rounds) => {
      let routes: RawObject[] = [];
      let snapshot = compile(setOf([]), { settings, revision: 1 }).snapshot;
      for (const round of rounds) {
        routes = round.reduce(edited, routes);
        const { changed, removed } = changeOf(setOf(routes), snapshot.memory);
        const found = [...changed.map(([, raw]) => JSON.stringify(raw)), ...removed.map(([, id]) => `- ${id}`)];
        assert.deepEqual(found.toSorted(), naive(routes, snapshot));
        const chained = compile(setOf(routes), { settings, revision: 2, previous: snapshot });
        // What is blocked leaves everything as it is.
        if (!chained.isBlocked) snapshot = chained.snapshot;
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a change of one object among many looks at no other', () => {
  let looks = 0;
  const watched = (id: string): RawObject => {
    const raw = object(id, 0);
    return {
      get id() {
        looks++;
        return raw.id;
      },
      path: raw.path,
      value: raw.value,
    };
  };
  const routes = Array.from({ length: 5_000 }, (_, i) => watched(`r${i}`));
  const { snapshot } = compile(setOf(routes), { settings, revision: 1 });
  looks = 0;
  const change = changeOf(setOf(routes.with(2_500, object('r2500', 1))), snapshot.memory);
  assert.deepEqual(
    change.changed.map(([kind, { id }]): [Kind, string] => [kind, id]),
    [['routes', 'r2500']],
  );
  assert.deepEqual(change.removed, []);
  assert.ok(looks < 10, String(looks));
});
