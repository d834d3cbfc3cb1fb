/** Random values that a JSON Schema describes, for made-up answers: its `example` where it has one. */
import type { ConfigProblem } from '../../sdk/index.ts';

type SchemaPart = Readonly<Record<string, unknown>>;

/** A list has up to three items: deeper than this it could grow beyond measure. */
const MAX_DEPTH = 8;
const MAX_PROPERTIES = 1_000;
const TYPES: readonly string[] = ['string', 'number', 'integer', 'boolean', 'object', 'array'];
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** Everything in a schema that no value can be made of. */
export function checkExampleSchema(schema: unknown, path: string, depth = 0): ConfigProblem[] {
  if (!isObject(schema)) return [{ path, message: 'a schema is an object' }];
  if (depth > MAX_DEPTH) return [{ path, message: `is nested more than ${MAX_DEPTH} deep` }];
  if (schema['example'] !== undefined) return [];
  const type = typeOf(schema);
  if (!TYPES.includes(type)) {
    const written = JSON.stringify(schema['type']) ?? 'none';
    return [{ path: `${path}.type`, message: `${written} is no type here: write one of ${TYPES.join(', ')}` }];
  }
  if (type === 'array') return checkExampleSchema(schema['items'], `${path}.items`, depth + 1);
  if (type !== 'object') return [];
  const properties = propertiesOf(schema);
  if (properties.length > MAX_PROPERTIES) return [{ path, message: `has more than ${MAX_PROPERTIES} properties` }];
  return properties.flatMap(([name, part]) => checkExampleSchema(part, `${path}.properties.${name}`, depth + 1));
}

/** @param random uniform in [0, 1) */
export function exampleOf(schema: unknown, random: () => number): unknown {
  if (!isObject(schema)) return null;
  if (schema['example'] !== undefined) return schema['example'];
  const upTo = (most: number): number => 1 + Math.floor(random() * most);
  switch (typeOf(schema)) {
    case 'string':
      return Array.from({ length: upTo(10) }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('');
    case 'number':
      return random() * 10_000;
    case 'integer':
      return upTo(10_000);
    case 'boolean':
      return random() < 0.5;
    case 'array':
      return Array.from({ length: upTo(3) }, () => exampleOf(schema['items'], random));
    default:
      return Object.fromEntries(propertiesOf(schema).map(([name, part]) => [name, exampleOf(part, random)]));
  }
}

function typeOf(schema: SchemaPart): string {
  const { type, properties } = schema;
  return type === undefined && properties !== undefined ? 'object' : String(type);
}

function propertiesOf({ properties }: SchemaPart): [name: string, part: unknown][] {
  return isObject(properties) ? Object.entries(properties) : [];
}

function isObject(value: unknown): value is SchemaPart {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
