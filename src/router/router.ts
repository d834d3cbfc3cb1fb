/** What the router offers to the data plane. Patterns and request paths have passed `normalizePath` before they get here. */
import type { Considered } from './considered.ts';
import type { VariableSource } from './variable-source.ts';

/** The request as routing sees it. */
export interface RouteRequest extends VariableSource {
  /** As sent, case-sensitive. */
  readonly method: string;
  /** Lower case, without port; '' if the request has none. */
  readonly host: string;
  /** Normalised path, without query. */
  readonly path: string;
  /** Address of the peer (or of the client, when a trusted peer says so), textual. */
  readonly remoteAddress: string;
  /**
   * Set by `find` in the mode `radixtree_uri_with_parameter` to the values of the matched pattern's parameters by name, in
   * the spelling of `path` (escapes are not decoded); null for a pattern without. Set before the route's `vars` are evaluated.
   */
  parameters?: RouteParameters | null;
  /** Set by `find` to the pattern that matched: its text without a last `*`, and whether it has one. */
  matchedText?: string;
  isPrefixMatched?: boolean;
}

export type RouteParameters = ReadonlyMap<string, string>;

export interface Router<T> {
  /** The route that serves the request, undefined if none does. */
  find(request: RouteRequest): T | undefined;
}

/**
 * `find` reached a route whose `vars` cannot be decided without the request's body, which `request.body` does not have yet.
 * Read it, set `request.body`, and ask again; a request without body gets one that has no values.
 */
export const NEEDS_BODY: unique symbol = Symbol('the request body decides');
export type NeedsBody = typeof NEEDS_BODY;

/** An immutable set of routes. */
export interface RouteTable<T> extends Router<T | NeedsBody> {
  /** Number of routes. */
  readonly size: number;
  /** The routes whose host and uri fit, in the order in which `find` tries them, at most `most`: for explanations. */
  considered(request: RouteRequest, most: number): readonly Considered[];
  /**
   * The table after the changes (null removes; of two changes to one id the later counts). This table stays as it is and
   * usable: what the changes do not touch is shared.
   * @throws {TypeError} for a route that `checkUri`, `checkCidr` or `checkExpression` finds fault with
   */
  with(changes: Iterable<RouteChange<T>>): RouteTable<T>;
}

export interface RouteChange<T> {
  readonly id: string;
  readonly route: RouterRoute<T> | null;
}

/** What a route matches, and what a match gives. */
export interface RouterRoute<T> {
  readonly id: string;
  /** Patterns as `normalizePattern` spells them; the route matches any of them. */
  readonly uris: readonly string[];
  /** Names, or `*` and what the name ends with; all hosts if empty. */
  readonly hosts: readonly string[];
  /** All methods if null or empty. */
  readonly methods: readonly string[] | null;
  /** Addresses and CIDR blocks; all clients if null or empty. */
  readonly remoteAddresses: readonly string[] | null;
  /** An expression (see `checkExpression`); no condition if null or empty. */
  readonly vars: readonly unknown[] | null;
  /** Among routes with the same uri the highest is tried first. */
  readonly priority: number;
  readonly value: T;
}

/** How routes are indexed, under the names of APISIX's `apisix.router.http`. */
export type RouterMode = 'radixtree_host_uri' | 'radixtree_uri' | 'radixtree_uri_with_parameter';
