/** Log-outs that the provider tells of by itself (OpenID Connect Back-Channel Logout 1.0). */
import type { Host } from '../../sdk/index.ts';
import { joseLibrary } from './libraries.ts';
import type { Provider } from './provider.ts';
import type { OpenidConfig } from './schema.ts';
import type { LogoutTarget } from './session-store.ts';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** A log-out token that is older says nothing any more; so long it is remembered that it was used. */
const MOST_AGE_S = 300;

export interface LogoutParts {
  readonly config: OpenidConfig;
  readonly host: Host;
  readonly provider: Provider;
}

/** What a log-out token says. Rejects with whatever makes it none. */
export async function readLogoutToken(token: string, { config, host, provider }: LogoutParts): Promise<LogoutTarget> {
  const { jwtVerify } = joseLibrary();
  const { keys, metadata } = await provider.discovered();
  if (keys === null) throw new TypeError('the provider publishes no keys');
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    issuer: metadata.issuer,
    audience: config.client_id,
    algorithms: ALGORITHMS,
    clockTolerance: config.iat_slack,
    maxTokenAge: MOST_AGE_S,
    currentDate: new Date(host.clock.wall_ms()),
    requiredClaims: ['iat', 'jti', 'events'],
  });
  const { events, nonce, sub, sid, jti } = payload;
  // An ID token, which browsers see, must not pass for one.
  if (nonce !== undefined) throw new TypeError('it has a nonce');
  if (protectedHeader.typ !== undefined && protectedHeader.typ.toLowerCase() !== 'logout+jwt')
    throw new TypeError(`its type is ${protectedHeader.typ}`);
  if (typeof events !== 'object' || events === null || !(EVENT in events))
    throw new TypeError('it tells of no log-out');
  const target = { sub: typeof sub === 'string' ? sub : '', sid: typeof sid === 'string' ? sid : '' };
  if (target.sub === '' && target.sid === '') throw new TypeError('it names neither user nor session');
  const seen = `jti:${String(jti)}`;
  if (host.kv.get(seen) !== undefined) throw new TypeError('it was used before');
  host.kv.set(seen, '1', (MOST_AGE_S + config.iat_slack) * 1000);
  return target;
}
