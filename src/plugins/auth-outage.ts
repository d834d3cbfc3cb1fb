/** What is told when a system that a plugin asks does not answer. */
import { ClientError } from '../sdk/clients.ts';
import type { Host } from '../sdk/index.ts';

/** A line of the log so often, however many requests are affected. */
const LOGGED_EVERY_MS = 10_000;

export class AuthOutage {
  private readonly host: Host;
  private readonly event: string;
  private readonly failures;
  private loggedAt_ms = -Infinity;

  /** To be made in `create`. @param event of the log's lines */
  constructor(host: Host, event: string) {
    this.host = host;
    this.event = event;
    this.failures = host.metrics.counter('gatewright_auth_service_failures_total', {
      help: 'Requests about which a service that authenticates or authorizes could not be asked, by plugin and reason.',
      labels: ['plugin', 'reason'],
    });
  }

  /** Counts it, and says why in the log; errors that are none of a client are thrown again. */
  tell(error: unknown): void {
    if (!(error instanceof ClientError)) throw error;
    const { clock, log, owner } = this.host;
    this.failures.add(1, owner.plugin, error.fault);
    const now_ms = clock.monotonic_ms();
    if (now_ms - this.loggedAt_ms < LOGGED_EVERY_MS) return;
    this.loggedAt_ms = now_ms;
    log.error(this.event, { reason: error.fault, error: error.message });
  }
}
