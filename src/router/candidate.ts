/** A route as the search finds it: everything that it asks of a request parsed, and the order in which routes are tried. */
import type { AddressSet } from './cidr.ts';
import { createAddressSet } from './cidr.ts';
import { compileExpression } from './expression.ts';
import type { Expression } from './expression.ts';
import type { Pattern, Place } from './pattern.ts';
import { checkHost, checkUri, parseHost, parseUri } from './pattern.ts';
import type { RouteParameters, RouteRequest, RouterMode, RouterRoute } from './router.ts';

export interface Candidate<T> {
  readonly id: string;
  readonly value: T;
  readonly priority: number;
  readonly uris: readonly Pattern[];
  /** Empty: all. */
  readonly hosts: readonly Pattern[];
  /** Number of kinds of conditions besides the uri. */
  readonly conditions: number;
  /** Whether `hosts` are to be looked at: not where they were the way to the route. */
  readonly checksHost: boolean;
  /** Bits of METHODS; 0 if the method does not matter. */
  readonly methods: number;
  readonly otherMethods: readonly string[];
  readonly addresses: AddressSet | null;
  readonly vars: Expression | null;
}

const METHODS: ReadonlyMap<string, number> = new Map(
  ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PURGE'].map((name, i) => [
    name,
    1 << i,
  ]),
);
/** One for all: most routes ask for little. */
const NONE: readonly never[] = [];
/** Stands for all other methods. */
const OTHER = 1 << METHODS.size;

/** @throws {TypeError} with the first problem of the route */
export function createCandidate<T>(route: RouterRoute<T>, mode: RouterMode): Candidate<T> {
  try {
    return readRoute(route, mode);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(`route "${route.id}": ${error.message}`, { cause: error });
  }
}

function readRoute<T>(route: RouterRoute<T>, mode: RouterMode): Candidate<T> {
  const { id, value, priority, uris, hosts } = route;
  const methods = route.methods ?? NONE;
  const addresses = route.remoteAddresses ?? NONE;
  const vars = route.vars ?? NONE;
  const checksHost = mode !== 'radixtree_host_uri' && hosts.length > 0;
  for (const uri of uris) refuse(checkUri(uri, mode));
  for (const host of hosts) refuse(checkHost(host));
  return {
    id,
    value,
    priority,
    uris: unique(uris.map((uri) => parseUri(uri, mode))),
    hosts: hosts.length === 0 ? NONE : unique(hosts.map(parseHost)),
    conditions:
      Number(checksHost) + Number(methods.length > 0) + Number(addresses.length > 0) + Number(vars.length > 0),
    checksHost,
    methods: methods.reduce((bits, method) => bits | (METHODS.get(method) ?? OTHER), 0),
    otherMethods: methods.every((method) => METHODS.has(method)) ? NONE : methods.filter((name) => !METHODS.has(name)),
    addresses: addresses.length === 0 ? null : createAddressSet(addresses),
    vars: vars.length === 0 ? null : compileExpression(vars),
  };
}

function refuse(problem: string | null): void {
  if (problem !== null) throw new TypeError(problem);
}

/** Patterns that match the same: one of them is enough. */
function unique(patterns: readonly Pattern[]): readonly Pattern[] {
  if (patterns.length < 2) return patterns;
  const places = new Map(patterns.toReversed().map((pattern) => [placeOf(pattern), pattern]));
  return places.size === patterns.length
    ? patterns
    : patterns.filter((pattern) => places.get(placeOf(pattern)) === pattern);
}

/** Equal for patterns that match the same requests. */
export function placeOf({ key, isPrefix }: Place): string {
  return isPrefix ? `${key}*` : key;
}

/**
 * The order in which routes with the same uri are tried: by priority, the highest first; then the route that asks for more
 * kinds of conditions, so that one without them does not stand before it; then by id.
 */
export function compareCandidates<T>(a: Candidate<T>, b: Candidate<T>): number {
  return b.priority - a.priority || b.conditions - a.conditions || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** Whether everything besides the uri fits; undefined if only the request's body can tell. */
export function admits<T>(candidate: Candidate<T>, request: RouteRequest): boolean | undefined {
  if (candidate.methods !== 0) {
    const bit = METHODS.get(request.method) ?? OTHER;
    if ((candidate.methods & bit) === 0) return false;
    if (bit === OTHER && !candidate.otherMethods.includes(request.method)) return false;
  }
  if (candidate.checksHost && !candidate.hosts.some((host) => matchesHost(host, request.host))) return false;
  if (candidate.addresses !== null && !candidate.addresses.has(request.remoteAddress)) return false;
  return candidate.vars === null ? true : candidate.vars.evaluate(request);
}

function matchesHost({ key, isPrefix }: Pattern, host: string): boolean {
  return isPrefix ? host.endsWith(key) : host === key;
}

/** The values of a pattern's parameters in a path that it matches, null if it has none. */
export function parametersOf<T>(candidate: Candidate<T>, place: Place, path: string): RouteParameters | null {
  const { key, isPrefix } = place;
  const pattern = candidate.uris.find((uri) => uri.key === key && uri.isPrefix === isPrefix);
  if (pattern === undefined || pattern.names.length === 0) return null;
  const values = new Map<string, string>();
  let at = 0;
  let next = 0;
  for (let i = 0; i < key.length; i++) {
    if (key[i] !== ':' || key[i - 1] !== '/') {
      at++;
      continue;
    }
    const slash = path.indexOf('/', at);
    const end = slash < 0 ? path.length : slash;
    values.set(pattern.names[next++], path.slice(at, end));
    at = end;
  }
  if (next < pattern.names.length) values.set(pattern.names[next], path.slice(at));
  return values;
}
