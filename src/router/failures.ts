/** Why a route does not serve a request: each of its predicates that fails, in words. For explanations, not for the search. */
import { createAddressSet } from './cidr.ts';
import { compileExpression } from './expression.ts';
import { parseHost, parseUri } from './pattern.ts';
import type { RouteParameters, RouteRequest, RouterMode, RouterRoute } from './router.ts';

export type Predicate = 'host' | 'path' | 'method' | 'remote_addr' | 'vars';

export interface Failure {
  readonly predicate: Predicate;
  /** What the request has, and what the route asks for. */
  readonly message: string;
}

/** In the order in which predicates are looked at; none for a route that would serve the request. */
export function failuresOf(route: RouterRoute<unknown>, request: RouteRequest, mode: RouterMode): readonly Failure[] {
  const parameters = pathParameters(route, request.path, mode);
  return [
    hostFailure(route, request),
    parameters === undefined ? pathFailure(route, request) : null,
    methodFailure(route, request),
    addressFailure(route, request),
    conditionFailure(route, request, parameters ?? null),
  ].filter((failure) => failure !== null);
}

export function hostFits({ hosts }: RouterRoute<unknown>, host: string): boolean {
  return hosts.length === 0 || hosts.some((pattern) => hostMatches(pattern, host));
}

function hostMatches(pattern: string, host: string): boolean {
  const { key, isPrefix } = parseHost(pattern);
  return isPrefix ? host.endsWith(key) : host === key;
}

/** Whether one of its uris fits. */
export function pathFits(route: RouterRoute<unknown>, path: string, mode: RouterMode): boolean {
  return pathParameters(route, path, mode) !== undefined;
}

/** The parameters of the uri that fits, null for one without; undefined if none does. */
function pathParameters(
  { uris }: RouterRoute<unknown>,
  path: string,
  mode: RouterMode,
): RouteParameters | null | undefined {
  const hasParameters = mode === 'radixtree_uri_with_parameter';
  for (const uri of uris) {
    const { key, isPrefix, names } = parseUri(uri, mode);
    if (!hasParameters) {
      if (isPrefix ? path.startsWith(key) : path === key) return null;
      continue;
    }
    const values = segmentsOf(key, isPrefix, path);
    if (values === null) continue;
    return names.length === 0 ? null : new Map(names.map((name, i) => [name, values[i] ?? '']));
  }
  return undefined;
}

/** What stands for each parameter of a pattern, and for its end; null if the path does not fit. */
function segmentsOf(key: string, isPrefix: boolean, path: string): readonly string[] | null {
  const values: string[] = [];
  let at = 0;
  for (let i = 0; i < key.length; i++) {
    const isParameter = key[i] === ':' && key[i - 1] === '/';
    if (!isParameter) {
      if (path[at++] !== key[i]) return null;
      continue;
    }
    const slash = path.indexOf('/', at);
    const end = slash < 0 ? path.length : slash;
    if (end === at) return null;
    values.push(path.slice(at, end));
    at = end;
  }
  if (isPrefix) return [...values, path.slice(at)];
  return at === path.length ? values : null;
}

function hostFailure(route: RouterRoute<unknown>, { host }: RouteRequest): Failure | null {
  if (hostFits(route, host)) return null;
  const found = host === '' ? 'the request has no host, and the route has' : `host ${quoted(host)} is not`;
  return { predicate: 'host', message: `${found} ${listed(route.hosts)}` };
}

function pathFailure({ uris }: RouterRoute<unknown>, { path }: RouteRequest): Failure {
  return { predicate: 'path', message: `path ${quoted(path)} does not match ${listed(uris)}` };
}

function methodFailure({ methods }: RouterRoute<unknown>, { method }: RouteRequest): Failure | null {
  if (methods === null || methods.length === 0 || methods.includes(method)) return null;
  return { predicate: 'method', message: `method ${method} is not ${listed(methods, false)}` };
}

function addressFailure({ remoteAddresses }: RouterRoute<unknown>, { remoteAddress }: RouteRequest): Failure | null {
  if (remoteAddresses === null || remoteAddresses.length === 0) return null;
  if (createAddressSet(remoteAddresses).has(remoteAddress)) return null;
  return { predicate: 'remote_addr', message: `address ${remoteAddress} is not in ${listed(remoteAddresses, false)}` };
}

/** The first condition that does not hold; a list that AND or OR begins is one condition. */
function conditionFailure(
  { vars }: RouterRoute<unknown>,
  request: RouteRequest,
  parameters: RouteParameters | null,
): Failure | null {
  if (vars === null || vars.length === 0) return null;
  const before = request.parameters;
  request.parameters = parameters;
  try {
    const whole = compileExpression(vars);
    if (whole.evaluate(request) === true) return null;
    const isList = Array.isArray(vars[0]);
    const failed = isList ? (vars.find((one) => compileExpression([one]).evaluate(request) !== true) ?? vars) : vars;
    const isUndecided = whole.evaluate(request) === undefined;
    const verdict = isUndecided ? 'takes the body of the request to decide' : 'does not hold';
    return { predicate: 'vars', message: `the condition on ${variablesIn(failed).join(' and ')} ${verdict}` };
  } finally {
    if (before === undefined) delete request.parameters;
    else request.parameters = before;
  }
}

/** Without what they are compared with: people put secrets there, and explanations are logged. */
function variablesIn(condition: unknown): string[] {
  if (!Array.isArray(condition)) return [];
  const [first, second] = condition as readonly unknown[];
  const isComparison = typeof first === 'string' && typeof second === 'string';
  if (isComparison) return [`${first} (${second === '!' ? `! ${String(condition[2])}` : second})`];
  return condition.flatMap(variablesIn);
}

const MOST_LISTED = 5;

function listed(values: readonly string[], isQuoted = true): string {
  const shown = values.slice(0, MOST_LISTED).map((value) => (isQuoted ? quoted(value) : value));
  const rest = values.length - shown.length;
  return `${shown.join(' or ')}${rest > 0 ? ` or ${rest} more` : ''}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 128 ? `${text.slice(0, 125)}…` : text);
}
