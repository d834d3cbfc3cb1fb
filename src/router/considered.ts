/** The routes that a search looks at, in its order: what `find` does, told instead of decided. */
import { searchParameters } from './parameter-search.ts';
import { findExact, findLongest } from './radix-search.ts';
import type { RouteIndex, UriLeaf, UriTree } from './route-index.ts';
import type { RouteRequest, RouterMode } from './router.ts';

/** A route whose host and uri fit, so that its other conditions decide. */
export interface Considered {
  readonly id: string;
  /** The uri that fits, and whether it is the beginning of those that do. */
  readonly text: string;
  readonly isPrefix: boolean;
}

/** At most `most` of them. */
export function consideredRoutes<T>(
  { hosts, uris }: RouteIndex<T>,
  request: RouteRequest,
  { mode, most }: { readonly mode: RouterMode; readonly most: number },
): readonly Considered[] {
  const found: Considered[] = [];
  const add = (leaf: UriLeaf<T>, isPrefix: boolean): undefined => {
    for (const { id } of leaf.candidates) if (found.length < most) found.push({ id, text: leaf.text, isPrefix });
  };
  if (hosts !== null) {
    const { host } = request;
    const exact = findExact(hosts, host, true);
    if (exact !== null) addUris(exact.uris, request.path, add);
    for (let longest = host.length; longest >= 0;) {
      const wildcard = findLongest(hosts, host, longest, true);
      if (wildcard === null) break;
      addUris(wildcard.uris, request.path, add);
      longest = wildcard.text.length - 1;
    }
  }
  if (uris === null) return found;
  if (mode === 'radixtree_uri_with_parameter') searchParameters(uris, request.path, { visit: add });
  else addUris(uris, request.path, add);
  return found;
}

function addUris<T>(uris: UriTree<T>, path: string, add: (leaf: UriLeaf<T>, isPrefix: boolean) => undefined): void {
  const exact = findExact(uris, path, false);
  if (exact !== null) add(exact, false);
  for (let longest = path.length; longest >= 0;) {
    const prefix = findLongest(uris, path, longest, false);
    if (prefix === null) break;
    add(prefix, true);
    longest = prefix.text.length - 1;
  }
}
