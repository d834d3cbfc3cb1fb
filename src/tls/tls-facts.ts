/** What a secured connection knows of its client. */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { CompiledSsl } from '../compile/certificates.ts';

/** What is asked of a secured socket. */
export type TlsPeer = Pick<
  TLSSocket,
  | 'authorized'
  | 'authorizationError'
  | 'servername'
  | 'getPeerCertificate'
  | 'getProtocol'
  | 'getCipher'
  | 'isSessionReused'
>;

export class TlsFacts {
  /** The object whose certificate and rules the connection was made by. */
  readonly ssl: CompiledSsl;
  /** The client showed a certificate that its object's authorities vouch for. */
  readonly isVerified: boolean;
  /** Why not; '' if it did, or showed none. */
  readonly verifyError: string;
  private readonly peer: PeerCertificate | null;
  // Of a socket that is gone nothing can be asked any more, and the log asks last.
  private readonly protocol: string | null;
  private readonly cipher: string;
  private readonly serverName: string | undefined;
  private readonly isReused: boolean;

  constructor(socket: TlsPeer, ssl: CompiledSsl) {
    this.ssl = ssl;
    this.protocol = socket.getProtocol();
    this.cipher = socket.getCipher().standardName;
    this.serverName = typeof socket.servername === 'string' ? socket.servername : undefined;
    this.isReused = socket.isSessionReused();
    this.peer = ssl.clientCa === '' ? null : certificateOf(socket);
    const isShown = this.peer !== null;
    const isTooDeep = isShown && chainLength(this.peer) > ssl.clientDepth + 1;
    this.isVerified = isShown && socket.authorized && !isTooDeep;
    const error: unknown = socket.authorizationError;
    const code = error instanceof Error ? error.message : typeof error === 'string' ? error : '';
    this.verifyError = isTooDeep ? 'the certificate chain is too long' : isShown ? code : '';
  }

  /** A variable of nginx whose name begins with `ssl_`. */
  variable(name: string): string | undefined {
    switch (name) {
      case 'ssl_protocol':
        return this.protocol ?? undefined;
      case 'ssl_cipher':
        return this.cipher;
      case 'ssl_server_name':
        return this.serverName;
      case 'ssl_session_reused':
        return this.isReused ? 'r' : '.';
      case 'ssl_client_verify':
        return this.isVerified ? 'SUCCESS' : this.verifyError === '' ? 'NONE' : `FAILED:${this.verifyError}`;
      case 'ssl_client_s_dn':
        return distinguishedName(this.peer?.subject);
      case 'ssl_client_i_dn':
        return distinguishedName(this.peer?.issuer);
      case 'ssl_client_serial':
        return this.peer?.serialNumber;
      case 'ssl_client_fingerprint':
        return this.peer?.fingerprint.replaceAll(':', '').toLowerCase();
      case 'ssl_client_raw_cert':
        return this.peer === null ? undefined : pem(this.peer.raw);
      default:
        return undefined;
    }
  }
}

function certificateOf(socket: TlsPeer): PeerCertificate | null {
  const certificate = socket.getPeerCertificate(true);
  return Object.keys(certificate).length === 0 ? null : certificate;
}

/** Certificates from the client's to its root, both counted. */
function chainLength(certificate: PeerCertificate | null): number {
  let length = 0;
  const seen = new Set<string>();
  for (let at: unknown = certificate; typeof at === 'object' && at !== null; length++) {
    const { fingerprint256, issuerCertificate } = at as { fingerprint256?: string; issuerCertificate?: unknown };
    if (fingerprint256 === undefined || seen.has(fingerprint256)) break;
    seen.add(fingerprint256);
    at = issuerCertificate;
  }
  return length - 1;
}

/** RFC 2253 (now RFC 4514): the most specific part first. */
function distinguishedName(name: PeerCertificate['subject'] | undefined): string | undefined {
  if (name === undefined) return undefined;
  const parts = Object.entries(name).flatMap(([type, value]: [string, string | string[] | undefined]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((each) => `${type}=${escaped(each)}`),
  );
  return parts.toReversed().join(',');
}

function escaped(value: string): string {
  // A name may hold anything, and stands in headers.
  return value.replaceAll(/[,+"\\<>;=]/g, (character) => `\\${character}`).replaceAll(/[\0-\x1f\x7f]/g, '?');
}

function pem(raw: Buffer): string {
  const lines = raw.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
