/** Which texts of an object are secret: what its schemas and those of its plugins mark so. */
import type { Schema } from '../sdk/schema.ts';
import { MODELS } from './models.ts';
import type { Kind } from './object-set.ts';
import { pathOf } from './problem.ts';

/** The schemas of a plugin's attributes: on routes and the like, on consumers, as metadata. A plugin definition has them. */
export interface PluginSchemas {
  readonly schema: Schema;
  readonly consumerSchema?: Schema;
  readonly metadataSchema?: Schema;
}

/** Gives what takes the place of a secret text. `path` is that within the object: `plugins.key-auth.key`. */
export type ChangeSecret = (text: string, path: string) => string;

type Members = Readonly<Record<string, unknown>>;

/** What replaces the secrets in a value; null if values of the schema have none. */
type Walk = ((value: unknown, path: string, change: ChangeSecret) => unknown) | null;

export class Secrets {
  private readonly pluginNamed: (name: string) => PluginSchemas | undefined;
  /** By schema, because plugins are many and objects more. */
  private readonly walks = new Map<Schema, Walk>();

  /** @param pluginNamed the plugins that there are; of others everything is taken for secret */
  constructor(pluginNamed: (name: string) => PluginSchemas | undefined) {
    this.pluginNamed = pluginNamed;
  }

  /**
   * An object in which `change` took the place of every secret text; the object itself if it has none. Pure. The object
   * need not be valid: what its schemas do not know is not secret, except in plugins that do not exist.
   */
  replace(kind: Kind, object: Members, change: ChangeSecret): Members {
    const own = this.walkOf(MODELS[kind].schema)?.(object, '', change) ?? object;
    if (kind === 'plugin_metadata') return this.replaceMetadata(own as Members, change);
    const plugins = (own as Members)['plugins'];
    if (!isObject(plugins)) return own as Members;
    const isConsumer = kind === 'consumers' || kind === 'credentials';
    const walk = (value: unknown, name: string, path: string): unknown => {
      const schemas = this.pluginNamed(name);
      if (schemas === undefined) return replaceTexts(value, path, change);
      const places = isConsumer ? [schemas.consumerSchema, schemas.schema] : [schemas.schema];
      return (
        both(places.map((schema) => (schema === undefined ? null : this.walkOf(schema))))?.(value, path, change) ??
        value
      );
    };
    const replaced = replaceMembers(plugins, 'plugins', walk);
    return replaced === plugins ? (own as Members) : { ...(own as Members), plugins: replaced };
  }

  private replaceMetadata(object: Members, change: ChangeSecret): Members {
    const { id } = object;
    const schemas = typeof id === 'string' ? this.pluginNamed(id) : undefined;
    const isKept = (name: string): boolean => BOOKKEEPING.has(name);
    if (schemas === undefined) {
      return replaceMembers(object, '', (value, name, path) =>
        isKept(name) ? value : replaceTexts(value, path, change),
      );
    }
    if (schemas.metadataSchema === undefined) return object;
    return (this.walkOf(schemas.metadataSchema)?.(object, '', change) ?? object) as Members;
  }

  private walkOf(schema: Schema): Walk {
    const known = this.walks.get(schema);
    if (known !== undefined) return known;
    const walk = compileWalk(schema);
    this.walks.set(schema, walk);
    return walk;
  }
}

const BOOKKEEPING: ReadonlySet<string> = new Set(['id', 'create_time', 'update_time']);

/** Every text in it, at any depth. */
function replaceTexts(value: unknown, path: string, change: ChangeSecret): unknown {
  if (typeof value === 'string') return change(value, path);
  if (Array.isArray(value)) return replaceItems(value, path, (item, inner) => replaceTexts(item, inner, change));
  if (!isObject(value)) return value;
  return replaceMembers(value, path, (member, _, inner) => replaceTexts(member, inner, change));
}

/** Every variant of a schema counts: better one text too many than one too few. */
function compileWalk(schema: Schema): Walk {
  if (schema.secret === true) return replaceTexts;
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  for (const branch of [schema.then, schema.else]) if (branch !== undefined) variants.push(branch);
  return both([compileMembers(schema), compileItems(schema), ...variants.map(compileWalk)]);
}

function both(walks: readonly Walk[]): Walk {
  const present = walks.flatMap((walk) => (walk === null ? [] : [walk]));
  if (present.length <= 1) return present[0] ?? null;
  return (value, path, change) => {
    // Two variants may mark the same text: it is changed once.
    const done = new Set<string>();
    const once: ChangeSecret = (text, at) => {
      if (done.has(at)) return text;
      done.add(at);
      return change(text, at);
    };
    return present.reduce((changed, walk) => walk(changed, path, once), value);
  };
}

function compileMembers(schema: Schema): Walk {
  const named = new Map(Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, compileWalk(inner)]));
  // Patterns of our own schema literals, never of a configuration.
  const patterns = Object.entries(schema.patternProperties ?? {}).map(([pattern, inner]) => {
    return { pattern: new RegExp(pattern, 'u'), walk: compileWalk(inner) };
  });
  const rest = schema.additionalProperties;
  const others = typeof rest === 'object' ? compileWalk(rest) : null;
  const all = [...named.values(), ...patterns.map(({ walk }) => walk), others];
  if (all.every((walk) => walk === null)) return null;
  const walkFor = (name: string): Walk => {
    const found = named.get(name);
    if (found !== undefined) return found;
    const matching = patterns.filter(({ pattern }) => pattern.test(name));
    return matching.length > 0 ? both(matching.map(({ walk }) => walk)) : others;
  };
  return (value, path, change) => {
    if (!isObject(value)) return value;
    return replaceMembers(value, path, (member, name, inner) => walkFor(name)?.(member, inner, change) ?? member);
  };
}

function compileItems(schema: Schema): Walk {
  const walk = schema.items === undefined ? null : compileWalk(schema.items);
  if (walk === null) return null;
  return (value, path, change) =>
    Array.isArray(value) ? replaceItems(value, path, (item, inner) => walk(item, inner, change)) : value;
}

/** The same list if no item changed. */
function replaceItems(
  list: readonly unknown[],
  path: string,
  replace: (item: unknown, path: string) => unknown,
): readonly unknown[] {
  const replaced = list.map((item, i) => replace(item, pathOf(path, i)));
  return replaced.every((item, i) => item === list[i]) ? list : replaced;
}

/** The same object if no member changed. */
function replaceMembers(
  object: Members,
  path: string,
  replace: (value: unknown, name: string, path: string) => unknown,
): Members {
  const entries = Object.entries(object).map(
    ([name, value]) => [name, replace(value, name, pathOf(path, name))] as const,
  );
  // Not a plain assignment: a member may be named __proto__.
  return entries.every(([name, value]) => object[name] === value) ? object : Object.fromEntries(entries);
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
