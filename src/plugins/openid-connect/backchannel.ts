/** Log-outs that the provider tells of by itself (OpenID Connect Back-Channel Logout 1.0). */
import type { Exchange, Host } from '../../sdk/index.ts';
import { stringsOf } from './bearer.ts';
import type { Provider } from './provider.ts';
import type { OpenidConfig } from './schema.ts';
import type { LogoutTarget } from './session-store.ts';
import type { TokenVerifier } from './token-verifier.ts';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** A log-out token that is older says nothing any more; so long it is remembered that it was used. */
const MOST_AGE_S = 300;

export interface LogoutParts {
  readonly host: Host;
  readonly provider: Provider;
  readonly verifier: TokenVerifier;
}

export class LogoutTokens {
  private readonly config: OpenidConfig;
  private readonly parts: LogoutParts;

  constructor(config: OpenidConfig, parts: LogoutParts) {
    this.config = config;
    this.parts = parts;
  }

  /** What a log-out token says. Rejects with a TypeError for one that says nothing, and with a `ProviderFault` where nobody can tell. */
  async read(exchange: Exchange, token: string): Promise<LogoutTarget> {
    const { host, provider, verifier } = this.parts;
    const { issuer } = (await provider.discovered()).metadata;
    const verdict = await verifier.verify(exchange, token, {
      issuers: [issuer],
      required: ['iat', 'jti', 'events'],
      isType: (typ) => typeof typ === 'string' && typ.toLowerCase() === 'logout+jwt',
    });
    if (!('claims' in verdict)) throw new TypeError(`it is refused: ${verdict.reason}`);
    const { aud, events, nonce, sub, sid, jti, iat } = verdict.claims;
    if (!stringsOf(aud).includes(this.config.client_id)) throw new TypeError('it is for somebody else');
    // An ID token, which browsers see, must not pass for one.
    if (nonce !== undefined) throw new TypeError('it has a nonce');
    if (typeof events !== 'object' || events === null || !(EVENT in events))
      throw new TypeError('it tells of no log-out');
    const target = { sub: typeof sub === 'string' ? sub : '', sid: typeof sid === 'string' ? sid : '' };
    if (target.sub === '' && target.sid === '') throw new TypeError('it names neither user nor session');
    const { iat_slack } = this.config;
    const age_s = typeof iat === 'number' ? host.clock.wall_ms() / 1000 - iat : Number.NaN;
    if (!(age_s >= -iat_slack && age_s <= MOST_AGE_S + iat_slack)) throw new TypeError('it is not of now');
    const seen = `jti:${String(jti)}`;
    if (typeof jti !== 'string' || host.kv.get(seen) !== undefined) throw new TypeError('it was used before');
    host.kv.set(seen, '1', (MOST_AGE_S + 2 * iat_slack) * 1000);
    return target;
  }
}
