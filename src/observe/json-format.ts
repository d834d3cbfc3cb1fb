/** The JSON form of the access log: one object a line, with numbers as numbers, lists as lists, and null for nothing. */
import type { AccessRecord } from './access-record.ts';
import { escapeJson, escapeUnicodeJson } from './escape.ts';
import { remembering } from './field-reader.ts';
import type { FieldReader } from './field-reader.ts';
import { seconds } from './log-time.ts';
import { hideInTarget, secretArguments } from './secret-arguments.ts';
import type { LogTime } from './log-time.ts';
import { basicUser, endOf } from './variables.ts';

type MakeToken = (value: string) => string;

/** Joining strings, most of them remembered, costs less than JSON.stringify of an object of these fields. */
export function jsonFormat(time: LogTime): FieldReader {
  const fields: FieldReader[] = [
    (record) => `{"time":"${time.isoMilliseconds(endOf(record))}"`,
    field('request_id', (record) => record.requestId, text),
    field('remote_addr', (record) => record.remoteAddress, text),
    field('remote_user', basicUser, text),
    field('scheme', (record) => record.scheme, text),
    (record) => `,"server_port":${record.serverPort}`,
    field('http_host', (record) => record.hostHeader, text),
    field('request_method', (record) => record.method, text),
    field('request_uri', (record) => hideInTarget(record.target, secretArguments(record)), text),
    (record) => `,"server_protocol":"${record.protocol}","status":${record.status}`,
    (record) => `,"body_bytes_sent":${record.bodyBytesSent},"request_time":${seconds(record.duration_ms)}`,
    field('http_referer', (record) => record.header('referer') ?? '', text),
    field('http_user_agent', (record) => record.header('user-agent') ?? '', text),
    field('upstream_addr', (record) => record.upstreamAddresses, texts),
    field('upstream_status', (record) => record.upstreamStatuses, numbers),
    field('upstream_response_time', (record) => record.upstreamTimes, numbers),
    field('upstream_scheme', (record) => record.upstreamScheme, text),
    field('upstream_host', (record) => record.upstreamHost, text),
    field('upstream_uri', (record) => hideInTarget(record.upstreamUri, secretArguments(record)), text),
    field('error_code', (record) => record.errorCode, text),
    field('route_id', (record) => record.routeId, unicode),
    field('service_id', (record) => record.serviceId, unicode),
    field('consumer_name', (record) => record.consumerName, unicode),
    (record) => `,"exchange_id":"${record.id}","config_revision":${record.revision}}\n`,
  ];
  return (record: AccessRecord) => {
    let line = '';
    for (let i = 0; i < fields.length; i++) line += fields[i]!(record);
    return line;
  };
}

const field = (name: string, read: FieldReader, token: MakeToken): FieldReader =>
  remembering(read, (value) => `,"${name}":${token(value)}`);

const text: MakeToken = (value) => (value === '' ? 'null' : `"${escapeJson(value)}"`);

const unicode: MakeToken = (value) => (value === '' ? 'null' : `"${escapeUnicodeJson(value)}"`);

/** `a:1, b:2` becomes ["a:1","b:2"]. */
const texts: MakeToken = (list) => (list === '' ? '[]' : `["${escapeUnicodeJson(list).replaceAll(', ', '","')}"]`);

/** `502, 200` is the inside of a JSON list already; `-` is not. */
const numbers: MakeToken = (list) => `[${list.replaceAll('-', 'null')}]`;
