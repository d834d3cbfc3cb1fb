/** What a path of the Admin API names. Pure: whether it is there is another question. */
import { KINDS } from '../model/object-set.ts';
import type { Kind } from '../model/object-set.ts';
import { nearest } from '../model/problem.ts';

export type Target =
  | { readonly type: 'root' }
  | { readonly type: 'openapi' }
  | { readonly type: 'configs'; readonly isValidation: boolean }
  | { readonly type: 'plugins'; readonly name: string | null }
  | { readonly type: 'schema'; readonly kind: Kind }
  | {
      readonly type: 'objects';
      readonly kind: Kind;
      /** Complete, as the store has it; null for all of a kind. */
      readonly id: string | null;
      /** What an id begins with where the path stops short of it: `jack/credentials/`, `vault/`. */
      readonly prefix: string;
      /** Below the object: the attribute that a sub-path PATCH replaces. */
      readonly within: readonly string[];
    };

/** A path that leads nowhere, and why. */
export interface NoTarget {
  readonly status: 400 | 404;
  readonly message: string;
}

const PREFIX = '/apisix/admin';

/** @param path of the request target, without its query */
export function parseTarget(path: string): Target | NoTarget {
  if (path === '/openapi.json' || path === `${PREFIX}/openapi.json`) return { type: 'openapi' };
  if (path !== PREFIX && !path.startsWith(`${PREFIX}/`)) return notFound(path);
  const segments = decode(path.slice(PREFIX.length + 1));
  if (segments === null) return { status: 400, message: `the path ${quoted(path)} is not well encoded` };
  const [first, second, third] = segments;
  if (first === undefined) return { type: 'root' };
  if (segments.includes('')) return notFound(path);
  if (first === 'configs') {
    if (segments.length === 1) return { type: 'configs', isValidation: false };
    return second === 'validate' && segments.length === 2 ? { type: 'configs', isValidation: true } : notFound(path);
  }
  if (first === 'plugins' && segments.length <= 2) return { type: 'plugins', name: second ?? null };
  if (first === 'schema') {
    if (second !== 'validate' || third === undefined || segments.length > 3) return notFound(path);
    return isKind(third) ? { type: 'schema', kind: third } : noKind(third);
  }
  return objectsAt(first, segments.slice(1));
}

function objectsAt(first: string, rest: readonly string[]): Target | NoTarget {
  if (!isKind(first) || first === 'credentials') return noKind(first);
  const [one, two, three] = rest;
  if (first === 'consumers' && one !== undefined && two === 'credentials') {
    const prefix = `${one}/credentials/`;
    const id = three === undefined ? null : prefix + three;
    return { type: 'objects', kind: 'credentials', id, prefix, within: rest.slice(3) };
  }
  if (first === 'secrets' && one !== undefined) {
    const prefix = `${one}/`;
    const id = two === undefined ? null : prefix + two;
    return { type: 'objects', kind: 'secrets', id, prefix, within: rest.slice(2) };
  }
  return { type: 'objects', kind: first, id: one ?? null, prefix: '', within: rest.slice(1) };
}

/** One slash at the end names the same. Null if an escape is none. */
function decode(path: string): string[] | null {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  if (trimmed === '') return [];
  try {
    return trimmed.split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
}

function isKind(name: string): name is Kind {
  return (KINDS as readonly string[]).includes(name);
}

function notFound(path: string): NoTarget {
  return { status: 404, message: `there is nothing at ${quoted(path)}` };
}

function noKind(name: string): NoTarget {
  const near = nearest(name, KINDS);
  const hint = near === undefined ? '' : `, did you mean "${near}"?`;
  return { status: 404, message: `Unsupported resource type: ${name.slice(0, 80)}${hint}` };
}

const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 76)}…` : text);
