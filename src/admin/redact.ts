/** Objects without their secrets, for viewers and for the audit log. */
import type { PluginRegistry } from '../compile/plugins.ts';
import { MODELS } from '../model/models.ts';
import type { Kind } from '../model/object-set.ts';
import type { Schema } from '../sdk/schema.ts';
import { isObject } from './change.ts';
import type { JsonObject } from './view.ts';

/** Stands where a secret was. */
export const HIDDEN = '***';

/** A copy with every attribute that a schema calls secret hidden; of plugins that nobody knows, every text. */
export function redact(kind: Kind, id: string, value: JsonObject, plugins: PluginRegistry): JsonObject {
  if (kind === 'plugin_metadata') {
    return redactBy(plugins.get(id)?.definition.metadataSchema, value) as JsonObject;
  }
  const { plugins: attributes, ...rest } = value;
  const hidden = redactBy(MODELS[kind].schema, rest) as JsonObject;
  if (attributes === undefined) return hidden;
  return { ...hidden, plugins: redactPlugins(kind, attributes, plugins) };
}

function redactPlugins(kind: Kind, attributes: unknown, plugins: PluginRegistry): unknown {
  if (!isObject(attributes)) return HIDDEN;
  const isCaller = kind === 'consumers' || kind === 'credentials';
  return Object.fromEntries(
    Object.entries(attributes).map(([name, own]) => {
      const definition = plugins.get(name)?.definition;
      const schema = isCaller && definition?.kind === 'auth' ? definition.consumerSchema : definition?.schema;
      return [name, redactBy(schema, own)];
    }),
  );
}

function redactBy(schema: Schema | undefined, value: unknown): unknown {
  return schema === undefined ? hideTexts(value) : hide([schema], value);
}

/** All schemas apply to the value: of variants it does not matter which one was meant, hiding too much is no harm. */
function hide(schemas: readonly Schema[], value: unknown): unknown {
  const all = schemas.flatMap(withVariants);
  if (all.some(({ secret }) => secret === true) && value !== null && value !== undefined) return shown(value);
  if (Array.isArray(value)) {
    const items = all.flatMap(({ items: one }) => one ?? []);
    return value.map((item) => hide(items, item));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hide(membersOf(all, key), inner)]));
}

/** A reference to a secret is none itself. */
function shown(value: unknown): unknown {
  return typeof value === 'string' && /^\$(?:env|secret):\/\//i.test(value) ? value : HIDDEN;
}

function withVariants(schema: Schema): Schema[] {
  const { anyOf = [], oneOf = [], allOf = [], then, else: otherwise } = schema;
  const inner = [
    ...anyOf,
    ...oneOf,
    ...allOf,
    ...(then === undefined ? [] : [then]),
    ...(otherwise === undefined ? [] : [otherwise]),
  ].flatMap(withVariants);
  return [schema, ...inner];
}

function membersOf(schemas: readonly Schema[], key: string): Schema[] {
  return schemas.flatMap((schema) => {
    const { properties = {}, patternProperties = {}, additionalProperties } = schema;
    const named = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (named !== undefined) return [named];
    // Patterns of schema literals, never of a configuration.
    const matching = Object.entries(patternProperties).filter(([pattern]) => new RegExp(pattern, 'u').test(key));
    if (matching.length > 0) return matching.map(([, one]) => one);
    return typeof additionalProperties === 'object' ? [additionalProperties] : [];
  });
}

function hideTexts(value: unknown): unknown {
  if (typeof value === 'string') return shown(value);
  if (Array.isArray(value)) return value.map(hideTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hideTexts(inner)]));
}
