/** The stapler of a gateway: in main, from where every worker is told, and where it outlives a restart of control. */
import { HttpConnections } from '../clients/http-client.ts';
import type { AlarmClock } from '../clock/clock.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import { type Staple, Stapler } from '../tls/stapler.ts';

export interface StaplerParts {
  readonly clock: AlarmClock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
  readonly onStaples: (staples: readonly Staple[]) => void;
}

const ANSWER_MS = 10_000;
const MOST_ANSWER_BYTES = 65_536;

export function startStapler({ clock, errorLog, metrics, onStaples }: StaplerParts): Stapler {
  const startTimer = (delay_ms: number, onExpired: () => void) => clock.startTimer(delay_ms, onExpired);
  const bounds = { timeout_ms: ANSWER_MS, max_response_bytes: MOST_ANSWER_BYTES, keepalive: false };
  const client = new HttpConnections(bounds, startTimer);
  const stapler = new Stapler({
    now_ms: () => clock.wall_ms(),
    random: Math.random,
    startTimer,
    ask: async (url, body) => {
      const headers = { 'Content-Type': 'application/ocsp-request', Accept: 'application/ocsp-response' };
      const { status, body: answer } = await client.request({ url, method: 'POST', headers, body });
      if (status !== 200) throw new Error(`the responder answers with the status ${status}`);
      return answer;
    },
    onStaples,
    onFailed: (ssl, reason) => errorLog.warn('ocsp_failed', { ssl, reason }),
    onRecovered: (ssl) => errorLog.info('ocsp_recovered', { ssl }),
  });
  const staples = metrics.gauge('gatewright_ocsp_staples', {
    help: 'Certificates with OCSP stapling: those that have an answer of their authority, and those that have none.',
    labels: ['state'],
  });
  metrics.onCollect(() => {
    const { valid, missing } = stapler.counts;
    staples.set(valid, 'valid');
    staples.set(missing, 'missing');
  });
  return stapler;
}
