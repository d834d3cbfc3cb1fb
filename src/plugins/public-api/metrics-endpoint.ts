/** The metrics of the gateway on a route: asked for where Prometheus would ask for them, as they are collected there. */
import type { Exchange, Host, Reply } from '../../sdk/index.ts';

/** APISIX's name for them, whatever path the listener for metrics has. */
export const METRICS_ENDPOINT = '/apisix/prometheus/metrics';

/** Metrics of many routes take a while to write. */
const TIMEOUT_MS = 10_000;
const MOST_BYTES = 64 * 1024 * 1024;

/** To be called in `create`: connects when it is first asked. */
export function metricsEndpoint(host: Host): (exchange: Exchange) => Reply | Promise<Reply> {
  const url = host.metricsUrl();
  if (url === null) return () => NOT_COLLECTED;
  const client = host.connect('http', { timeout_ms: TIMEOUT_MS, max_response_bytes: MOST_BYTES });
  return async ({ request }) => {
    try {
      const accept = request.header('accept');
      const headers = accept === undefined ? {} : { Accept: accept };
      const answer = await client.request({ url, headers });
      if (answer.status !== 200) return UNAVAILABLE;
      return { status: 200, headers: typeOf(answer.header('content-type')), body: answer.body };
    } catch (error) {
      host.log.warn('metrics_unavailable', { error });
      return UNAVAILABLE;
    }
  };
}

const typeOf = (type: string | undefined): Record<string, string> => ({ 'Content-Type': type ?? 'text/plain' });

const NOT_COLLECTED: Reply = Object.freeze({
  status: 404,
  code: 'metrics_off',
  body: Object.freeze({ message: 'metrics are not collected: gateway.metrics turns them on' }),
});
const UNAVAILABLE: Reply = Object.freeze({
  status: 503,
  code: 'metrics_unavailable',
  body: Object.freeze({ message: 'the metrics cannot be had at present' }),
});
