import type { KeyObject } from 'node:crypto';
import { headerNameFault } from '../../sdk/header-names.ts';
import {
  definePlugin,
  JWT_PAYLOAD,
  type ConsumerMatch,
  type Exchange,
  type Host,
  type Reply,
} from '../../sdk/index.ts';
import { AuthGate } from '../auth-gate.ts';
import type { JwkSet } from '../jwk-set.ts';
import { JwkSource } from '../jwk-source.ts';
import { isSigned, parseJws, publicKey, sharedKey, type Jws } from '../jws.ts';
import type { JsonObject } from '../strict-json.ts';
import { TokenCache } from '../token-cache.ts';
import { findToken, hideToken } from '../token-place.ts';
import { checkCredential, consumerSchema, isSymmetric, metadataSchema, schema, secretOf } from './schema.ts';
import type { Config, Credential, Metadata } from './schema.ts';

/** What was found out about a token, and still holds while the credential, and the keys that are published, stay the same. */
interface Known {
  readonly key: string;
  readonly credential: Credential;
  /** Of the published keys by which it was verified; '' where the credential has its own. */
  readonly publishedId: string;
  readonly payload: JsonObject;
}

/** A token whose credential is known. */
interface Claim {
  readonly token: string;
  readonly jws: Jws;
  readonly key: string;
  readonly match: ConsumerMatch;
}

type Answer = Reply | undefined;

