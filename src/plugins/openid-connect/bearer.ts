/**
 * Access tokens that callers bring (RFC 6750): verified with a key, with the provider's published keys, or by asking the provider,
 * and remembered until they expire. The same token is never asked for twice at the same time.
 */
import { createPublicKey, hash } from 'node:crypto';
import type * as jose from 'jose';
import type { Host } from '../../sdk/index.ts';
import { joseLibrary } from './libraries.ts';
import { type Provider, ProviderFault } from './provider.ts';
import type { OpenidConfig } from './schema.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** What a token says, or why it says nothing; a fault of the provider's is thrown. */
export type Verdict = { readonly claims: Claims } | { readonly reason: string; readonly isGuess: boolean };

const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Tokens that are remembered; the oldest goes first. */
const MOST_REMEMBERED = 10_000;
/** An answer without any expiry counts for so long. */
const LEAST_KEPT_S = 5;

export class Bearer {
  private readonly config: OpenidConfig;
  private readonly host: Host;
  private readonly provider: Provider;
  private readonly remembered = new Map<string, { readonly claims: Claims; readonly until_ms: number }>();
  private readonly asked = new Map<string, Promise<Verdict>>();
  private readonly key: jose.CryptoKey | jose.KeyObject | Uint8Array | null;

  constructor(config: OpenidConfig, host: Host, provider: Provider) {
    const { public_key, client_secret, token_signing_alg_values_expected: alg = '' } = config;
    this.config = config;
    this.host = host;
    this.provider = provider;
    if (alg.startsWith('HS')) this.key = Buffer.from(client_secret ?? '');
    else this.key = public_key === undefined ? null : createPublicKey(public_key);
  }

  /** Rejects with a `ProviderFault` where nobody can say. @param more header fields that an introspection is sent with */
  verify(token: string, more: Readonly<Record<string, string>>): Verdict | Promise<Verdict> {
    const digest = hash('sha256', `${this.config.cache_segment ?? ''}\n${token}`, 'base64url');
    const remembered = this.remembered.get(digest);
    if (remembered !== undefined && this.host.clock.wall_ms() < remembered.until_ms) return remembered;
    this.remembered.delete(digest);
    let asked = this.asked.get(digest);
    if (asked === undefined) {
      asked = this.ask(token, more).then((verdict) => this.remember(digest, verdict));
      this.asked.set(digest, asked);
      const done = (): void => void this.asked.delete(digest);
      asked.then(done, done);
    }
    return asked;
  }

  private get isIntrospected(): boolean {
    return this.key === null && !this.config.use_jwks;
  }

  private remember(digest: string, verdict: Verdict): Verdict {
    if (!('claims' in verdict)) return verdict;
    const { introspection_interval, introspection_expiry_claim, jwt_verification_cache_ignore } = this.config;
    if (jwt_verification_cache_ignore && !this.isIntrospected) return verdict;
    const now_s = this.host.clock.wall_ms() / 1000;
    const expiry = verdict.claims[this.isIntrospected ? introspection_expiry_claim : 'exp'];
    let until_s = typeof expiry === 'number' ? expiry : now_s + LEAST_KEPT_S;
    if (this.isIntrospected && introspection_interval > 0) until_s = Math.min(until_s, now_s + introspection_interval);
    if (until_s <= now_s) return verdict;
    if (this.remembered.size >= MOST_REMEMBERED) {
      const [oldest] = this.remembered.keys();
      if (oldest !== undefined) this.remembered.delete(oldest);
    }
    this.remembered.set(digest, { claims: verdict.claims, until_ms: until_s * 1000 });
    return verdict;
  }

  private async ask(token: string, more: Readonly<Record<string, string>>): Promise<Verdict> {
    const verdict = this.isIntrospected ? await this.introspect(token, more) : await this.verifySignature(token);
    return 'claims' in verdict ? this.checkAudience(verdict) : verdict;
  }

