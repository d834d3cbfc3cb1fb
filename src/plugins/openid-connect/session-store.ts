/** Where sessions are: with the browser, or in Redis. */
import { hash } from 'node:crypto';
import type { Exchange, Host, RedisClient } from '../../sdk/index.ts';
import { cookiesOf, type Cookies } from './cookies.ts';
import type { SessionConfig } from './schema.ts';
import type { Sealer } from './seal.ts';
import { left_s, type Lives, parseSession, type Session } from './session.ts';

/** A session as it was found, and what it takes to write it again. */
export interface Found {
  readonly session: Session;
  /** In Redis; '' for one that the browser has. */
  readonly id: string;
}

export interface SessionStore {
  /** The session of a request, null without a good one. Rejects with a `ClientError`. */
  load(exchange: Exchange): Promise<Found | null> | Found | null;
  /** @param before under whose name it is written; null for a new one. @returns Set-Cookie fields; null if it is too long to be kept */
  save(exchange: Exchange, session: Session, before: Found | null): Promise<string[] | null>;
  /** @returns Set-Cookie fields */
  remove(exchange: Exchange, before: Found | null): Promise<string[]>;
  /** Ends the sessions of a log-out that the provider tells of. Rejects with a `ClientError`. */
  endAll(who: LogoutTarget): Promise<void>;
}

/** Whose sessions: one of the provider's, or all of a user's where `sid` is ''. */
export interface LogoutTarget {
  readonly sub: string;
  readonly sid: string;
}

export interface StoreParts {
  readonly host: Host;
  readonly config: SessionConfig;
  readonly cookies: Cookies;
  readonly sealer: Sealer;
  readonly lives: Lives;
}

export function sessionStore(parts: StoreParts): SessionStore {
  return parts.config.storage === 'redis' ? new RedisSessions(parts) : new BrowserSessions(parts);
}

function now_s({ clock }: Host): number {
  return Math.floor(clock.wall_ms() / 1000);
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url');
}

class BrowserSessions implements SessionStore {
  private readonly parts: StoreParts;

  constructor(parts: StoreParts) {
    this.parts = parts;
  }

  load({ request }: Exchange): Found | null {
    const { cookies, sealer, lives, host } = this.parts;
    const sealed = cookies.read(cookiesOf(request));
    if (sealed === undefined) return null;
    const text = sealer.open('session', sealed);
    const session = text === null ? null : parseSession(text);
    if (session === null || left_s(session, lives, now_s(host)) <= 0 || this.isEnded(session)) return null;
    return { session, id: '' };
  }

  save(exchange: Exchange, session: Session): Promise<string[] | null> {
    const { cookies, sealer, lives, host } = this.parts;
    const value = sealer.seal('session', JSON.stringify(session));
    const life = { maxAge_s: Math.ceil(left_s(session, lives, now_s(host))), isSecure: isSecure(exchange) };
    return Promise.resolve(cookies.write(value, cookiesOf(exchange.request), life));
  }

  /** A copy of the cookie may be elsewhere: it is noted that it counts no more. */
  remove(exchange: Exchange, before: Found | null): Promise<string[]> {
    const { cookies, host, lives } = this.parts;
    if (before !== null) host.kv.set(`id:${before.session.id}`, '1', lives.absolute_s * 1000);
    const life = { maxAge_s: 0, isSecure: isSecure(exchange) };
    return Promise.resolve(cookies.write('', cookiesOf(exchange.request), life) ?? []);
  }

  /** The browser has them, so it is noted which ones count no more: in this gateway, for as long as they could live. */
  endAll({ sub, sid }: LogoutTarget): Promise<void> {
    const { host, lives } = this.parts;
    host.kv.set(sid === '' ? `sub:${digest(sub)}` : `sid:${digest(sid)}`, String(now_s(host)), lives.absolute_s * 1000);
    return Promise.resolve();
  }

