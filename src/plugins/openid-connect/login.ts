/**
 * The authorization code flow (OpenID Connect Core §3.1): sends a browser to the provider, and takes it back. What is to be
 * remembered in between is with the browser, sealed, in one cookie for each log-in: two tabs do not disturb each other, and nobody
 * can bring a log-in to its end that another browser began.
 */
import type * as openid from 'openid-client';
import type { Exchange, Host, Reply } from '../../sdk/index.ts';
import { describe } from './bearer.ts';
import { cookiesOf, type Cookies } from './cookies.ts';
import { joseLibrary, openidLibrary } from './libraries.ts';
import { type Provider, ProviderFault } from './provider.ts';
import type { OpenidConfig } from './schema.ts';
import type { Sealer } from './seal.ts';
import type { Session } from './session.ts';
import { isSecure } from './session-store.ts';
import type { Claims } from './token-verifier.ts';

export interface LoginParts {
  readonly config: OpenidConfig;
  readonly host: Host;
  readonly provider: Provider;
  readonly cookies: Cookies;
  readonly sealer: Sealer;
}

/** A log-in that was begun. */
interface Pending {
  readonly state: string;
  readonly nonce: string | null;
  readonly verifier: string | null;
  /** Where the browser wanted to go. */
  readonly to: string;
  /** Where the provider sends it back to. */
  readonly back: string;
  /** Whether the provider was not to ask the user anything. */
  readonly isSilent: boolean;
  readonly begun_s: number;
}

/** How a log-in ended. `clear`: Set-Cookie that takes its cookie back. */
export type LoginEnd =
  | { readonly session: Session; readonly to: string; readonly clear: string }
  /** The provider would have to ask the user. */
  | { readonly isToBeRepeated: true; readonly to: string; readonly clear: string }
  | { readonly reason: string; readonly detail: string; readonly clear: string | null };

const PENDING_S = 600;
const MOST_PENDING = 5;
const DEFAULT_BACK = '/.apisix/redirect';
const SILENT_ANSWERS = ['login_required', 'interaction_required', 'consent_required', 'account_selection_required'];

export class Login {
  private readonly parts: LoginParts;
  private readonly back: string | null;

  constructor(parts: LoginParts) {
    this.parts = parts;
    this.back = parts.config.redirect_uri ?? null;
  }

  /** Whether a request is a browser on its way back. */
  isCallback({ request }: Exchange): boolean {
    const { back } = this;
    if (back === null) return request.path.endsWith(DEFAULT_BACK);
    return request.path === (back.startsWith('/') ? back : new URL(back).pathname);
  }

  /** Sends the browser to the provider. Rejects with a `ProviderFault`. @param to where it goes in the end */
  async begin(exchange: Exchange, to: string, isSilent: boolean, setCookies: readonly string[]): Promise<Reply> {
    const { config, host, provider, sealer, cookies } = this.parts;
    const { client, pushing } = await provider.discovered();
    const library = openidLibrary();
    const pending: Pending = {
      state: this.random(),
      nonce: config.use_nonce ? this.random() : null,
      verifier: config.use_pkce ? this.random() : null,
      to,
      back: this.backFor(exchange, to),
      isSilent,
      begun_s: Math.floor(host.clock.wall_ms() / 1000),
    };
    const parameters: Record<string, string> = {
      ...config.authorization_params,
      response_type: 'code',
      redirect_uri: pending.back,
      scope: config.scope,
      state: pending.state,
      ...(pending.nonce === null ? {} : { nonce: pending.nonce }),
      ...(isSilent ? { prompt: 'none' } : {}),
    };
    if (pending.verifier !== null) {
      parameters['code_challenge'] = await library.calculatePKCECodeChallenge(pending.verifier);
      parameters['code_challenge_method'] = 'S256';
    }
    const url = await this.addressOf(config.par.enabled ? pushing : client(), parameters);
    const life = { maxAge_s: PENDING_S, isSecure: isSecure(exchange) };
    const name = this.cookieName(pending.state);
    const value = sealer.seal(name, JSON.stringify(pending));
    const set = [...setCookies, ...this.clearMany(exchange), cookies.login(name, value, life)];
    return { status: 302, headers: { Location: url.href, 'Set-Cookie': set, 'Cache-Control': 'no-store' } };
  }

  private async addressOf(client: openid.Configuration, parameters: Record<string, string>): Promise<URL> {
    const library = openidLibrary();
    try {
      if (!this.parts.config.par.enabled) return library.buildAuthorizationUrl(client, parameters);
      const proofs = await this.parts.provider.proofsFor(client);
      return await library.buildAuthorizationUrlWithPAR(client, parameters, proofs);
    } catch (error) {
      throw new ProviderFault(describe(error), { cause: error });
    }
  }

