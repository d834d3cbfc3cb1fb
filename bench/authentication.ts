/** What it costs to know who calls. */
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import type { Load } from './load.ts';
import type { LoadWorkload } from './workloads.ts';

const SECRET = 'a-secret-of-the-benchmark-with-64-bytes-or-a-few-more-than-those';
const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT';

/** As long as what identity providers send. */
const CLAIMS = {
  iss: 'https://login.bench.example/realms/bench',
  aud: 'bench',
  sub: '3f5c2c1e-8b51-4ad9-9d1c-0b1f8d3c7a55',
  iat: 1_767_225_600,
  exp: 4_102_444_800,
  scope: 'openid profile email orders:read orders:write',
};

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

interface Way {
  readonly plugin: string;
  /** On the consumer. */
  readonly credential: object;
  readonly attributes?: object;
  readonly metadata?: object;
  readonly headers: Readonly<Record<string, string>>;
}

function jwt(metadata: object = {}): Way {
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...CLAIMS, key: 'bench' })}`;
  const token = `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
  return {
    plugin: 'jwt-auth',
    credential: { key: 'bench', secret: SECRET },
    metadata,
    headers: { Authorization: `Bearer ${token}` },
  };
}

function jwtOfRsa(): Way {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ ...CLAIMS, key: 'bench' })}`;
  const token = `${signed}.${createSign('sha256').update(signed).sign(privateKey).toString('base64url')}`;
  const public_key = publicKey.export({ type: 'spki', format: 'pem' });
  return {
    plugin: 'jwt-auth',
    credential: { key: 'bench', algorithm: 'RS256', public_key },
    metadata: { cached_tokens: 0 },
    headers: { Authorization: `Bearer ${token}` },
  };
}

function hmac(): Way {
  const text = `bench\nGET /\ndate: ${DATE}\n`;
  const signature = createHmac('sha256', SECRET).update(text).digest('base64');
  const list = 'keyId="bench",algorithm="hmac-sha256",headers="@request-target date"';
  return {
    plugin: 'hmac-auth',
    credential: { key_id: 'bench', secret_key: SECRET },
    attributes: { clock_skew: 10_000_000_000 },
    headers: { Date: DATE, Authorization: `Signature ${list},signature="${signature}"` },
  };
}

const WAYS: Readonly<Record<string, () => Way>> = {
  'key-auth': () => ({ plugin: 'key-auth', credential: { key: 'secret' }, headers: { apikey: 'secret' } }),
  'basic-auth': () => ({
    plugin: 'basic-auth',
    credential: { username: 'bench', password: 'secret' },
    headers: { Authorization: `Basic ${Buffer.from('bench:secret').toString('base64')}` },
  }),
  'jwt-cached': jwt,
  'jwt-uncached': () => jwt({ cached_tokens: 0 }),
  'jwt-rs256-uncached': jwtOfRsa,
  'hmac-auth': hmac,
};

function workloadOf(small: Load, name: string, title: string, way: Way, more: object = {}): LoadWorkload {
  const { plugin, credential, attributes = {}, metadata, headers } = way;
  return {
    kind: 'load',
    name,
    title,
    load: { ...small, headers },
    routes: ['/*'],
    tuning: {
      gatewright: {
        route: { plugins: { [plugin]: attributes, ...more } },
        document: {
          consumers: [{ username: 'bench', plugins: { [plugin]: credential } }],
          ...(metadata === undefined ? {} : { plugin_metadata: [{ id: plugin, ...metadata }] }),
        },
      },
    },
    against: 'bare',
  };
}

/** @param small the load of the workload `bare` */
export function authenticationWorkloads(small: Load): LoadWorkload[] {
  const limit = { 'limit-count': { count: 2_000_000_000, time_window: 3600, key: 'remote_addr' } };
  return [
    ...Object.entries(WAYS).map(([name, way]) => workloadOf(small, `auth-${name}`, `${name} in the header`, way())),
    {
      ...workloadOf(small, 'jwt-limit-count', 'jwt-auth, of tokens that were verified, + limit-count', jwt(), limit),
      isJudgedByAgainst: true,
      goal: { goal: 1.4, accept: 1.5 },
    },
  ];
}
