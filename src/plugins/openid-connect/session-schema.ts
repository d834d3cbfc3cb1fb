/** The attributes of sessions. */
import type { Infer, Schema } from '../../sdk/index.ts';

export const SECONDS = { type: 'integer', minimum: 1, maximum: 31_536_000 } as const satisfies Schema;
const REDIS_MS = { type: 'integer', minimum: 1, maximum: 60_000, default: 1000 } as const satisfies Schema;
const COOKIE_NAME = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9_.-]+$',
  remedy: 'may hold letters, digits, and _ . - only',
} as const satisfies Schema;
const COOKIE_PART = {
  type: 'string',
  minLength: 1,
  maxLength: 256,
  pattern: '^[\\x21-\\x3a\\x3c-\\x7e]+$',
  remedy: 'may hold neither spaces nor semicolons',
} as const satisfies Schema;
/** A boolean with a default. */
export const flag = <const D extends boolean>(value: D, description: string) =>
  ({ type: 'boolean', default: value, description }) as const satisfies Schema;

export const SESSION = {
  type: 'object',
  description: 'How people stay logged in; without it, with a secret that follows from that of the client.',
  required: ['secret'],
  properties: {
    secret: {
      type: 'string',
      minLength: 16,
      maxLength: 1024,
      secret: true,
      description: 'What sessions and log-ins under way are encrypted with; the same on all gateways that share them.',
    },
    cookie_name: { ...COOKIE_NAME, default: 'session', description: 'Name of the cookie.' },
    cookie_path: { ...COOKIE_PART, default: '/', description: 'Paths that browsers send the cookie to.' },
    cookie_domain: { ...COOKIE_PART, description: 'Domain that browsers send it to; by default the host alone.' },
    cookie_secure: {
      type: 'boolean',
      description: 'Whether browsers send it over https only; by default, where it was given over https.',
    },
    cookie_http_only: flag(true, 'Whether scripts of a page cannot read it.'),
    cookie_same_site: {
      enum: ['Strict', 'Lax', 'None', 'Default'],
      default: 'Lax',
      description: 'Which pages of others browsers send it from; Default leaves that to the browser.',
    },
    idling_timeout: {
      ...SECONDS,
      default: 900,
      description: 'How long a session lives without a request, in seconds.',
    },
    rolling_timeout: {
      ...SECONDS,
      default: 3600,
      description: 'How long it lives before it is renewed, which a request in the last quarter does, in seconds.',
    },
    absolute_timeout: { ...SECONDS, description: 'How long it lives at most, in seconds; 86400 unless told.' },
    cookie: {
      type: 'object',
      default: {},
      description: 'An earlier spelling.',
      properties: { lifetime: { ...SECONDS, description: 'The same as absolute_timeout, which goes before it.' } },
    },
    storage: {
      enum: ['cookie', 'redis'],
      default: 'cookie',
      description: 'Where sessions are: with the browser, encrypted, or in Redis.',
    },
    redis: {
      type: 'object',
      default: {},
      description: 'The server of storage redis.',
      properties: {
        host: { type: 'string', minLength: 1, maxLength: 255, default: '127.0.0.1', description: 'Its address.' },
        port: { type: 'integer', minimum: 1, maximum: 65_535, default: 6379, description: 'Its port.' },
        username: { type: 'string', minLength: 1, description: 'User of its ACL.' },
        password: {
          type: 'string',
          minLength: 1,
          secret: true,
          description: 'Password of that user, or of the server.',
        },
        database: { type: 'integer', minimum: 0, default: 0, description: 'Number of the database.' },
        prefix: {
          type: 'string',
          minLength: 1,
          maxLength: 64,
          default: 'sessions',
          description: 'First part of the keys.',
        },
        ssl: flag(false, 'Whether the connection is encrypted.'),
        ssl_verify: flag(true, 'Whether its certificate is verified.'),
        server_name: {
          type: 'string',
          minLength: 1,
          description: 'Name that the certificate is to be for, in place of the host.',
        },
        connect_timeout: {
          ...REDIS_MS,
          description: 'Part of what a call may take, in milliseconds: the three are added.',
        },
        send_timeout: { ...REDIS_MS, description: 'Another part of it.' },
        read_timeout: { ...REDIS_MS, description: 'The third part of it.' },
        keepalive_timeout: {
          type: 'integer',
          minimum: 1000,
          maximum: 86_400_000,
          default: 10_000,
          description: 'After which a connection that nobody needs is closed, in milliseconds.',
        },
      },
    },
  },
} as const satisfies Schema;

const REDIS = SESSION.properties.redis.properties;

/** What holds where nothing is configured. */
export const DEFAULT_SESSION = {
  cookie_name: SESSION.properties.cookie_name.default,
  cookie_path: SESSION.properties.cookie_path.default,
  cookie_http_only: true,
  cookie_same_site: SESSION.properties.cookie_same_site.default,
  idling_timeout: SESSION.properties.idling_timeout.default,
  rolling_timeout: SESSION.properties.rolling_timeout.default,
  cookie: {},
  storage: SESSION.properties.storage.default,
  redis: {
    host: REDIS.host.default,
    port: REDIS.port.default,
    database: REDIS.database.default,
    prefix: REDIS.prefix.default,
    ssl: false,
    ssl_verify: true,
    connect_timeout: REDIS.connect_timeout.default,
    send_timeout: REDIS.send_timeout.default,
    read_timeout: REDIS.read_timeout.default,
    keepalive_timeout: REDIS.keepalive_timeout.default,
  },
} as const satisfies Omit<Infer<typeof SESSION>, 'secret'>;
