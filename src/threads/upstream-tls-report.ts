import type { Clock } from '../clock/clock.ts';
import type { HostLog, Metrics } from '../sdk/host.ts';
import type { UpstreamTlsFailure } from '../upstream/upstream-tls.ts';
import { upstreamTlsFailures } from './gateway-metrics.ts';
import { Seldom } from './seldom.ts';

/** Between two lines about the same fault of the same node: one that is broken is so with every request. */
const LINE_MS = 10_000;

/** Counts and logs nodes that could not be spoken to over TLS. */
export function upstreamTlsReport(metrics: Metrics, errorLog: HostLog, clock: Clock) {
  const failures = upstreamTlsFailures(metrics);
  const seldom = new Seldom(() => clock.monotonic_ms(), LINE_MS);
  return ({ kind, node, name, reason }: UpstreamTlsFailure): void => {
    failures.add(1, kind);
    if (seldom.isDue(`${node} ${reason}`)) errorLog.warn('upstream_tls_failed', { node, name, reason });
  };
}
