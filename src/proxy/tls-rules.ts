/** What a connection, secured or not, has to do with what a request asks for. */
import type { ErrorCode } from '../sdk/errors.ts';
import type { Exchange } from './exchange.ts';

/** @returns why the request cannot be served on its connection, null if it can */
export function tlsFault(exchange: Exchange): ErrorCode | null {
  const { tls, isPeerTrusted } = exchange.connectionMemo;
  if (tls === null) return isPeerTrusted || !asksForTls(exchange.target) ? null : 'misdirected';
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

const SLASH = 47;

/** RFC 9110 §7.4: what is asked for as https must not be had without TLS, but by who may have seen to that before us. */
export function asksForTls(target: string): boolean {
  return target.charCodeAt(0) !== SLASH && /^https:/i.test(target);
}
