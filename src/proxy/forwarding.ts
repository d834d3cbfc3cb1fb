/**
 * What a request's fields become on their way on: hop-by-hop fields stay behind (RFC 9110 §7.6.1), and the gateway says
 * who the client is. Of what the peer itself claims about that, only a trusted one is believed.
 */
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  FORWARDED,
  HOP,
  HOST,
  KINDS,
  MISLEADING,
  REASON,
  REMOVED,
  SERVER,
  TE,
  TRAILER,
  TRANSFER_ENCODING,
  UPGRADE,
  VIA,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PORT,
  X_FORWARDED_PROTO,
  X_REAL_IP,
} from '../http1/fields.ts';
import type { Head } from '../http1/head.ts';
import type { AddedFields } from './added-fields.ts';
import type { Exchange } from './exchange.ts';

const flags = (...kinds: number[]): Uint8Array =>
  Uint8Array.from({ length: KINDS }, (_, kind) => (kinds.includes(kind) ? 1 : 0));

const HOP_BY_HOP = [REMOVED, HOP, CONNECTION, UPGRADE];
// Trailers of requests do not pass: nothing tells whether the upstream would take them.
// `Proxy` becomes HTTP_PROXY in CGI-like upstreams, which then fetch through whom the client names; `X_Real_IP` becomes what
// X-Real-IP does, and they take one of the two.
const REQUEST = [...HOP_BY_HOP, HOST, TE, TRAILER, MISLEADING, X_FORWARDED_FOR, X_REAL_IP, VIA];
const CLAIMS = [X_FORWARDED_PROTO, X_FORWARDED_HOST, X_FORWARDED_PORT, FORWARDED];

const REQUEST_FROM_ANYONE = flags(...REQUEST, ...CLAIMS);
const REQUEST_FROM_TRUSTED = flags(...REQUEST);
const REQUEST_OF_OLD_CLIENT = flags(...REQUEST, ...CLAIMS, EXPECT);
const REQUEST_OF_OLD_TRUSTED = flags(...REQUEST, EXPECT);
const REQUEST_WITH_HOST_FROM_ANYONE = withHost(REQUEST_FROM_ANYONE);
const REQUEST_WITH_HOST_FROM_TRUSTED = withHost(REQUEST_FROM_TRUSTED);

function withHost(table: Uint8Array): Uint8Array {
  const copy = table.slice();
  copy[HOST] = 0;
  return copy;
}

/** Which fields of the request stay behind. @param keepsHost of an HTTP/1.1 request: Host goes on as it came */
export function droppedFromRequest(exchange: Exchange, keepsHost: boolean): Uint8Array {
  if (keepsHost) return exchange.isPeerTrusted ? REQUEST_WITH_HOST_FROM_TRUSTED : REQUEST_WITH_HOST_FROM_ANYONE;
  const isOld = exchange.minorVersion === 0;
  if (exchange.isPeerTrusted) return isOld ? REQUEST_OF_OLD_TRUSTED : REQUEST_FROM_TRUSTED;
  return isOld ? REQUEST_OF_OLD_CLIENT : REQUEST_FROM_ANYONE;
}

/** The fields that the gateway adds to a request, each line with its CRLF. */
export function forwardingFields(exchange: Exchange): string {
  const { head: request } = exchange;
  const isUsual = (request.kindsSeen & ((1 << X_FORWARDED_FOR) | (1 << VIA))) === 0 && !exchange.isPeerTrusted;
  // What is remembered is about the peer.
  const isPlain = isUsual && (exchange.asked === null || exchange.asked.client === null);
  const added = isPlain ? exchange.connectionMemo.forwardingOf(exchange) : describeClient(exchange);
  // RFC 9110 §10.1.4: TE is for one hop, and Connection has to say so.
  return request.has(TE) && exchange.acceptsTrailers ? `${added}Connection: TE\r\nTE: trailers\r\n` : added;
}

