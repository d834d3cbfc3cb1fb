/** What browsers keep for the gateway: encrypted and signed, so that they can neither read nor change it. */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface Sealer {
  seal(purpose: string, text: string): string;
  /** @returns null for what was not sealed by the same secret, for the same purpose */
  open(purpose: string, sealed: string): string | null;
}

/**
 * AES-256-GCM with random nonces, under a key of its own for each `context`: what was sealed for one client of a provider
 * says nothing to another, even if they share the secret.
 */
export function sealer(secret: string, context: string, randomBytes: (length: number) => Uint8Array): Sealer {
  const key = Buffer.from(hkdfSync('sha256', secret, '', `gatewright openid-connect ${context}`, 32));
  return {
    seal(purpose, text) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce);
      cipher.setAAD(Buffer.from(purpose));
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      );
    },
    open(purpose, sealed) {
      const bytes = Buffer.from(sealed, 'base64url');
      // Characters beyond the last byte would be dropped in silence.
      if (bytes.length < NONCE_BYTES + TAG_BYTES || sealed.length !== Math.ceil((bytes.length * 4) / 3)) return null;
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(purpose));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
      } catch {
        return null;
      }
    },
  };
}
