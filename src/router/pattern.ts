/** The patterns of a route, in the form in which the trees hold them. */
import type { RouterMode } from './router.ts';

/** Where in a tree a pattern stands. */
export interface Place {
  /** What is compared, without the `*`. In the parameter mode every `:name` is a bare `:`. */
  readonly key: string;
  readonly isPrefix: boolean;
}

export interface Pattern extends Place {
  /** Of the parameters, in their order; a named `*rest` is the last one. */
  readonly names: readonly string[];
}

const NO_NAMES: readonly string[] = [];
const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** What is wrong with a uri that `normalizePattern` has spelled, null if nothing is. */
export function checkUri(uri: string, mode: RouterMode): string | null {
  if (!/^\/[\x21-\x7e]*$/.test(uri)) return `"${uri}" is not in the spelling of request paths`;
  const hasParameters = mode === 'radixtree_uri_with_parameter';
  const star = uri.indexOf('*');
  const rest = star < 0 ? '' : uri.slice(star + 1);
  if (rest !== '' && !(hasParameters && uri[star - 1] === '/' && NAME.test(rest))) {
    return hasParameters
      ? `"${uri}" has a "*" before its end: end it with "*" or "/*name", or write ":name" for one segment`
      : `"${uri}" has a "*" before its end, where it is no wildcard: end it with "*"`;
  }
  if (!hasParameters) return null;
  if (/\/:[^/]*\*$/.test(uri))
    return `"${uri}" ends a parameter with "*": write "/:name/*", or "/*name" for all that follows`;
  const { names } = parseUri(uri, mode);
  const nameless = names.find((name) => !NAME.test(name));
  if (nameless !== undefined) {
    return `"${uri}" has the parameter ":${nameless}": its name must be letters, digits, "_" or "-", and fill the segment`;
  }
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  return repeated === undefined ? null : `"${uri}" has two parameters named "${repeated}": give each its own name`;
}

export function parseUri(uri: string, mode: RouterMode): Pattern {
  const star = uri.indexOf('*');
  const literal = star < 0 ? uri : uri.slice(0, star);
  if (mode !== 'radixtree_uri_with_parameter') return { key: literal, isPrefix: star >= 0, names: NO_NAMES };
  const names: string[] = [];
  const key = literal.replaceAll(/\/:([^/]*)/g, (_, name: string) => {
    names.push(name);
    return '/:';
  });
  if (star >= 0 && star + 1 < uri.length) names.push(uri.slice(star + 1));
  return { key, isPrefix: star >= 0, names };
}

/** What is wrong with a host, null if nothing is: a name, `*` and the end of a name, or `*`. */
export function checkHost(host: string): string | null {
  return /^\*?[\x21-\x29\x2b-\x7e]*$/.test(host) && host !== ''
    ? null
    : `"${host}" is no host: write a name such as example.com, or *.example.com for those below it`;
}

export function parseHost(host: string): Pattern {
  const isPrefix = host.startsWith('*');
  return { key: (isPrefix ? host.slice(1) : host).toLowerCase(), isPrefix, names: NO_NAMES };
}
