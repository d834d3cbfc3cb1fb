/** One walk beside the schema: copies the value with its defaults filled in and finds the attributes that nobody knows. */
import type { Schema } from '../sdk/schema.ts';
import { nearest, pathOf } from './problem.ts';
import type { Problem } from './problem.ts';

/**
 * A copy of `value` with the defaults of `schema`; unknown attributes are left out of the copy and pushed to `unknown`.
 * Values of the wrong type are passed on untouched: naming them is the validator's part.
 */
export function fillDefaults(schema: Schema, value: unknown, path: string, unknown: Problem[]): unknown {
  const branches = schema.anyOf ?? schema.oneOf;
  if (schema.type === undefined && branches !== undefined) {
    const branch = branches.find((candidate) => isBranchFor(candidate, value));
    return branch === undefined ? value : fillDefaults(branch, value, path, unknown);
  }
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined ? value : value.map((item, i) => fillDefaults(items, item, pathOf(path, i), unknown));
  }
  if (typeof value === 'object' && value !== null && (schema.type === 'object' || schema.properties !== undefined)) {
    return fillObject(schema, value as Record<string, unknown>, path, unknown);
  }
  return value;
}

function fillObject(schema: Schema, value: Record<string, unknown>, path: string, unknown: Problem[]): unknown {
  const properties = schema.properties ?? {};
  const filled: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const known = Object.hasOwn(properties, key) ? properties[key] : memberSchema(schema, key);
    if (known === undefined) unknown.push(unknownAttribute(schema, key, path));
    else define(filled, key, fillDefaults(known, value[key], pathOf(path, key), unknown));
  }
  for (const key in properties) {
    const property = properties[key];
    if (property?.default === undefined || Object.hasOwn(filled, key)) continue;
    filled[key] = fillDefaults(property, property.default, pathOf(path, key), unknown);
  }
  return filled;
}

/** A plain assignment to `__proto__` would change the prototype instead of adding a member. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else target[key] = value;
}

const ANYTHING: Schema = {};

/** Schema of a member that `properties` does not name, undefined if the object has no place for it. */
function memberSchema(schema: Schema, key: string): Schema | undefined {
  for (const pattern in schema.patternProperties) {
    // Patterns of our own schema literals, never of a configuration.
    if (new RegExp(pattern, 'u').test(key)) return schema.patternProperties[pattern];
  }
  const rest = schema.additionalProperties;
  if (typeof rest === 'object') return rest;
  if (rest === true || (rest === undefined && schema.properties === undefined)) return ANYTHING;
  return undefined;
}

function unknownAttribute(schema: Schema, key: string, path: string): Problem {
  const name = JSON.stringify(key.length > 64 ? `${key.slice(0, 60)}…` : key);
  const near = nearest(key, Object.keys(schema.properties ?? {}));
  return {
    path: pathOf(path, key),
    code: 'unknown_attribute',
    message: `unknown attribute ${name}${near === undefined ? '' : `, did you mean "${near}"?`}`,
  };
}

/** JSON Schema's name of a value's type, `integer` where it is one. */
export function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

/** Whether a variant is the one that the author of `value` must have meant: decided by its type alone. */
export function isBranchFor(branch: Schema, value: unknown): boolean {
  const nested = branch.anyOf ?? branch.oneOf;
  if (branch.type === undefined && nested !== undefined) return nested.some((inner) => isBranchFor(inner, value));
  if (Object.hasOwn(branch, 'const')) return branch.const === value;
  if (branch.enum !== undefined) return branch.enum.includes(value);
  const type = typeOf(value);
  return branch.type === undefined || branch.type === type || (branch.type === 'number' && type === 'integer');
}
