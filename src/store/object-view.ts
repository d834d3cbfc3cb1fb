/** From what a store tells to what compile takes: all objects at one revision. */
import type { Configuration } from '../config/configuration.ts';
import { EMPTY_OBJECTS, KINDS, type Kind, type ObjectSet, type RawObject } from '../model/object-set.ts';
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
      const same = before.get(object.kind)?.get(object.id);
      const isSame = same?.modified === object.modifiedRevision && object.problem === undefined && same.isGood;
      this.kinds[object.kind].set(object.id, isSame ? same : entryOf(object));
    }
    return this.objectsAt(revision, KINDS);
  }

  apply({ revision, changed, deleted }: StoreChanges): Objects {
    for (const { kind, id } of deleted) this.kinds[kind].delete(id);
    for (const object of changed.toSorted(byAge)) {
      const entries = this.kinds[object.kind];
      // One that was deleted and put again in between is new, and comes last.
      if (entries.get(object.id)?.created !== object.createdRevision) entries.delete(object.id);
      entries.set(object.id, entryOf(object));
    }
    const touched = new Set([...changed, ...deleted].map(({ kind }: ObjectRef) => kind));
    return this.objectsAt(revision, [...touched]);
  }

  private objectsAt(revision: number, touched: readonly Kind[]): Objects {
    const renewed = touched.map((kind) => [kind, Array.from(this.kinds[kind].values(), ({ raw }) => raw)]);
    this.lists = { ...this.lists, ...(Object.fromEntries(renewed) as Partial<ObjectSet['objects']>) };
    const set: ObjectSet = {
      objects: this.lists,
      plugins: this.plugins,
      unknownAttributes: 'warning',
      isIncomplete: false,
    };
    return { revision, set, configuration: null };
  }
}

interface Entry {
  readonly raw: RawObject;
  readonly created: number;
  readonly modified: number;
  readonly isGood: boolean;
}

/** The same order on every machine and after every restart: routes that are equal otherwise are told apart by it. */
function byAge(a: StoredObject, b: StoredObject): number {
  return a.createdRevision - b.createdRevision || (a.key < b.key ? -1 : 1);
}

function entryOf(object: StoredObject): Entry {
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