  /** Takes a browser back. Rejects with a `ProviderFault`. */
  async end(exchange: Exchange): Promise<LoginEnd> {
    const { request } = exchange;
    const answer = new URLSearchParams(request.query);
    const state = answer.getAll('state');
    if (state.length !== 1 || !/^[\w-]{43}$/.test(state[0] ?? ''))
      return { reason: 'state_missing', detail: 'the request has no state of ours', clear: null };
    const name = this.cookieName(state[0] ?? '');
    const pending = this.pendingOf(exchange, name);
    if (pending === null || pending.state !== state[0])
      return { reason: 'state_unknown', detail: 'this browser began no such log-in, or too long ago', clear: null };
    const clear = this.parts.cookies.login(name, '', { maxAge_s: 0, isSecure: isSecure(exchange) });
    const { to, isSilent } = pending;
    const code = answer.get('error');
    if (code !== null && isSilent && SILENT_ANSWERS.includes(code)) return { isToBeRepeated: true, to, clear };
    if (code !== null)
      return { reason: 'provider_refused', detail: code.replace(/[^\x21-\x7e]/g, '?').slice(0, 64), clear };
    const result = await this.redeem(request.query, pending);
    return typeof result === 'string'
      ? { reason: 'code_refused', detail: result, clear }
      : { session: result, to, clear };
  }

  /** @returns why it could not be, if the provider or its answer says no */
  private async redeem(query: string, { back, state, nonce, verifier }: Pending): Promise<Session | string> {
    const { provider } = this.parts;
    const client = (await provider.discovered()).client();
    const library = openidLibrary();
    const proofs = await provider.proofsFor(client);
    const checks = {
      expectedState: state,
      idTokenExpected: true,
      ...(nonce === null ? {} : { expectedNonce: nonce }),
      ...(verifier === null ? {} : { pkceCodeVerifier: verifier }),
    };
    try {
      const tokens = await library.authorizationCodeGrant(client, new URL(`${back}?${query}`), checks, {}, proofs);
      return this.sessionOf(tokens, await this.userOf(client, tokens, proofs), null);
    } catch (error) {
      return refusalOr(error);
    }
  }

  /** New tokens by the refresh token. @returns why there are none, if the provider says no; rejects with a `ProviderFault` */
  async renew(session: Session): Promise<Session | string> {
    const { provider } = this.parts;
    const client = (await provider.discovered()).client();
    try {
      const proofs = await provider.proofsFor(client);
      const tokens = await openidLibrary().refreshTokenGrant(client, session.refreshToken ?? '', {}, proofs);
      const claims = tokens.claims();
      if (claims !== undefined && claims.sub !== session.sub) return 'the new ID token is of somebody else';
      return this.sessionOf(tokens, session.user, session);
    } catch (error) {
      return refusalOr(error);
    }
  }

  private async userOf(
    client: openid.Configuration,
    tokens: openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers,
    proofs: openid.DPoPOptions,
  ): Promise<Claims | undefined> {
    const { session_contents, set_userinfo_header } = this.parts.config;
    const isKept = session_contents === undefined ? set_userinfo_header : session_contents.user === true;
    const { sub } = tokens.claims() ?? {};
    if (!isKept || sub === undefined || client.serverMetadata().userinfo_endpoint === undefined) return undefined;
    const library = openidLibrary();
    try {
      return await library.fetchUserInfo(client, tokens.access_token, sub, proofs);
    } catch (error) {
      if (!(error instanceof library.WWWAuthenticateChallengeError)) throw error;
      // Who it is, the ID token says: the log-in holds without more.
      this.parts.host.log.warn('userinfo_refused', { reason: describe(error), status: error.status });
      return undefined;
    }
  }

