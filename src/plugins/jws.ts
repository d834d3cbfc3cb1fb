/**
 * Signed tokens: JWS in the compact form (RFC 7515), read strictly, and verified at once by node:crypto. docs/authentication.md
 * tells what that costs beside jose, which has to wait for a Promise.
 */
import {
  constants,
  createHmac,
  createPublicKey,
  createSecretKey,
  timingSafeEqual,
  verify as verifySignature,
  type KeyObject,
  type VerifyKeyObjectInput,
} from 'node:crypto';
import { parseStrictObject } from './strict-json.ts';
import type { JsonFault, JsonObject } from './strict-json.ts';

export const SYMMETRIC = ['HS256', 'HS384', 'HS512'] as const;
export const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
] as const;
export const ALGORITHMS = [...SYMMETRIC, ...ASYMMETRIC] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface Jws {
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** What is signed: the first two parts with the dot between them. */
  readonly signed: string;
  readonly signature: Buffer;
}

export type JwsFault =
  | 'too_long'
  | 'not_three_parts'
  | 'encrypted'
  | 'not_base64url'
  | `header_${JsonFault}`
  | `payload_${JsonFault}`
  | 'algorithm_missing'
  | 'critical_unknown'
  | 'key_embedded'
  | 'nested'
  | 'type_other';

const MOST_CHARACTERS = 8_192;
/** Keys that a token brings itself, or says where to get: who believes them lets anybody in (RFC 8725 §3.10). */
const EMBEDDED = ['jwk', 'jku', 'x5u', 'x5c'] as const;

/** @param isType whether a token may say that it is of a type; by default, access tokens. @returns the token, or why it is none that could be verified */
export function parseJws(token: string, isType: (typ: unknown) => boolean = isAccessType): Jws | JwsFault {
  if (token.length > MOST_CHARACTERS) return 'too_long';
  const parts = token.split('.');
  if (parts.length === 5) return 'encrypted';
  const [first = '', second = '', third = ''] = parts;
  if (parts.length !== 3) return 'not_three_parts';
  const [headerBytes, payloadBytes, signature] = [fromBase64url(first), fromBase64url(second), fromBase64url(third)];
  if (headerBytes === null || payloadBytes === null || signature === null) return 'not_base64url';
  const header = parseStrictObject(headerBytes);
  if (typeof header === 'string') return `header_${header}`;
  const fault = headerFault(header, isType);
  if (fault !== null) return fault;
  const payload = parseStrictObject(payloadBytes);
  if (typeof payload === 'string') return `payload_${payload}`;
  return { header, payload, signed: token.slice(0, first.length + 1 + second.length), signature };
}

function headerFault(header: JsonObject, isType: (typ: unknown) => boolean): JwsFault | null {
  const { alg, crit, typ, cty } = header;
  if (typeof alg !== 'string') return 'algorithm_missing';
  // No extension is understood here, so each that must be is one too many (RFC 7515 §4.1.11).
  if (crit !== undefined) return 'critical_unknown';
  if (EMBEDDED.some((name) => Object.hasOwn(header, name))) return 'key_embedded';
  if (typeof cty === 'string' && cty.toLowerCase().endsWith('jwt')) return 'nested';
  return typ === undefined || isType(typ) ? null : 'type_other';
}

/** Not one of another kind, such as a proof of possession or a logout token (RFC 8725 §3.11). */
function isAccessType(typ: unknown): boolean {
  if (typeof typ !== 'string') return false;
  const type = typ.toLowerCase().replace(/^application\//, '');
  return type === 'at+jwt' || !type.includes('+');
}

/** Null for what is none, has padding, or has bits behind its end. */
export function fromBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return text !== '' && bytes.toString('base64url') === text ? bytes : null;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };
const LEAST_RSA_BITS = 2_048;

/** What is wrong with a key for an algorithm; null if nothing is. RFC 7518 §3.3 to §3.5, RFC 8037 §3.1. */
export function keyFault(key: KeyObject, algorithm: Algorithm): string | null {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (algorithm === 'EdDSA') {
    return type === 'ed25519' || type === 'ed448' ? null : `is a key of type ${type}, not Ed25519 or Ed448`;
  }
  const curve = CURVES[algorithm];
  if (curve !== undefined) {
    if (type !== 'ec') return `is a key of type ${type}, not of an elliptic curve`;
    return details?.namedCurve === curve ? null : `is on the curve ${details?.namedCurve}, not on ${curve}`;
  }
  if (type !== 'rsa' && !(type === 'rsa-pss' && algorithm.startsWith('PS')))
    return `is a key of type ${type}, not of RSA`;
  const bits = details?.modulusLength ?? 0;
  return bits < LEAST_RSA_BITS ? `has ${bits} bits: ${LEAST_RSA_BITS} at least are needed` : null;
}

/** Throws for what is no key. @param pem a public key or a certificate */
export function publicKey(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) throw new TypeError('is a private key: give the public one');
  return createPublicKey(pem);
}

export function sharedKey(secret: Uint8Array): KeyObject {
  return createSecretKey(secret);
}

/** Whether the signature is that of the key, which must be one for the algorithm. */
export function isSigned({ signed, signature }: Jws, algorithm: Algorithm, key: KeyObject): boolean {
  const bits = algorithm.slice(2);
  if (algorithm.startsWith('HS')) {
    if (key.type !== 'secret') return false;
    const expected = createHmac(`sha${bits}`, key).update(signed).digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  if (key.type !== 'public') return false;
  const data = Buffer.from(signed, 'latin1');
  try {
    return algorithm === 'EdDSA'
      ? verifySignature(null, data, key, signature)
      : verifySignature(`sha${bits}`, data, inputOf(key, algorithm), signature);
  } catch {
    return false;
  }
}

function inputOf(key: KeyObject, algorithm: Algorithm): VerifyKeyObjectInput {
  if (algorithm.startsWith('ES')) return { key, dsaEncoding: 'ieee-p1363' };
  if (algorithm.startsWith('RS')) return { key, padding: constants.RSA_PKCS1_PADDING };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}
