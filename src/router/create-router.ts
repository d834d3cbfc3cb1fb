/** Routes → a table that finds the one for a request in a time that does not grow with their number. */
import type { Candidate } from './candidate.ts';
import { admits, createCandidate, parametersOf } from './candidate.ts';
import type { Considered } from './considered.ts';
import { consideredRoutes } from './considered.ts';
import { searchParameters } from './parameter-search.ts';
import type { Terminal } from './radix-search.ts';
import { findExact, findLongest } from './radix-search.ts';
import type { RadixNode } from './radix-tree.ts';
import { RadixEditor } from './radix-tree.ts';
import type { Replacement, RouteIndex, UriLeaf, UriTree } from './route-index.ts';
import { applyReplacements } from './route-index.ts';
import type { NeedsBody, RouteChange, RouteRequest, RouterMode, RouterRoute, RouteTable } from './router.ts';
import { NEEDS_BODY } from './router.ts';

/**
 * A table of the routes. In `radixtree_host_uri` the routes with the request's host come first, then those with the longest
 * wildcard that fits it, and so on; those for all hosts only if none of them fits in full. Within that, and in the other modes from
 * the start, the uri that equals the path comes first, then the longest prefix. `compareCandidates` says what decides between
 * routes with the same uri. Where the better route's other conditions fail, the next is tried.
 * @throws {TypeError} for a route that `checkUri`, `checkHost`, `checkCidr` or `checkExpression` finds fault with
 */
export function createRouter<T>(mode: RouterMode, routes: Iterable<RouterRoute<T>>): RouteTable<T> {
  const changes = Array.from(routes, (route) => ({ id: route.id, route }));
  return new Table<T>(mode, { hosts: null, uris: null, ids: null, size: 0 }).with(changes);
}

/** One route by its id. */
interface IdLeaf<T> extends Terminal {
  readonly candidate: Candidate<T>;
}

interface Trees<T> extends RouteIndex<T> {
  readonly ids: RadixNode<IdLeaf<T>> | null;
  readonly size: number;
}

class Table<T> implements RouteTable<T> {
  readonly size: number;
  private readonly mode: RouterMode;
  private readonly trees: Trees<T>;
  private readonly hasParameters: boolean;

  constructor(mode: RouterMode, trees: Trees<T>) {
    this.mode = mode;
    this.trees = trees;
    this.size = trees.size;
    this.hasParameters = mode === 'radixtree_uri_with_parameter';
  }

  find(request: RouteRequest): T | NeedsBody | undefined {
    const { hosts, uris } = this.trees;
    if (hosts !== null) {
      const { host } = request;
      const exact = findExact(hosts, host, true);
      if (exact !== null) {
        const found = findInUris(exact.uris, request);
        if (found !== undefined) return found;
      }
      let longest = host.length;
      while (longest >= 0) {
        const wildcard = findLongest(hosts, host, longest, true);
        if (wildcard === null) break;
        const found = findInUris(wildcard.uris, request);
        if (found !== undefined) return found;
        longest = wildcard.text.length - 1;
      }
    }
    if (uris === null) return undefined;
    return this.hasParameters ? findWithParameters(uris, request) : findInUris(uris, request);
  }

  considered(request: RouteRequest, most: number): readonly Considered[] {
    return consideredRoutes(this.trees, request, { mode: this.mode, most });
  }

  with(changes: Iterable<RouteChange<T>>): RouteTable<T> {
    const latest = new Map(Array.from(changes, ({ id, route }) => [id, route]));
    const replacements: Replacement<T>[] = [];
    const ids = new RadixEditor(this.trees.ids, {});
    let { size } = this.trees;
    for (const [id, route] of latest) {
      const key = keyOf(id);
      const before = ids.root === null ? null : (findExact(ids.root, key, false)?.candidate ?? null);
      const after = route === null ? null : createCandidate(route, this.mode);
      if (before === null && after === null) continue;
      replacements.push({ before, after });
      ids.apply({
        key,
        isPrefix: false,
        change: () => (after === null ? null : { text: key, candidate: after }),
      });
      size += Number(after !== null) - Number(before !== null);
    }
    if (replacements.length === 0) return this;
    const index = applyReplacements(this.trees, replacements, this.mode === 'radixtree_host_uri');
    return new Table(this.mode, { hosts: index.hosts, uris: index.uris, ids: ids.root, size });
  }
}

/** A node's width is the span of the characters that it holds: beyond ASCII they are escaped. */
function keyOf(id: string): string {
  return id.replaceAll(/[^\x20-\x24\x26-\x7e]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function findInUris<T>(uris: UriTree<T>, request: RouteRequest): T | NeedsBody | undefined {
  const { path } = request;
  const exact = findExact(uris, path, false);
  if (exact !== null) {
    const found = choose(exact.candidates, request);
    if (found !== undefined) return matched(request, exact.text, false, found);
  }
  let longest = path.length;
  while (longest >= 0) {
    const prefix = findLongest(uris, path, longest, false);
    if (prefix === null) break;
    const found = choose(prefix.candidates, request);
    if (found !== undefined) return matched(request, prefix.text, true, found);
    longest = prefix.text.length - 1;
  }
  return undefined;
}

/** Two stores instead of a new text per request: few ask which pattern it was. */
function matched<T>(request: RouteRequest, text: string, isPrefix: boolean, found: T): T {
  request.matchedText = text;
  request.isPrefixMatched = isPrefix;
  return found;
}

function choose<T>(candidates: readonly Candidate<T>[], request: RouteRequest): T | NeedsBody | undefined {
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i];
    const isAdmitted = candidate.conditions === 0 ? true : admits(candidate, request);
    if (isAdmitted === true) return candidate.value;
    if (isAdmitted === undefined) return NEEDS_BODY;
  }
  return undefined;
}

function findWithParameters<T>(uris: UriTree<T>, request: RouteRequest): T | NeedsBody | undefined {
  request.parameters = null;
  return searchParameters(uris, request.path, {
    visit(leaf: UriLeaf<T>, isPrefix: boolean): T | NeedsBody | undefined {
      for (const candidate of leaf.candidates) {
        request.parameters = parametersOf(candidate, { key: leaf.text, isPrefix }, request.path);
        const isAdmitted = admits(candidate, request);
        if (isAdmitted === true) return matched(request, leaf.text, isPrefix, candidate.value);
        if (isAdmitted === undefined) return NEEDS_BODY;
        request.parameters = null;
      }
      return undefined;
    },
  });
}
