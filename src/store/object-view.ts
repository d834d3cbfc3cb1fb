/** From what a store tells to what compile takes: all objects at one revision. */
import type { Configuration } from '../config/configuration.ts';
import {
  type ChangedPlaces,
  EMPTY_OBJECTS,
  KINDS,
  type Kind,
  type ObjectSet,
  type RawObject,
} from '../model/object-set.ts';
import { pathOf, type Problem, quote } from '../model/problem.ts';
import type { ObjectRef, Store, StoreChanges, StoredObject, StoreState, StoreStatus, Watch } from './store.ts';

/** All objects at one revision. */
export interface Objects {
  readonly revision: number;
  readonly set: ObjectSet;
  /** The document that they come from, with what is wrong with it; null if they come from none. */
  readonly configuration: Configuration | null;
}

export interface FollowOptions {
  /** The enabled plugins, for stores whose objects come without that list; null for all. */
  readonly plugins: readonly string[] | null;
  /** At the beginning and after every change; several changes may have been taken together. */
  readonly onObjects: (objects: Objects) => void;
  readonly onStatus: (status: StoreStatus) => void;
}

/** Follows a store for those who need everything at once. */
export function followObjects(store: Store, options: FollowOptions): Watch {
  const view = new ObjectView(options.plugins);
  return store.watch({
    onState: (state) => options.onObjects(view.begin(state)),
    onChanges: (changes) => options.onObjects(view.apply(changes)),
    onStatus: options.onStatus,
  });
}

/** Keeps objects by kind and id; what did not change stays the very same object, and lists keep their order. */
export class ObjectView {
  private readonly plugins: readonly string[] | null;
  private readonly kinds: { readonly [K in Kind]: Map<string, Entry> };
  private lists = EMPTY_OBJECTS.objects;

  constructor(plugins: readonly string[] | null) {
    this.plugins = plugins;
    this.kinds = Object.fromEntries(KINDS.map((kind) => [kind, new Map()])) as unknown as typeof this.kinds;
  }

  begin({ revision, objects, configuration }: StoreState): Objects {
    if (configuration !== undefined) return { revision, set: configuration.objects, configuration };
    const before = new Map(KINDS.map((kind) => [kind, new Map(this.kinds[kind])]));
    for (const kind of KINDS) this.kinds[kind].clear();
    for (const object of objects.toSorted(byAge)) {
      const entries = this.kinds[object.kind];
      const same = before.get(object.kind)?.get(object.id);
      const isSame = same?.modified === object.modifiedRevision && object.problem === undefined && same.isGood;
      entries.set(object.id, { ...(isSame ? same : entryOf(object)), at: entries.size });
    }
    this.lists = Object.fromEntries(KINDS.map((kind) => [kind, this.listOf(kind)])) as unknown as typeof this.lists;
    return this.objectsAt(revision, null);
  }

  apply({ revision, changed, deleted }: StoreChanges): Objects {
    const touched = Map.groupBy(changed.toSorted(byAge), ({ kind }) => kind);
    const gone = Map.groupBy(deleted, ({ kind }) => kind);
    const since = this.lists;
    const places: { [K in Kind]?: readonly number[] } = {};
    for (const kind of new Set([...touched.keys(), ...gone.keys()])) {
      const at = this.change(kind, touched.get(kind) ?? [], gone.get(kind) ?? []);
      if (at !== null) places[kind] = at;
    }
    return this.objectsAt(revision, { since, places });
  }

  /**
   * Puts what changed in its place in a copy of the list: a look at each of tens of thousands of objects costs more than all the
   * rest of a change.
   * @returns the places; null where others moved
   */
  private change(
    kind: Kind,
    changed: readonly StoredObject[],
    deleted: readonly ObjectRef[],
  ): readonly number[] | null {
    const entries = this.kinds[kind];
    const list = this.lists[kind].slice();
    const places: number[] = [];
    let hasGaps = false;
    for (const { id } of deleted) hasGaps = entries.delete(id) || hasGaps;
    for (const object of changed) {
      const { id, createdRevision } = object;
      const before = entries.get(id);
      // One that was deleted and put again in between is new, and comes last.
      const isNew = before?.created !== createdRevision;
      if (isNew) hasGaps = entries.delete(id) || hasGaps;
      const at = isNew ? list.length : before.at;
      const entry = { ...entryOf(object), at };
      entries.set(id, entry);
      list[at] = entry.raw;
      places.push(at);
    }
    this.lists = { ...this.lists, [kind]: hasGaps ? this.listOf(kind) : list };
    return hasGaps ? null : places;
  }

  /** All of a kind, each of them noted to be where it is. */
  private listOf(kind: Kind): readonly RawObject[] {
    const list: RawObject[] = [];
    for (const entry of this.kinds[kind].values()) {
      entry.at = list.length;
      list.push(entry.raw);
    }
    return list;
  }

  private objectsAt(revision: number, changes: ChangedPlaces | null): Objects {
    const set: ObjectSet = {
      objects: this.lists,
      plugins: this.plugins,
      unknownAttributes: 'warning',
      isIncomplete: false,
      ...(changes === null ? {} : { changes }),
    };
    return { revision, set, configuration: null };
  }
}

interface Entry {
  readonly raw: RawObject;
  readonly created: number;
  readonly modified: number;
  readonly isGood: boolean;
  /** Its place in the list of its kind. */
  at: number;
}

/** The same order on every machine and after every restart: routes that are equal otherwise are told apart by it. */
function byAge(a: StoredObject, b: StoredObject): number {
  return a.createdRevision - b.createdRevision || (a.key < b.key ? -1 : 1);
}

function entryOf(object: StoredObject): Omit<Entry, 'at'> {
  const { kind, id, value, path, createdRevision, modifiedRevision } = object;
  const problem = object.problem ?? misnamed(object);
  const raw: RawObject = {
    id,
    // The key decides. A consumer has its name instead of an id.
    value: kind === 'consumers' || problem !== undefined ? value : { ...value, id },
    path,
    ...(problem === undefined ? {} : { problem }),
  };
  return { raw, created: createdRevision, modified: modifiedRevision, isGood: problem === undefined };
}

function misnamed({ kind, id, value, path }: StoredObject): Problem | undefined {
  const { username } = value;
  if (kind !== 'consumers' || username === undefined || username === id) return undefined;
  const message = `the username ${quote(username)} is not that of its key, which says ${quote(id)}`;
  return { path: pathOf(path, 'username'), code: 'conflict', message };
}
