/** Redis for plugins: bounded in time, nothing sent twice, and calls that fail at once while there is no connection. */
import type { Cluster, Redis } from 'ioredis';
import type { Writable } from 'node:stream';
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
  #underWay = 0;
  /** What is held back until the end of this turn. */
  #gathering: Writable | null = null;
  /** Runs while no call is under way. */
  #idle: ReturnType<StartTimer> | null = null;
  #isClosed = false;

  /** Throws TypeError for wrong options. Connects with the first call. */
  constructor(options: RedisClientOptions, startTimer: StartTimer) {
    this.#bounds = checkedRedisOptions(options);
    this.#startTimer = startTimer;
    this.#await();
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
    this.#idle?.stop();
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
    this.#underWay++;
    this.#idle?.stop();
    this.#idle = null;
    try {
      return await this.#ask(work);
    } finally {
      if (--this.#underWay === 0) this.#rest();
    }
  }

  async #ask(work: (connection: Connection) => Promise<unknown>): Promise<unknown> {
    this.#connecting ??= this.#connect();
    const connection = await this.#connecting;
    if (connection.status !== 'ready') {
      if (this.#fault !== null) throw this.#fault;
      await this.#ready.promise;
    }
    this.#gather(connection);
    try {
      return await work(connection);
    } catch (error) {
      throw faultOf(error);
    }
  }

  /** What is asked in one turn of the loop is written at once: a system call costs more than a command. */
  #gather(connection: Connection): void {
    // A cluster has a connection to each node, which are its own.
    const stream = 'stream' in connection ? connection.stream : undefined;
    if (stream === undefined || stream === this.#gathering) return;
    this.#gathering = stream;
    stream.cork();
    setImmediate(() => {
      this.#gathering = null;
      stream.uncork();
    });
  }

  /** Nothing is under way: closes the connection if it stays like that. */
  #rest(): void {
    const { idle_ms } = this.#bounds;
    if (idle_ms > 0 && !this.#isClosed) this.#idle = this.#startTimer(idle_ms, () => this.#release());
  }

  #release(): void {
    const connection = this.#connection;
    // What is being made anew is waited for: the next call learns from it at once whether there is a server.
    if (connection?.status !== 'ready') return this.#rest();
    this.#idle = null;
    this.#connection = null;
    this.#connecting = null;
    this.#scripts.clear();
    this.#await();
    connection.disconnect();
  }

  /** Its rejection is nobody's fault where nobody waits: of a client that is closed before it was used, too. */
  #await(): void {
    this.#ready = Promise.withResolvers();
    this.#ready.promise.catch(() => undefined);
  }

  async #connect(): Promise<Connection> {
    const connection = await makeRedis(this.#bounds);
    this.#connection = connection;
    connection.on('ready', () => {
      this.#fault = null;
      this.#ready.resolve();
    });
    // One that was released has nothing to tell any more; without a listener its errors would end the thread.
    const failWith = (fault: ClientError): void => {
      if (this.#connection === connection) this.#fail(fault);
    };
    connection.on('error', (error: unknown) => failWith(faultOf(error)));
    connection.on('close', () => failWith(new ClientError('reset', 'the connection to Redis is gone')));
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
    this.#await();
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
