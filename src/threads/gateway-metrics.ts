/** What the gateway as a whole tells Prometheus, under APISIX's names where APISIX has them. */
import { hostname } from 'node:os';
import type { Counter, Gauge, Metrics } from '../sdk/host.ts';

/** What a worker counts by itself, read when metrics are collected. */
export interface WorkerCounters {
  /** Since its start. */
  readonly requestCount: number;
  readonly acceptedCount: number;
  /** Now. */
  readonly connectionCount: number;
}

/**
 * @param onCollect has its argument called before metrics are read
 * @param thread its name in metrics, such as `worker 1`
 */
export function measureWorker(
  metrics: Metrics,
  onCollect: (read: () => void) => void,
  worker: WorkerCounters,
  thread: string,
): void {
  const requests = metrics.counter('apisix_http_requests_total', {
    help: 'Requests of clients since the start, those included that could not be understood.',
    labels: [],
  });
  const connections = metrics.gauge('apisix_nginx_http_current_connections', {
    help: 'Connections of clients: active now; accepted and handled by the workers that run now, since they started.',
    labels: ['state'],
  });
  const labels = ['thread'];
  const own = {
    connections: metrics.gauge('gatewright_worker_connections', {
      help: 'Connections of clients that a worker has now.',
      labels,
    }),
    accepted: metrics.counter('gatewright_worker_accepted_total', {
      help: 'Connections of clients that a worker accepted.',
      labels,
    }),
    requests: metrics.counter('gatewright_worker_requests_total', {
      help: 'Requests of clients that a worker took.',
      labels,
    }),
  };
  let counted = 0;
  let accepted = 0;
  onCollect(() => {
    requests.add(worker.requestCount - counted);
    own.requests.add(worker.requestCount - counted, thread);
    own.accepted.add(worker.acceptedCount - accepted, thread);
    own.connections.set(worker.connectionCount, thread);
    counted = worker.requestCount;
    accepted = worker.acceptedCount;
    connections.set(worker.acceptedCount, 'accepted');
    connections.set(worker.acceptedCount, 'handled');
    connections.set(worker.connectionCount, 'active');
  });
}

export function measureNode(metrics: Metrics, version: string): void {
  const labels = ['hostname', 'version'];
  metrics
    .gauge('apisix_node_info', { help: 'Always 1: the labels say who this is.', labels })
    .set(1, hostname(), version);
}

/** Faults of plugins, by plugin and phase. */
export function pluginFaults(metrics: Metrics): Counter {
  return metrics.counter('gatewright_plugin_faults_total', {
    help: 'What plugins threw, and what they returned that is no answer: each cost one exchange.',
    labels: ['plugin', 'phase'],
  });
}

export function http2Abuses(metrics: Metrics): Counter {
  return metrics.counter('gatewright_http2_abuse_total', {
    help: 'Connections of HTTP/2, or streams of one, that were ended because their client did what only attacks do.',
    labels: ['kind'],
  });
}

export function upstreamHttp2Abuses(metrics: Metrics): Counter {
  return metrics.counter('gatewright_upstream_http2_abuse_total', {
    help: 'Connections to nodes of HTTP/2 that were ended because the node did what only attacks do, or broke the protocol.',
    labels: ['reason'],
  });
}

export function tlsRefusals(metrics: Metrics): Counter {
  return metrics.counter('gatewright_tls_refused_total', {
    help: 'TLS handshakes of clients that came to nothing.',
    labels: [],
  });
}

export function proxyRefusals(metrics: Metrics): Counter {
  return metrics.counter('gatewright_proxy_protocol_refused_total', {
    help: 'Connections of peers that were to begin with the PROXY protocol and did not, or not rightly.',
    labels: [],
  });
}

export function connectionRefusals(metrics: Metrics): Counter {
  return metrics.counter('gatewright_connections_refused_total', {
    help: 'Connections of clients that were closed unanswered: there were as many as limits.connections allows.',
    labels: [],
  });
}

export function upstreamTlsFailures(metrics: Metrics): Counter {
  return metrics.counter('gatewright_upstream_tls_failed_total', {
    help: 'TLS handshakes with nodes of upstreams that came to nothing, and nodes whose certificate was not accepted.',
    labels: ['kind'],
  });
}

export function storeLive(metrics: Metrics): Gauge {
  return metrics.gauge('gatewright_store_live', {
    help: 'Whether the store that objects come from can be reached: 1, or 0 while the last good state serves.',
    labels: [],
  });
}

export function configProblems(metrics: Metrics): Gauge {
  return metrics.gauge('gatewright_config_problems', {
    help: 'Problems of the configuration that was read last: above 0, last good versions or refusals serve in their place.',
    labels: [],
  });
}

export interface ThreadMetrics {
  readonly workers: Gauge;
  readonly workerDeaths: Counter;
  readonly controlDeaths: Counter;
  readonly controlHolds: Gauge;
}

export function threadMetrics(metrics: Metrics): ThreadMetrics {
  return {
    workers: metrics.gauge('gatewright_workers', { help: 'Workers that there are.', labels: [] }),
    workerDeaths: metrics.counter('gatewright_worker_deaths_total', {
      help: 'Workers that were lost, by what became of them.',
      labels: ['cause'],
    }),
    controlDeaths: metrics.counter('gatewright_control_deaths_total', {
      help: 'Control threads that were lost and started again, by what became of them.',
      labels: ['cause'],
    }),
    controlHolds: metrics.gauge('gatewright_control_holds', {
      help: 'Whether control only holds what is in force, because it died again and again: 1, or 0 while it follows changes.',
      labels: [],
    }),
  };
}
