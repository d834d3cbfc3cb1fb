/**
 * Between the two halves of compile: objects that were checked in one thread, as they go to those that assemble Snapshots
 * of them. There nothing is checked again, and what is decided here stays decided.
 */
import { KINDS } from '../model/object-set.ts';
import type { Kind, RawObject } from '../model/object-set.ts';
import { MATCH_ATTRIBUTES } from '../model/route.ts';
import type { Problem } from '../model/problem.ts';
import type { Change } from './assemble.ts';
import type { PersistentMap } from './persistent-map.ts';
import type { Reading } from './read-objects.ts';
import type { CompileMemory } from './snapshot.ts';

/** One object as JSON; null if it is gone. */
export interface CheckedObject {
  /** `routes/7`. */
  readonly key: string;
  readonly value: CheckedValue | null;
}

/** The version that serves; or of an object that has none, what tells which requests it answers with a refusal. */
export type CheckedValue =
  | { readonly good: Readonly<Record<string, unknown>> }
  | { readonly bad: Readonly<Record<string, unknown>> };

/** What workers need; the rest is for control alone. */
const WORKER_KINDS: readonly Kind[] = KINDS.filter(
  (kind) => kind !== 'secrets' && kind !== 'stream_routes' && kind !== 'protos',
);

type ReadingsOfKind = PersistentMap<Reading>;

/** What differs between two Snapshots, the first of which may be none, in the eyes of who assembles them. */
export function* checkedDifferences(before: CompileMemory | undefined, after: CompileMemory): Generator<CheckedObject> {
  const given = new Set<string>();
  for (const kind of WORKER_KINDS) {
    const readings = after.readings[kind] as unknown as ReadingsOfKind;
    const differences =
      before === undefined
        ? Array.from(readings, ([id, reading]) => [id, undefined, reading] as const)
        : (before.readings[kind] as unknown as ReadingsOfKind).differences(readings);
    for (const [id, here, there] of differences) {
      const key = `${kind}/${id}`;
      if (there === undefined) yield { key, value: null };
      else if (before === undefined || here === undefined || here.good !== there.good || there.good === null) {
        given.add(key);
        yield { key, value: valueOf(key, there, after) };
      }
    }
  }
  // Who has a key may change without any change of the one who has it no longer.
  for (const key of new Set([...(before?.consumers.outdone.keys() ?? []), ...after.consumers.outdone.keys()])) {
    const kind = key.slice(0, key.indexOf('/')) as Kind;
    const reading: Reading | undefined = after.readings[kind].get(key.slice(kind.length + 1));
    const isSame = sameNames(before?.consumers.outdone.get(key), after.consumers.outdone.get(key));
    if (reading !== undefined && !isSame && !given.has(key)) yield { key, value: valueOf(key, reading, after) };
  }
}

function sameNames(one: ReadonlySet<string> = new Set(), other: ReadonlySet<string> = new Set()): boolean {
  return one.size === other.size && [...one].every((name) => other.has(name));
}

function valueOf(key: string, { good, raw }: Reading, { consumers, routes }: CompileMemory): CheckedValue | null {
  if (good === null) {
    // Left out: what it matches is for nobody to read.
    if (key.startsWith('routes/') && routes.get(key.slice('routes/'.length)) === undefined) return null;
    const kept = Object.entries(raw.value).filter(
      ([name]) => name === 'service_id' || name === 'hosts' || MATCH_ATTRIBUTES.includes(name),
    );
    return { bad: Object.fromEntries(kept) };
  }
  const outdone = consumers.outdone.get(key);
  if (outdone === undefined) return { good };
  const plugins = Object.entries(good['plugins'] as object).filter(([name]) => !outdone.has(name));
  return { good: { ...good, plugins: Object.fromEntries(plugins) } };
}

const BAD: Problem = { path: '', code: 'invalid_value', message: 'found bad where it was checked' };

/** The change that such objects are, which may come a few at a time. */
export class CheckedChange {
  private readonly changed: (readonly [Kind, RawObject])[] = [];
  private readonly removed: (readonly [Kind, string])[] = [];

  add(objects: Iterable<CheckedObject>): void {
    for (const { key, value } of objects) {
      const kind = key.slice(0, key.indexOf('/')) as Kind;
      const id = key.slice(kind.length + 1);
      if (value === null) this.removed.push([kind, id]);
      else if ('good' in value) this.changed.push([kind, { id, value: value.good, path: key, isChecked: true }]);
      else this.changed.push([kind, { id, value: value.bad, path: key, isChecked: true, problem: BAD }]);
    }
  }

  get change(): Change {
    const { changed, removed } = this;
    return { changed, removed, isIncomplete: false, isClosed: false, order: null, lists: null };
  }
}

export function changeOfChecked(objects: Iterable<CheckedObject>): Change {
  const checked = new CheckedChange();
  checked.add(objects);
  return checked.change;
}
