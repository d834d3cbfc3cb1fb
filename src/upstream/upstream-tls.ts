/** Who the gateway is towards nodes that speak TLS, and by which authorities it knows them. */
import { hash } from 'node:crypto';
import tls from 'node:tls';
import type { CompiledUpstreamTls } from '../compile/snapshot.ts';
import type { CompiledSsl, TlsVersion } from '../compile/certificates.ts';

export interface UpstreamTlsOptions {
  /** Whether nodes are verified whose upstream does not say. */
  readonly verifies: boolean;
  /** `bundled`, `system`, or certificates in PEM. */
  readonly authorities: readonly string[];
  readonly minVersion: TlsVersion;
  /** Whether the end of a connection may end a response without a close_notify (RFC 9112 §9.8). */
  readonly mayEndSilently?: boolean;
  /** The SSL object of type client with that id, as it is now. */
  readonly clientCertificate: (id: string) => CompiledSsl | undefined;
  /** No TLS, or none with who was meant; the reason is for the operator. */
  readonly onFailed: (failure: UpstreamTlsFailure) => void;
}

export interface UpstreamTlsFailure {
  readonly kind: 'handshake' | 'certificate' | 'protocol';
  readonly node: string;
  /** Which was asked for and verified. */
  readonly name: string;
  readonly reason: string;
}

/** Connections of equal identities may be shared. */
export interface TlsIdentity {
  readonly key: string;
  readonly context: tls.SecureContext;
  readonly verifies: boolean;
}

interface Known {
  readonly ssl: CompiledSsl | undefined;
  readonly identity: TlsIdentity;
}

export class TlsIdentities {
  private readonly options: UpstreamTlsOptions;
  private readonly known = new WeakMap<CompiledUpstreamTls, Known>();
  /** Undefined: those that Node.js brings along, which all connections share. */
  private readonly authorities: string[] | undefined;

  constructor(options: UpstreamTlsOptions) {
    this.options = options;
    this.authorities = resolveAuthorities(options.authorities);
  }

  /** @returns why there is none */
  of(settings: CompiledUpstreamTls): TlsIdentity | string {
    const { certId } = settings;
    const ssl = certId === '' ? undefined : this.options.clientCertificate(certId);
    const known = this.known.get(settings);
    if (known !== undefined && known.ssl === ssl) return known.identity;
    if (certId !== '' && ssl === undefined) return `there is no SSL object of type client with the id ${certId}`;
    const made = this.make(settings, ssl);
    if (typeof made !== 'string') this.known.set(settings, { ssl, identity: made });
    return made;
  }

  private make(settings: CompiledUpstreamTls, ssl: CompiledSsl | undefined): TlsIdentity | string {
    const { cert, key } = ssl?.certs[0] ?? settings;
    const verifies = settings.verify ?? this.options.verifies;
    // The object's own authorities come in place of those of all.
    const own = ssl === undefined || ssl.clientCa === '' ? null : ssl.clientCa;
    const ca = own ?? this.authorities;
    try {
      const context = tls.createSecureContext({
        minVersion: this.options.minVersion,
        ...(cert === '' ? {} : { cert, key }),
        ...(ca === undefined ? {} : { ca }),
      });
      return { key: hash('sha256', JSON.stringify([cert, key, own, verifies]), 'base64url'), context, verifies };
    } catch (error) {
      // What the checks of the configuration let through and OpenSSL does not take.
      return `the client certificate cannot be used: ${(error as Error).message}`;
    }
  }
}

/** @returns undefined for those that Node.js brings along */
export function resolveAuthorities(authorities: readonly string[]): string[] | undefined {
  if (authorities.length === 0 || (authorities.length === 1 && authorities[0] === 'bundled')) return undefined;
  return authorities.flatMap((each) =>
    each === 'bundled' || each === 'system' ? tls.getCACertificates(each) : [each],
  );
}
