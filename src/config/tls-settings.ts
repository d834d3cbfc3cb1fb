/** `gateway.tls` and `gateway.upstream_tls`: TLS towards clients, and towards upstreams. */
import { X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import type { Infer, Schema } from '../sdk/schema.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { readWhole } from './read-whole.ts';

export const TLS_SETTINGS = {
  type: 'object',
  default: {},
  description: 'TLS towards clients.',
  properties: {
    fallback_sni: {
      type: 'string',
      default: '',
      maxLength: 253,
      description:
        'Server name whose certificate serves clients that name none, or one that nobody serves; empty refuses them.',
    },
    min_version: {
      enum: ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
      default: 'TLSv1.2',
      description: 'Lowest version of TLS, for SSL objects without ssl_protocols.',
    },
    ticket_lifetime_ms: {
      type: 'integer',
      minimum: 1,
      maximum: 2_147_483_647,
      default: 21_600_000,
      description: 'How long a session can be resumed at most; tickets are protected with new keys as often.',
    },
  },
} as const satisfies Schema;

export const UPSTREAM_TLS_SETTINGS = {
  type: 'object',
  default: {},
  description: 'TLS towards nodes of upstreams with the scheme https.',
  properties: {
    trusted_certificates: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      default: ['bundled'],
      items: { type: 'string', minLength: 1, maxLength: 4096 },
      description:
        "Authorities by which nodes are known: bundled for Mozilla's list as Node.js brings it along, system for those of the operating system, or files of certificates in PEM; relative paths begin where this file lies. They are read at the start. Clients of plugins that are given no authorities of their own know their peers by them, too.",
    },
    min_version: {
      enum: ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
      default: 'TLSv1.2',
      description: 'Lowest version of TLS.',
    },
    require_close_notify: {
      type: 'boolean',
      description:
        'Whether a response that the end of its connection ends is complete only where the node said by close_notify that it ends: by default it is, unless `profile` is apisix.',
    },
  },
} as const satisfies Schema;

const MOST_BYTES = 16 * 1024 * 1024;

/** Reads the files that `trusted_certificates` names. @returns its words, and the content of its files */
export async function readAuthorities(
  { trusted_certificates }: Infer<typeof UPSTREAM_TLS_SETTINGS>,
  folder: string,
): Promise<{ readonly authorities: string[]; readonly problems: Problem[] }> {
  const found = trusted_certificates.map(async (each, i): Promise<string | Problem> => {
    if (each === 'bundled' || each === 'system') return each;
    try {
      const text = (await readWhole(resolve(folder, each), MOST_BYTES)).toString('latin1');
      // One that cannot be parsed would be left out in silence by OpenSSL.
      const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
      if (certificates.length === 0) throw new Error('it has no certificate in PEM');
      for (const certificate of certificates) void new X509Certificate(certificate);
      return certificates.join('\n');
    } catch (error) {
      const path = pathOf('gateway.upstream_tls.trusted_certificates', i);
      const message = `${quote(each)} cannot be read as certificates: ${(error as Error).message}`;
      return { path, value: each, code: 'unreadable', message };
    }
  });
  // In their order, whichever file was read first.
  const read = await Promise.all(found);
  return {
    authorities: read.map((one) => (typeof one === 'string' ? one : '')),
    problems: read.filter((one) => typeof one !== 'string'),
  };
}
