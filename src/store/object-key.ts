/** APISIX's keys of objects: `/apisix/routes/1`, `/apisix/consumers/jack/credentials/one`, `/apisix/secrets/vault/one`. */
import { isObjectId, KINDS, type Kind } from '../model/object-set.ts';
import type { ObjectRef } from './store.ts';

/** What keys begin with unless a store says otherwise. */
export const DEFAULT_PREFIX = '/apisix';

/** The key below `prefix`. */
export function keyOf({ kind, id }: ObjectRef, prefix: string = DEFAULT_PREFIX): string {
  return `${prefix}/${kind === 'credentials' ? 'consumers' : kind}/${id}`;
}

/**
 * The object that a key stands for; null for everything else that is found below the prefix: directories, `/plugins`,
 * `/data_plane/…`, and kinds that this version does not know.
 */
export function refOf(key: string, prefix: string = DEFAULT_PREFIX): ObjectRef | null {
  if (!key.startsWith(`${prefix}/`)) return null;
  const rest = key.slice(prefix.length + 1);
  const slash = rest.indexOf('/');
  const folder = rest.slice(0, slash);
  const id = rest.slice(slash + 1);
  if (folder === 'credentials' || !(KINDS as readonly string[]).includes(folder)) return null;
  const kind = folder === 'consumers' && id.includes('/') ? 'credentials' : (folder as Kind);
  return isObjectId(kind, id) ? { kind, id } : null;
}

/** Names an object for people: `routes/1`. */
export function nameOf({ kind, id }: ObjectRef): string {
  return kind === 'credentials' ? `consumers/${id}` : `${kind}/${id}`;
}
