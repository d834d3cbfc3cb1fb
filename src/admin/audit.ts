/** One record for every object that was changed through the Admin API. */
import type { StoredObject, Written } from '../store/store.ts';
import { differences } from './difference.ts';
import type { Difference } from './difference.ts';
import type { Caller } from './keys.ts';
import type { Redactor } from './redact.ts';

/** Who asked, and from where. */
export interface Origin {
  /** Name and role of the key; `anonymous` where none is needed. */
  readonly caller: Caller;
  /** Address of the peer. */
  readonly address: string;
}

export interface AuditRecord {
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly caller: string;
  readonly role: string;
  readonly address: string;
  readonly method: string;
  /** Without the query, which may hold a key. */
  readonly path: string;
  /** Of the store, after the change. */
  readonly revision: number;
  readonly action: 'create' | 'update' | 'delete';
  /** `routes/1`. */
  readonly object: string;
  /** At most 100; secrets are hidden, long texts cut. */
  readonly differences: readonly Difference[];
}

export interface AuditContext {
  readonly origin: Origin;
  readonly method: string;
  readonly path: string;
  readonly now_ms: number;
  readonly revision: number;
  readonly redactor: Redactor;
}

/** What became of one change; null if it changed nothing, as a check does. */
export function recordOf({ before, after }: Written, context: AuditContext): AuditRecord | null {
  const object = after ?? before;
  if (object === null || before === after) return null;
  const { origin, method, path, now_ms, revision, redactor } = context;
  const version = (one: StoredObject | null) => ({
    value: one?.value,
    shown: one === null ? undefined : redactor.redact(one.kind, one.id, one.value),
  });
  return {
    time: new Date(now_ms).toISOString(),
    caller: origin.caller.name,
    role: origin.caller.role,
    address: origin.address,
    method,
    path,
    revision,
    action: before === null ? 'create' : after === null ? 'delete' : 'update',
    object: `${object.kind}/${object.id}`,
    differences: differences(version(before), version(after)),
  };
}
