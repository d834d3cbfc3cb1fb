/** What plugins are told of an exchange in one piece. */
import { matchedHost } from '../compile/snapshot.ts';
import type { Outcome, RouteFacts } from '../sdk/exchange.ts';
import type { Exchange } from './exchange.ts';

const NO_ROUTE: RouteFacts = Object.freeze({ id: '', name: '', serviceId: '', serviceName: '', uri: '', host: '' });

export function routeFacts({ matched, matchedText, isPrefixMatched, host }: Exchange): RouteFacts {
  if (matched === null) return NO_ROUTE;
  const { id, name, serviceId, serviceName } = matched;
  const uri = isPrefixMatched ? `${matchedText}*` : matchedText;
  return { id, name, serviceId, serviceName, uri, host: matchedHost(matched, host) };
}

export function outcomeOf(exchange: Exchange): Outcome {
  const { lastAttempt: last, earlierAttempts: earlier } = exchange;
  return {
    status: exchange.status,
    bodyBytesSent: exchange.bodyBytesSent,
    bodyBytesReceived: exchange.bodyBytesReceived,
    duration_ms: exchange.duration_ms,
    upstream_ms: earlier.reduce((sum, { elapsed_ms }) => sum + elapsed_ms, last?.elapsed_ms ?? 0),
    node: last?.address ?? '',
    nodeHost: last?.host ?? '',
    attempts: earlier.length + (last === null ? 0 : 1),
    errorCode: exchange.errorCode,
  };
}
