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
    case 'consumer_name':
      return exchange.consumerName === '' ? undefined : exchange.consumerName;
    case 'consumer_group_id':
      return exchange.consumer === null || exchange.consumer.groupId === '' ? undefined : exchange.consumer.groupId;
    case 'route_id':
      return exchange.routeId === '' ? undefined : exchange.routeId;
    case 'route_name':
      return exchange.route.name === '' ? undefined : exchange.route.name;
    case 'service_id':
      return exchange.serviceId === '' ? undefined : exchange.serviceId;
    case 'service_name':
      return exchange.route.serviceName === '' ? undefined : exchange.route.serviceName;
    case 'request_id':
      return exchange.id;
    case 'status':
      return exchange.status === 0 ? undefined : String(exchange.status);
    default:
      return prefixedVariable(exchange, name);
  }
}

function prefixedVariable(exchange: Exchange, name: string): string | undefined {
  if (name.startsWith('http_')) return exchange.request.header(name.slice(5).replaceAll('_', '-'));
  if (name.startsWith('arg_')) return queryArgument(exchange.query, name.slice(4));
  if (name.startsWith('cookie_')) return cookie(exchange.request.header('cookie'), name.slice(7));
  return undefined;
}

/** First value of a query argument, decoded; a name without "=" has the empty value. `query` has its question mark. */
export function queryArgument(query: string, name: string): string | undefined {
  if (query === '') return undefined;
  for (const pair of query.slice(1).split('&')) {
    const equals = pair.indexOf('=');
    if (decoded(equals < 0 ? pair : pair.slice(0, equals)) === name)
      return equals < 0 ? '' : decoded(pair.slice(equals + 1));
  }
  return undefined;
}

function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function cookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}
