/** The JSON form of the access log: one object a line, with numbers as numbers, lists as lists, and null for nothing. */
import type { AccessRecord } from './access-record.ts';
import { escapeJson, escapeUnicodeJson } from './escape.ts';
import { seconds } from './log-time.ts';
import type { LogTime } from './log-time.ts';
import { basicUser, endOf } from './variables.ts';

/** JSON.stringify of an object of these fields takes several times as long as joining strings. */
export function jsonFormat(time: LogTime): (record: AccessRecord) => string {
  return (record) =>
    `{"time":"${time.isoMilliseconds(endOf(record))}","request_id":"${escapeJson(record.id)}` +
    `","remote_addr":"${record.remoteAddress}","remote_user":${text(basicUser(record))}` +
    `,"scheme":"${record.scheme}","server_port":${record.serverPort},"http_host":${text(record.hostHeader)}` +
    `,"request_method":${text(record.method)},"request_uri":${text(record.target)}` +
    `,"server_protocol":"HTTP/1.${record.minorVersion}","status":${record.status}` +
    `,"body_bytes_sent":${record.bodyBytesSent},"request_time":${seconds(record.duration_ms)}` +
    `,"http_referer":${text(record.header('referer'))},"http_user_agent":${text(record.header('user-agent'))}` +
    `,"upstream_addr":${texts(record.upstreamAddresses)},"upstream_status":${numbers(record.upstreamStatuses)}` +
    `,"upstream_response_time":${numbers(record.upstreamTimes)},"upstream_scheme":${text(record.upstreamScheme)}` +
    `,"upstream_host":${text(record.upstreamHost)},"upstream_uri":${text(record.upstreamUri)}` +
    `,"error_code":${text(record.errorCode)},"route_id":${unicode(record.routeId)}` +
    `,"service_id":${unicode(record.serviceId)},"consumer_name":${unicode(record.consumerName)}` +
    `,"revision":${record.revision}}\n`;
}

const text = (value: string | undefined): string =>
  value === undefined || value === '' ? 'null' : `"${escapeJson(value)}"`;

const unicode = (value: string): string => (value === '' ? 'null' : `"${escapeUnicodeJson(value)}"`);

function texts(list: string): string {
  if (list === '') return '[]';
  const escaped = escapeUnicodeJson(list);
  return escaped.includes(', ') ? `["${escaped.replaceAll(', ', '","')}"]` : `["${escaped}"]`;
}

/** `502, 200` is the inside of a JSON list already; `-` is not. */
function numbers(list: string): string {
  return list.includes('-') ? `[${list.replaceAll('-', 'null')}]` : `[${list}]`;
}
