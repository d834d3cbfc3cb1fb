/** A response that the gateway makes itself: what a phase returns to end an exchange. */
export interface Reply {
  /** 200 to 599. */
  readonly status: number;
  /** Values with CR, LF or NUL are refused. Content-Length and Content-Type are set by the body unless they are here. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Text and bytes as they are; what can be iterated asynchronously piece by piece (bytes) as it comes, at the client's
   * pace; anything else as JSON. A stream is given up when the client is gone; one that throws cuts the response off.
   */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | object;
  /** Why, for the access log, the metrics and X-Gatewright-Error: lower case with underscores, such as `key_missing`. */
  readonly code?: string;
}
