/** Whether an object may be written: all that is wrong with it, by path, before anything is changed. */
import type { ObjectChecker } from '../compile/object-checker.ts';
import type { Kind, RawObject } from '../model/object-set.ts';
import { keysOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { StoredObject } from '../store/store.ts';
import { forModel } from './resource.ts';
import type { JsonObject, View } from './view.ts';

export interface Findings {
  /** Paths are relative to the object. */
  readonly problems: readonly Problem[];
  /** Attributes of plugins that nobody knows: kept, and told. */
  readonly warnings: readonly Problem[];
  /** What identifies a consumer or credential; secrets. */
  readonly keys: readonly { readonly plugin: string; readonly key: string }[];
}

/** Objects whose engine comes later are stored and checked; compile says itself that it does not serve them yet. */
const STORED_ONLY: readonly Kind[] = ['stream_routes', 'protos', 'secrets'];

/** Stands for the object in paths, and is cut off again. */
const ROOT = 'object';

export function checkByItself(
  checker: ObjectChecker,
  kind: Kind,
  object: { readonly id: string; readonly value: JsonObject },
  metadata: ReadonlyMap<string, StoredObject>,
): Findings {
  const whole = forModel(kind, object.id, object.value);
  const found = checkOnce(checker, kind, { id: object.id, value: whole, path: ROOT }, metadata);
  const problems = [...found.problems];
  // What is wrong with the shape keeps the other rules from being looked at: they are, without the attributes at fault.
  const faulty = new Set(found.problems.map(attributeOf));
  for (let round = 0; round < MAX_ROUNDS && problems.length > 0 && !faulty.has(undefined); round++) {
    const value = Object.fromEntries(Object.entries(whole).filter(([key]) => !faulty.has(key)));
    const further = checkOnce(checker, kind, { id: object.id, value, path: ROOT }, metadata).problems.filter((one) => {
      const attribute = attributeOf(one);
      return attribute !== undefined && !faulty.has(attribute) && Object.hasOwn(value, attribute);
    });
    if (further.length === 0) break;
    problems.push(...further);
    for (const one of further) faulty.add(attributeOf(one));
  }
  return { ...found, problems };
}

const MAX_ROUNDS = 3;

/** The member of the object that a problem is about; undefined if it is about the object as a whole. */
function attributeOf({ path }: Problem): string | undefined {
  const [first] = keysOf(path);
  return first === undefined ? undefined : String(first);
}

function checkOnce(
  checker: ObjectChecker,
  kind: Kind,
  raw: RawObject,
  metadata: ReadonlyMap<string, StoredObject>,
): Findings {
  const { problems, unknown, credentials } = checker.check(kind, raw, metadataOf(metadata));
  const isServedLater = ({ code, path }: Problem): boolean =>
    code === 'not_available' && path === ROOT && STORED_ONLY.includes(kind);
  // As in APISIX, whose core schemas are closed and whose plugins' are open.
  const isOfPlugin = ({ path }: Problem): boolean => kind === 'plugin_metadata' || path.startsWith(`${ROOT}.plugins`);
  const wrong = [...problems.filter((one) => !isServedLater(one)), ...unknown.filter((one) => !isOfPlugin(one))];
  return { problems: wrong.map(relative), warnings: unknown.filter(isOfPlugin).map(relative), keys: credentials };
}

function* metadataOf(stored: ReadonlyMap<string, StoredObject>): Iterable<RawObject> {
  for (const [id, { value, path }] of stored) yield { id, value: { ...value, id }, path };
}

function relative(problem: Problem): Problem {
  return { ...problem, path: problem.path.slice(ROOT.length).replace(/^\./, '') };
}

/** Finds who has a key already: one key leads to one consumer. What each object is identified by is read once. */
export class ConsumerKeys {
  private readonly checker: ObjectChecker;
  private readonly known = new WeakMap<StoredObject, Findings['keys']>();

  constructor(checker: ObjectChecker) {
    this.checker = checker;
  }

  /** @param replaced objects, as `kind/id`, that the same change replaces or removes */
  duplicates(
    view: View,
    object: { readonly name: string; readonly keys: Findings['keys'] },
    replaced: ReadonlySet<string>,
  ): Problem[] {
    if (object.keys.length === 0) return [];
    const problems: Problem[] = [];
    for (const kind of ['consumers', 'credentials'] as const) {
      for (const [id, stored] of view.list(kind)) {
        const name = `${kind}/${id}`;
        if (name === object.name || replaced.has(name)) continue;
        for (const { plugin, key } of object.keys) {
          const isTaken = this.keysOf(kind, id, stored).some((other) => other.plugin === plugin && other.key === key);
          if (isTaken) problems.push(duplicateKey(plugin, kind, id));
        }
      }
    }
    return problems;
  }

  private keysOf(kind: 'consumers' | 'credentials', id: string, stored: StoredObject): Findings['keys'] {
    let keys = this.known.get(stored);
    if (keys === undefined) {
      keys = checkByItself(this.checker, kind, { id, value: stored.value }, new Map()).keys;
      this.known.set(stored, keys);
    }
    return keys;
  }
}

/** Names who has the key, never the key. */
export function duplicateKey(plugin: string, kind: 'consumers' | 'credentials', id: string): Problem {
  const [username = '', , credential = ''] = id.split('/');
  const holder = kind === 'consumers' ? `consumer: ${id}` : `credential ${credential} of consumer: ${username}`;
  return { path: `plugins.${plugin}`, code: 'duplicate', message: `duplicate key found with ${holder}` };
}
