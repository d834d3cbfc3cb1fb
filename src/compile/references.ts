/** References from object to object, by id. */
import { KINDS } from '../model/object-set.ts';
import type { Kind } from '../model/object-set.ts';
import type { ObjectOf } from '../model/models.ts';
import type { Problem } from '../model/problem.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { AllReadings } from './read-objects.ts';

/** A reference: unset, to nothing, to an object without a good version, or followed. */
export type Followed<T> = 'unset' | 'missing' | 'bad' | { readonly found: T };

/** Told of a reference to nothing. */
export type Dangling = (message: string, id: string | number) => void;

const NOUNS = {
  upstreams: 'upstream',
  services: 'service',
  plugin_configs: 'plugin config',
  consumer_groups: 'consumer group',
  consumers: 'consumer',
} as const satisfies Partial<Record<Kind, string>>;

/** Ids are compared as strings: 7 and "7" are the same. */
export function follow<K extends keyof typeof NOUNS>(
  readings: AllReadings,
  kind: K,
  id: string | number | undefined,
  dangling: Dangling,
): Followed<ObjectOf<K>> {
  if (id === undefined) return 'unset';
  const reading = readings[kind].get(String(id));
  if (reading === undefined) {
    dangling(`there is no ${NOUNS[kind]} with the id ${quote(String(id))}`, id);
    return 'missing';
  }
  return reading.value === null ? 'bad' : { found: reading.value };
}

/** References other than those of routes, which are followed where routes are compiled. */
export function checkReferences(readings: AllReadings, problems: Problem[]): void {
  const at =
    (path: string): Dangling =>
    (message, id) =>
      problems.push({ path, value: id, code: 'dangling_reference', message });
  for (const kind of KINDS) {
    for (const { raw, plugins } of readings[kind].values()) {
      for (const { path, id } of plugins.references) follow(readings, 'upstreams', id, at(`${raw.path}.${path}`));
    }
  }
  for (const { raw, value } of readings.services.values()) {
    follow(readings, 'upstreams', value?.upstream_id, at(pathOf(raw.path, 'upstream_id')));
  }
  for (const { raw, value } of readings.consumers.values()) {
    follow(readings, 'consumer_groups', value?.group_id, at(pathOf(raw.path, 'group_id')));
  }
  for (const [id, { raw, value }] of readings.credentials) {
    if (value !== null) follow(readings, 'consumers', id.slice(0, id.indexOf('/')), at(pathOf(raw.path, 'id')));
  }
}
