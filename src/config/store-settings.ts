/** The key `gateway.store`: where objects come from. */
import type { Infer, Schema } from '../sdk/schema.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';

const FILE = { type: 'string', minLength: 1, maxLength: 4096 } as const satisfies Schema;
const MILLISECONDS = { type: 'integer', minimum: 100, maximum: 600_000 } as const satisfies Schema;

export const STORE_SETTINGS = {
  type: 'object',
  default: {},
  description: 'Where objects come from.',
  properties: {
    type: {
      enum: ['file', 'embedded', 'etcd'],
      default: 'file',
      description: 'file: this file, watched; embedded: a SQLite file; etcd: an etcd (v3) that several machines share.',
    },
    path: {
      ...FILE,
      description: 'embedded: the file, gatewright.db by default; relative to the configuration file.',
    },
    key_file: {
      ...FILE,
      description:
        'embedded: where the keys are that secrets are encrypted by, one a line, the first one encrypts; by default the path with .key, made at the first start.',
    },
    keys: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      items: {
        type: 'string',
        pattern: '^[A-Za-z0-9+/_\\-]{42}[AEIMQUYcgkosw048]=?$',
        secret: true,
        remedy: 'is no key: write 32 random bytes in base64, as openssl rand -base64 32 makes them',
      },
      description: 'embedded: the keys themselves, 32 bytes in base64 each, instead of a file; the first one encrypts.',
    },
    max_bytes: {
      type: 'integer',
      minimum: 1_048_576,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'embedded: the file grows no larger; 1 GiB by default.',
    },
    hosts: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      items: { type: 'string', minLength: 1, maxLength: 512 },
      description: 'etcd: its endpoints, http://127.0.0.1:2379 by default; one is used, the others when it fails.',
    },
    prefix: {
      type: 'string',
      maxLength: 256,
      pattern: '^(?:/[A-Za-z0-9._-]+)+$',
      remedy: 'is no prefix: write it as in /apisix, without a slash at its end',
      description: 'etcd: what all keys begin with, /apisix by default.',
    },
    user: { type: 'string', minLength: 1, maxLength: 256, description: 'etcd: the user, where it asks for one.' },
    password: { type: 'string', minLength: 1, maxLength: 1024, secret: true, description: 'etcd: its password.' },
    tls: {
      type: 'object',
      description: 'etcd: how https:// endpoints are spoken to.',
      properties: {
        ca: { ...FILE, description: 'PEM file with the authorities that are trusted; by default those of the system.' },
        cert: { ...FILE, description: "PEM file with the gateway's own certificate." },
        key: { ...FILE, description: 'PEM file with its key.' },
        sni: {
          type: 'string',
          minLength: 1,
          maxLength: 253,
          description: 'The name that the certificate must have; by default the host.',
        },
        verify: { type: 'boolean', description: 'Whether the certificate is verified; true by default.' },
      },
    },
    timeout_ms: { ...MILLISECONDS, description: 'etcd: until a call has failed; 5000 by default.' },
    health_ms: {
      ...MILLISECONDS,
      description: 'etcd: how often it is asked whether it is still there; 3000 by default.',
    },
    encryption: {
      description: "etcd: how secrets are kept there: by APISIX's keyring, or off, in plain text.",
      anyOf: [
        { const: 'off' },
        {
          type: 'object',
          required: ['keyring'],
          properties: {
            keyring: {
              type: 'array',
              minItems: 1,
              maxItems: 64,
              uniqueItems: true,
              items: {
                type: 'string',
                pattern: '^(?:[\\x21-\\x7e]{16}|[\\x21-\\x7e]{32})$',
                secret: true,
                remedy: 'is no key of a keyring: write 16 or 32 printable characters',
              },
              description: 'Keys of 16 characters (AES-128-CBC) or 32 (AES-256-CBC); the first one encrypts.',
            },
          },
        },
      ],
    },
    snapshot: {
      description: 'etcd: file with the last good state, gatewright-etcd.snapshot by default; false keeps none.',
      anyOf: [{ const: false }, FILE],
    },
  },
} as const satisfies Schema;

