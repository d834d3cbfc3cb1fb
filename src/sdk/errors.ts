/** Every error that the gateway itself can answer with: one table, from which the reference page is generated. */

/** Who is at fault: the caller, the gateway, the service behind it, or the configuration. */
export type ErrorSource = 'client' | 'gateway' | 'upstream' | 'config';

export interface ErrorRow {
  readonly status: number;
  readonly source: ErrorSource;
  /** Whether the same request may succeed when it is sent again unchanged. */
  readonly retryable: boolean;
  /** The `message` of the body: safe to show to anybody. */
  readonly message: string;
}

const row = (status: number, source: ErrorSource, retryable: boolean, message: string): ErrorRow => ({
  status,
  source,
  retryable,
  message,
});

export const ERRORS = {
  bad_request_line: row(400, 'client', false, 'malformed request line'),
  bad_target: row(400, 'client', false, 'malformed request target'),
  bad_header: row(400, 'client', false, 'malformed header field'),
  bad_host: row(400, 'client', false, 'missing, repeated or malformed Host'),
  bad_content_length: row(400, 'client', false, 'malformed or repeated Content-Length'),
  ambiguous_framing: row(400, 'client', false, 'ambiguous message framing'),
  bad_chunk: row(400, 'client', false, 'malformed chunked body'),
  certificate_required: row(400, 'client', false, 'a client certificate is required'),
  websocket_handshake: row(400, 'client', false, 'malformed WebSocket handshake'),
  request_incomplete: row(400, 'client', false, 'the request ended early'),
  route_not_found: row(404, 'client', false, '404 Route Not Found'),
  request_timeout: row(408, 'client', true, 'the request did not arrive in time'),
  length_required: row(411, 'client', false, 'a Content-Length is required'),
  body_too_large: row(413, 'client', false, 'the body is too large'),
  target_too_long: row(414, 'client', false, 'the request target is too long'),
  expectation_failed: row(417, 'client', false, 'only 100-continue can be expected'),
  misdirected: row(421, 'client', true, 'this connection is not for that host'),
  websocket_version: row(426, 'client', false, 'only version 13 of WebSocket is spoken'),
  header_too_large: row(431, 'client', false, 'the header section is too large'),
  client_closed: row(499, 'client', true, 'the client closed the connection'),
  plugin_failed: row(500, 'gateway', true, 'a plugin failed'),
  plugin_disabled: row(503, 'gateway', true, 'a plugin of this route was disabled after it failed repeatedly'),
  internal: row(500, 'gateway', true, 'internal error'),
  overloaded: row(503, 'gateway', true, 'the gateway has no memory left'),
  descriptors_exhausted: row(503, 'gateway', true, 'the gateway has no descriptor left for the upstream'),
  method_not_implemented: row(501, 'client', false, 'the method is not implemented'),
  transfer_coding: row(501, 'client', false, 'only the chunked transfer coding is implemented'),
  upstream_refused: row(502, 'upstream', true, 'the upstream could not be reached'),
  upstream_handshake: row(502, 'upstream', true, 'no TLS connection to the upstream came about'),
  upstream_certificate: row(502, 'upstream', false, 'the certificate of the upstream was not accepted'),
  upstream_protocol: row(502, 'upstream', true, 'the upstream does not speak HTTP/2'),
  upstream_reset: row(502, 'upstream', true, 'the upstream closed the connection'),
  upstream_malformed: row(502, 'upstream', false, 'the upstream sent a malformed response'),
  response_too_large: row(502, 'upstream', false, 'the response is too large to be transformed'),
  upstream_missing: row(502, 'config', false, 'the upstream is not configured'),
  upstream_unresolved: row(502, 'upstream', true, 'the name of the upstream could not be resolved'),
  upstream_empty: row(502, 'config', true, 'the upstream has no nodes yet'),
  service_missing: row(404, 'config', false, 'the service is not configured'),
  reference_missing: row(503, 'config', false, 'a referenced object is not configured'),
  config_invalid: row(503, 'config', false, 'the configuration of this route is invalid'),
  no_node: row(503, 'config', true, 'no upstream node is available'),
  upstream_connect_timeout: row(504, 'upstream', true, 'the upstream did not accept the connection in time'),
  upstream_send_timeout: row(504, 'upstream', true, 'the upstream did not take the request in time'),
  upstream_timeout: row(504, 'upstream', true, 'the upstream did not answer in time'),
  http_version: row(505, 'client', false, 'the HTTP version is not supported'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;