  private async introspect(token: string, more: Readonly<Record<string, string>>): Promise<Verdict> {
    const answer = await attempt(() => this.provider.introspect(token, more));
    if (!answer.active) return { reason: 'token_inactive', isGuess: true };
    const { introspection_expiry_claim, iat_slack } = this.config;
    const expiry = answer[introspection_expiry_claim];
    if (typeof expiry === 'number' && expiry + iat_slack < this.host.clock.wall_ms() / 1000)
      return { reason: 'token_expired', isGuess: false };
    // A provider answers for its own tokens; whose it says they are is looked at where it says so.
    const { iss } = answer;
    if (iss !== undefined && !(await this.issuers()).includes(iss)) return { reason: 'issuer_wrong', isGuess: true };
    return { claims: answer as unknown as Claims };
  }

  private async verifySignature(token: string): Promise<Verdict> {
    const { jwtVerify, errors } = joseLibrary();
    const { token_signing_alg_values_expected: alg, iat_slack } = this.config;
    const issuer = await this.issuers();
    const { key } = this;
    const options: jose.JWTVerifyOptions = {
      issuer,
      algorithms: alg === undefined ? ASYMMETRIC : [alg],
      clockTolerance: iat_slack,
      currentDate: new Date(this.host.clock.wall_ms()),
      requiredClaims: ['exp'],
    };
    try {
      const { payload } =
        key === null ? await jwtVerify(token, await this.keys(), options) : await jwtVerify(token, key, options);
      return { claims: payload };
    } catch (error) {
      if (error instanceof ProviderFault) throw error;
      if (error instanceof errors.JWTExpired) return { reason: 'token_expired', isGuess: false };
      if (error instanceof errors.JWTClaimValidationFailed)
        return { reason: `${error.claim === 'iss' ? 'issuer' : 'claim'}_wrong`, isGuess: true };
      if (error instanceof errors.JWKSNoMatchingKey) return { reason: 'key_unknown', isGuess: true };
      return { reason: 'signature_wrong', isGuess: true };
    }
  }

  private async keys(): Promise<jose.JWTVerifyGetKey> {
    const { keys } = await this.provider.discovered();
    if (keys === null) throw new ProviderFault('the discovery document names no jwks_uri');
    return async (header, token) => {
      try {
        return await keys(header, token);
      } catch (error) {
        const { errors } = joseLibrary();
        // A wrong status or no JSON are plain errors of the library; what is wrong with the token has a class.
        const isOfToken =
          error instanceof errors.JWKSNoMatchingKey ||
          error instanceof errors.JWKSMultipleMatchingKeys ||
          error instanceof errors.JOSENotSupported;
        throw isOfToken
          ? error
          : new ProviderFault(`the provider's keys cannot be had: ${String(error)}`, { cause: error });
      }
    };
  }

  private async issuers(): Promise<string[]> {
    const configured = this.config.claim_validator.issuer?.valid_issuers;
    return configured === undefined ? [(await this.provider.discovered()).metadata.issuer] : [...configured];
  }

  private checkAudience(verdict: { readonly claims: Claims }): Verdict {
    const { audience } = this.config.claim_validator;
    if (audience === undefined) return verdict;
    const { claim, required, match_with_client_id } = audience;
    const value = verdict.claims[claim];
    const all = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');
    if ((required || match_with_client_id) && all.length === 0) return { reason: 'audience_missing', isGuess: true };
    if (match_with_client_id && !all.includes(this.config.client_id))
      return { reason: 'audience_wrong', isGuess: true };
    return verdict;
  }
}

/** What goes wrong between gateway and provider is a fault of the provider's. */
export async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ProviderFault) throw error;
    throw new ProviderFault(describe(error), { cause: error });
  }
}

/** An error of the library with its cause, which says what was wrong; neither holds a secret of ours. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}

/** What a token was granted. */
export function scopesOf(claims: Claims): string[] {
  const { scope, scp } = claims;
  if (typeof scope === 'string') return scope.split(' ').filter((each) => each !== '');
  const list = Array.isArray(scope) ? scope : scp;
  if (typeof list === 'string') return list.split(' ');
  return Array.isArray(list) ? list.filter((each) => typeof each === 'string') : [];
}