const FORWARDING_NAMES: ReadonlySet<string> = new Set([
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'via',
]);

/** The same, followed by the fields of plugins; what a plugin set or removed is not added again. */
export function forwardingFieldsBeside(own: AddedFields, exchange: Exchange): string {
  const added = forwardingFields(exchange);
  if (!own.hasAnyOf(FORWARDING_NAMES)) return added + own.text();
  const kept = added.split('\r\n').filter((line) => !own.has(line.slice(0, line.indexOf(':')).toLowerCase()));
  return kept.join('\r\n') + own.text();
}

/** The forwarding fields without any shortcut. */
export function describeClient(exchange: Exchange): string {
  const { head: request, isPeerTrusted, plane, remoteAddress } = exchange;
  const peer = exchange.downstream.remoteAddress;
  const believesChain = isPeerTrusted || !plane.options.hasTrustedAddresses;
  const chain = believesChain ? request.joined(X_FORWARDED_FOR) : '';
  let added = `X-Real-IP: ${remoteAddress}\r\nX-Forwarded-For: ${chain === '' ? '' : `${chain}, `}${peer}\r\n`;
  if (!isPeerTrusted || !request.has(X_FORWARDED_PROTO)) added += `X-Forwarded-Proto: ${exchange.scheme}\r\n`;
  // HTTP/1.0 requests may come without Host.
  if (exchange.hostHeader !== '' && (!isPeerTrusted || !request.has(X_FORWARDED_HOST)))
    added += `X-Forwarded-Host: ${exchange.host}\r\n`;
  if (!isPeerTrusted || !request.has(X_FORWARDED_PORT)) added += `X-Forwarded-Port: ${exchange.serverPort}\r\n`;
  return added + viaField(request, plane.options.via, exchange.protocol);
}

/** RFC 9110 §7.6.3: names the version that the message came in by. */
function viaField(request: Head, pseudonym: string, protocol: string): string {
  const before = request.joined(VIA);
  if (pseudonym === '') return before === '' ? '' : `Via: ${before}\r\n`;
  return `Via: ${before === '' ? '' : `${before}, `}${protocol.slice(5)} ${pseudonym}\r\n`;
}

// Who reads `X-Gatewright-Error` wants to know what became of the answer on its way: no upstream is to say that.
const RESPONSE = [...HOP_BY_HOP, TE, REASON];
const RESPONSE_TABLES = {
  plain: flags(...RESPONSE, TRAILER),
  withTrailers: flags(...RESPONSE),
  // RFC 9110 §8.6: a 204 has no Content-Length; RFC 9112 §6.1: nor Transfer-Encoding.
  unframed: flags(...RESPONSE, TRAILER, CONTENT_LENGTH, TRANSFER_ENCODING),
  decoded: flags(...RESPONSE, TRAILER, TRANSFER_ENCODING),
  // HTTP/2 frames bodies itself, and has trailers.
  unchunked: flags(...RESPONSE, TRANSFER_ENCODING),
};
const RESPONSE_TABLES_SERVER = {
  plain: withServer(RESPONSE_TABLES.plain),
  withTrailers: withServer(RESPONSE_TABLES.withTrailers),
  unframed: withServer(RESPONSE_TABLES.unframed),
  decoded: withServer(RESPONSE_TABLES.decoded),
  unchunked: withServer(RESPONSE_TABLES.unchunked),
};

function withServer(table: Uint8Array): Uint8Array {
  const copy = table.slice();
  copy[SERVER] = 1;
  return copy;
}

export type ResponseShape = keyof typeof RESPONSE_TABLES;

/** Which fields of a response stay behind. @param replacesServer the gateway sends its own Server */
export function droppedFromResponse(shape: ResponseShape, replacesServer: boolean): Uint8Array {
  return (replacesServer ? RESPONSE_TABLES_SERVER : RESPONSE_TABLES)[shape];
}
