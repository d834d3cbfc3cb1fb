/** The options of clients of Redis, checked and completed, and what makes a connection of them. */
import type { Cluster, Redis } from 'ioredis';
import type { ConnectionOptions } from 'node:tls';
import type { ClientTls, RedisAddress, RedisClientOptions, RedisServers } from '../sdk/clients.ts';

export interface RedisBounds {
  readonly servers: RedisServers;
  readonly login: { readonly username?: string; readonly password?: string };
  readonly database: number;
  readonly timeout_ms: number;
  /** 0: an unused connection stays open. */
  readonly idle_ms: number;
  readonly tls: ConnectionOptions | null;
}

const LONGEST_MS = 60_000;
const LONGEST_IDLE_MS = 86_400_000;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2_000;

/** Throws TypeError. */
export function checkedRedisOptions(options: RedisClientOptions): RedisBounds {
  const { servers, username, password, database = 0, timeout_ms = 1_000, idle_ms = 0, tls } = options;
  check('timeout_ms', timeout_ms, 1, LONGEST_MS);
  if (idle_ms !== 0) check('idle_ms', idle_ms, 1, LONGEST_IDLE_MS);
  check('database', database, 0, 1_000_000);
  if (servers.kind === 'cluster' && database !== 0) throw new TypeError('a cluster of Redis has the database 0 only');
  const addresses = addressesOf(servers);
  if (addresses.length === 0) throw new TypeError(`a ${servers.kind} of Redis needs an address at least`);
  for (const { host, port } of addresses) {
    if (host === '') throw new TypeError('an address of Redis needs a host');
    check('port', port, 1, 65_535);
  }
  return {
    servers,
    login: { ...(username !== undefined && { username }), ...(password !== undefined && { password }) },
    database,
    timeout_ms,
    idle_ms,
    tls: tls === undefined ? null : secureOptions(tls),
  };
}

function addressesOf(servers: RedisServers): readonly RedisAddress[] {
  if (servers.kind === 'single') return [servers];
  return servers.kind === 'cluster' ? servers.nodes : servers.sentinels;
}

function check(name: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new TypeError(`${name} of a client of Redis is ${value}: it must be from ${least} to ${most}`);
  }
}

function secureOptions({ verify = true, ca, cert, key, server_name }: ClientTls): ConnectionOptions {
  return {
    rejectUnauthorized: verify,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(server_name !== undefined && { servername: server_name }),
  };
}

/** A connection that is not begun. */
export async function makeRedis(bounds: RedisBounds): Promise<Redis | Cluster> {
  const ioredis = await import('ioredis');
  const { servers, login, database, timeout_ms, tls } = bounds;
  const secure = tls === null ? {} : { tls };
  const common = {
    ...login,
    connectTimeout: timeout_ms,
    lazyConnect: true,
    // Nothing waits for a connection, and nothing is sent twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // A master that became a replica refuses to write: the next connection asks again who the master is.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  };
  const retry = (times: number): number => Math.min(FIRST_RETRY_MS * 2 ** Math.min(times - 1, 10), LAST_RETRY_MS);
  if (servers.kind === 'single') {
    const { host, port } = servers;
    return new ioredis.Redis({ ...common, ...secure, host, port, db: database, retryStrategy: retry });
  }
  if (servers.kind === 'sentinel') {
    return new ioredis.Redis({
      ...common,
      sentinels: servers.sentinels.map(({ host, port }) => ({ host, port })),
      name: servers.master_name,
      role: servers.role,
      db: database,
      ...(servers.username !== undefined && { sentinelUsername: servers.username }),
      ...(servers.password !== undefined && { sentinelPassword: servers.password }),
      ...(tls !== null && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
      sentinelCommandTimeout: timeout_ms,
      retryStrategy: retry,
      sentinelRetryStrategy: retry,
    });
  }
  const nodes = servers.nodes.map(({ host, port }) => ({ host, port }));
  return new ioredis.Cluster(nodes, {
    enableOfflineQueue: false,
    lazyConnect: true,
    clusterRetryStrategy: retry,
    clusterNodeRetryStrategy: retry,
    slotsRefreshTimeout: timeout_ms,
    maxRedirections: 4,
    retryDelayOnFailover: FIRST_RETRY_MS,
    retryDelayOnClusterDown: FIRST_RETRY_MS,
    // Names are for the certificate to be compared with.
    ...(tls !== null && { dnsLookup: (address, callback) => callback(null, address) }),
    redisOptions: { ...common, ...secure },
  });
}
