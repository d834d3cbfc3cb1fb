import { definePlugin, exchangeKey } from '../../sdk/index.ts';
import type { Exchange, Place, Reply } from '../../sdk/index.ts';
import { type NoPlace, WaitingLine } from './waiting-line.ts';

const MOST = 1_000_000;

const REASONS = {
  full: ['upstream_full', 'too many requests to the upstream'],
  late: ['upstream_pending_timeout', 'the upstream had no place in time'],
  connections: ['connections_full', 'too many requests to each node of the upstream'],
} as const;

export default definePlugin({
  name: 'bulkhead',
  // After whoever may choose another upstream, and after every other limit: waiting comes last.
  priority: 90,
  kind: 'traffic',
  summary: 'Bounds how many requests an upstream and each of its nodes has at a time, and lets a few wait for a place.',
  schema: {
    type: 'object',
    properties: {
      max_concurrent: {
        type: 'integer',
        minimum: 1,
        maximum: MOST,
        description: 'Requests to the upstream at a time, of all workers, until the ends of their answers.',
      },
      max_pending: {
        type: 'integer',
        minimum: 0,
        maximum: MOST,
        default: 0,
        description: 'Requests, of all workers, that may wait for a place; the others are refused at once.',
      },
      pending_timeout_ms: {
        type: 'integer',
        minimum: 10,
        maximum: 30_000,
        default: 1_000,
        description: 'The longest that one waits, in milliseconds.',
      },
      max_connections: {
        type: 'integer',
        minimum: 1,
        maximum: MOST,
        description:
          'Connections to each node in use at a time, of all workers: a node that has so many is left out of the choice.',
      },
      retry_after_s: {
        type: 'integer',
        minimum: 1,
        maximum: 86_400,
        default: 1,
        description: 'What Retry-After tells who was refused, in seconds.',
      },
    },
    anyOf: [{ required: ['max_concurrent'] }, { required: ['max_connections'] }],
    remedy: 'write "max_concurrent", "max_connections", or both: without a bound it does nothing',
  },
  examples: [
    {
      title: 'A hundred at a time, fifty more for half a second',
      config: { max_concurrent: 100, max_pending: 50, pending_timeout_ms: 500 },
    },
    { title: 'No node gets more than sixteen at a time', config: { max_connections: 16 } },
  ],
  check({ max_concurrent, max_pending }) {
    if (max_concurrent !== undefined || max_pending === 0) return [];
    return [{ path: 'max_pending', message: 'nobody waits without "max_concurrent": write it, or leave this out' }];
  },
  create(config, { cells, clock, metrics, owner, startTimer }) {
    const { max_concurrent, max_pending, pending_timeout_ms, max_connections, retry_after_s } = config;
    // A global rule counts for itself: a request that it and its route have a bound for is one in each of two counts.
    const shared = owner.object.startsWith('global_rules/') ? '' : 'group/';
    const connections = cells.places(`${shared}connections`);
    // Of the attempt under way. Of each instance, as a global rule may have the plugin beside the route.
    const connectionKey = exchangeKey<Place | null>('bulkhead connection');
    const line =
      max_concurrent === undefined
        ? null
        : new WaitingLine({
            places: cells.places(`${shared}requests`),
            mostPlaces: max_concurrent,
            waiting: cells.places(`${shared}pending`),
            mostWaiting: max_pending,
            patience_ms: pending_timeout_ms,
            now_ms: () => clock.monotonic_ms(),
            startTimer,
          });
    const refusals = metrics.counter('gatewright_bulkhead_refused_total', {
      help: 'Requests that were refused because an upstream had too many.',
      labels: ['object', 'reason'],
    });

    const refuse = (exchange: Exchange, reason: keyof typeof REASONS): Reply => {
      const [code, message] = REASONS[reason];
      refusals.add(1, owner.object, code);
      return {
        status: 503,
        headers: { 'Retry-After': String(retry_after_s) },
        code,
        body: { message, code, request_id: exchange.id },
      };
    };
    const settle = (exchange: Exchange, key: string, outcome: Place | NoPlace): Reply | undefined => {
      if (typeof outcome === 'object') exchange.onOver(() => line?.leave(key, outcome));
      // Who is gone is answered by nobody.
      return outcome === 'full' || outcome === 'late' ? refuse(exchange, outcome) : undefined;
    };

    return {
      ...(line === null
        ? {}
        : {
            access(exchange: Exchange) {
              const key = exchange.upstreamKey;
              // Without an upstream the answer is a refusal anyway.
              if (key === '') return undefined;
              const outcome = line.enter(key, (giveUp) => exchange.onOver(giveUp));
              if (!(outcome instanceof Promise)) return settle(exchange, key, outcome);
              return outcome.then((decided) => settle(exchange, key, decided));
            },
          }),
      ...(max_connections === undefined
        ? {}
        : {
            attempts: {
              leavesOut: (_exchange, { endpoint }) => connections.taken(endpoint) >= max_connections,
              admits(exchange, { endpoint }) {
                const place = connections.enter(endpoint, max_connections);
                if (place === null) return false;
                exchange.set(connectionKey, place);
                return true;
              },
              ended(exchange) {
                exchange.get(connectionKey)?.leave();
                exchange.set(connectionKey, null);
              },
              noNode(exchange, nodes) {
                const isFull = nodes.some(({ endpoint }) => connections.taken(endpoint) >= max_connections);
                return isFull ? refuse(exchange, 'connections') : undefined;
              },
            },
          }),
    };
  },
});
