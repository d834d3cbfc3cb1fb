/** The Control API: what is in force in this gateway, read only, without secrets. Paths and shapes as in APISIX's documentation. */
import { isIP } from 'node:net';
import type { PluginRegistry } from '../compile/plugins.ts';
import { MODELS } from '../model/models.ts';
import { KINDS } from '../model/object-set.ts';
import type { Kind } from '../model/object-set.ts';
import { publishSchema } from '../model/publish.ts';
import { nodesOf } from '../model/upstream.ts';
import type { UpstreamObject } from '../model/upstream.ts';
import { MOST_LISTED, type QuotaList } from '../sdk/quotas.ts';
import { isObject } from './change.ts';
import type { Defaults } from './defaults.ts';
import { effectiveRoute } from './effective.ts';
import { propertiesOf } from './plugins.ts';
import type { Redactor } from './redact.ts';
import type { JsonObject } from './view.ts';

/** One object of the configuration in force. */
export interface ControlObject {
  readonly id: string;
  /** As it was written. */
  readonly written: JsonObject;
  /** What the gateway goes by, with defaults: an earlier version if this one is bad, null if there is none. */
  readonly inForce: JsonObject | null;
}

export interface ControlContext {
  readonly objects: { readonly [K in Kind]: readonly ControlObject[] };
  /** The enabled ones. */
  readonly plugins: PluginRegistry;
  readonly redactor: Redactor;
  readonly defaults: Defaults;
  /** Null if there is no such consumer. @param first of the instances, and how many */
  quotas(username: string, range: { readonly first: number; readonly most: number }): QuotaList | null;
}

export interface ControlAnswer {
  readonly status: number;
  readonly body: object;
}

/** By the name in the path: all of a kind, and one. */
const COLLECTIONS: Readonly<Record<string, Kind>> = { routes: 'routes', services: 'services', upstreams: 'upstreams' };
const ITEMS: Readonly<Record<string, Kind>> = { route: 'routes', service: 'services', upstream: 'upstreams' };

/** Null if there is nothing at the path. */
export function answerControl(path: string, query: URLSearchParams, context: ControlContext): ControlAnswer | null {
  const [version, name = '', id, what, ...rest] = decode(path);
  if (version !== 'v1' || rest.length > 0) return null;
  if (id === undefined) return name === 'quotas' ? answerQuotas(query, context) : answerAll(name, context);
  if (what === undefined) return answerOne(name, id, context);
  return name === 'route' && what === 'effective' ? answerEffective(id, query, context) : null;
}

function decode(path: string): string[] {
  try {
    return path.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return [];
  }
}

function answerAll(name: string, context: ControlContext): ControlAnswer | null {
  if (name === 'schema') return { status: 200, body: schemas(context.plugins) };
  if (name === 'plugin_metadatas') {
    return { status: 200, body: context.objects.plugin_metadata.map((object) => metadataOf(object, context)) };
  }
  const kind = Object.hasOwn(COLLECTIONS, name) ? COLLECTIONS[name] : undefined;
  if (kind === undefined) return null;
  return { status: 200, body: context.objects[kind].map((object) => itemOf(kind, object, context)) };
}

function answerOne(name: string, id: string, context: ControlContext): ControlAnswer | null {
  const isMetadata = name === 'plugin_metadata';
  const kind = isMetadata ? 'plugin_metadata' : Object.hasOwn(ITEMS, name) ? ITEMS[name] : undefined;
  if (kind === undefined) return null;
  const found = context.objects[kind].find((object) => object.id === id);
  if (found === undefined) return { status: 404, body: { error_msg: `${name} not found: ${JSON.stringify(id)}` } };
  const body = isMetadata ? metadataOf(found, context) : itemOf(kind, found, context);
  return { status: 200, body };
}

function answerEffective(id: string, query: URLSearchParams, context: ControlContext): ControlAnswer {
  const username = query.get('consumer');
  const found = effectiveRoute({ id, username }, context);
  return 'missing' in found
    ? { status: 404, body: { error_msg: `there is no ${found.missing}` } }
    : { status: 200, body: found };
}

const MOST_ON_A_PAGE = 500;

/** `total` counts instances of plugins: one with rules has several limits. */
function answerQuotas(query: URLSearchParams, context: ControlContext): ControlAnswer {
  const username = query.get('consumer') ?? '';
  if (username === '')
    return { status: 400, body: { error_msg: 'consumer: name one, as in /v1/quotas?consumer=jack' } };
  const page = wholeOf(query.get('page') ?? '1', 1_000_000);
  const size = wholeOf(query.get('page_size') ?? String(MOST_LISTED), MOST_ON_A_PAGE);
  if (page === null) return { status: 400, body: { error_msg: 'page: expected an integer from 1' } };
  if (size === null)
    return { status: 400, body: { error_msg: `page_size: expected an integer from 1 to ${MOST_ON_A_PAGE}` } };
  const found = context.quotas(username, { first: (page - 1) * size, most: size });
  if (found === null) return { status: 404, body: { error_msg: `there is no consumer ${JSON.stringify(username)}` } };
  return { status: 200, body: { ...found, page, page_size: size } };
}

function wholeOf(text: string, most: number): number | null {
  return /^[1-9]\d{0,6}$/.test(text) && Number(text) <= most ? Number(text) : null;
}

function metadataOf({ id, written }: ControlObject, { redactor }: ControlContext): object {
  return { ...redactor.redact('plugin_metadata', id, written), id };
}

function itemOf(kind: Kind, { id, written, inForce }: ControlObject, { redactor, defaults }: ControlContext): object {
  const listed = withNodeList(kind, defaults.fillPlugins(kind, inForce ?? written));
  return {
    key: `/apisix/${kind}/${id}`,
    value: { ...redactor.redact(kind, id, listed), id },
    has_domain: hasDomain(kind === 'upstreams' ? listed : listed['upstream']),
  };
}

function withNodeList(kind: Kind, value: JsonObject): JsonObject {
  if (kind === 'upstreams') return value['nodes'] === undefined ? value : { ...value, nodes: listOf(value) };
  const { upstream } = value;
  if (!isObject(upstream) || upstream['nodes'] === undefined) return value;
  return { ...value, upstream: { ...upstream, nodes: listOf(upstream) } };
}

function listOf(upstream: JsonObject): unknown {
  if (!isObject(upstream['nodes'])) return upstream['nodes'];
  return nodesOf(upstream as unknown as UpstreamObject).map(({ host, port, weight }) => ({ host, port, weight }));
}

function hasDomain(upstream: unknown): boolean {
  const nodes = isObject(upstream) ? upstream['nodes'] : undefined;
  return (
    Array.isArray(nodes) &&
    nodes.some((node: unknown) => isObject(node) && typeof node['host'] === 'string' && isIP(node['host']) === 0)
  );
}

function schemas(plugins: PluginRegistry): object {
  const main = KINDS.map((kind) => {
    const { noun, schema } = MODELS[kind];
    return [noun.toLowerCase().replaceAll(' ', '_'), publishSchema(schema)] as const;
  });
  return {
    main: Object.fromEntries(main),
    plugins: Object.fromEntries(Array.from(plugins.values(), (shape) => [shape.name, propertiesOf(shape)])),
    'stream-plugins': {},
  };
}