export default definePlugin({
  name: 'jwt-auth',
  priority: 2_510,
  kind: 'auth',
  summary: 'Lets in callers that send a token (JWT) which a consumer, or somebody whom it trusts, has signed.',
  schema,
  consumerSchema,
  metadataSchema,
  effects: ['network'],
  secretArguments: ({ query }) => [query],
  consumerKey: ({ key }: Credential) => key,
  checkConsumer: checkCredential,
  check({ header }) {
    const message =
      header.toLowerCase() === 'host'
        ? 'Host says where a request goes: use a header of its own'
        : headerNameFault(header);
    return message === null ? [] : [{ path: 'header', message }];
  },
  examples: [
    { title: 'A token in Authorization, in the argument jwt or in the cookie jwt', config: {} },
    {
      title: 'Tokens of an identity provider, which is a consumer whose key is the issuer',
      config: { key_claim_name: 'iss', hide_credentials: true },
    },
    {
      title: 'In other places',
      config: { header: 'jwt-auth-header', query: 'jwt-query', cookie: 'jwt-cookie' },
    },
  ],
  create(config, host, metadata) {
    const { key_claim_name, claims_to_verify, store_in_ctx, anonymous_consumer, realm } = config;
    const { cached_tokens, jwks } = metadata as Metadata;
    const { clock } = host;
    const gate = new AuthGate({
      host,
      challenge: `Bearer realm="${realm}"`,
      anonymous_consumer,
      metadata,
      hide: config.hide_credentials ? (exchange) => hideToken(exchange, config) : undefined,
    });
    const missing = gate.refusal('token_missing', 'Missing JWT token in request');
    const invalid = gate.refusal('token_invalid', 'failed to verify jwt');
    const unavailable: Reply = Object.freeze({
      status: 503,
      code: 'keys_unavailable',
      body: Object.freeze({ message: 'tokens cannot be verified at the moment' }),
    });
    const source = new JwkSource(host, jwks);
    const cache = cacheFor(host, config, cached_tokens);
    const keys = new WeakMap<Credential, KeyObject>();
    const verifiesExp = claims_to_verify.includes('exp');
    const verifiesNbf = claims_to_verify.includes('nbf');

    function refuse(exchange: Exchange, reason: string, claimed = '', isGuess = true): Answer {
      return gate.refuse(exchange, invalid, { reason, claimed, isGuess });
    }

    function ownKeyOf(credential: Credential): KeyObject {
      let key = keys.get(credential);
      if (key === undefined) {
        if (isSymmetric(credential)) {
          const secret = secretOf(credential);
          const least = Number(credential.algorithm.slice(2)) / 8;
          // RFC 7518 §3.2 wants as many bytes as the hash has; APISIX takes any, and people have tokens signed with them.
          if (secret.length < least) host.log.warn('jwt_secret_short', { key: credential.key, least_bytes: least });
          key = sharedKey(secret);
        } else key = publicKey(credential.public_key ?? '');
        keys.set(credential, key);
      }
      return key;
    }

    /** From what has been found out before; undefined where it has to be found out anew. */
    function recall(
      exchange: Exchange,
      token: string,
    ): { readonly match: ConsumerMatch; readonly known: Known } | undefined {
      const known = cache.find(token, clock.wall_ms());
      if (known === undefined) return undefined;
      const match = exchange.findConsumer('jwt-auth', known.key);
      const { credential, publishedId } = known;
      const isSame =
        match?.config === credential &&
        (publishedId === '' || source.current(credential.jwks_url ?? '')?.id === publishedId);
      if (match !== undefined && isSame) return { match, known };
      cache.forget(token);
      return undefined;
    }

    function verify(exchange: Exchange, token: string): Answer | Promise<Answer> {
      const jws = parseJws(token);
      if (typeof jws === 'string') return refuse(exchange, jws);
      const { header, payload } = jws;
      const key: unknown = Object.hasOwn(payload, key_claim_name) ? payload[key_claim_name] : undefined;
      if (typeof key !== 'string' || key === '') return refuse(exchange, 'key_claim_missing');
      const match = exchange.findConsumer('jwt-auth', key);
      if (match === undefined) return refuse(exchange, 'key_unknown', key);
      const credential = match.config as Credential;
      // The credential decides, never the token: otherwise a public key could pass for a secret.
      if (header['alg'] !== credential.algorithm) return refuse(exchange, 'algorithm_other', key);
      const claim: Claim = { token, jws, key, match };
      const { jwks_url } = credential;
      if (jwks_url === undefined) return decide(exchange, claim, ownKeyOf(credential), null);
      const published = source.current(jwks_url);
      const found = published?.find(header['kid'], credential.algorithm);
      if (found !== undefined) return decide(exchange, claim, found, published);
      return source.renewed(jwks_url, exchange).then((set) => {
        if (exchange.isOver) return undefined;
        if (set === null) return gate.fail(exchange, unavailable, { reason: 'keys_unavailable', claimed: key });
        const renewed = set.find(header['kid'], credential.algorithm);
        if (renewed === undefined) return refuse(exchange, 'kid_unknown', key);
        return decide(exchange, claim, renewed, set);
      });
    }

    function decide(exchange: Exchange, claim: Claim, key: KeyObject, published: JwkSet | null): Answer {
      const { token, jws, match } = claim;
      const credential = match.config as Credential;
      const { payload } = jws;
      if (!isSigned(jws, credential.algorithm, key)) return refuse(exchange, 'signature_wrong', claim.key);
      const { exp, nbf } = payload;
      const grace_ms = credential.lifetime_grace_period * 1000;
      let from_ms = -Infinity;
      let until_ms = Infinity;
      if (verifiesExp && exp !== undefined) {
        if (!isTime(exp)) return refuse(exchange, 'exp_no_time', claim.key, false);
        until_ms = exp * 1000 + grace_ms;
      }
      if (verifiesNbf && nbf !== undefined) {
        if (!isTime(nbf)) return refuse(exchange, 'nbf_no_time', claim.key, false);
        from_ms = nbf * 1000 - grace_ms;
      }
      const now_ms = clock.wall_ms();
      if (now_ms >= until_ms) return refuse(exchange, 'expired', claim.key, false);
      if (now_ms < from_ms) return refuse(exchange, 'not_yet_valid', claim.key, false);
      const known: Known = {
        key: claim.key,
        credential,
        publishedId: published?.id ?? '',
        payload: store_in_ctx ? frozen(payload) : NOTHING,
      };
      cache.keep(token, { from_ms, until_ms, value: known });
      return letIn(exchange, match, known);
    }

    function letIn(exchange: Exchange, match: ConsumerMatch, { payload }: Known): undefined {
      if (store_in_ctx) exchange.set(JWT_PAYLOAD, payload);
      return gate.accept(exchange, match);
    }

    return {
      rewrite(exchange) {
        const found = findToken(exchange, config);
        if (typeof found === 'string') {
          return found === 'header_repeated' ? refuse(exchange, found) : gate.lack(exchange, missing, found);
        }
        if (gate.isHeld(exchange, '')) return gate.refuseHeld(exchange, '');
        const recalled = recall(exchange, found.token);
        return recalled === undefined ? verify(exchange, found.token) : letIn(exchange, recalled.match, recalled.known);
      },
    };
  },
});

/** Configurations that verify alike share one cache, so that its bound is not multiplied by the number of routes. */
const MOST_CACHES = 16;

function cacheFor(
  host: Host,
  { key_claim_name, claims_to_verify, store_in_ctx }: Config,
  most: number,
): TokenCache<Known> {
  const caches = host.shared('caches', () => new Map<string, TokenCache<Known>>());
  const alike = JSON.stringify([key_claim_name, claims_to_verify.toSorted(), store_in_ctx, most]);
  let cache = caches.get(alike);
  if (cache === undefined) {
    const [oldest] = caches.keys();
    if (caches.size >= MOST_CACHES && oldest !== undefined) caches.delete(oldest);
    caches.set(alike, (cache = new TokenCache(most)));
  }
  return cache;
}

const NOTHING: JsonObject = Object.freeze({});

/** A NumericDate (RFC 7519 §2). */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** Claims are shared by all exchanges of a token: nobody changes them. */
function frozen(value: JsonObject): JsonObject {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) frozen(member as JsonObject);
  }
  return Object.freeze(value);
}
