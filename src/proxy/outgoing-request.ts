/** What one node is sent of an exchange: start line, Host, and which fields. */
import type { CompiledNode, CompiledUpstream, UpstreamTimeouts } from '../compile/snapshot.ts';
import type { OutgoingRequest } from '../http1/messages.ts';
import type { Exchange } from './exchange.ts';
import { droppedFromRequest, forwardingFields, forwardingFieldsBeside } from './forwarding.ts';

/** Notes on the exchange, too, what is sent: log lines tell it. */
export function outgoingRequest(exchange: Exchange, upstream: CompiledUpstream, node: CompiledNode): OutgoingRequest {
  const path = exchange.newPath ?? exchange.path;
  const query = exchange.newQuery ?? exchange.query;
  exchange.upstreamUri = query === '' ? path : path + query;
  exchange.upstreamHost = exchange.newHost ?? hostFor(exchange, upstream, node.authority);
  const { requestAdded, newMethod, newPath, newQuery, upstreamHost, hostHeader } = exchange;
  const keepsStart =
    exchange.isStartPlain && newMethod === null && newPath === null && newQuery === null && upstreamHost === hostHeader;
  return {
    keepsStart,
    method: exchange.sentMethod,
    target: exchange.upstreamUri,
    host: exchange.upstreamHost,
    fields: exchange.head,
    dropped: droppedFromRequest(exchange, keepsStart),
    added: requestAdded === null ? forwardingFields(exchange) : forwardingFieldsBeside(requestAdded, exchange),
  };
}

/** The route's own timeouts hold wherever its exchanges go. */
export function timeoutsTo({ matched }: Exchange, upstream: CompiledUpstream): UpstreamTimeouts {
  const isRoutes = matched !== null && (upstream === matched.upstream || matched.hasOwnTimeouts === true);
  return isRoutes ? matched.timeouts : upstream.timeouts;
}

function hostFor({ hostHeader }: Exchange, { passHost, upstreamHost }: CompiledUpstream, authority: string): string {
  if (passHost === 'rewrite') return upstreamHost;
  return passHost === 'pass' && hostHeader !== '' ? hostHeader : authority;
}
