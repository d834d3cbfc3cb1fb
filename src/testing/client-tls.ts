/** The secured side of a connection that is not encrypted: what the gateway would know after the handshake. */
import type { PeerCertificate } from 'node:tls';
import { NO_CERTIFICATES, type Certificates, type CompiledSsl } from '../compile/certificates.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { TlsFacts, type TlsPeer } from '../tls/tls-facts.ts';
import type { ClientCertificate, ClientTls } from './test-client.ts';

/** The handshake comes to nothing; the message says why. */
export class HandshakeRefused extends Error {
  override readonly name = 'HandshakeRefused';
}

const VERSIONS = ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** As the handshake decides it. Throws HandshakeRefused. */
export function securedBy(
  certificates: Certificates = NO_CERTIFICATES,
  tls: ClientTls,
  settings: GatewaySettings['tls'],
): TlsFacts {
  const { serverName = '', protocol = 'TLSv1.3', certificate } = tls;
  const name = serverName.toLowerCase();
  const fallback = settings.fallback_sni.toLowerCase();
  const ssl =
    (name === '' ? undefined : certificates.find(name)) ?? (fallback === '' ? undefined : certificates.find(fallback));
  if (ssl === undefined)
    throw new HandshakeRefused(name === '' ? 'the client names no server' : `no certificate for ${name}`);
  const isAllowed =
    ssl.protocols.length > 0
      ? ssl.protocols.includes(protocol)
      : VERSIONS.indexOf(protocol) >= VERSIONS.indexOf(settings.min_version);
  if (!isAllowed) throw new HandshakeRefused(`${protocol} is not allowed for ${name}`);
  const facts = new TlsFacts(peerOf(tls, protocol, ssl), ssl);
  if (ssl.clientCa !== '' && ssl.skips.length === 0 && !facts.isVerified) {
    throw new HandshakeRefused(certificate === undefined ? 'no client certificate' : facts.verifyError);
  }
  return facts;
}

function peerOf({ serverName = '', certificate }: ClientTls, protocol: string, ssl: CompiledSsl): TlsPeer {
  const isTrusted = certificate !== undefined && certificate.isTrusted !== false;
  const shown = ssl.clientCa === '' || certificate === undefined ? {} : peerCertificate(certificate);
  const peer = {
    authorized: isTrusted,
    authorizationError: isTrusted ? undefined : new Error('unable to verify the first certificate'),
    servername: serverName === '' ? false : serverName,
    getPeerCertificate: () => shown,
    getProtocol: () => protocol,
    getCipher: () => ({ name: 'AES256-GCM-SHA384', standardName: 'TLS_AES_256_GCM_SHA384', version: protocol }),
    isSessionReused: () => false,
  };
  return peer as unknown as TlsPeer;
}

function peerCertificate({
  subject = {},
  issuer = {},
  serialNumber = '01',
  fingerprint = '',
}: ClientCertificate): Partial<PeerCertificate> {
  const names = { subject, issuer } as unknown as Pick<PeerCertificate, 'subject' | 'issuer'>;
  return { ...names, serialNumber, fingerprint, raw: Buffer.alloc(0) };
}
