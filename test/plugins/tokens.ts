/** Tokens for tests, made by hand from whatever parts a test wants. */
import { constants, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

export interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const rsaPair = (bits = 2_048): Pair => generateKeyPairSync('rsa', { modulusLength: bits });
export const curvePair = (namedCurve: string): Pair => generateKeyPairSync('ec', { namedCurve });
export const edPair = (type: 'ed25519' | 'ed448'): Pair =>
  type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ed448');

export const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
export const base64url = (part: string | Uint8Array | object): string =>
  Buffer.from(
    typeof part === 'string' || part instanceof Uint8Array ? (part as string) : JSON.stringify(part),
  ).toString('base64url');

/** Header and payload as objects, as text or as bytes; the signature over whatever they are. */
export function tokenOf(
  header: string | Uint8Array | object,
  payload: string | Uint8Array | object,
  signature: (signed: Buffer) => Uint8Array,
): string {
  const signed = `${base64url(header)}.${base64url(payload)}`;
  return `${signed}.${base64url(signature(Buffer.from(signed)))}`;
}

export const hmac =
  (secret: string | Uint8Array, hash = 'sha256') =>
  (signed: Buffer): Buffer =>
    createHmac(hash, secret).update(signed).digest();

export function signedBy(key: KeyObject, algorithm: string): (signed: Buffer) => Buffer {
  const hash = algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('ES')) return (signed) => sign(hash, signed, { key, dsaEncoding: 'ieee-p1363' });
  if (!algorithm.startsWith('PS')) return (signed) => sign(hash, signed, key);
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return (signed) => sign(hash, signed, { key, padding, saltLength });
}
