/** Which objects the Admin API has, where, and what can be done with them: one row for each kind. */
import { MODELS } from '../model/models.ts';
import { isObjectId, KINDS } from '../model/object-set.ts';
import type { Kind } from '../model/object-set.ts';
import { quote } from '../model/problem.ts';
import type { JsonObject } from './view.ts';

export interface Resource {
  readonly kind: Kind;
  /** As people say it. */
  readonly noun: string;
  /** Whether an id can be left to the gateway. */
  readonly hasPost: boolean;
  readonly hasPatch: boolean;
  /** Attributes that `?filter=` may name. */
  readonly filters: readonly string[];
}

/** APISIX's documentation lists these methods; PATCH of certificates is what its dashboard uses. */
const POSTED: readonly Kind[] = ['routes', 'services', 'upstreams', 'ssls', 'stream_routes', 'protos'];
const PATCHED: readonly Kind[] = [
  'routes',
  'services',
  'upstreams',
  'ssls',
  'global_rules',
  'consumer_groups',
  'plugin_configs',
  'secrets',
];
const FILTERED: readonly Kind[] = ['routes', 'stream_routes'];

export const RESOURCES: ReadonlyMap<Kind, Resource> = new Map(
  KINDS.map((kind) => [
    kind,
    {
      kind,
      noun: MODELS[kind].noun,
      hasPost: POSTED.includes(kind),
      hasPatch: PATCHED.includes(kind),
      filters: FILTERED.includes(kind) ? ['service_id', 'upstream_id'] : [],
    },
  ]),
);

export function resourceOf(kind: Kind): Resource {
  const resource = RESOURCES.get(kind);
  if (resource === undefined) throw new TypeError(`no kind ${kind}`);
  return resource;
}

/** The `id` inside the value: of a credential its own, without that of the consumer. */
export function innerId(kind: Kind, id: string): string {
  return kind === 'credentials' ? id.slice(id.lastIndexOf('/') + 1) : id;
}

/**
 * A stored object as clients see it: with its id, which a file may leave out; plugin metadata hold nothing but what the
 * plugin knows, as in APISIX.
 */
export function shownValue(kind: Kind, id: string, value: JsonObject): JsonObject {
  if (kind === 'consumers') return value;
  const { id: _id, ...rest } = value;
  if (kind !== 'plugin_metadata') return { ...rest, id: innerId(kind, id) };
  const { create_time: _created, update_time: _updated, ...known } = rest;
  return known;
}

/** An object in the form that the model of its kind reads, where ids are complete. */
export function forModel(kind: Kind, id: string, value: JsonObject): JsonObject {
  return kind === 'credentials' || kind === 'plugin_metadata' ? { ...value, id } : value;
}

/** What is wrong with a complete id, null if nothing is. */
export function idFault(kind: Kind, id: string): string | null {
  if (isObjectId(kind, id)) return null;
  const shown = quote(id);
  if (kind === 'consumers') return `${shown} is no username: use 1 to 100 letters, digits, "-" and "_"`;
  if (kind === 'credentials') return `${shown} is no id of a credential: write USERNAME/credentials/ID`;
  if (kind === 'secrets') return `${shown} is no id of a secret: write vault/ID, aws/ID or gcp/ID`;
  return `${shown} is no id: use 1 to 64 letters, digits, "-", "_" and "."`;
}
