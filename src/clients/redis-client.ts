/** Redis for plugins: bounded in time, nothing sent twice, and calls that fail at once while there is no connection. */
import type { Cluster, Redis } from 'ioredis';
import { ClientError } from '../sdk/clients.ts';
import type { RedisClient, RedisClientOptions, RedisScript } from '../sdk/clients.ts';
import type { StartTimer } from './clients.ts';
import { checkedRedisOptions, makeRedis, type RedisBounds } from './redis-options.ts';

type Argument = string | number;
type Connection = Redis | Cluster;
type Run = (keyCount: number, ...args: Argument[]) => Promise<unknown>;

export class RedisConnections implements RedisClient {
  readonly #bounds: RedisBounds;
  readonly #startTimer: StartTimer;
  #connecting: Promise<Connection> | null = null;
  #connection: Connection | null = null;
  /** Why there is no connection; null while there may be one. */
  #fault: ClientError | null = null;
  /** Resolved with the first connection, rejected with the first failure; made anew with every attempt. */
  #ready = Promise.withResolvers<void>();
  readonly #scripts = new Map<string, Run>();
  #isClosed = false;

  /** Throws TypeError for wrong options. Connects with the first call. */
  constructor(options: RedisClientOptions, startTimer: StartTimer) {
    this.#bounds = checkedRedisOptions(options);
    this.#startTimer = startTimer;
  }

  run(script: RedisScript, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#within((connection) => this.#scriptOf(connection, script)(keys.length, ...keys, ...args));
  }

  command(name: string, key: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.#within((connection) => connection.call(name, key, ...args));
  }

  /** Gives up what is under way, and closes every connection. */
  close(): void {
    this.#isClosed = true;
    this.#fail(new ClientError('closed', 'the client of Redis is closed'));
    this.#connection?.disconnect();
  }

  async #within(work: (connection: Connection) => Promise<unknown>): Promise<unknown> {
    const late = Promise.withResolvers<never>();
    const timer = this.#startTimer(this.#bounds.timeout_ms, () =>
      late.reject(new ClientError('timeout', `Redis did not answer within ${this.#bounds.timeout_ms} ms`)),
    );
    try {
      return await Promise.race([late.promise, this.#attempt(work)]);
    } finally {
      timer.stop();
    }
  }

  async #attempt(work: (connection: Connection) => Promise<unknown>): Promise<unknown> {
    this.#connecting ??= this.#connect();
    const connection = await this.#connecting;
    if (connection.status !== 'ready') {
      if (this.#fault !== null) throw this.#fault;
      await this.#ready.promise;
    }
    try {
      return await work(connection);
    } catch (error) {
      throw faultOf(error);
    }
  }

  async #connect(): Promise<Connection> {
    const connection = await makeRedis(this.#bounds);
    this.#connection = connection;
    this.#ready.promise.catch(() => undefined);
    connection.on('ready', () => {
      this.#fault = null;
      this.#ready.resolve();
    });
    connection.on('error', (error: unknown) => this.#fail(faultOf(error)));
    connection.on('close', () => this.#fail(new ClientError('reset', 'the connection to Redis is gone')));
    if (this.#isClosed) connection.disconnect();
    // What becomes of it is told by the events.
    else connection.connect().catch(() => undefined);
    return connection;
  }

  /** Until the next connection, calls fail at once. */
  #fail(fault: ClientError): void {
    // The first reason says more than those that follow from it.
    this.#fault ??= fault;
    this.#ready.reject(this.#fault);
    this.#ready = Promise.withResolvers();
    this.#ready.promise.catch(() => undefined);
  }

  #scriptOf(connection: Connection, { name, lua }: RedisScript): Run {
    let run = this.#scripts.get(name);
    if (run === undefined) {
      connection.defineCommand(name, { lua });
      const defined = (connection as unknown as Readonly<Record<string, Run>>)[name]!;
      run = defined.bind(connection);
      this.#scripts.set(name, run);
    }
    return run;
  }
}

function faultOf(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  const { name = '', message = '', code = '' } = error as { name?: string; message?: string; code?: string };
  const detail = { cause: error };
  if (name === 'ReplyError') return new ClientError('rejected', `Redis says: ${message}`, detail);
  if (/^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(code)) {
    return new ClientError('refused', `Redis cannot be reached: ${message}`, detail);
  }
  if (/CERT|TLS|SSL|ALTNAME|SIGNATURE/.test(code)) {
    return new ClientError('tls', `the certificate of Redis is not accepted: ${message}`, detail);
  }
  if (code === 'ETIMEDOUT') return new ClientError('timeout', `Redis cannot be reached: ${message}`, detail);
  return new ClientError('reset', `the connection to Redis broke: ${message}`, detail);
}
