/**
 * Which routes nearly served a request that none served, and the first predicate of each that failed. The work is bounded,
 * whatever the number of routes: this runs in a worker, for requests that anybody may send.
 */
import { editDistance } from '../model/problem.ts';
import type { Failure } from '../router/failures.ts';
import { failuresOf, hostFits, pathFits } from '../router/failures.ts';
import type { RouteRequest, RouterMode, RouterRoute } from '../router/router.ts';
import type { CompiledRoute, Snapshot } from './snapshot.ts';

export interface NearRoute {
  readonly id: string;
  /** '' without. */
  readonly name: string;
  /** The first predicate that fails. */
  readonly failure: Failure;
}

export interface NearOptions {
  /** Routes that are named. Default 3. */
  readonly most?: number;
  /** Routes that are looked at beside those whose host and path fit. Default 2,000. */
  readonly scanned?: number;
}

interface Candidate extends NearRoute {
  /** 0: host and path fit. */
  readonly distance: number;
}

const MOST_NAMED = 3;
const MOST_SCANNED = 2_000;
const MOST_CONSIDERED = 50;
/** Another host is nearer than another path, which is nearer the fewer characters differ. */
const OTHER_HOST = 1;
const OTHER_PATH = 2;
const FAR = 4;
/** Longer paths are compared by their beginnings alone. */
const COMPARED = 128;

/** The nearest first. Empty where nothing is near. */
export function nearRoutes(snapshot: Snapshot, request: RouteRequest, options: NearOptions = {}): readonly NearRoute[] {
  const { memory } = snapshot;
  if (memory === undefined) return [];
  const { most = MOST_NAMED, scanned = MOST_SCANNED } = options;
  const { mode } = memory.matching;
  const near = new Map<string, Candidate>();
  for (const { id } of memory.table.considered(request, MOST_CONSIDERED)) {
    const route = memory.routes.get(id)?.entry;
    if (route === undefined || near.has(id)) continue;
    const [failure] = failuresOf(route, request, mode);
    if (failure !== undefined) near.set(id, { id, name: route.value.name, failure, distance: 0 });
  }
  if (near.size < most) {
    let left = scanned;
    for (const { entry } of memory.routes.values()) {
      if (left-- === 0) break;
      if (near.has(entry.id)) continue;
      const found = nearRoute(entry, request, mode);
      if (found !== null) near.set(entry.id, found);
    }
  }
  const inOrder = [...near.values()].sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1));
  return inOrder.slice(0, most).map(({ id, name, failure }) => ({ id, name, failure }));
}

/** As a log line and a header have them: `users: method DELETE is not GET; …`. '' for none. */
export function nearText(routes: readonly NearRoute[]): string {
  return routes
    .map(({ id, name, failure }) => `${name === '' ? id : `${id} (${name})`}: ${failure.message}`)
    .join('; ');
}

/** Null for one that is far away. Only host and path are looked at, for there may be many of them. */
function nearRoute(route: RouterRoute<CompiledRoute>, request: RouteRequest, mode: RouterMode): Candidate | null {
  const isHost = hostFits(route, request.host);
  const isPath = pathFits(route, request.path, mode);
  if (isHost === isPath) return null;
  const distance = isPath
    ? OTHER_HOST
    : Math.min(
        ...route.uris.map((uri) => OTHER_PATH + pathDistance(withSegments(uri, request.path, mode), request.path)),
      );
  if (distance >= OTHER_PATH + FAR) return null;
  const [failure] = failuresOf(route, request, mode);
  return failure === undefined ? null : { id: route.id, name: route.value.name, failure, distance };
}

/** The uri with what the path has in the place of its parameters. */
function withSegments(uri: string, path: string, mode: RouterMode): string {
  if (mode !== 'radixtree_uri_with_parameter') return uri;
  const found = path.split('/');
  const segments = uri.split('/').map((segment, i) => (segment.startsWith(':') ? (found[i] ?? segment) : segment));
  return segments.join('/');
}

/** `FAR` for a path that nobody could have meant. */
function pathDistance(uri: string, path: string): number {
  const isPrefix = uri.endsWith('*');
  const text = isPrefix ? uri.slice(0, -1) : uri;
  if (text.length < 2 || text.length > COMPARED) return FAR;
  // "/users" where "/users/*" is asked for, and the other way round.
  if (text === `${path}/` || path === `${text}/`) return 0.5;
  if (path.startsWith(text.endsWith('/') ? text : `${text}/`)) return 1;
  const compared = (isPrefix ? path.slice(0, text.length) : path).toLowerCase();
  if (compared.length > COMPARED) return FAR;
  const lower = text.toLowerCase();
  if (compared === lower) return 0.5;
  const bound = Math.min(FAR - 1, Math.floor(text.length / 3));
  const distance = editDistance(compared, lower, bound);
  return distance > bound ? FAR : distance;
}
