/** Comparing secrets in a time that tells nothing: their digests are compared, which have one length. */
import { hash, timingSafeEqual } from 'node:crypto';

/** To be kept in place of the secret. */
export function secretDigest(secret: string | Uint8Array): Buffer {
  return hash('sha256', secret, 'buffer');
}

/** Whether what was sent is the secret of that digest. */
export function isSecret(sent: string | Uint8Array, digest: Uint8Array): boolean {
  return timingSafeEqual(secretDigest(sent), digest);
}
