import { definePlugin, ERRORS } from '../../sdk/index.ts';
import type { Outcome } from '../../sdk/index.ts';
import { LABELS, metadataSchema } from './labels.ts';
import type { Metadata } from './labels.ts';
import { SeriesMemory } from './series.ts';
import type { Kind } from './series.ts';

/** Upper bounds of http_latency, in milliseconds: APISIX's, so that its dashboards find the ones they ask for. */
const LATENCY_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

export default definePlugin({
  name: 'prometheus',
  priority: 500,
  kind: 'observability',
  summary: 'Counts responses and bytes and measures latencies, for Prometheus.',
  // A request counts once, as the configuration of its route says.
  prefersRoute: true,
  schema: {
    type: 'object',
    properties: {
      prefer_name: {
        type: 'boolean',
        default: false,
        description: 'Whether the labels route and service are names, where there are names, instead of ids.',
      },
    },
  },
  metadataSchema,
  examples: [
    { title: 'Defaults', config: {} },
    { title: 'Names instead of ids', config: { prefer_name: true } },
  ],
  create({ prefer_name }, { metrics }, metadata) {
    const metered = {
      responses: metrics.counter('apisix_http_status', {
        help: 'Responses to clients, by status code',
        labels: LABELS.http_status,
      }),
      latency: metrics.histogram('apisix_http_latency', {
        help: 'Time that requests took, in milliseconds: all of it, waiting for upstreams, and the rest',
        labels: LABELS.http_latency,
        buckets: LATENCY_BUCKETS,
      }),
      bytes: metrics.counter('apisix_bandwidth', {
        help: 'Bytes of the bodies that clients sent and were sent',
        labels: LABELS.bandwidth,
      }),
    };
    const memory = new SeriesMemory(metered, metadata as Metadata | undefined);

    return {
      log({ route, outcome, consumer }) {
        const { nodeHost, duration_ms, upstream_ms, attempts } = outcome;
        const kind: Kind = {
          status: outcome.status,
          route: prefer_name && route.name !== '' ? route.name : route.id,
          uri: route.uri,
          host: route.host,
          service: (prefer_name && route.serviceName) || route.serviceId || route.host,
          source: isFromUpstream(outcome) ? 'upstream' : 'apisix',
        };
        const series = memory.find(kind, consumer === null ? '' : consumer.username, nodeHost);
        series.responses.add(1);
        series.request_ms.observe(duration_ms);
        series.gateway_ms.observe(Math.max(0, duration_ms - upstream_ms));
        if (attempts > 0) series.upstream_ms.observe(upstream_ms);
        series.ingress_bytes.add(outcome.bodyBytesReceived);
        series.egress_bytes.add(outcome.bodyBytesSent);
      },
    };
  },
});

/** An answer that breaks off has an error code too, but keeps the status of its upstream. */
function isFromUpstream({ attempts, errorCode, status }: Outcome): boolean {
  if (attempts === 0) return false;
  if (errorCode === '') return true;
  return Object.hasOwn(ERRORS, errorCode) && ERRORS[errorCode as keyof typeof ERRORS].status !== status;
}
