/** Where a limit counts, made of its policy; and what becomes of requests while it cannot. */
import { ClientError } from '../sdk/clients.ts';
import type {
  ConfigProblem,
  Counters,
  Host,
  RedisAddress,
  RedisClient,
  RedisClientOptions,
  RedisServers,
  Reply,
} from '../sdk/index.ts';
import { RedisLimits } from './limit-redis.ts';

/** What the policy's attributes say. */
export interface PolicyConfig {
  readonly policy: 'local' | 'redis' | 'redis-cluster' | 'redis-sentinel';
  readonly allow_degradation: boolean;
  readonly redis_host?: string;
  readonly redis_port: number;
  readonly redis_username?: string;
  readonly redis_password?: string;
  readonly redis_ssl: boolean;
  readonly redis_ssl_verify: boolean;
  readonly redis_database: number;
  readonly redis_timeout: number;
  readonly redis_keepalive_timeout: number;
  readonly redis_cluster_nodes?: readonly string[];
  readonly redis_cluster_name?: string;
  readonly redis_cluster_ssl: boolean;
  readonly redis_cluster_ssl_verify: boolean;
  readonly redis_sentinels?: readonly RedisAddress[];
  readonly redis_master_name?: string;
  readonly redis_role?: 'master' | 'slave';
  readonly redis_connect_timeout?: number;
  readonly redis_read_timeout?: number;
  readonly sentinel_username?: string;
  readonly sentinel_password?: string;
}

type Later<F> = F extends (...args: infer A) => infer R ? (...args: A) => R | Promise<R> : never;

/** Counters that answer at once, or later. */
export type LimitSource = { readonly [K in keyof Counters]: Later<Counters[K]> };

/** Null for policy local. To be called in `create`. */
export function redisLimits(host: Host, config: PolicyConfig): RedisLimits | null {
  if (config.policy === 'local') return null;
  const client: RedisClient = host.connect('redis', clientOptions(config));
  return new RedisLimits({ client, owner: host.owner });
}

function clientOptions(config: PolicyConfig): RedisClientOptions {
  const { policy, redis_username, redis_password } = config;
  const isCluster = policy === 'redis-cluster';
  const isSecure = isCluster ? config.redis_cluster_ssl : config.redis_ssl;
  const verify = isCluster ? config.redis_cluster_ssl_verify : config.redis_ssl_verify;
  const { redis_connect_timeout = 1000, redis_read_timeout = 1000 } = config;
  return {
    servers: serversOf(config),
    ...(redis_username !== undefined && { username: redis_username }),
    ...(redis_password !== undefined && { password: redis_password }),
    ...(!isCluster && { database: config.redis_database }),
    timeout_ms:
      policy === 'redis-sentinel' ? Math.min(60_000, redis_connect_timeout + redis_read_timeout) : config.redis_timeout,
    idle_ms: config.redis_keepalive_timeout,
    ...(isSecure && { tls: { verify } }),
  };
}

function serversOf(config: PolicyConfig): RedisServers {
  if (config.policy === 'redis-cluster') {
    return { kind: 'cluster', nodes: (config.redis_cluster_nodes ?? []).map((node) => addressOf(node)!) };
  }
  if (config.policy === 'redis-sentinel') {
    const { sentinel_username, sentinel_password } = config;
    return {
      kind: 'sentinel',
      sentinels: config.redis_sentinels ?? [],
      master_name: config.redis_master_name ?? '',
      role: 'master',
      ...(sentinel_username !== undefined && { username: sentinel_username }),
      ...(sentinel_password !== undefined && { password: sentinel_password }),
    };
  }
  return { kind: 'single', host: config.redis_host ?? '', port: config.redis_port };
}

/** `host:port`, `[::1]:port`; null for anything else. */
function addressOf(text: string): RedisAddress | null {
  const [, bracketed, bare, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = bracketed ?? bare;
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port };
}

