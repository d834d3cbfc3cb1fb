/** Schema literals as anyone's JSON Schema tools take them. */
import type { Schema } from '../sdk/schema.ts';

/** Maps of schemas by name, whose keys are not keywords. */
const MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties']);

/** A copy without our own keywords: `secret` becomes `writeOnly`, and what is closed for people is closed here too. */
export function publishSchema(schema: Schema): Record<string, unknown> {
  const { remedy: _remedy, secret, ...rest } = schema;
  const published: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(rest)) {
    published[keyword] = MAPS.has(keyword)
      ? Object.fromEntries(
          Object.entries(value as Record<string, Schema>).map(([name, inner]) => [name, publishSchema(inner)]),
        )
      : publishKeyword(keyword, value);
  }
  if (secret === true) published['writeOnly'] = true;
  if (schema.properties !== undefined && schema.additionalProperties === undefined)
    published['additionalProperties'] = false;
  return published;
}

const SCHEMAS: ReadonlySet<string> = new Set([
  'items',
  'not',
  'if',
  'then',
  'else',
  'propertyNames',
  'additionalProperties',
]);
const LISTS: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf']);

function publishKeyword(keyword: string, value: unknown): unknown {
  if (LISTS.has(keyword)) return (value as readonly Schema[]).map(publishSchema);
  return SCHEMAS.has(keyword) && typeof value === 'object' ? publishSchema(value as Schema) : value;
}
