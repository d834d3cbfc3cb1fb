/** Which objects an object refers to, and which refer to it. */
import { MODELS } from '../model/models.ts';
import { KINDS } from '../model/object-set.ts';
import type { Kind } from '../model/object-set.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { isId, isObject } from './change.ts';
import type { JsonObject, View } from './view.ts';

export interface Reference {
  /** Where it stands in the object. */
  readonly path: string;
  readonly kind: Kind;
  readonly id: string;
}

/** Attributes that hold an id, by the kind of object that has them. */
const ATTRIBUTES: { readonly [K in Kind]?: readonly (readonly [path: string, kind: Kind])[] } = {
  routes: [
    ['service_id', 'services'],
    ['upstream_id', 'upstreams'],
    ['plugin_config_id', 'plugin_configs'],
    ['upstream.tls.client_cert_id', 'ssls'],
  ],
  services: [
    ['upstream_id', 'upstreams'],
    ['upstream.tls.client_cert_id', 'ssls'],
  ],
  upstreams: [['tls.client_cert_id', 'ssls']],
  stream_routes: [
    ['service_id', 'services'],
    ['upstream_id', 'upstreams'],
    ['upstream.tls.client_cert_id', 'ssls'],
    ['protocol.superior_id', 'stream_routes'],
  ],
  consumers: [['group_id', 'consumer_groups']],
};

export function referencesOf(kind: Kind, id: string, value: JsonObject): Reference[] {
  const references: Reference[] = [];
  for (const [path, to] of ATTRIBUTES[kind] ?? []) {
    const found = path.split('.').reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);
    if (isId(found)) references.push({ path, kind: to, id: String(found) });
  }
  if (isObject(value['plugins'])) collectUpstreams(value['plugins'], 'plugins', references);
  if (kind === 'credentials') {
    references.push({ path: 'id', kind: 'consumers', id: id.slice(0, id.indexOf('/')) });
  }
  return references;
}

/** What plugins call `upstream_id` is one, wherever it stands in their attributes. */
function collectUpstreams(value: unknown, path: string, references: Reference[]): void {
  if (Array.isArray(value)) value.forEach((item, i) => collectUpstreams(item, pathOf(path, i), references));
  if (!isObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const place = pathOf(path, key);
    if (key === 'upstream_id' && isId(inner)) references.push({ path: place, kind: 'upstreams', id: String(inner) });
    else collectUpstreams(inner, place, references);
  }
}

/** Kinds whose plugins may name an upstream. */
const WITH_PLUGINS: readonly Kind[] = [
  'routes',
  'services',
  'plugin_configs',
  'global_rules',
  'consumers',
  'consumer_groups',
];

/** References to nothing, and what follows from them together. */
export function checkReferences(kind: Kind, id: string, value: JsonObject, view: View): Problem[] {
  const problems: Problem[] = [];
  for (const { path, kind: to, id: wanted } of referencesOf(kind, id, value)) {
    const found = view.list(to).get(wanted);
    const message =
      found === undefined ? `there is no ${MODELS[to].noun} with the id ${quote(wanted)}` : unfitness(to, found.value);
    if (message !== null) problems.push({ path, value: wanted, code: 'dangling_reference', message });
  }
  if (kind === 'routes' && problems.length === 0) problems.push(...checkTarget(value, view));
  return problems;
}

/** What presents a certificate to nodes needs one of type client. */
function unfitness(kind: Kind, { type }: JsonObject): string | null {
  return kind === 'ssls' && type !== 'client' ? 'is an SSL object of type server: one of type client is needed' : null;
}

/** A route must lead somewhere, if only to its plugins. */
function checkTarget(route: JsonObject, view: View): Problem[] {
  const isServedByItself = ['upstream', 'upstream_id', 'plugins'].some((attribute) => route[attribute] !== undefined);
  const id = route['service_id'];
  if (isServedByItself || !isId(id)) return [];
  const service = view.list('services').get(String(id))?.value;
  if (service?.['upstream'] !== undefined || service?.['upstream_id'] !== undefined) return [];
  const message = 'neither the route nor its service names an upstream';
  return [{ path: 'upstream', code: 'missing_attribute', message }];
}

/** The first object that refers to this one; null if none does. Credentials go with their consumer, and so never hold it. */
export function dependentOf(kind: Kind, id: string, view: View): { readonly kind: Kind; readonly id: string } | null {
  const referring = KINDS.filter((from) => {
    return (
      ATTRIBUTES[from]?.some(([, to]) => to === kind) === true || (kind === 'upstreams' && WITH_PLUGINS.includes(from))
    );
  });
  for (const from of referring) {
    for (const [other, { value }] of view.list(from)) {
      if (from === kind && other === id) continue;
      if (referencesOf(from, other, value).some((one) => one.kind === kind && one.id === id)) {
        return { kind: from, id: other };
      }
    }
  }
  return null;
}
