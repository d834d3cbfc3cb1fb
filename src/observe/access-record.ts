/** What one finished exchange tells the access log. Read within the log phase only: nothing here is kept. */
export interface AccessRecord {
  /** The id that the exchange had from birth. */
  readonly id: string;
  /** By which client and upstream know the request. */
  readonly requestId: string;
  /** The revision of the configuration that decided it. */
  readonly revision: number;
  readonly remoteAddress: string;
  readonly serverPort: number;
  readonly scheme: 'http' | 'https';
  /** '' when no request could be made of what came. */
  readonly method: string;
  /** The request target as it was sent. */
  readonly target: string;
  /** `HTTP/1.1` and its kind. */
  readonly protocol: string;
  readonly hostHeader: string;
  readonly status: number;
  /** Bytes of the response body that were handed to the client's connection. */
  readonly bodyBytesSent: number;
  /** Wall clock, milliseconds since the epoch. */
  readonly startedAt_ms: number;
  readonly duration_ms: number;
  /** A code of sdk/errors.ts; '' when the upstream answered, or a plugin did on purpose. */
  readonly errorCode: string;
  readonly routeId: string;
  readonly serviceId: string;
  /** `a:1, b:2` in the order of the attempts, '' if there were none. */
  readonly upstreamAddresses: string;
  /** `502, 200`; `-` stands for an attempt without an answer. */
  readonly upstreamStatuses: string;
  /** Seconds: `0.001, 0.012`; `-` stands for an attempt without an answer. */
  readonly upstreamTimes: string;
  readonly upstreamUri: string;
  readonly upstreamScheme: string;
  readonly upstreamHost: string;
  readonly consumerName: string;
  /** What ran for it; absent where nothing did. */
  readonly chain?: {
    /** Query arguments whose values are not to be shown. */
    readonly secretArguments: readonly string[];
  };
  /** First value of a request header, by lower-case name. */
  header(name: string): string | undefined;
  /** First value of a response header that was sent, by lower-case name. */
  responseHeader(name: string): string | undefined;
  /** `uri`, `args`, `arg_x`, `cookie_x` and so on. */
  variable(name: string): string | undefined;
}
