import {
  definePlugin,
  MOST_LISTED,
  type Consumer,
  type Exchange,
  type Host,
  type Infer,
  type Reply,
  type Schema,
} from '../../sdk/index.ts';
import { METRICS_ENDPOINT, metricsEndpoint } from './metrics-endpoint.ts';

const schema = {
  type: 'object',
  properties: {
    uri: {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      description:
        'The endpoint: /v1/quota, or /apisix/prometheus/metrics. Without it, the path of the request has to be one.',
    },
  },
} as const satisfies Schema;

type Config = Infer<typeof schema>;

type Endpoint = (consumer: Consumer, host: Host) => object;

/** What tells callers of themselves alone. */
const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([['/v1/quota', ownUsage]]);
const NAMES = [...ENDPOINTS.keys(), METRICS_ENDPOINT].join(', ');

export default definePlugin({
  name: 'public-api',
  priority: 501,
  kind: 'observability',
  summary: 'Answers a route with an endpoint of the gateway, such as what limits leave to the consumer that asks.',
  schema,
  effects: ['network'],
  examples: [
    { title: 'What consumers have used, on a route that knows who calls', config: { uri: '/v1/quota' } },
    { title: 'Metrics where callers already are', config: { uri: METRICS_ENDPOINT } },
  ],
  check({ uri }: Config) {
    if (uri === undefined || uri === METRICS_ENDPOINT || ENDPOINTS.has(uri)) return [];
    return [{ path: 'uri', message: `${JSON.stringify(uri)} is no endpoint; those that there are: ${NAMES}` }];
  },
  create({ uri }, host) {
    const metrics = uri === undefined || uri === METRICS_ENDPOINT ? metricsEndpoint(host) : null;
    return {
      access(exchange) {
        const name = uri ?? exchange.request.path;
        if (name === METRICS_ENDPOINT && metrics !== null) return isRead(exchange) ? metrics(exchange) : NOT_ALLOWED;
        const endpoint = ENDPOINTS.get(name);
        if (endpoint === undefined) return UNKNOWN_ENDPOINT;
        return answer(exchange, endpoint, host);
      },
    };
  },
});

const isRead = ({ request: { method } }: Exchange): boolean => method === 'GET' || method === 'HEAD';

function answer(exchange: Exchange, endpoint: Endpoint, host: Host): Reply {
  const { consumer } = exchange;
  if (!isRead(exchange)) return NOT_ALLOWED;
  if (consumer === null) return UNKNOWN_CALLER;
  return { status: 200, headers: { 'Cache-Control': 'no-store' }, body: endpoint(consumer, host) };
}

const UNKNOWN_ENDPOINT = reply(404, 'endpoint_unknown', `this path is no endpoint; those that there are: ${NAMES}`);
const NOT_ALLOWED: Reply = Object.freeze({
  ...reply(405, 'method_not_allowed', 'this endpoint is only read'),
  headers: Object.freeze({ Allow: 'GET, HEAD' }),
});
const UNKNOWN_CALLER = reply(401, 'consumer_missing', 'Missing authentication or identity verification.');

function reply(status: number, code: string, message: string): Reply {
  return Object.freeze({ status, code, body: Object.freeze({ message }) });
}

/**
 * What is known of the limits that count by the consumer. It names no objects of the configuration: which routes there
 * are is nobody's business who may not use them.
 */
function ownUsage(consumer: Consumer, host: Host): object {
  const { quotas, total } = host.quotas(consumer);
  const limits = new Map<string, object>();
  for (const [index, { plugin, policy, group, limit, window_s, remaining, reset_s }] of quotas.entries()) {
    if (limit === null || remaining === null) continue;
    const one = {
      plugin,
      policy,
      ...(group !== undefined && { group }),
      limit,
      used: limit - remaining,
      remaining,
      window_s,
      reset_s,
    };
    // What counts together stands on several routes, and is one limit.
    limits.set(group === undefined ? String(index) : JSON.stringify([plugin, policy, group, limit, window_s]), one);
  }
  return { consumer: consumer.username, limits: [...limits.values()], is_complete: total <= MOST_LISTED };
}
