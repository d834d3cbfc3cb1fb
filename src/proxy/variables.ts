/** The variables of APISIX and nginx that an exchange can tell, for predicates, hash keys and logs. */
import type { Exchange } from './exchange.ts';

/** @returns undefined if the exchange has no such value */
export function variableOf(exchange: Exchange, name: string): string | undefined {
  switch (name) {
    case 'uri':
      return exchange.path;
    case 'request_uri':
      return exchange.target;
    case 'host':
      return exchange.host;
    case 'http_host':
      return exchange.hostHeader === '' ? undefined : exchange.hostHeader;
    case 'scheme':
      return exchange.scheme;
    case 'server_port':
      return String(exchange.serverPort);
    case 'request_method':
      return exchange.method;
    case 'remote_addr':
      return exchange.remoteAddress;
    case 'query_string':
    case 'args':
      return exchange.query === '' ? undefined : exchange.query.slice(1);
    case 'is_args':
      return exchange.query === '' ? '' : '?';
    case 'server_protocol':
      return `HTTP/1.${exchange.minorVersion}`;
    default:
      return name.startsWith('http_') ? exchange.header(name.slice(5).replaceAll('_', '-')) : undefined;
  }
}
