/** What plugins are told of an exchange in one piece. */
import { matchedHost } from '../compile/snapshot.ts';
import type { Outcome, RouteFacts } from '../sdk/exchange.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';

const NO_ROUTE: RouteFacts = Object.freeze({ id: '', name: '', serviceId: '', serviceName: '', uri: '', host: '' });

/** Kept with the plugins of the route: those of its next exchange get the same object, as most routes match in one way. */
export function routeFacts({ matched, matchedText, isPrefixMatched, host }: Exchange): RouteFacts {
  if (matched === null) return NO_ROUTE;
  const { plugins } = matched;
  const told = plugins?.told ?? null;
  const pattern = matchedHost(matched, host);
  if (
    told !== null &&
    told.route === matched &&
    told.isPrefixMatched === isPrefixMatched &&
    told.matchedText === matchedText &&
    told.facts.host === pattern
  )
    return told.facts;
  const { id, name, serviceId, serviceName } = matched;
  const uri = isPrefixMatched ? `${matchedText}*` : matchedText;
  const facts = Object.freeze({ id, name, serviceId, serviceName, uri, host: pattern });
  if (plugins) plugins.told = { route: matched, matchedText, isPrefixMatched, facts };
  return facts;
}

export function outcomeOf(exchange: Exchange): Outcome {
  const { lastAttempt: last, earlierAttempts: earlier } = exchange;
  return {
    status: exchange.status,
    bodyBytesSent: exchange.bodyBytesSent,
    bodyBytesReceived: exchange.bodyBytesReceived,
    duration_ms: exchange.duration_ms,
    upstream_ms: timeOf(earlier) + (last?.elapsed_ms ?? 0),
    node: last?.address ?? '',
    nodeHost: last?.host ?? '',
    attempts: earlier.length + (last === null ? 0 : 1),
    errorCode: exchange.errorCode,
  };
}

function timeOf(attempts: readonly Attempt[]): number {
  let sum = 0;
  for (let k = 0; k < attempts.length; k++) sum += attempts[k]?.elapsed_ms ?? 0;
  return sum;
}
