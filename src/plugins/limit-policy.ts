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

const TIMEOUT = { type: 'integer', minimum: 1, maximum: 60_000, default: 1000 } as const;
const HOST = { type: 'string', minLength: 1, maxLength: 255 } as const;
const PORT = { type: 'integer', minimum: 1, maximum: 65_535 } as const;

/** Attributes of Redis and of a cluster of it. */
export const REDIS_ATTRIBUTES = {
  redis_host: { ...HOST, description: 'Address of the server; needed with policy redis.' },
  redis_port: { ...PORT, default: 6379, description: 'Port of the server.' },
  redis_username: { type: 'string', minLength: 1, description: 'User of its ACL.' },
  redis_password: {
    type: 'string',
    minLength: 1,
    secret: true,
    description: 'Password of that user, or of the server.',
  },
  redis_ssl: { type: 'boolean', default: false, description: 'Whether the connection to the server is encrypted.' },
  redis_ssl_verify: { type: 'boolean', default: false, description: 'Whether its certificate is verified.' },
  redis_database: { type: 'integer', minimum: 0, default: 0, description: 'Number of the database.' },
  redis_timeout: {
    ...TIMEOUT,
    description: 'Within which a request is decided, connecting included, in milliseconds.',
  },
  redis_keepalive_timeout: {
    type: 'integer',
    minimum: 1000,
    maximum: 86_400_000,
    default: 10_000,
    description: 'After which a connection that no request needs is closed, in milliseconds.',
  },
  redis_keepalive_pool: {
    type: 'integer',
    minimum: 1,
    default: 100,
    description:
      'Unused connections to a server that each worker keeps at most. It never has more than one, which every value allows.',
  },
  redis_cluster_nodes: {
    type: 'array',
    minItems: 1,
    maxItems: 1000,
    items: { type: 'string', minLength: 1 },
    description: 'Some nodes of the cluster, each as host:port; needed with policy redis-cluster.',
  },
  redis_cluster_name: {
    type: 'string',
    minLength: 1,
    description: 'Name of the cluster; needed with policy redis-cluster.',
  },
  redis_cluster_ssl: {
    type: 'boolean',
    default: false,
    description: 'Whether connections to the cluster are encrypted.',
  },
  redis_cluster_ssl_verify: { type: 'boolean', default: false, description: 'Whether its certificates are verified.' },
} as const;

/** Attributes of Redis behind sentinels. */
export const SENTINEL_ATTRIBUTES = {
  redis_sentinels: {
    type: 'array',
    minItems: 1,
    maxItems: 100,
    items: {
      type: 'object',
      required: ['host', 'port'],
      properties: {
        host: { ...HOST, description: 'Address of the sentinel.' },
        port: { ...PORT, description: 'Its port.' },
      },
    },
    description: 'The sentinels; needed with policy redis-sentinel.',
  },
  redis_master_name: {
    type: 'string',
    minLength: 1,
    description: 'Name of the master; needed with policy redis-sentinel.',
  },
  redis_role: {
    enum: ['master', 'slave'],
    default: 'master',
    description: 'Which server of the sentinels; only the master can count.',
  },
  redis_connect_timeout: {
    ...TIMEOUT,
    description: 'For connecting, in milliseconds; with redis_read_timeout the bound of a decision.',
  },
  redis_read_timeout: { ...TIMEOUT, description: 'For an answer, in milliseconds.' },
  sentinel_username: { type: 'string', minLength: 1, description: 'User of the ACL of the sentinels.' },
  sentinel_password: { type: 'string', minLength: 1, secret: true, description: 'Password of the sentinels.' },
} as const;

const policyOf = <const P extends readonly string[]>(policies: P) =>
  ({
    enum: policies,
    default: 'local',
    description:
      'Where counts are kept; local: in this gateway, all its workers together; the others: in Redis, all gateways together.',
  }) as const;

export const POLICY_ATTRIBUTES = {
  policy: policyOf(['local', 'redis', 'redis-cluster']),
  ...REDIS_ATTRIBUTES,
} as const;

export const ALL_POLICY_ATTRIBUTES = {
  policy: policyOf(['local', 'redis', 'redis-cluster', 'redis-sentinel']),
  ...REDIS_ATTRIBUTES,
  ...SENTINEL_ATTRIBUTES,
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

  async during(wait: Promise<void>): Promise<undefined> {
    this.count++;
    try {
      await wait;
    } finally {
      this.count--;
    }
    return undefined;
  }
}
