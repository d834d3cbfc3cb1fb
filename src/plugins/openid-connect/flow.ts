/** What openid-connect does with a request: who has a token or a session goes on, who has none logs in or is refused. */
import { exchangeKey } from '../../sdk/index.ts';
import type { Exchange, Host, PhaseResult, PluginInstance, Reply } from '../../sdk/index.ts';
import { AuthGate } from '../auth-gate.ts';
import { compileSchema, type CheckData } from '../request-validation/people-schema.ts';
import { LogoutTokens } from './backchannel.ts';
import { Bearer, describe, scopesOf, type Verdict } from './bearer.ts';
import { Cookies, dropCookies } from './cookies.ts';
import { joseLibrary, openidLibrary } from './libraries.ts';
import { Login, pathWithin } from './login.ts';
import { Provider } from './provider.ts';
import { Renewals } from './renewals.ts';
import { hasLogin, type OpenidConfig, sessionOf, takesBearer } from './schema.ts';
import { sealer } from './seal.ts';
import { type Claims, TokenVerifier } from './token-verifier.ts';
import { livesOf, type Session, touched } from './session.ts';
import { type Found, type SessionStore, sessionStore } from './session-store.ts';

const BEARER = /^Bearer +([\w.~+/-]+=*) *$/i;
const VISIBLE = /^[\x21-\x7e]+$/;
const MOST_FORM_BYTES = 65_536;

/** What goes with a session: absent where nobody logs in. */
interface LoginSide {
  readonly store: SessionStore;
  readonly login: Login;
  readonly renewals: Renewals;
  readonly cookies: Cookies;
  readonly lives: ReturnType<typeof livesOf>;
}

/** What the upstream may be told. */
interface Told {
  readonly accessToken?: string | undefined;
  readonly refreshToken?: string | undefined;
  readonly idToken?: string | undefined;
  readonly claims?: Claims | undefined;
  readonly user?: Claims | undefined;
}

export class OpenidFlow implements PluginInstance {
  private readonly config: OpenidConfig;
  private readonly host: Host;
  private readonly provider: Provider;
  private readonly bearer: Bearer | null;
  private readonly logouts: LogoutTokens;
  private readonly people: LoginSide | null;
  private readonly gate: AuthGate;
  private readonly missing: Reply;
  private readonly invalid: Reply;
  private readonly insufficient: Reply;
  private readonly checkClaims: CheckData | null;
  /** Set-Cookie fields for an answer that is not the plugin's. Of each instance, as a global rule may have one beside the route. */
  private readonly setCookies = exchangeKey<readonly string[]>('openid_cookies');

  constructor(config: OpenidConfig, host: Host, metadata: unknown) {
    const { realm, claim_schema, required_scopes = [] } = config;
    this.config = config;
    this.host = host;
    this.provider = new Provider(config, host);
    const verifier = new TokenVerifier(config, host, this.provider);
    this.logouts = new LogoutTokens(config, { host, provider: this.provider, verifier });
    this.bearer = takesBearer(config) ? new Bearer(config, host, { provider: this.provider, verifier }) : null;
    this.people = hasLogin(config) ? this.loginSide() : null;
    this.checkClaims = claim_schema === undefined ? null : compileSchema(claim_schema);
    const challenge = `Bearer realm="${realm}"`;
    this.gate = new AuthGate({ host, challenge, anonymous_consumer: undefined, metadata });
    this.missing = this.gate.refusal('token_missing', 'Missing access token in request');
    this.invalid = {
      ...this.gate.refusal('token_invalid', 'Invalid access token in request'),
      headers: { 'WWW-Authenticate': `${challenge}, error="invalid_token"` },
    };
    const scope = required_scopes.filter((each) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(each)).join(' ');
    this.insufficient = {
      status: 403,
      code: 'scope_insufficient',
      headers: { 'WWW-Authenticate': `${challenge}, error="insufficient_scope", scope="${scope}"` },
      body: { message: 'The access token lacks a scope that is needed here' },
    };
  }

