/** Which certificate serves which name: the SSL objects of a Snapshot, ready to be looked up by server name. */
import { hash } from 'node:crypto';
import type { Infer } from '../sdk/schema.ts';
import type { sslSchema } from '../model/ssl.ts';
import type { Regex } from '../router/regex.ts';
import { compileRegex } from '../router/regex.ts';
import type { Readings } from './read-objects.ts';

type SslObject = Infer<typeof sslSchema>;
export type TlsVersion = 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** One SSL object. As long as the object is the same, so is this: what is made of it can be attached to it. */
export interface CompiledSsl {
  readonly id: string;
  readonly certs: readonly { readonly cert: string; readonly key: string }[];
  /** Authorities of client certificates, PEM; '' where none is asked for. */
  readonly clientCa: string;
  /** Longest chain of a client's certificate, without itself and its root. */
  readonly clientDepth: number;
  /** Paths that need no client certificate. */
  readonly skips: readonly Regex[];
  /** Empty: as the gateway's settings say. */
  readonly protocols: readonly TlsVersion[];
  /** Of everything that bears on who is let in: sessions are resumed between equals only. */
  readonly trust: string;
  /** The server names; none for one of type `client`. */
  readonly names: readonly string[];
  /** Null: clients are not shown what the authority says. */
  readonly stapling: Stapling | null;
}

/** OCSP stapling (RFC 6066 §8). */
export interface Stapling {
  /** Equal for equal certificates that are stapled in the same way. */
  readonly key: string;
  readonly verifies: boolean;
  readonly ttl_ms: number;
}

export interface Certificates {
  /** One of type `client`, for upstreams. */
  client(id: string): CompiledSsl | undefined;
  /** @param name in lower case; the exact name first, then the wildcard of its parent */
  find(name: string): CompiledSsl | undefined;
  /** One that asks for client certificates exists: a Host has to be of the same object as the connection. */
  readonly isMutual: boolean;
}

export const NO_CERTIFICATES: Certificates = { find: () => undefined, client: () => undefined, isMutual: false };

interface Memory {
  readonly source: SslObject;
  readonly compiled: CompiledSsl;
}

/** Keeps what was made of each object as long as the object stays the same. */
export class CertificateIndex implements Certificates {
  readonly isMutual: boolean;
  private readonly byName = new Map<string, CompiledSsl>();
  private readonly byId = new Map<string, Memory>();

  constructor(readings: Readings<'ssls'>, before: CertificateIndex | null) {
    let isMutual = false;
    for (const [id, { value }] of readings) {
      if (value === null || value.status === 0) continue;
      const known = before?.byId.get(id);
      const memory = known?.source === value ? known : { source: value, compiled: compileSsl(id, value) };
      this.byId.set(id, memory);
      if (value.type !== 'server') continue;
      isMutual ||= memory.compiled.clientCa !== '';
      // Of two objects with the same name the first by id serves, whatever the order in which they came.
      for (const name of value.snis ?? [value.sni ?? '']) {
        const key = name.toLowerCase();
        const other = this.byName.get(key);
        if (other === undefined || id < other.id) this.byName.set(key, memory.compiled);
      }
    }
    this.isMutual = isMutual;
  }

  /** Every object that is enabled. */
  *all(): Iterable<CompiledSsl> {
    for (const { compiled } of this.byId.values()) yield compiled;
  }

  find(name: string): CompiledSsl | undefined {
    const exact = this.byName.get(name);
    if (exact !== undefined) return exact;
    const dot = name.indexOf('.');
    return dot < 0 ? undefined : this.byName.get(`*${name.slice(dot)}`);
  }

  /** A certificate of type `client`, for upstreams. */
  client(id: string): CompiledSsl | undefined {
    const memory = this.byId.get(id);
    return memory?.source.type === 'client' ? memory.compiled : undefined;
  }
}

function compileStapling({ cert, ocsp_stapling }: SslObject): Stapling | null {
  if (ocsp_stapling?.enabled !== true) return null;
  const { skip_verify, cache_ttl } = ocsp_stapling;
  const key = hash('sha256', JSON.stringify([cert, skip_verify, cache_ttl]), 'base64url');
  return { key, verifies: !skip_verify, ttl_ms: cache_ttl * 1000 };
}

function compileSsl(id: string, ssl: SslObject): CompiledSsl {
  const { cert, key, certs = [], keys = [], client } = ssl;
  return {
    id,
    certs: [{ cert, key }, ...certs.map((each, i) => ({ cert: each, key: keys[i] ?? '' }))],
    clientCa: client?.ca ?? '',
    clientDepth: client?.depth ?? 1,
    skips: (client?.skip_mtls_uri_regex ?? []).map((pattern) => compileRegex(pattern)),
    protocols: ssl.ssl_protocols ?? [],
    trust: hash('sha256', JSON.stringify([id, client ?? null])),
    names: ssl.type === 'client' ? [] : (ssl.snis ?? [ssl.sni ?? '']).map((name) => name.toLowerCase()),
    stapling: compileStapling(ssl),
  };
}
