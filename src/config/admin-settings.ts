/** The key `gateway.admin`: the listener of the Admin API, and who may use it. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Infer, Schema } from '../sdk/schema.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';

const FILE = { type: 'string', minLength: 1, maxLength: 4096 } as const satisfies Schema;

const KEY = {
  type: 'object',
  required: ['name', 'key'],
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 100, description: 'Stands in the audit log for whoever uses it.' },
    key: {
      type: 'string',
      minLength: 8,
      maxLength: 1024,
      pattern: '^[\\x21-\\x7e]*$',
      remedy: 'may hold printable ASCII without spaces only',
      secret: true,
      description: 'What clients send in X-API-KEY.',
    },
    role: {
      enum: ['admin', 'viewer'],
      default: 'admin',
      description: 'viewer: reads, without secrets; admin: everything.',
    },
  },
} as const satisfies Schema;

const TLS = {
  type: 'object',
  required: ['cert', 'key'],
  description: 'TLS for the listener; paths of PEM files, relative to the configuration file.',
  properties: {
    cert: { ...FILE, description: 'Certificate chain.' },
    key: { ...FILE, description: 'Its private key.' },
    client_ca: { ...FILE, description: 'Only clients with a certificate of one of these authorities get in.' },
  },
} as const satisfies Schema;

export const ADMIN_SETTINGS = {
  type: 'object',
  properties: {
    enabled: { type: 'boolean', default: true, description: 'false: as if the whole key were not there.' },
    address: { ...FILE, maxLength: 255, default: '127.0.0.1', description: 'IP address to listen on.' },
    port: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      default: 9180,
      description: 'Port to listen on; 0 takes a free one.',
    },
    keys: {
      type: 'array',
      default: [],
      maxItems: 100,
      items: KEY,
      description:
        'Who may call. Without any, a random key is made at the first start, printed once and kept in key_file.',
    },
    key_file: {
      ...FILE,
      default: 'gatewright-admin.key',
      description: 'Where the random key is kept, with mode 600; relative to the configuration file.',
    },
    allow_anonymous: {
      type: 'boolean',
      default: false,
      description: 'Without keys, everyone on this machine is an admin; on loopback addresses only.',
    },
    allow: {
      type: 'array',
      default: [],
      maxItems: 4096,
      items: { ...FILE, maxLength: 64 },
      description: 'Addresses and CIDR blocks that may call; all if empty.',
    },
    max_body_bytes: {
      type: 'integer',
      minimum: 1024,
      maximum: 268_435_456,
      default: 16_777_216,
      description: 'Longest body, in bytes (413).',
    },
    tls: TLS,
    audit_log: {
      ...FILE,
      default: 'stderr',
      description: 'Where every change is recorded, a line of JSON for each object: stdout, stderr, or a file.',
    },
  },
} as const satisfies Schema;

export type AdminSettings = Infer<typeof ADMIN_SETTINGS>;

/** What the schema cannot say. */
export function checkAdmin({ address, keys, allow_anonymous, allow }: AdminSettings): Problem[] {
  const problems: Problem[] = [];
  const path = 'gateway.admin';
  if (allow_anonymous && keys.length > 0) {
    const message = 'keys and allow_anonymous exclude each other: with keys nobody is anonymous';
    problems.push({ path: `${path}.allow_anonymous`, code: 'conflict', message });
  }
  if (allow_anonymous && isIP(address) !== 0 && !isLoopback(address)) {
    const message = `without keys everyone who reaches ${address} would be an admin: listen on 127.0.0.1, or name keys`;
    problems.push({ path: `${path}.allow_anonymous`, code: 'conflict', message });
  }
  const seen = new Map<string, number>();
  keys.forEach(({ key, name }, i) => {
    for (const [attribute, value] of [
      ['key', `key ${key}`],
      ['name', `name ${name}`],
    ] as const) {
      const first = seen.get(value);
      if (first === undefined) seen.set(value, i);
      else {
        const message = `the same ${attribute} is that of ${path}.keys[${first}]`;
        problems.push({ path: `${path}.keys[${i}].${attribute}`, code: 'duplicate', message });
      }
    }
  });
  allow.forEach((block, i) => {
    if (isCidr(block)) return;
    const message = `${quote(block)} is no IP address and no CIDR block such as 10.0.0.0/8`;
    problems.push({ path: pathOf(`${path}.allow`, i), value: block, code: 'invalid_value', message });
  });
  return problems;
}

function isLoopback(address: string): boolean {
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

export function isCidr(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  // A zone means something on one machine only.
  if (family === 0 || rest.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