  private loginSide(): LoginSide {
    const { config, host, provider } = this;
    const { client_id, discovery } = config;
    const session = sessionOf(config);
    const cookies = new Cookies(session);
    const sealing = sealer(session.secret, `${client_id} ${discovery}`, (length) => host.randomBytes(length));
    const lives = livesOf(session);
    const login = new Login({ config, host, provider, cookies, sealer: sealing });
    const store = sessionStore({ host, config: session, cookies, sealer: sealing, lives });
    return { store, login, cookies, lives, renewals: new Renewals({ host, login, sealer: sealing }) };
  }

  rewrite(exchange: Exchange): PhaseResult {
    const { people, bearer } = this;
    const token = bearer === null ? undefined : BEARER.exec(exchange.request.header('Authorization') ?? '')?.[1];
    if (token !== undefined) return this.byToken(exchange, token);
    if (people === null) return this.gate.lack(exchange, this.missing);
    return this.guarded(() => this.bySession(exchange, people));
  }

  responseHead(exchange: Exchange): void {
    for (const field of exchange.get(this.setCookies) ?? []) exchange.response.addHeader('Set-Cookie', field);
  }

  /** What the provider, or Redis, owes us is no fault of the caller's. */
  private async guarded(act: () => Promise<Reply | undefined>): Promise<Reply | undefined> {
    try {
      return await act();
    } catch (error) {
      this.host.log.error('login_unavailable', { reason: describe(error) });
      return UNAVAILABLE;
    }
  }

  private byToken(exchange: Exchange, token: string): PhaseResult {
    const { bearer, gate } = this;
    if (bearer === null) return gate.lack(exchange, this.missing);
    if (gate.isHeld(exchange, '')) return gate.refuseHeld(exchange, '');
    const verdict = bearer.verify(exchange, token, this.addonHeaders(exchange));
    if (!(verdict instanceof Promise)) return this.judged(exchange, token, verdict);
    return this.guarded(async () => this.judged(exchange, token, await verdict));
  }

  private judged(exchange: Exchange, token: string, verdict: Verdict): Reply | undefined {
    if (!('claims' in verdict)) return this.gate.refuse(exchange, this.invalid, verdict);
    const { claims } = verdict;
    if (!this.isGranted(scopesOf(claims))) return this.refuseScope(exchange, subjectOf(claims));
    const fault = this.checkClaims?.({ access_token: token, id_token: null, user: claims }) ?? null;
    if (fault !== null)
      return this.gate.refuse(exchange, this.invalid, { reason: 'claims_wrong', isGuess: false, detail: { fault } });
    this.tell(exchange, { accessToken: token, user: claims });
    return this.gate.admit(exchange, subjectOf(claims));
  }

  private refuseScope(exchange: Exchange, claimed: string): Reply | undefined {
    return this.gate.refuse(exchange, this.insufficient, { reason: 'scope_insufficient', claimed, isGuess: false });
  }

  private isGranted(granted: readonly string[]): boolean {
    return (this.config.required_scopes ?? []).every((scope) => granted.includes(scope));
  }

  private addonHeaders({ request }: Exchange): Readonly<Record<string, string>> {
    const fields: Record<string, string> = {};
    for (const name of this.config.introspection_addon_headers ?? []) {
      const value = request.header(name);
      if (value !== undefined) fields[name] = value;
    }
    return fields;
  }

  private async bySession(exchange: Exchange, people: LoginSide): Promise<Reply | undefined> {
    const { request } = exchange;
    const { config } = this;
    if (people.login.isCallback(exchange)) return this.callback(exchange, people);
    if (request.path === config.backchannel_logout_path && request.method === 'POST')
      return this.backchannel(exchange, people);
    const found = await people.store.load(exchange);
    if (request.path === config.logout_path) return this.logout(exchange, people, found);
    const good = found === null ? null : await this.kept(exchange, people, found);
    if (good !== null) return this.admitSession(exchange, people, good);
    return this.unknown(exchange, people, found);
  }

