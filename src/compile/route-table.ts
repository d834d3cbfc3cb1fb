/** The routes of a Snapshot as the router takes them. */
import type { Router, RouteRequest } from '../router/router.ts';

/** One route for the router: what it matches, and what a match gives. */
export interface RouteEntry<T> {
  readonly id: string;
  /** Normalised patterns. */
  readonly uris: readonly string[];
  /** Empty: all. */
  readonly hosts: readonly string[];
  readonly methods: readonly string[];
  readonly remoteAddresses: readonly string[];
  readonly vars: readonly unknown[];
  readonly priority: number;
  readonly value: T;
}

export function buildRouter<T>(entries: readonly RouteEntry<T>[]): Router<T> {
  const ordered = entries
    .flatMap((entry) => entry.uris.map((uri) => ({ entry, uri, isPrefix: uri.endsWith('*') })))
    .toSorted(
      (a, b) =>
        Number(a.isPrefix) - Number(b.isPrefix) || b.uri.length - a.uri.length || b.entry.priority - a.entry.priority,
    );
  const isMatch = ({ entry, uri, isPrefix }: (typeof ordered)[number], request: RouteRequest): boolean =>
    (isPrefix ? request.path.startsWith(uri.slice(0, -1)) : request.path === uri) &&
    (entry.methods.length === 0 || entry.methods.includes(request.method)) &&
    (entry.hosts.length === 0 ||
      entry.hosts.some(
        (host) => host === request.host || (host.startsWith('*') && request.host.endsWith(host.slice(1))),
      ));
  return { find: (request) => ordered.find((candidate) => isMatch(candidate, request))?.entry.value };
}
