/** The variables of APISIX and nginx that an exchange can tell, for predicates, hash keys and logs. */
import { plainAddress } from '../http1/address.ts';
import { argumentOf, cookieOf } from '../router/variables.ts';
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
    case 'https':
      return exchange.scheme === 'https' ? 'on' : '';
    case 'server_port':
      return String(exchange.serverPort);
    case 'request_method':
      return exchange.method;
    case 'remote_addr':
      return exchange.remoteAddress;
    case 'remote_port':
      return exchange.asked?.client?.port ?? String(exchange.connectionMemo.remotePort);
    case 'realip_remote_addr':
      return exchange.downstream.remoteAddress;
    case 'realip_remote_port':
      return String(exchange.connectionMemo.remotePort);
    case 'query_string':
    case 'args':
      return exchange.query === '' ? undefined : exchange.query.slice(1);
    case 'is_args':
      return exchange.query === '' ? '' : '?';
    case 'server_protocol':
      return exchange.protocol;
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
    case 'balancer_ip':
      return exchange.node?.address;
    case 'balancer_port':
      return exchange.node === null ? undefined : String(exchange.node.port);
    case 'request_id':
    case 'apisix_request_id':
      return exchange.requestId;
    case 'exchange_id':
      return exchange.id;
    case 'replied_by':
      return exchange.repliedBy === '' ? undefined : exchange.repliedBy;
    case 'near_routes':
      return exchange.plane.nearMisses.textOf(exchange);
    case 'upstream_protocol':
      return upstreamProtocol(exchange);
    case 'status':
      return exchange.status === 0 ? undefined : String(exchange.status);
    default:
      return prefixedVariable(exchange, name);
  }
}

/** In which protocol the upstream answered; undefined where it did not. */
function upstreamProtocol({ upstreamHead, upstreamScheme, asked }: Exchange): string | undefined {
  if (upstreamHead === null) return undefined;
  const isHttp2 = asked?.isHttp2 === true || upstreamScheme === 'grpc' || upstreamScheme === 'grpcs';
  return isHttp2 ? 'HTTP/2.0' : 'HTTP/1.1';
}

function prefixedVariable(exchange: Exchange, name: string): string | undefined {
  if (name.startsWith('http_')) return exchange.request.header(name.slice(5).replaceAll('_', '-'));
  if (name.startsWith('uri_param_')) return decoded(exchange.parameters?.get(name.slice(10)));
  if (name.startsWith('arg_')) return argumentOf(exchange.query, name.slice(4), 1);
  if (name.startsWith('ssl_')) return exchange.connectionMemo.tls?.variable(name);
  if (name.startsWith('cookie_')) return cookieOf(exchange.request.header('cookie') ?? '', name.slice(7));
  return rarerVariable(exchange, name);
}

function rarerVariable(exchange: Exchange, name: string): string | undefined {
  switch (name) {
    case 'content_type':
    case 'content_length':
      return exchange.request.header(name.replace('_', '-'));
    case 'document_uri':
      return exchange.path;
    case 'request':
      return `${exchange.method} ${exchange.target} ${exchange.protocol}`;
    case 'server_addr':
      return plainAddress(exchange.connectionMemo.socket?.localAddress ?? '') || undefined;
    case 'upstream_unresolved_host':
      return exchange.node?.host;
    default:
      if (!name.startsWith('upstream_http_')) return undefined;
      return exchange.responseHeader(name.slice('upstream_http_'.length).toLowerCase().replaceAll('_', '-'));
  }
}

/** A part of a path without its escapes. Malformed UTF-8 stays as it is. */
function decoded(text: string | undefined): string | undefined {
  if (text === undefined || !text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