  /** The session, renewed where that is due; null if it counts no more. */
  private async kept(exchange: Exchange, people: LoginSide, found: Found): Promise<Session | null> {
    const { config } = this;
    const now_s = Math.floor(this.host.clock.wall_ms() / 1000);
    const { session } = found;
    const { refresh_session_interval: interval } = config;
    const expiresAt = session.expiresAt ?? Number.POSITIVE_INFINITY;
    const isExpired = expiresAt - config.access_token_expires_leeway <= now_s;
    let current = session;
    if (isExpired && config.renew_access_token_on_expiry) {
      if (session.refreshToken === undefined) {
        if (session.accessToken !== undefined) return null;
      } else {
        const renewed = await people.renewals.renew(session);
        if (renewed === null) return null;
        current = renewed;
      }
    }
    if (interval !== undefined && now_s - current.confirmedAt > interval) return null;
    const noted = current === session ? touched(session, people.lives, now_s) : current;
    if (noted === null) return current;
    const set = await people.store.save(exchange, noted, found);
    if (set !== null) exchange.set(this.setCookies, set);
    return noted;
  }

  private admitSession(exchange: Exchange, { cookies }: LoginSide, session: Session): Reply | undefined {
    const claims = session.claims ?? claimsOf(session.idToken);
    const granted = session.scope ?? (typeof claims?.['scope'] === 'string' ? claims['scope'] : '');
    if (!this.isGranted(granted.split(' '))) return this.refuseScope(exchange, session.sub);
    // What the browser keeps for the gateway is no business of the upstream's.
    dropCookies(exchange.request, (name) => cookies.isOurs(name));
    this.tell(exchange, { ...session, claims });
    return this.gate.admit(exchange, session.sub);
  }

  private async unknown(exchange: Exchange, people: LoginSide, found: Found | null): Promise<Reply | undefined> {
    const { unauth_action, refresh_session_interval } = this.config;
    if (unauth_action === 'deny') return this.gate.lack(exchange, this.missing);
    if (unauth_action === 'pass') {
      dropCookies(exchange.request, (name) => people.cookies.isOurs(name));
      return undefined;
    }
    const isSilent = found !== null && refresh_session_interval !== undefined;
    return people.login.begin(exchange, pathWithin(exchange.request.target), isSilent, []);
  }

  private async callback(exchange: Exchange, people: LoginSide): Promise<Reply | undefined> {
    const { store, login } = people;
    if (this.gate.isHeld(exchange, '')) return this.gate.refuseHeld(exchange, '');
    const end = await login.end(exchange);
    if ('isToBeRepeated' in end) return login.begin(exchange, end.to, false, [end.clear]);
    if ('reason' in end) {
      const { reason, detail, clear } = end;
      const isState = reason.startsWith('state_');
      const refusal = {
        status: isState ? 400 : 401,
        code: 'login_failed',
        headers: { 'Cache-Control': 'no-store', ...(clear === null ? {} : { 'Set-Cookie': clear }) },
        body: {
          message: isState ? 'No such log-in is under way in this browser: open the page again' : 'The log-in failed',
        },
      };
      return this.gate.refuse(exchange, refusal, { reason, detail: { detail }, isGuess: true });
    }
    const { session, to, clear } = end;
    const fault = this.checkClaims?.({
      access_token: session.accessToken ?? null,
      id_token: session.claims ?? claimsOf(session.idToken) ?? null,
      user: session.user ?? null,
    });
    if (typeof fault === 'string')
      return this.gate.refuse(exchange, this.invalid, { reason: 'claims_wrong', isGuess: false, detail: { fault } });
    const set = await store.save(exchange, session, null);
    if (set === null) {
      this.host.log.error('session_too_large', {
        remedy: 'keep sessions in Redis (session.storage), or less in them (session_contents)',
      });
      return TOO_LARGE;
    }
    this.gate.admit(exchange, session.sub);
    return { status: 302, headers: { Location: to, 'Set-Cookie': [...set, clear], 'Cache-Control': 'no-store' } };
  }

