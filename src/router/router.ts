/** What the router offers to the data plane. Patterns and request paths have passed `normalizePath` before they get here. */

/** The request as routing sees it. */
export interface RouteRequest {
  /** As sent, case-sensitive. */
  readonly method: string;
  /** Lower case, without port; '' if the request has none. */
  readonly host: string;
  /** Normalised path, without query. */
  readonly path: string;
  /** Address of the peer (or of the client, when a trusted peer says so), textual. */
  readonly remoteAddress: string;
  /** The value of a variable (`arg_x`, `http_x`, `cookie_x`, `uri`, …), undefined if the request has none. */
  variable(name: string): string | undefined;
}

export interface Router<T> {
  /** The route that serves the request, undefined if none does. */
  find(request: RouteRequest): T | undefined;
}
