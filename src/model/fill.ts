/** One walk beside the schema: copies a value with its defaults filled in and finds the attributes that nobody knows. */
import type { Schema } from '../sdk/schema.ts';
import { nearest, pathOf } from './problem.ts';
import type { Problem } from './problem.ts';

/**
 * Gives a copy of `value` with the defaults of its schema; unknown attributes are left out of the copy and pushed to
 * `unknown`. Values of the wrong type are passed on untouched: naming them is the validator's part.
 */
export type Fill = (value: unknown, path: string, unknown: Problem[]) => unknown;

/** What a schema does to every value is worked out once: files have tens of thousands of objects. */
export function fillerOf(schema: Schema): Fill {
  const filler = compileFiller(schema);
  return (value, path, unknown) => filler(value, { path, keys: [], unknown });
}

interface Walk {
  readonly path: string;
  /** From `path` down to where the walk is: paths are spelled only for problems. */
  readonly keys: (string | number)[];
  readonly unknown: Problem[];
}

type Filler = (value: unknown, walk: Walk) => unknown;

const keep: Filler = (value) => value;

function compileFiller(schema: Schema): Filler {
  const branches = schema.anyOf ?? schema.oneOf;
  if (schema.type === undefined && branches !== undefined) return compileUnion(branches);
  if (schema.type === 'array') return schema.items === undefined ? keep : compileList(compileFiller(schema.items));
  return schema.type === 'object' || schema.properties !== undefined ? compileObject(schema) : keep;
}

function compileUnion(branches: readonly Schema[]): Filler {
  const fillers = branches.map((branch) => ({ branch, fill: compileFiller(branch) }));
  if (fillers.every(({ fill }) => fill === keep)) return keep;
  return (value, walk) => {
    const meant = fillers.find(({ branch }) => isBranchFor(branch, value));
    return meant === undefined ? value : meant.fill(value, walk);
  };
}

function compileList(fill: Filler): Filler {
  if (fill === keep) return keep;
  return (value, walk) => (Array.isArray(value) ? value.map((item: unknown, i) => inside(walk, i, fill, item)) : value);
}

function inside(walk: Walk, key: string | number, fill: Filler, value: unknown): unknown {
  if (fill === keep) return value;
  walk.keys.push(key);
  const filled = fill(value, walk);
  walk.keys.pop();
  return filled;
}

function compileObject(schema: Schema): Filler {
  const attributes = new Map(
    Object.entries(schema.properties ?? {}).map(([key, inner]) => [key, compileFiller(inner)]),
  );
  const defaults = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
    inner.default === undefined ? [] : [{ key, value: inner.default, fill: compileFiller(inner) }],
  );
  const others = compileOthers(schema);
  return (value, walk) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const members = value as Readonly<Record<string, unknown>>;
    const filled: Record<string, unknown> = {};
    for (const key of Object.keys(members)) {
      const fill = attributes.get(key) ?? others(key);
      if (fill === null) walk.unknown.push(unknownAttribute(schema, key, walk));
      else define(filled, key, inside(walk, key, fill, members[key]));
    }
    for (const { key, value: written, fill } of defaults) {
      if (!Object.hasOwn(filled, key)) filled[key] = inside(walk, key, fill, written);
    }
    return filled;
  };
}

/** A plain assignment to `__proto__` would change the prototype instead of adding a member. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else target[key] = value;
}

/** What fills a member that `properties` does not name, null if the object has no place for it. */
function compileOthers(schema: Schema): (key: string) => Filler | null {
  // Patterns of our own schema literals, never of a configuration.
  const patterns = Object.entries(schema.patternProperties ?? {}).map(([pattern, inner]) => {
    return { pattern: new RegExp(pattern, 'u'), fill: compileFiller(inner) };
  });
  const rest = schema.additionalProperties;
  const isOpen = rest === true || (rest === undefined && schema.properties === undefined);
  const other = typeof rest === 'object' ? compileFiller(rest) : isOpen ? keep : null;
  return (key) => patterns.find(({ pattern }) => pattern.test(key))?.fill ?? other;
}

function unknownAttribute(schema: Schema, key: string, { path, keys }: Walk): Problem {
  const name = JSON.stringify(key.length > 64 ? `${key.slice(0, 60)}…` : key);
  const near = nearest(key, Object.keys(schema.properties ?? {}));
  return {
    path: pathOf(keys.reduce<string>(pathOf, path), key),
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
