/** The trees of a table of routes, and how a set of changes becomes the next trees. */
import type { Candidate } from './candidate.ts';
import { compareCandidates, placeOf } from './candidate.ts';
import type { Pattern } from './pattern.ts';
import type { Terminal } from './radix-search.ts';
import type { RadixNode } from './radix-tree.ts';
import { RadixEditor } from './radix-tree.ts';

/** The routes with one uri, in the order in which they are tried. */
export interface UriLeaf<T> extends Terminal {
  readonly candidates: readonly Candidate<T>[];
}

export type UriTree<T> = RadixNode<UriLeaf<T>>;

/** The routes with one host. */
export interface HostLeaf<T> extends Terminal {
  readonly uris: UriTree<T>;
}

export interface RouteIndex<T> {
  /** Keys are reversed: what a wildcard stands for is then the end. Null if no host is the way to a route. */
  readonly hosts: RadixNode<HostLeaf<T>> | null;
  /** The routes for all hosts. */
  readonly uris: UriTree<T> | null;
}

/** A route that takes the place of another; null where it is new, or goes. */
export interface Replacement<T> {
  readonly before: Candidate<T> | null;
  readonly after: Candidate<T> | null;
}

/** What changes at one uri. */
interface LeafChange<T> {
  readonly uri: Pattern;
  readonly removed: Candidate<T>[];
  readonly added: Candidate<T>[];
}

interface HostChange<T> {
  /** Null: all hosts. */
  readonly host: Pattern | null;
  readonly leaves: Map<string, LeafChange<T>>;
}

/** Every leaf is edited once, however many of the changes meet there. */
export function applyReplacements<T>(
  index: RouteIndex<T>,
  replacements: readonly Replacement<T>[],
  byHost: boolean,
): RouteIndex<T> {
  const hosts = new RadixEditor(index.hosts);
  let { uris } = index;
  for (const { host, leaves } of collect(replacements, byHost)) {
    if (host === null) {
      uris = editUris(uris, leaves);
      continue;
    }
    hosts.apply({
      key: reversed(host.key),
      isPrefix: host.isPrefix,
      change(before) {
        const after = editUris(before?.uris ?? null, leaves);
        return after === null ? null : { text: host.key, uris: after };
      },
    });
  }
  return { hosts: hosts.root, uris };
}

const ALL_HOSTS = [null];

function collect<T>(replacements: readonly Replacement<T>[], byHost: boolean): Iterable<HostChange<T>> {
  const changes = new Map<string, HostChange<T>>();
  const visit = (candidate: Candidate<T>, side: 'removed' | 'added'): void => {
    for (const host of byHost && candidate.hosts.length > 0 ? candidate.hosts : ALL_HOSTS) {
      const { leaves } = entryOf(changes, host === null ? '' : placeOf(host), () => hostChange<T>(host));
      for (const uri of candidate.uris) {
        entryOf(leaves, placeOf(uri), () => leafChange<T>(uri))[side].push(candidate);
      }
    }
  };
  for (const { before, after } of replacements) {
    if (before !== null) visit(before, 'removed');
    if (after !== null) visit(after, 'added');
  }
  return changes.values();
}

function hostChange<T>(host: Pattern | null): HostChange<T> {
  return { host, leaves: new Map() };
}

function leafChange<T>(uri: Pattern): LeafChange<T> {
  return { uri, removed: [], added: [] };
}

function entryOf<V>(map: Map<string, V>, key: string, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function editUris<T>(tree: UriTree<T> | null, leaves: ReadonlyMap<string, LeafChange<T>>): UriTree<T> | null {
  const editor = new RadixEditor(tree);
  for (const { uri, removed, added } of leaves.values()) {
    editor.apply({
      key: uri.key,
      isPrefix: uri.isPrefix,
      change(before) {
        // Here and there one uri has thousands of routes.
        const gone = new Set(removed);
        const kept = before?.candidates.filter((candidate) => !gone.has(candidate));
        const candidates = kept === undefined ? added : kept.concat(added);
        return candidates.length === 0 ? null : { text: uri.key, candidates: candidates.sort(compareCandidates) };
      },
    });
  }
  return editor.root;
}

function reversed(text: string): string {
  return text.split('').reverse().join('');
}
