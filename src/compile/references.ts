/** References from object to object, by id. */
import type { Kind } from '../model/object-set.ts';
import type { ObjectOf } from '../model/models.ts';
import type { Problem } from '../model/problem.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { AllReadings, Reading } from './read-objects.ts';

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
  ssls: 'SSL object',
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

/** What is wrong with one object, and with what it refers to. */
export interface Findings {
  readonly read?: readonly Problem[];
  readonly warnings?: readonly Problem[];
  /** References of its plugins. */
  readonly uses?: readonly Problem[];
  /** Other references, of objects that are no routes. */
  readonly reference?: readonly Problem[];
  readonly route?: readonly Problem[];
}

/** The objects that one refers to: when they change, it is looked at again. */
export function referencesOf(kind: Kind, id: string, reading: Reading | undefined): string[] {
  if (reading === undefined) return [];
  const targets = reading.plugins.references.map((reference) => `upstreams/${reference.id}`);
  if (kind === 'credentials') targets.push(`consumers/${id.slice(0, id.indexOf('/'))}`);
  // Of a bad route, the service has a say in what it matches.
  const named = (reading.value ?? reading.raw.value) as Readonly<Record<string, unknown>>;
  for (const [attribute, target] of REFERENCES[kind] ?? []) {
    const to = named[attribute];
    if (typeof to === 'string' || typeof to === 'number') targets.push(`${target}/${to}`);
  }
  const certificate = certificateOf(kind, reading.value)?.id;
  if (certificate !== undefined) targets.push(`ssls/${certificate}`);
  return targets;
}

const REFERENCES: { readonly [K in Kind]?: readonly (readonly [attribute: string, target: Kind])[] } = {
  routes: [
    ['service_id', 'services'],
    ['upstream_id', 'upstreams'],
    ['plugin_config_id', 'plugin_configs'],
  ],
  services: [['upstream_id', 'upstreams']],
  consumers: [['group_id', 'consumer_groups']],
};

/** The SSL object that an object's upstream names, and where. */
function certificateOf(
  kind: Kind,
  value: unknown,
): { readonly id: string | number; readonly path: string } | undefined {
  if (value === null || (kind !== 'upstreams' && kind !== 'services' && kind !== 'routes')) return undefined;
  const inside = kind === 'upstreams' ? '' : 'upstream.';
  const upstream =
    kind === 'upstreams' ? (value as ObjectOf<'upstreams'>) : (value as ObjectOf<'services' | 'routes'>).upstream;
  const id = upstream?.tls?.client_cert_id;
  return id === undefined ? undefined : { id, path: `${inside}tls.client_cert_id` };
}

/** References other than those of routes, which are followed where routes are compiled. */
export function findingsOf(kind: Kind, id: string, readings: AllReadings): Pick<Findings, 'uses' | 'reference'> {
  const reading: Reading | undefined = readings[kind].get(id);
  const uses: Problem[] = [];
  const reference: Problem[] = [];
  if (reading === undefined) return { uses, reference };
  const { raw, value, plugins } = reading;
  const at =
    (problems: Problem[], path: string): Dangling =>
    (message, to) =>
      problems.push({ path, value: to, code: 'dangling_reference', message });
  for (const { path, id: to } of plugins.references) follow(readings, 'upstreams', to, at(uses, `${raw.path}.${path}`));
  if (value === null) return { uses, reference };
  const certificate = certificateOf(kind, value);
  if (certificate !== undefined) {
    const dangling = at(reference, `${raw.path}.${certificate.path}`);
    const followed = follow(readings, 'ssls', certificate.id, dangling);
    if (typeof followed === 'object' && followed.found.type !== 'client') {
      dangling(
        `the SSL object ${quote(String(certificate.id))} is of type server: one of type client is needed`,
        certificate.id,
      );
    }
  }
  if (kind === 'services') {
    const { upstream_id } = value as ObjectOf<'services'>;
    follow(readings, 'upstreams', upstream_id, at(reference, pathOf(raw.path, 'upstream_id')));
  } else if (kind === 'consumers') {
    const { group_id } = value as ObjectOf<'consumers'>;
    follow(readings, 'consumer_groups', group_id, at(reference, pathOf(raw.path, 'group_id')));
  } else if (kind === 'credentials') {
    follow(readings, 'consumers', id.slice(0, id.indexOf('/')), at(reference, pathOf(raw.path, 'id')));
  }
  return { uses, reference };
}
