/**
 * Access tokens that callers bring (RFC 6750): verified with a key, with the provider's published keys, or by asking the provider,
 * and remembered until they expire. The same token is never asked for twice at the same time.
 */
import type { Exchange, Host } from '../../sdk/index.ts';
import { TokenCache } from '../token-cache.ts';
import { type Provider, ProviderFault } from './provider.ts';
import type { OpenidConfig } from './schema.ts';
import type { Claims, Refused, TokenVerifier, Verified } from './token-verifier.ts';

type Fields = Readonly<Record<string, string>>;

/** What a token says, or why it says nothing; a fault of the provider's is thrown. */
export type Verdict = Verified | Refused;

/** Tokens that are remembered. */
const MOST_REMEMBERED = 10_000;
/** An answer without any expiry counts for so long. */
const LEAST_KEPT_S = 5;

export interface BearerParts {
  readonly provider: Provider;
  readonly verifier: TokenVerifier;
}

export class Bearer {
  private readonly config: OpenidConfig;
  private readonly host: Host;
  private readonly parts: BearerParts;
  private readonly remembered = new TokenCache<Verified>(MOST_REMEMBERED);
  private readonly asked = new Map<string, Promise<Verdict>>();
  private readonly isIntrospected: boolean;

  constructor(config: OpenidConfig, host: Host, parts: BearerParts) {
    this.config = config;
    this.host = host;
    this.parts = parts;
    this.isIntrospected = !parts.verifier.hasOwnKey && !config.use_jwks;
  }

  /** Rejects with a `ProviderFault` where nobody can say. @param more header fields that an introspection is sent with */
  verify(exchange: Exchange, token: string, more: Fields): Verdict | Promise<Verdict> {
    const remembered = this.remembered.find(token, this.host.clock.wall_ms());
    if (remembered !== undefined && this.parts.verifier.stillHolds(remembered)) return remembered;
    this.remembered.forget(token);
    let asked = this.asked.get(token);
    if (asked === undefined) {
      asked = this.ask(exchange, token, more).then((verdict) => this.remember(token, verdict));
      this.asked.set(token, asked);
      const done = (): void => void this.asked.delete(token);
      asked.then(done, done);
    }
    return asked;
  }

  private remember(token: string, verdict: Verdict): Verdict {
    if (!('claims' in verdict)) return verdict;
    const { introspection_interval, introspection_expiry_claim, jwt_verification_cache_ignore, iat_slack } =
      this.config;
    if (jwt_verification_cache_ignore && !this.isIntrospected) return verdict;
    const now_s = this.host.clock.wall_ms() / 1000;
    const expiry = verdict.claims[this.isIntrospected ? introspection_expiry_claim : 'exp'];
    let until_s = typeof expiry === 'number' ? expiry + iat_slack : now_s + LEAST_KEPT_S;
    if (this.isIntrospected && introspection_interval > 0) until_s = Math.min(until_s, now_s + introspection_interval);
    this.remembered.keep(token, { from_ms: 0, until_ms: until_s * 1000, value: verdict });
    return verdict;
  }

  private async ask(exchange: Exchange, token: string, more: Fields): Promise<Verdict> {
    const verdict = this.isIntrospected
      ? await this.introspect(token, more)
      : await this.parts.verifier.verify(exchange, token, { issuers: await this.issuers(), required: ['exp'] });
    return 'claims' in verdict ? this.checkAudience(verdict) : verdict;
  }

  private async introspect(token: string, more: Fields): Promise<Verdict> {
    const answer = await attempt(() => this.parts.provider.introspect(token, more));
    if (!answer.active) return { reason: 'token_inactive', isGuess: true };
    const { introspection_expiry_claim, iat_slack } = this.config;
    const expiry = answer[introspection_expiry_claim];
    if (typeof expiry === 'number' && expiry + iat_slack < this.host.clock.wall_ms() / 1000)
      return { reason: 'expired', isGuess: false };
    // A provider answers for its own tokens; whose it says they are is looked at where it says so.
    const { iss } = answer;
    if (iss !== undefined && !(await this.issuers()).includes(iss)) return { reason: 'issuer_wrong', isGuess: true };
    return { claims: answer as unknown as Claims, publishedId: '' };
  }

  private async issuers(): Promise<readonly string[]> {
    const configured = this.config.claim_validator.issuer?.valid_issuers;
    return configured ?? [(await this.parts.provider.discovered()).metadata.issuer];
  }

  private checkAudience(verdict: Verified): Verdict {
    const { audience } = this.config.claim_validator;
    if (audience === undefined) return verdict;
    const { claim, required, match_with_client_id } = audience;
    const all = stringsOf(verdict.claims[claim]);
    if ((required || match_with_client_id) && all.length === 0) return { reason: 'audience_missing', isGuess: true };
    if (match_with_client_id && !all.includes(this.config.client_id))
      return { reason: 'audience_wrong', isGuess: true };
    return verdict;
  }
}

/** A claim that is one text, or several. */
export function stringsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');
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