  private isEnded({ id, sub, sid, createdAt }: Session): boolean {
    const { kv } = this.parts.host;
    if (kv.get(`id:${id}`) !== undefined) return true;
    const ended = kv.get(`sub:${digest(sub)}`) ?? (sid === '' ? undefined : kv.get(`sid:${digest(sid)}`));
    return ended !== undefined && createdAt <= Number(ended);
  }
}

class RedisSessions implements SessionStore {
  private readonly parts: StoreParts;
  private readonly redis: RedisClient;
  private readonly prefix: string;

  constructor(parts: StoreParts) {
    const { host, config } = parts;
    const { redis } = config;
    this.parts = parts;
    this.prefix = redis.prefix;
    this.redis = host.connect('redis', {
      servers: { kind: 'single', host: redis.host, port: redis.port },
      ...(redis.username === undefined ? {} : { username: redis.username }),
      ...(redis.password === undefined ? {} : { password: redis.password }),
      database: redis.database,
      timeout_ms: redis.connect_timeout + redis.send_timeout + redis.read_timeout,
      idle_ms: redis.keepalive_timeout,
      ...(redis.ssl
        ? {
            tls: {
              verify: redis.ssl_verify,
              ...(redis.server_name === undefined ? {} : { server_name: redis.server_name }),
            },
          }
        : {}),
    });
  }

  async load({ request }: Exchange): Promise<Found | null> {
    const { cookies, sealer, lives, host } = this.parts;
    const id = cookies.read(cookiesOf(request));
    if (id === undefined || !/^[\w-]{43}$/.test(id)) return null;
    const key = this.keyOf(id);
    const sealed = await this.redis.command('GET', key);
    const text = typeof sealed === 'string' ? sealer.open(key, sealed) : null;
    const session = text === null ? null : parseSession(text);
    return session === null || left_s(session, lives, now_s(host)) <= 0 ? null : { session, id };
  }

  async save(exchange: Exchange, session: Session, before: Found | null): Promise<string[] | null> {
    const { cookies, sealer, lives, host } = this.parts;
    // Never under an id that the browser chose: only a session that was found keeps its own.
    const id = before?.id ?? Buffer.from(host.randomBytes(32)).toString('base64url');
    const key = this.keyOf(id);
    const life_s = Math.ceil(left_s(session, lives, now_s(host)));
    await this.redis.command('SET', key, sealer.seal(key, JSON.stringify(session)), 'EX', life_s);
    if (before === null) await this.list(session, key);
    return cookies.write(id, cookiesOf(exchange.request), { maxAge_s: life_s, isSecure: isSecure(exchange) });
  }

  async remove(exchange: Exchange, before: Found | null): Promise<string[]> {
    const { cookies } = this.parts;
    if (before !== null) await this.redis.command('DEL', this.keyOf(before.id));
    const life = { maxAge_s: 0, isSecure: isSecure(exchange) };
    return cookies.write('', cookiesOf(exchange.request), life) ?? [];
  }

  async endAll({ sub, sid }: LogoutTarget): Promise<void> {
    const list = sid === '' ? this.listOf('sub', sub) : this.listOf('sid', sid);
    const keys = await this.redis.command('SMEMBERS', list);
    for (const key of Array.isArray(keys) ? keys : []) {
      if (typeof key === 'string' && key.startsWith(`${this.prefix}:`)) await this.redis.command('DEL', key);
    }
    await this.redis.command('DEL', list);
  }

  /** Notes under which names a log-out will look for the session. */
  private async list({ sub, sid }: Session, key: string): Promise<void> {
    for (const list of [this.listOf('sub', sub), ...(sid === '' ? [] : [this.listOf('sid', sid)])]) {
      await this.redis.command('SADD', list, key);
      await this.redis.command('EXPIRE', list, this.parts.lives.absolute_s);
    }
  }

  private keyOf(id: string): string {
    return `${this.prefix}:${digest(id)}`;
  }

  private listOf(kind: 'sub' | 'sid', name: string): string {
    return `${this.prefix}:${kind}:${digest(name)}`;
  }
}

/** Whether the browser came over https. */
export function isSecure({ request }: Exchange): boolean {
  return request.scheme === 'https';
}
