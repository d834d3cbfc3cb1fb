/** What is told of one exchange when it is over: its plain fields, copied before anything of it is used again. */
import type { Exchange } from '../proxy/exchange.ts';
import { quotasIn } from '../plugins/limit-headers.ts';

export interface ToldAttempt {
  /** `host:port` of the address. */
  readonly node: string;
  /** As the configuration has it. */
  readonly host: string;
  readonly outcome: 'answered' | 'failed' | 'abandoned';
  /** 0 if no head came. */
  readonly status: number;
  /** Why it failed: a code of the table of errors, such as `upstream_refused`. */
  readonly code: string;
  readonly elapsed_ms: number;
}

/** How a limit stood after the request was counted. */
export interface ToldLimit {
  readonly plugin: string;
  /** `default`, or the rule's own name. */
  readonly policy: string;
  readonly limit: number;
  readonly remaining: number;
  readonly window_s: number;
  readonly reset_s: number;
}

export interface ToldExchange {
  readonly id: string;
  readonly requestId: string;
  /** Of the configuration that decided. */
  readonly revision: number;
  readonly method: string;
  readonly target: string;
  /** Of the client; empty strings where no route matched. */
  readonly route: { readonly id: string; readonly name: string; readonly uri: string; readonly host: string };
  readonly service: { readonly id: string; readonly name: string };
  readonly consumer: { readonly username: string; readonly groupId: string; readonly credentialId: string } | null;
  /** `upstream`, `gateway`, or the name of the plugin that answered. */
  readonly repliedBy: string;
  /** Why the gateway answered itself, or why an answer broke off; '' if neither. */
  readonly errorCode: string;
  readonly status: number;
  readonly upstream: string;
  readonly attempts: readonly ToldAttempt[];
  readonly limits: readonly ToldLimit[];
  readonly elapsed_ms: number;
}

export function told(exchange: Exchange): ToldExchange {
  const { route, consumer } = exchange;
  const { id, name, uri, host } = route;
  return {
    id: exchange.id,
    requestId: exchange.requestId,
    revision: exchange.revision,
    method: exchange.method,
    target: exchange.target,
    route: { id, name, uri, host },
    service: { id: route.serviceId, name: route.serviceName },
    consumer:
      consumer === null
        ? null
        : { username: consumer.username, groupId: consumer.groupId, credentialId: exchange.credentialId },
    repliedBy: exchange.upstreamHead !== null ? 'upstream' : exchange.repliedBy === '' ? 'gateway' : exchange.repliedBy,
    errorCode: exchange.errorCode,
    status: exchange.status,
    upstream: exchange.upstreamKey,
    attempts: exchange.attempts.map(({ address, host: node, outcome, status, code, elapsed_ms }) => ({
      node: address,
      host: node,
      outcome,
      status,
      code,
      elapsed_ms,
    })),
    limits: quotasIn(exchange.shared ?? []).map(({ plugin, quota }) => ({
      plugin,
      policy: quota.policy,
      limit: quota.limit,
      remaining: quota.remaining,
      window_s: quota.window_s,
      reset_s: quota.reset_s,
    })),
    elapsed_ms: exchange.duration_ms,
  };
}