  private sessionOf(
    tokens: openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers,
    user: Claims | undefined,
    before: Session | null,
  ): Session {
    const { session_contents: kept, access_token_expires_in } = this.parts.config;
    const keeps = (part: keyof NonNullable<typeof kept>): boolean => kept === undefined || kept[part] === true;
    const now_s = Math.floor(this.parts.host.clock.wall_ms() / 1000);
    const claims = tokens.claims();
    const idToken = tokens.id_token ?? before?.idToken;
    const refreshToken = tokens.refresh_token ?? before?.refreshToken;
    const lives_s = tokens.expires_in ?? access_token_expires_in;
    const said = claims ?? before?.claims;
    const scope = tokens.scope ?? before?.scope;
    return {
      id: before?.id ?? this.random(),
      sub: claims?.sub ?? before?.sub ?? '',
      sid: typeof claims?.['sid'] === 'string' ? claims['sid'] : (before?.sid ?? ''),
      createdAt: before?.createdAt ?? now_s,
      renewedAt: now_s,
      seenAt: now_s,
      confirmedAt: claims === undefined && before !== null ? before.confirmedAt : now_s,
      ...(keeps('access_token') ? { accessToken: tokens.access_token } : {}),
      ...(lives_s === undefined ? {} : { expiresAt: now_s + lives_s }),
      ...(keeps('access_token') && refreshToken !== undefined ? { refreshToken } : {}),
      ...(idToken !== undefined && keeps('enc_id_token') ? { idToken } : {}),
      // What the signed token says stands in it: it is kept once.
      ...(said !== undefined && keeps('id_token') && !(idToken !== undefined && keeps('enc_id_token'))
        ? { claims: said }
        : {}),
      ...(user === undefined || !keeps('user') ? {} : { user }),
      ...(scope === undefined ? this.grantedBy(tokens.access_token) : { scope }),
    };
  }

  /** Scopes of an access token that says them itself. */
  private grantedBy(accessToken: string): { readonly scope?: string } {
    try {
      const { scope } = joseLibrary().decodeJwt(accessToken);
      return typeof scope === 'string' ? { scope } : {};
    } catch {
      return {};
    }
  }

  private pendingOf({ request }: Exchange, name: string): Pending | null {
    const { sealer, host } = this.parts;
    const sealed = cookiesOf(request).get(name);
    const text = sealed === undefined ? null : sealer.open(name, sealed);
    if (text === null) return null;
    // It was sealed by us, so it is what we wrote.
    const pending = JSON.parse(text) as Pending;
    return host.clock.wall_ms() / 1000 - pending.begun_s > PENDING_S ? null : pending;
  }

  /** Log-ins that were begun and left: a browser that reloads a page without end must not fill its requests with them. */
  private clearMany({ request }: Exchange): string[] {
    const { cookies } = this.parts;
    const names = [...cookiesOf(request).keys()].filter((name) => name.startsWith(cookies.loginPrefix));
    const life = { maxAge_s: 0, isSecure: request.scheme === 'https' };
    return names.length < MOST_PENDING ? [] : names.map((name) => cookies.login(name, '', life));
  }

  private cookieName(state: string): string {
    return this.parts.cookies.loginPrefix + state.slice(0, 8);
  }

  private backFor({ request }: Exchange, to: string): string {
    const { back } = this;
    if (back !== null && !back.startsWith('/')) return back;
    const usual = request.scheme === 'https' ? 443 : 80;
    const authority = request.port === usual ? request.host : `${request.host}:${request.port}`;
    const path = back ?? (to.split('?', 1)[0] ?? '').replace(/\/$/, '') + DEFAULT_BACK;
    return `${request.scheme}://${this.authorityOf(request.header('Host'), authority)}${path}`;
  }

  /** As the browser spells it: the port that it knows is not always the one that we listen on. */
  private authorityOf(field: string | undefined, otherwise: string): string {
    return field === undefined || field === '' ? otherwise : field;
  }

  /** 256 bits: as state, as nonce, and as code verifier. */
  private random(): string {
    return Buffer.from(this.parts.host.randomBytes(32)).toString('base64url');
  }
}

/** Where a browser goes after a log-in: a path of this host, whatever was asked for. */
export function pathWithin(target: string): string {
  return /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(target) ? target : '/';
}

/** What the provider said no to, or what its answer is wrong in; everything else is a fault of the way to it. */
function refusalOr(error: unknown): string {
  const { ResponseBodyError, AuthorizationResponseError, ClientError } = openidLibrary();
  if (error instanceof ResponseBodyError) {
    if (error.status >= 500) throw new ProviderFault(describe(error), { cause: error });
    return `${error.error}: ${error.error_description ?? ''}`.slice(0, 200);
  }
  if (error instanceof AuthorizationResponseError) return error.error.slice(0, 64);
  if (error instanceof ClientError && WRONG.includes(error.code ?? '')) return describe(error);
  throw error instanceof ProviderFault ? error : new ProviderFault(describe(error), { cause: error });
}

/** Codes of the library for an answer that is not what it must be: a forged signature, another nonce, an old token. */
const WRONG = [
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_JWT_USERINFO_EXPECTED',
  'OAUTH_UNSUPPORTED_OPERATION',
];
