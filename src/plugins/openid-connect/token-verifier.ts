/** Tokens that the provider signed: read strictly, and verified with a key that is configured or with those that it publishes. */
import type { KeyObject } from 'node:crypto';
import type { Exchange, Host } from '../../sdk/index.ts';
import { JwkSource } from '../jwk-source.ts';
import { type Algorithm, ASYMMETRIC, isSigned, type Jws, keyFault, parseJws, publicKey, sharedKey } from '../jws.ts';
import { type Provider, ProviderFault } from './provider.ts';
import type { OpenidConfig } from './schema.ts';

export type Claims = Readonly<Record<string, unknown>>;

export interface Verified {
  readonly claims: Claims;
  /** Of the published keys that it was verified with; '' if it was not. */
  readonly publishedId: string;
}

export interface Refused {
  /** For the log. */
  readonly reason: string;
  /** Whether it may be somebody's guess. */
  readonly isGuess: boolean;
}

/** What a token must be. */
export interface Wanted {
  readonly issuers: readonly string[];
  /** Claims that must be there. */
  readonly required: readonly string[];
  /** Types that it may say that it has; those of access tokens by default. */
  readonly isType?: (typ: unknown) => boolean;
}

interface Key {
  readonly key: KeyObject;
  readonly publishedId: string;
}

/** Keys are believed for so long beyond their age while the provider cannot be reached. */
const STALE_S = 3_600;
/** Whoever invents keys must not make us ask without end. */
const REFETCH_S = 10;

export class TokenVerifier {
  private readonly config: OpenidConfig;
  private readonly host: Host;
  private readonly provider: Provider;
  private readonly own: KeyObject | null;
  private readonly published: JwkSource;
  private address = '';

  /** To be made in `create`. */
  constructor(config: OpenidConfig, host: Host, provider: Provider) {
    const { public_key, client_secret, token_signing_alg_values_expected: alg = '', timeout, ssl_verify } = config;
    this.config = config;
    this.host = host;
    this.provider = provider;
    if (alg.startsWith('HS')) this.own = sharedKey(Buffer.from(client_secret ?? ''));
    else this.own = public_key === undefined ? null : publicKey(public_key);
    const settings = {
      timeout_ms: timeout * 1000,
      refetch_s: REFETCH_S,
      max_age_s: config.jwk_expires_in,
      stale_s: STALE_S,
    };
    this.published = new JwkSource(host, settings, ssl_verify);
  }

  /** Whether a key is configured. */
  get hasOwnKey(): boolean {
    return this.own !== null;
  }

  /** Whether what was verified before would be again: not if the provider has taken its key back. */
  stillHolds({ publishedId }: Verified): boolean {
    return publishedId === '' || this.published.current(this.address)?.id === publishedId;
  }

  /** Rejects with a `ProviderFault` where the keys cannot be had. */
  async verify(exchange: Exchange, token: string, { issuers, required, isType }: Wanted): Promise<Verified | Refused> {
    const jws = parseJws(token, isType);
    if (typeof jws === 'string') return guess(jws);
    const { token_signing_alg_values_expected: expected } = this.config;
    const algorithm = (expected === undefined ? ASYMMETRIC : [expected]).find((each) => each === jws.header['alg']);
    if (algorithm === undefined) return guess('algorithm_other');
    const found = await this.keyFor(exchange, jws, algorithm as Algorithm);
    if (found === null) return guess('key_unknown');
    if (!isSigned(jws, algorithm as Algorithm, found.key)) return guess('signature_wrong');
    return this.claimsFault(jws.payload, issuers, required) ?? { claims: jws.payload, publishedId: found.publishedId };
  }

  private async keyFor(exchange: Exchange, { header }: Jws, algorithm: Algorithm): Promise<Key | null> {
    const { own } = this;
    if (own !== null) {
      const isFit = own.type === 'secret' ? algorithm.startsWith('HS') : keyFault(own, algorithm) === null;
      return isFit ? { key: own, publishedId: '' } : null;
    }
    const { jwks_uri } = (await this.provider.discovered()).metadata;
    if (jwks_uri === undefined) throw new ProviderFault('the discovery document names no jwks_uri');
    this.address = jwks_uri;
    let set = this.published.current(jwks_uri);
    let key = set?.find(header['kid'], algorithm);
    if (key === undefined) {
      set = await this.published.renewed(jwks_uri, exchange);
      if (set === null) throw new ProviderFault('its keys cannot be had');
      key = set.find(header['kid'], algorithm);
    }
    return key === undefined || set === null ? null : { key, publishedId: set.id };
  }

  private claimsFault(claims: Claims, issuers: readonly string[], required: readonly string[]): Refused | null {
    const { iss, exp, nbf } = claims;
    if (typeof iss !== 'string' || !issuers.includes(iss)) return guess('issuer_wrong');
    for (const name of required) if (claims[name] === undefined) return guess(`${name}_missing`);
    for (const time of [exp, nbf]) {
      if (time !== undefined && !(typeof time === 'number' && Number.isFinite(time))) return guess('time_wrong');
    }
    const now_s = this.host.clock.wall_ms() / 1000;
    const { iat_slack } = this.config;
    if (typeof exp === 'number' && now_s >= exp + iat_slack) return { reason: 'expired', isGuess: false };
    if (typeof nbf === 'number' && now_s < nbf - iat_slack) return { reason: 'not_yet_valid', isGuess: false };
    return null;
  }
}

function guess(reason: string): Refused {
  return { reason, isGuess: true };
}