  private async logout(exchange: Exchange, { store }: LoginSide, found: Found | null): Promise<Reply> {
    const { config, provider, host } = this;
    const set = await store.remove(exchange, found);
    const session = found?.session;
    const { client: makeClient, metadata } = await provider.discovered();
    const client = makeClient();
    const library = openidLibrary();
    if (config.revoke_tokens_on_logout && metadata.revocation_endpoint !== undefined) {
      for (const token of [session?.refreshToken, session?.accessToken]) {
        if (token === undefined) continue;
        // The session is over, whatever the provider says to it.
        await library.tokenRevocation(client, token).catch((error: unknown) => {
          host.log.warn('revocation_failed', { reason: describe(error) });
        });
      }
    }
    const after = config.post_logout_redirect_uri;
    const headers = { 'Set-Cookie': set, 'Cache-Control': 'no-store' };
    if (metadata.end_session_endpoint !== undefined) {
      const url = library.buildEndSessionUrl(client, {
        ...(session?.idToken === undefined ? {} : { id_token_hint: session.idToken }),
        ...(after === undefined ? {} : { post_logout_redirect_uri: after }),
      });
      return { status: 302, headers: { ...headers, Location: url.href } };
    }
    if (after !== undefined) return { status: 302, headers: { ...headers, Location: after } };
    return { status: 200, headers, body: { message: 'Logged out' } };
  }

  private async backchannel(exchange: Exchange, { store }: LoginSide): Promise<Reply> {
    const { request } = exchange;
    const headers = { 'Cache-Control': 'no-store' };
    const body = await request.readBody(MOST_FORM_BYTES);
    const [token, ...more] = new URLSearchParams(Buffer.from(body ?? '').toString('latin1')).getAll('logout_token');
    if (token === undefined || more.length > 0)
      return { status: 400, headers, code: 'logout_invalid', body: LOGOUT_INVALID };
    let target;
    try {
      target = await this.logouts.read(exchange, token);
    } catch (error) {
      this.host.log.warn('backchannel_logout_refused', { reason: describe(error) });
      return { status: 400, headers, code: 'logout_invalid', body: LOGOUT_INVALID };
    }
    await store.endAll(target);
    return { status: 200, headers };
  }

  private tell({ request }: Exchange, { accessToken, refreshToken, idToken, claims, user }: Told): void {
    const { config } = this;
    if (accessToken !== undefined && config.set_access_token_header && VISIBLE.test(accessToken)) {
      if (config.access_token_in_authorization_header) request.setHeader('Authorization', `Bearer ${accessToken}`);
      else request.setHeader('X-Access-Token', accessToken);
    }
    if (claims !== undefined && config.set_id_token_header) request.setHeader('X-ID-Token', encoded(claims));
    if (idToken !== undefined && config.set_raw_id_token_header) request.setHeader('X-Raw-ID-Token', idToken);
    if (user !== undefined && config.set_userinfo_header) request.setHeader('X-Userinfo', encoded(user));
    if (refreshToken !== undefined && config.set_refresh_token_header && VISIBLE.test(refreshToken))
      request.setHeader('X-Refresh-Token', refreshToken);
  }
}

const LOGOUT_INVALID = Object.freeze({ error: 'invalid_request' });

const UNAVAILABLE: Reply = Object.freeze({
  status: 503,
  code: 'provider_unavailable',
  headers: { 'Retry-After': '5', 'Cache-Control': 'no-store' },
  body: Object.freeze({ message: 'Nobody can be logged in at the moment' }),
});

const TOO_LARGE: Reply = Object.freeze({
  status: 500,
  code: 'session_too_large',
  headers: { 'Cache-Control': 'no-store' },
  body: Object.freeze({ message: 'The session cannot be kept' }),
});

function encoded(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64');
}

/** What an ID token says that was verified when it came. */
function claimsOf(idToken: string | undefined): Claims | undefined {
  return idToken === undefined ? undefined : joseLibrary().decodeJwt(idToken);
}

/** For the log. */
function subjectOf({ sub, client_id }: Claims): string {
  return typeof sub === 'string' ? sub : typeof client_id === 'string' ? client_id : '';
}
