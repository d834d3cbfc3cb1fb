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

/** A candidate that comes to or goes from one place: a host, and a uri in its tree. */
interface Move<T> {
  /** Null: all hosts. */
  readonly host: Pattern | null;
  readonly uri: Pattern;
  readonly candidate: Candidate<T>;
  readonly comes: boolean;
  readonly hostPlace: string;
  readonly uriPlace: string;
}

/** Every tree and every leaf is edited once, however many of the changes meet there. */
export function applyReplacements<T>(
  index: RouteIndex<T>,
  replacements: readonly Replacement<T>[],
  byHost: boolean,
): RouteIndex<T> {
  const moves = movesOf(replacements, byHost);
  const owner = {};
  const hosts = new RadixEditor(index.hosts, owner);
  let { uris } = index;
  for (let start = 0, end = 0; start < moves.length; start = end) {
    const { host, hostPlace } = moves[start];
    while (end < moves.length && moves[end].hostPlace === hostPlace) end++;
    const here = moves.slice(start, end);
    if (host === null) {
      uris = editUris(uris, here, owner);
      continue;
    }
    hosts.apply({
      key: reversed(host.key),
      isPrefix: host.isPrefix,
      change(before) {
        const after = editUris(before?.uris ?? null, here, owner);
        return after === null ? null : { text: host.key, uris: after };
      },
    });
  }
  return { hosts: hosts.root, uris };
}

const ALL_HOSTS = [null];

/** By place, so that those that meet follow one another. */
function movesOf<T>(replacements: readonly Replacement<T>[], byHost: boolean): readonly Move<T>[] {
  const moves: Move<T>[] = [];
  const move = (candidate: Candidate<T>, comes: boolean): void => {
    for (const host of byHost && candidate.hosts.length > 0 ? candidate.hosts : ALL_HOSTS) {
      const hostPlace = host === null ? '' : placeOf(host);
      for (const uri of candidate.uris) {
        moves.push({ host, uri, candidate, comes, hostPlace, uriPlace: placeOf(uri) });
      }
    }
  };
  for (const { before, after } of replacements) {
    if (before !== null) move(before, false);
    if (after !== null) move(after, true);
  }
  return moves.sort((a, b) => order(a.hostPlace, b.hostPlace) || order(a.uriPlace, b.uriPlace));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function editUris<T>(tree: UriTree<T> | null, moves: readonly Move<T>[], owner: object): UriTree<T> | null {
  const editor = new RadixEditor(tree, owner);
  for (let start = 0, end = 0; start < moves.length; start = end) {
    const { uri, uriPlace } = moves[start];
    while (end < moves.length && moves[end].uriPlace === uriPlace) end++;
    const here = moves.slice(start, end);
    editor.apply({
      key: uri.key,
      isPrefix: uri.isPrefix,
      change(before) {
        const candidates = moved(before?.candidates ?? [], here);
        return candidates.length === 0 ? null : { text: uri.key, candidates };
      },
    });
  }
  return editor.root;
}

function moved<T>(candidates: readonly Candidate<T>[], moves: readonly Move<T>[]): readonly Candidate<T>[] {
  const gone = new Set<Candidate<T>>();
  for (const { candidate, comes } of moves) if (!comes) gone.add(candidate);
  const left = candidates.filter((candidate) => !gone.has(candidate));
  for (const { candidate, comes } of moves) if (comes) left.push(candidate);
  return left.sort(compareCandidates);
}

/** Of a host, which is ASCII. */
function reversed(text: string): string {
  return Buffer.from(text, 'latin1').reverse().toString('latin1');
}
