/** Changing an object that may be changed by others at the same moment. */
import { nameOf } from './object-key.ts';
import { StoreError } from './store-error.ts';
import type { ObjectRef, ObjectValue, Put, Store, StoredObject, WriteResult } from './store.ts';

/** How often a change is tried anew because someone else was faster. */
const MAX_ATTEMPTS = 10;

/**
 * Reads the object, lets `change` make its next value, and writes that if the object is still the one that was read; else
 * it begins anew. Rejects with `not_found` if there is no such object, with `conflict` if others are faster ten times in a
 * row, and with whatever `change` throws.
 */
export async function update(
  store: Store,
  ref: ObjectRef,
  change: (current: StoredObject) => ObjectValue | Promise<ObjectValue>,
  options: Pick<Put, 'ttl_s'> = {},
): Promise<WriteResult> {
  for (let attempt = 1; ; attempt++) {
    const current = await store.get(ref);
    if (current === null) throw new StoreError('not_found', `there is no ${nameOf(ref)}`, { ref });
    const value = await change(current);
    try {
      return await store.write([{ op: 'put', ...ref, value, ...options, expect: current.modifiedRevision }]);
    } catch (error) {
      const isBeaten = error instanceof StoreError && error.code === 'conflict';
      if (!isBeaten || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}
