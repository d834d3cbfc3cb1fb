/** What a secured connection has to do with the host that a request asks for. */
import type { ErrorCode } from '../sdk/errors.ts';
import type { Exchange } from './exchange.ts';

/** @returns why the request cannot be served on its connection, null if it can */
export function tlsFault(exchange: Exchange): ErrorCode | null {
  const { tls } = exchange.connectionMemo;
  if (tls === null) return null;
  const { certificates } = exchange.snapshot;
  if (certificates?.isMutual === true) {
    // The handshake followed the rules of the name that it asked for: another name's rules may be stricter (RFC 9110 §7.4).
    const ofHost = certificates.find(exchange.host);
    const isOther = ofHost !== undefined && ofHost !== tls.ssl && ofHost.trust !== tls.ssl.trust;
    if (isOther && (ofHost.clientCa !== '' || tls.ssl.clientCa !== '')) return 'misdirected';
  }
  if (tls.ssl.clientCa === '' || tls.isVerified) return null;
  return tls.ssl.skips.some((skip) => skip.test(exchange.path)) ? null : 'certificate_required';
}
