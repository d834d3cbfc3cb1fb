/** Where limits count: in this gateway, or elsewhere; and what happens where they cannot. */
import type { Reply } from '../sdk/index.ts';

export const REFUSAL_ATTRIBUTES = {
  rejected_code: { type: 'integer', minimum: 200, maximum: 599, default: 503, description: 'Status of a refusal.' },
  rejected_msg: { type: 'string', minLength: 1, description: 'error_msg in the body of a refusal.' },
} as const;

export const DEGRADATION = {
  type: 'boolean',
  default: false,
  description: 'Whether requests pass for which the limit cannot be determined, instead of being answered with 500.',
} as const;

const LATER = {
  not: {},
  remedy: 'counts in Redis are not available in this version: leave this out, counts are kept in the gateway',
} as const;

/** Attributes of the policies. */
export const POLICY_ATTRIBUTES = {
  policy: {
    type: 'string',
    pattern: '^local$',
    default: 'local',
    remedy: 'can only be "local" in this version: counts in Redis are not available yet',
    description: 'Where counts are kept; local: in this gateway, all its workers together.',
  },
  redis_host: LATER,
  redis_port: LATER,
  redis_username: LATER,
  redis_password: LATER,
  redis_ssl: LATER,
  redis_ssl_verify: LATER,
  redis_database: LATER,
  redis_timeout: LATER,
  redis_keepalive_timeout: LATER,
  redis_keepalive_pool: LATER,
  redis_cluster_nodes: LATER,
  redis_cluster_name: LATER,
  redis_cluster_ssl: LATER,
  redis_cluster_ssl_verify: LATER,
} as const;

/** Attributes of the policies that only limit-count has. */
export const COUNT_POLICY_ATTRIBUTES = {
  sync_interval: LATER,
  redis_sentinels: LATER,
  redis_master_name: LATER,
  redis_role: LATER,
  redis_connect_timeout: LATER,
  redis_read_timeout: LATER,
  sentinel_username: LATER,
  sentinel_password: LATER,
} as const;

/** The answer where a limit cannot be determined; undefined where requests pass then. */
export function undeterminedReply(what: string, { allow_degradation }: { readonly allow_degradation: boolean }) {
  if (allow_degradation) return undefined;
  const reply: Reply = { status: 500, code: 'limit_undetermined', body: { error_msg: `${what} cannot be determined` } };
  return Object.freeze(reply);
}

export function refusal(status: number, code: string, error_msg: string): (retry_ms: number | null) => Reply {
  const body = Object.freeze({ error_msg });
  return (retry_ms) => {
    if (retry_ms === null) return { status, code, body };
    return { status, code, body, headers: { 'Retry-After': String(Math.max(1, Math.ceil(retry_ms / 1000))) } };
  };
}

/** Bounds how many requests one instance holds back at the same time in one worker. */
export class Waiting {
  private count = 0;
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  get isFull(): boolean {
    return this.count >= this.most;
  }

  async during(wait: Promise<void>): Promise<void> {
    this.count++;
    try {
      await wait;
    } finally {
      this.count--;
    }
  }
}
