/** The two ways in which PATCH changes an object: a merge (RFC 7396), and the replacement of one attribute. */
import { pathOf } from '../model/problem.ts';
import type { JsonObject } from './view.ts';

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Ids are strings or integers, and are compared as strings. */
export function isId(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

/** RFC 7396 section 2: null removes, objects are merged, everything else, lists too, is replaced. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map<string, unknown>(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return fromEntries(merged);
}

/** The value with what is at `keys` replaced, removed if it is null; or the path at which there is nothing to replace. */
export function replaceAt(
  value: unknown,
  keys: readonly string[],
  replacement: unknown,
  path = '',
): { readonly value: unknown } | { readonly missing: string } {
  const [key, ...rest] = keys;
  if (key === undefined) return { value: replacement };
  if (Array.isArray(value)) return replaceItem(value, keys, replacement, path);
  if (value !== undefined && !isObject(value)) return { missing: pathOf(path, key) };
  const members = new Map<string, unknown>(Object.entries(value ?? {}));
  const inner = replaceAt(members.get(key), rest, replacement, pathOf(path, key));
  if ('missing' in inner) return inner;
  if (rest.length === 0 && inner.value === null) members.delete(key);
  else members.set(key, inner.value);
  return { value: fromEntries(members) };
}

function replaceItem(list: readonly unknown[], keys: readonly string[], replacement: unknown, path: string) {
  const [key = '', ...rest] = keys;
  const index = /^\d{1,6}$/.test(key) ? Number(key) : -1;
  if (index < 0 || index >= list.length) return { missing: pathOf(path, key) };
  const inner = replaceAt(list[index], rest, replacement, pathOf(path, index));
  if ('missing' in inner) return inner;
  return {
    value: rest.length === 0 && inner.value === null ? list.toSpliced(index, 1) : list.with(index, inner.value),
  };
}

/** Object.fromEntries defines members: a key `__proto__` stays one like any other. */
function fromEntries(members: ReadonlyMap<string, unknown>): JsonObject {
  return Object.fromEntries(members);
}
