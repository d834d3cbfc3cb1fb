/** The public keys that somebody who signs tokens publishes: a JWK Set (RFC 7517), read for verifying signatures. */
import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { ASYMMETRIC, keyFault } from './jws.ts';
import type { Algorithm } from './jws.ts';
import type { JsonObject } from './strict-json.ts';

const MOST_KEYS = 100;
/** What a public key is made of; certificates and whatever else stands beside it are left out. */
const MEMBERS = ['kty', 'kid', 'use', 'key_ops', 'alg', 'crv', 'x', 'y', 'n', 'e'] as const;

interface Published {
  readonly kid: unknown;
  readonly key: KeyObject;
  /** That the key is for; several where the set does not say. */
  readonly algorithms: ReadonlySet<string>;
}

export class JwkSet {
  /** Equal for equal sets. */
  readonly id: string;
  private readonly keys: readonly Published[];

  private constructor(id: string, keys: readonly Published[]) {
    this.id = id;
    this.keys = keys;
  }

  /** The set without what is no part of public keys, as text. Throws TypeError for what is none. */
  static condense(text: string): string {
    const keys = (JSON.parse(text) as { readonly keys?: unknown } | null)?.keys;
    if (!Array.isArray(keys)) throw new TypeError('no JWK Set: it has no list "keys"');
    if (keys.length > MOST_KEYS) throw new TypeError(`a JWK Set of ${keys.length} keys: at most ${MOST_KEYS} are read`);
    const objects = keys.filter((key: unknown): key is JsonObject => typeof key === 'object' && key !== null);
    return JSON.stringify(objects.map((key) => Object.fromEntries(MEMBERS.map((name) => [name, key[name]]))));
  }

  /** @param condensed of `condense` */
  static parse(condensed: string): JwkSet {
    const keys = (JSON.parse(condensed) as JsonObject[]).flatMap((jwk) => published(jwk) ?? []);
    return new JwkSet(hash('sha256', condensed, 'base64'), keys);
  }

  get size(): number {
    return this.keys.length;
  }

  /** The one key that the token names, or, where it names none, the only one for its algorithm; undefined for none. */
  find(kid: unknown, algorithm: Algorithm): KeyObject | undefined {
    const fitting = this.keys.filter(
      ({ kid: own, algorithms }) => algorithms.has(algorithm) && (kid === undefined || own === kid),
    );
    return fitting.length === 1 ? fitting[0]?.key : undefined;
  }
}

/** Undefined for a key that is not for verifying, not understood, or too weak: sets hold keys for others too. */
function published(jwk: JsonObject): Published | undefined {
  const { kty, use, key_ops, alg, kid } = jwk;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify'))) return undefined;
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const fits = ASYMMETRIC.filter((each) => keyFault(key, each) === null && (alg === undefined || alg === each));
    return fits.length === 0 ? undefined : { kid, key, algorithms: new Set(fits) };
  } catch {
    return undefined;
  }
}