export type StoreSettings = Infer<typeof STORE_SETTINGS>;

/** The attributes of each type. */
const BELONGING: Readonly<Record<StoreSettings['type'], readonly string[]>> = {
  file: [],
  embedded: ['path', 'key_file', 'keys', 'max_bytes'],
  etcd: ['hosts', 'prefix', 'user', 'password', 'tls', 'timeout_ms', 'health_ms', 'encryption', 'snapshot'],
};

/** What the schema cannot say. */
export function checkStore(store: StoreSettings): Problem[] {
  const base = 'gateway.store';
  const { type, ...others } = store;
  const problems = Object.keys(others).flatMap((attribute): Problem[] => {
    if (BELONGING[type].includes(attribute)) return [];
    const owner = type === 'file' ? 'it is this file' : `that belongs to another type of store`;
    return [
      { path: pathOf(base, attribute), code: 'conflict', message: `the store "${type}" has no ${attribute}: ${owner}` },
    ];
  });
  if (type === 'embedded' && store.keys !== undefined && store.key_file !== undefined) {
    problems.push({
      path: pathOf(base, 'keys'),
      code: 'conflict',
      message: '"keys" and "key_file" exclude each other: keep one',
    });
  }
  if (type === 'etcd')
    problems.push(...checkEtcd(store, base), ...checkHosts(store.hosts ?? [], pathOf(base, 'hosts')));
  return problems;
}

function checkEtcd({ encryption, user, password, tls, hosts = [] }: StoreSettings, base: string): Problem[] {
  const problems: Problem[] = [];
  const need = (path: string, message: string): void =>
    void problems.push({ path, code: 'missing_attribute', message });
  if (encryption === undefined) {
    const message =
      'say how secrets are kept in etcd: write encryption: { keyring: [KEY] }, with the keys of APISIX if it shares them, or encryption: off';
    need(pathOf(base, 'encryption'), message);
  }
  if (user !== undefined && password === undefined) need(pathOf(base, 'password'), '"user" needs "password" beside it');
  if (password !== undefined && user === undefined) need(pathOf(base, 'user'), '"password" needs "user" beside it');
  if (tls === undefined) return problems;
  const at = pathOf(base, 'tls');
  if (tls.cert !== undefined && tls.key === undefined) need(pathOf(at, 'key'), '"cert" needs "key" beside it');
  if (tls.key !== undefined && tls.cert === undefined) need(pathOf(at, 'cert'), '"key" needs "cert" beside it');
  if (!hosts.some((host) => host.startsWith('https:'))) {
    problems.push({
      path: at,
      code: 'conflict',
      message: 'no endpoint is spoken to over TLS: write the hosts as https://…',
    });
  }
  return problems;
}

function checkHosts(hosts: readonly string[], base: string): Problem[] {
  const schemes = new Set<string>();
  return hosts.flatMap((host, i): Problem[] => {
    const path = pathOf(base, i);
    const url = URL.parse(host);
    const isPlain = url !== null && /^https?:$/.test(url.protocol) && `${url.pathname}${url.search}${url.hash}` === '/';
    if (!isPlain) {
      const message = `${quote(host)} is no endpoint of etcd: write it as in http://127.0.0.1:2379`;
      return [{ path, value: host, code: 'invalid_value', message }];
    }
    if (url.username !== '' || url.password !== '') {
      return [
        {
          path,
          code: 'conflict',
          message: 'an endpoint holds no password: write "user" and "password" beside the hosts',
        },
      ];
    }
    schemes.add(url.protocol);
    if (schemes.size < 2) return [];
    return [
      {
        path,
        value: host,
        code: 'conflict',
        message: 'endpoints with and without TLS: write all of them as https://…',
      },
    ];
  });
}
