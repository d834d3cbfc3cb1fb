/** Health checks of an upstream → what prober and data plane need of them. */
import { hash } from 'node:crypto';
import { canonicalText } from '../model/canonical.ts';
import type { ChecksObject } from '../model/checks.ts';
import type { ActiveChecks, CompiledChecks, PassiveChecks } from './snapshot.ts';

export function compileChecks(checks: ChecksObject): CompiledChecks {
  return {
    identity: hash('sha256', canonicalText(checks), 'base64url').slice(0, 22),
    active: compileActive(checks.active),
    passive: checks.passive === undefined ? null : compilePassive(checks.passive),
  };
}

function compileActive(active: ChecksObject['active']): ActiveChecks {
  const { healthy, unhealthy } = active;
  return {
    type: active.type,
    timeout_ms: Math.ceil(active.timeout * 1000),
    concurrency: active.concurrency,
    method: active.http_method ?? 'GET',
    path: active.http_path,
    body: active.http_req_body ?? '',
    host: active.host ?? '',
    port: active.port ?? 0,
    verifies: active.https_verify_certificate,
    fields: active.req_headers ?? [],
    healthyInterval_ms: healthy.interval * 1000,
    unhealthyInterval_ms: unhealthy.interval * 1000,
    statuses: { healthy: healthy.http_statuses, unhealthy: unhealthy.http_statuses },
    limits: [healthy.successes, unhealthy.tcp_failures, unhealthy.http_failures, unhealthy.timeouts],
  };
}

function compilePassive({ type, healthy, unhealthy }: NonNullable<ChecksObject['passive']>): PassiveChecks {
  return {
    type,
    statuses: { healthy: healthy.http_statuses, unhealthy: unhealthy.http_statuses },
    limits: [healthy.successes, unhealthy.tcp_failures, unhealthy.http_failures, unhealthy.timeouts],
  };
}
