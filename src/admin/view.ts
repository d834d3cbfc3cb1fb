/** What the Admin API decides on: all objects at one revision. */
import type { Kind } from '../model/object-set.ts';
import type { StoredObject } from '../store/store.ts';

/** An object as JSON has it. */
export type JsonObject = Readonly<Record<string, unknown>>;

export interface View {
  readonly revision: number;
  /** By id, as an ObjectSet has them: credentials are `USER/credentials/ID`, secrets `MANAGER/ID`. */
  list(kind: Kind): ReadonlyMap<string, StoredObject>;
}
