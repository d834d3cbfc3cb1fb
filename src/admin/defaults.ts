/**
 * Objects as answers show them: with the defaults of their schemas, as APISIX stores them. What is stored here stays what
 * was sent, so that a default which changes one day changes for every object that left it to the gateway.
 */
import { PLACES } from '../compile/object-plugins.ts';
import { checkedPluginRegistry } from '../compile/plugin-registry.ts';
import type { PluginPlace, PluginRegistry } from '../compile/plugins.ts';
import { MODELS } from '../model/models.ts';
import { KINDS } from '../model/object-set.ts';
import type { Kind } from '../model/object-set.ts';
import { fillerFor } from '../model/validate.ts';
import { isObject } from './change.ts';
import type { JsonObject } from './view.ts';

/** Defaults that APISIX's schemas leave to its proxy: it shows none for them. */
const UNSHOWN: ReadonlySet<string> = new Set(['keepalive_pool', 'retry_timeout']);

export class Defaults {
  private readonly plugins: PluginRegistry;
  private readonly fillers = new Map(KINDS.map((kind) => [kind, fillerFor(MODELS[kind].schema)]));

  /** @param plugins the enabled ones; attributes of others are shown as they are */
  constructor(plugins: PluginRegistry) {
    const definitions = Array.from(plugins.values(), ({ definition }) => definition);
    // Without an environment: what references stand for is not shown.
    this.plugins = checkedPluginRegistry(definitions, new Set(), null);
  }

  /** A copy; nothing that is there changes, not even what is wrong with it. */
  fill(kind: Kind, id: string, value: JsonObject): JsonObject {
    if (kind === 'plugin_metadata') return this.fillPlugin('metadata', id, value) as JsonObject;
    const filled = this.fillers.get(kind)?.(value, '').value;
    return this.fillPlugins(kind, withMissing(value, filled, UNSHOWN) as JsonObject);
  }

  /** The object with the defaults of its plugins alone. */
  fillPlugins(kind: Kind, value: JsonObject): JsonObject {
    const place = PLACES[kind];
    const { plugins } = value;
    if (place === undefined || !isObject(plugins)) return value;
    const entries = Object.entries(plugins).map(([name, own]) => [name, this.fillPlugin(place, name, own)] as const);
    return { ...value, plugins: Object.fromEntries(entries) };
  }

  private fillPlugin(place: PluginPlace, name: string, attributes: unknown): unknown {
    const shape = this.plugins.get(name);
    if (shape === undefined || !isObject(attributes)) return attributes;
    const { _meta, ...own } = attributes;
    const { config, problems } = shape.read(place, own, '');
    return problems.length === 0 ? withMissing(attributes, config) : attributes;
  }
}

/** The value with what only `filled` has, at every depth. */
function withMissing(value: unknown, filled: unknown, unshown?: ReadonlySet<string>): unknown {
  if (Array.isArray(value) && Array.isArray(filled) && value.length === filled.length) {
    return value.map((item: unknown, i) => withMissing(item, filled[i], unshown));
  }
  if (!isObject(value) || !isObject(filled)) return value;
  const members = new Map(Object.entries(value));
  for (const [key, inner] of Object.entries(filled)) {
    if (members.has(key)) members.set(key, withMissing(members.get(key), inner, unshown));
    else if (unshown?.has(key) !== true) members.set(key, inner);
  }
  return Object.fromEntries(members);
}
