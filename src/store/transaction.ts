/** What a transaction would do: the rules that all stores share. Pure. */
import { isObjectId } from '../model/object-set.ts';
import { quote } from '../model/problem.ts';
import { nameOf } from './object-key.ts';
import { StoreError } from './store-error.ts';
import type { Change, Expectation, ObjectRef, ObjectValue, Put, StoredObject } from './store.ts';

/** Longest text of an object; etcd takes requests of 1.5 MiB by default. */
export const MAX_OBJECT_BYTES = 1_400_000;
/** Ten years. */
const MAX_TTL_s = 315_360_000;

/** What is to be done about one change. */
export interface Step {
  readonly ref: ObjectRef;
  readonly before: StoredObject | null;
  /** The value to be stored; null deletes it; undefined leaves it as it is. */
  readonly value: ObjectValue | null | undefined;
  readonly ttl_s: number | null;
}

/**
 * The steps of a transaction; throws a StoreError if it must not happen.
 * @param find the current version of an object
 * @param now_s what `update_time` becomes
 */
export function planTransaction(
  changes: readonly Change[],
  find: (ref: ObjectRef) => StoredObject | null,
  now_s: number,
): readonly Step[] {
  checkShape(changes);
  return changes.map((change) => {
    const ref: ObjectRef = { kind: change.kind, id: change.id };
    const before = find(ref);
    if (change.expect !== undefined) checkExpectation(ref, change.expect, before);
    if (change.op === 'check') return { ref, before, value: undefined, ttl_s: null };
    if (change.op === 'delete') {
      if (before === null) throw new StoreError('not_found', `there is no ${nameOf(ref)}`, { ref });
      return { ref, before, value: null, ttl_s: null };
    }
    return { ref, before, value: stamped(change, before, now_s), ttl_s: change.ttl_s ?? null };
  });
}

/** What is wrong with a transaction whatever the store holds. */
export function checkShape(changes: readonly Change[]): void {
  const seen = new Set<string>();
  for (const change of changes) {
    const ref: ObjectRef = { kind: change.kind, id: change.id };
    const name = nameOf(ref);
    if (!isObjectId(ref.kind, ref.id)) {
      throw new StoreError('invalid', `${quote(ref.id)} is no id of an object of "${ref.kind}"`, { ref });
    }
    if (seen.has(name)) throw new StoreError('invalid', `${name} stands twice in one transaction`, { ref });
    seen.add(name);
    if (change.op === 'put') checkPut(change, ref);
  }
}

function checkPut({ value, ttl_s }: Put, ref: ObjectRef): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new StoreError('invalid', `the value of ${nameOf(ref)} is no object`, { ref });
  }
  if (ttl_s !== undefined && !(Number.isInteger(ttl_s) && ttl_s >= 1 && ttl_s <= MAX_TTL_s)) {
    const message = `ttl ${quote(ttl_s)} is none: use whole seconds from 1 to ${MAX_TTL_s}`;
    throw new StoreError('invalid', message, { ref });
  }
  const size = Buffer.byteLength(JSON.stringify(value));
  if (size > MAX_OBJECT_BYTES) {
    const message = `${nameOf(ref)} has ${size} bytes, at most ${MAX_OBJECT_BYTES} are stored`;
    throw new StoreError('too_large', message, { ref });
  }
}

function checkExpectation(ref: ObjectRef, expect: Expectation, before: StoredObject | null): void {
  if (expect === 'absent') {
    if (before !== null) throw new StoreError('conflict', `${nameOf(ref)} exists already`, { ref });
  } else if (before === null) {
    throw new StoreError('conflict', `there is no ${nameOf(ref)}`, { ref });
  } else if (expect !== 'present' && before.modifiedRevision !== expect) {
    const message = `${nameOf(ref)} was changed: it is at revision ${before.modifiedRevision}, not ${expect}`;
    throw new StoreError('conflict', message, { ref });
  }
}

/** For stores that know what was put last: refuses what the caller checked at a state that is no longer the current one. */
export function checkUnchanged(since: number | undefined, lastPut: number): void {
  if (since === undefined || lastPut <= since) return;
  throw new StoreError('conflict', `objects were changed since revision ${since}, at revision ${lastPut}`);
}

/** APISIX's bookkeeping: `id` where the kind has one, and both times in seconds. */
function stamped({ kind, id, value }: Put, before: StoredObject | null, now_s: number): ObjectValue {
  const given = value['create_time'] ?? before?.value['create_time'];
  const create_time = Number.isSafeInteger(given) ? given : now_s;
  const times = { create_time, update_time: now_s };
  if (kind === 'consumers') return { ...value, username: id, ...times };
  return { ...value, id: kind === 'credentials' ? id.slice(id.lastIndexOf('/') + 1) : id, ...times };
}
