/** The `$variables` of a log format: each name becomes a function of the record, found once. */
import type { AccessRecord } from './access-record.ts';
import { seconds } from './log-time.ts';
import type { LogTime } from './log-time.ts';
import { hideInQuery, hideInTarget, secretArguments } from './secret-arguments.ts';

/**
 * `number`: a JSON number; `plain`: made by the gateway out of safe characters; `bytes`: from a client or an upstream,
 * one character a byte; `unicode`: from the configuration.
 */
type ValueKind = 'number' | 'plain' | 'bytes' | 'unicode';

export interface Variable {
  readonly kind: ValueKind;
  /** The value without escaping; '' where there is none. */
  readonly read: (record: AccessRecord) => string;
  /** What the value consists of, with a space between; `read` is '' or joins them. Short parts repeat, long wholes don't. */
  readonly pieces?: readonly Variable[];
}

const number = (read: (record: AccessRecord) => string): Variable => ({ kind: 'number', read });
const plain = (read: (record: AccessRecord) => string): Variable => ({ kind: 'plain', read });
const bytes = (read: (record: AccessRecord) => string): Variable => ({ kind: 'bytes', read });
const unicode = (read: (record: AccessRecord) => string): Variable => ({ kind: 'unicode', read });

const targetOf = (record: AccessRecord): string => hideInTarget(record.target, secretArguments(record));

const REQUEST: Variable = {
  kind: 'bytes',
  read: (record) => (record.method === '' ? '' : `${record.method} ${targetOf(record)} ${record.protocol}`),
  pieces: [bytes((record) => record.method), bytes(targetOf), plain((record) => record.protocol)],
};

const FIXED: Readonly<Record<string, Variable>> = {
  apisix_request_id: bytes((record) => record.requestId),
  body_bytes_sent: number((record) => String(record.bodyBytesSent)),
  config_revision: number((record) => String(record.revision)),
  consumer_name: unicode((record) => record.consumerName),
  exchange_id: plain((record) => record.id),
  error_code: plain((record) => record.errorCode),
  http_host: bytes((record) => record.hostHeader),
  msec: number((record) => seconds(endOf(record))),
  remote_addr: plain((record) => record.remoteAddress),
  remote_user: bytes(basicUser),
  request: REQUEST,
  request_id: bytes((record) => record.requestId),
  request_line: REQUEST,
  request_method: bytes((record) => record.method),
  request_time: number((record) => seconds(record.duration_ms)),
  request_uri: bytes(targetOf),
  route_id: unicode((record) => record.routeId),
  scheme: plain((record) => record.scheme),
  server_port: number((record) => String(record.serverPort)),
  server_protocol: plain((record) => record.protocol),
  service_id: unicode((record) => record.serviceId),
  status: number((record) => String(record.status)),
  upstream_addr: unicode((record) => record.upstreamAddresses),
  upstream_host: bytes((record) => record.upstreamHost),
  upstream_response_time: plain((record) => record.upstreamTimes),
  upstream_scheme: plain((record) => record.upstreamScheme),
  upstream_status: plain((record) => record.upstreamStatuses),
  upstream_uri: bytes((record) => hideInTarget(record.upstreamUri, secretArguments(record))),
};

const TIMES = ['time_iso8601', 'time_local'] as const;

/** Of a connection over TLS, and the certificate that its client showed. */
const SECURED: readonly string[] = [
  'ssl_cipher',
  'ssl_client_fingerprint',
  'ssl_client_i_dn',
  'ssl_client_s_dn',
  'ssl_client_serial',
  'ssl_client_verify',
  'ssl_protocol',
  'ssl_server_name',
  'ssl_session_reused',
];

/** What `AccessRecord.variable` answers, beside `arg_NAME` and `cookie_NAME`. */
const DELEGATED: readonly string[] = [
  'args',
  'auth_reason',
  'host',
  'is_args',
  'near_routes',
  'query_string',
  'replied_by',
  'upstream_protocol',
  'uri',
  ...SECURED,
];

/** Whoever reads the log could act as the client whose credentials are in it. */
const CREDENTIALS: readonly string[] = [
  'http_apikey',
  'http_authorization',
  'http_cookie',
  'http_proxy_authorization',
  'http_x_api_key',
  'sent_http_set_cookie',
];

/** When the exchange ended: the moment that its line tells, as nginx's does. */
export const endOf = (record: AccessRecord): number => record.startedAt_ms + record.duration_ms;

/**
 * @param time the clock face of the log that the format belongs to
 * @returns the reason if there is no such variable, or none that may be logged
 */
export function findVariable(name: string, time: LogTime): Variable | string {
  if (CREDENTIALS.includes(name)) return `$${name} would write credentials to the log; leave it out`;
  const fixed = Object.hasOwn(FIXED, name) ? FIXED[name] : undefined;
  if (fixed !== undefined) return fixed;
  if (name === 'time_local') return plain((record) => time.timeLocal(endOf(record)));
  if (name === 'time_iso8601') return plain((record) => time.iso(endOf(record)));
  const [, prefix, rest] = /^(http|sent_http|arg|cookie)_(.+)$/.exec(name) ?? [];
  const header = rest?.toLowerCase().replaceAll('_', '-');
  if (prefix === 'http' && header !== undefined) return bytes((record) => record.header(header) ?? '');
  if (prefix === 'sent_http' && header !== undefined) return bytes((record) => record.responseHeader(header) ?? '');
  if (name === 'args' || name === 'query_string') {
    return bytes((record) => hideInQuery(record.variable(name) ?? '', secretArguments(record)));
  }
  if (prefix === 'arg' && rest !== undefined) {
    return bytes((record) => (secretArguments(record).includes(rest) ? '' : (record.variable(name) ?? '')));
  }
  if (prefix !== undefined || DELEGATED.includes(name)) return bytes((record) => record.variable(name) ?? '');
  return `$${name} is not a variable of the access log; use one of ${variableNames().join(', ')}`;
}

/** Every name that a format may use; capitals stand for any name. */
export function variableNames(): string[] {
  const names = [...Object.keys(FIXED), ...TIMES, ...DELEGATED].sort();
  return [...names, 'http_NAME', 'sent_http_NAME', 'arg_NAME', 'cookie_NAME'];
}

/** The user name of Basic credentials (RFC 7617 §2), never the password. */
export function basicUser(record: AccessRecord): string {
  const credentials = record.header('authorization');
  if (credentials === undefined || !/^basic /i.test(credentials)) return '';
  const pair = Buffer.from(credentials.slice(6).trim(), 'base64').toString('latin1');
  const colon = pair.indexOf(':');
  return colon < 0 ? '' : pair.slice(0, colon);
}