/** What the policies need of each other's attributes. */
export function checkPolicy(config: PolicyConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = idleAttributes(config);
  const need = (name: keyof PolicyConfig): void => {
    if (config[name] === undefined) {
      problems.push({ path: name, message: `"${name}" is needed with policy ${config.policy}` });
    }
  };
  if (config.policy === 'redis') need('redis_host');
  if (config.policy === 'redis-cluster') {
    need('redis_cluster_nodes');
    need('redis_cluster_name');
    for (const [index, node] of (config.redis_cluster_nodes ?? []).entries()) {
      if (addressOf(node) !== null) continue;
      const message = `${JSON.stringify(node)} is no address: write host:port`;
      problems.push({ path: `redis_cluster_nodes[${index}]`, message });
    }
  }
  if (config.policy === 'redis-sentinel') {
    need('redis_sentinels');
    need('redis_master_name');
    if (config.redis_role === 'slave') {
      const message = '"slave" can only be read from, and a limit has to count: leave it out, or write "master"';
      problems.push({ path: 'redis_role', message });
    }
  }
  return problems;
}

const WITH_SENTINELS = ['redis-sentinel'] as const;

/** The policies that an attribute without a default says something to. */
const POLICIES: { readonly [K in keyof PolicyConfig]?: readonly PolicyConfig['policy'][] } = {
  redis_host: ['redis'],
  redis_username: ['redis', 'redis-cluster', 'redis-sentinel'],
  redis_password: ['redis', 'redis-cluster', 'redis-sentinel'],
  redis_cluster_nodes: ['redis-cluster'],
  redis_cluster_name: ['redis-cluster'],
  redis_sentinels: WITH_SENTINELS,
  redis_master_name: WITH_SENTINELS,
  sentinel_username: WITH_SENTINELS,
  sentinel_password: WITH_SENTINELS,
};

/** Whoever names a server means it to be asked: a limit that counts elsewhere would go unnoticed. */
function idleAttributes(config: PolicyConfig): ConfigProblem[] {
  return Object.entries(POLICIES).flatMap(([name, policies]) => {
    if (config[name as keyof PolicyConfig] === undefined || policies.includes(config.policy)) return [];
    const right = policies.map((policy) => `"${policy}"`).join(' or ');
    return [{ path: name, message: `says nothing with policy ${config.policy}: set policy ${right}, or leave it out` }];
  });
}

/** A line of the log so often, however many requests are affected. */
const LOGGED_EVERY_MS = 10_000;

/** What is done while a limit cannot be asked. */
export class Outage {
  private readonly host: Host;
  private readonly reply: Reply | undefined;
  private readonly failures;
  private loggedAt_ms = -Infinity;

  /** To be made in `create`. */
  constructor(host: Host, { allow_degradation }: { readonly allow_degradation: boolean }) {
    this.host = host;
    this.reply = allow_degradation
      ? undefined
      : Object.freeze({
          status: 503,
          code: 'limit_unavailable',
          headers: Object.freeze({ 'Retry-After': '1' }),
          body: Object.freeze({ error_msg: 'the limit cannot be determined at present' }),
        });
    this.failures = host.metrics.counter('gatewright_limit_failures_total', {
      help: 'Requests whose limit could not be determined, by plugin and reason.',
      labels: ['plugin', 'reason'],
    });
  }

  /** The answer to the request; undefined lets it pass. Throws what is no fault of the client. */
  answer(error: unknown): Reply | undefined {
    if (!(error instanceof ClientError)) throw error;
    const { host, reply } = this;
    this.failures.add(1, host.owner.plugin, error.fault);
    const now_ms = host.clock.monotonic_ms();
    if (now_ms - this.loggedAt_ms >= LOGGED_EVERY_MS) {
      this.loggedAt_ms = now_ms;
      const outcome = reply === undefined ? 'requests pass uncounted' : 'requests are refused';
      host.log.error('limit_unavailable', { fault: error.fault, reason: error.message, outcome });
    }
    return reply;
  }
}
