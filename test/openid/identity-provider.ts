/** A real OpenID provider (oidc-provider) on a port of its own, with one client for the gateway and people who may log in. */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import Provider, { type ClientMetadata } from 'oidc-provider';

export interface ClientOptions {
  readonly redirect_uris: readonly string[];
  readonly [name: string]: unknown;
}

/** Turns a request away before the provider sees it; false lets it through. */
export type Intercept = (request: http.IncomingMessage, response: http.ServerResponse) => boolean;

export interface ProviderOptions {
  /** Seconds that access tokens live. */
  readonly accessToken_s?: number;
  /** More of the provider's own configuration. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export class IdentityProvider {
  readonly issuer: string;
  /** Every request, as `METHOD path`. */
  readonly asked: string[] = [];
  intercept: Intercept = () => false;
  private readonly clients: ClientMetadata[] = [];
  private readonly options: ProviderOptions;
  private answer: ((request: http.IncomingMessage, response: http.ServerResponse) => void) | null = null;

  static async start(t: TestContext, options: ProviderOptions = {}): Promise<IdentityProvider> {
    const server = http.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return new IdentityProvider(server, options);
  }

  constructor(server: http.Server, options: ProviderOptions) {
    this.options = options;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => {
      this.asked.push(`${request.method} ${(request.url ?? '').split('?', 1)[0]}`);
      if (!this.intercept(request, response)) this.answer?.(request, response);
    });
  }

  get discovery(): string {
    return `${this.issuer}/.well-known/openid-configuration`;
  }

  /** Begins to answer, with a client `gateway` (secret `hush-secret`) and one for machines, `machine` (secret `hush-machine`). */
  open(client: ClientOptions): void {
    this.clients.push({
      client_id: 'gateway',
      client_secret: 'hush-secret',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...client,
    });
    this.clients.push({
      client_id: 'machine',
      client_secret: 'hush-machine',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    });
    this.rotate();
  }

  /** Changes what the provider knows of the client. */
  setClient(more: Readonly<Record<string, unknown>>): void {
    Object.assign(this.clients[0] ?? {}, more);
    this.rotate();
  }

  /** New signing keys, in place of the old ones. */
  rotate(): void {
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    const { accessToken_s = 3600, more = {} } = this.options;
    const provider = new Provider(this.issuer, {
      clients: this.clients,
      jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: `key-${this.asked.length}` }] },
      cookies: { keys: ['a key for the cookies of the provider'] },
      // Its own would not call an address of this machine.
      fetch: (url, { dispatcher: _own, ...options }: RequestInit & { dispatcher?: unknown } = {}) =>
        fetch(url, options),
      pkce: { required: () => false },
      scopes: ['openid', 'offline_access', 'profile', 'orders:read', 'orders:write'],
      claims: { openid: ['sub'], profile: ['name', 'nickname'] },
      conformIdTokenClaims: false,
      features: {
        introspection: { enabled: true },
        revocation: { enabled: true },
        clientCredentials: { enabled: true },
        backchannelLogout: { enabled: true },
        pushedAuthorizationRequests: { enabled: true },
        dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 1), requireNonce: () => false },
        devInteractions: { enabled: true },
        resourceIndicators: {
          enabled: true,
          // A token for a service is none for the user's data.
          defaultResource: ({ oidc }) => (oidc.client?.clientId === 'machine' ? 'urn:orders' : []),
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: 'orders:read orders:write profile',
            audience: 'gateway',
            accessTokenFormat: 'jwt',
            accessTokenTTL: accessToken_s,
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
      ttl: {
        AccessToken: accessToken_s,
        ClientCredentials: accessToken_s,
        Session: 3600,
        Grant: 3600,
        IdToken: 3600,
        Interaction: 600,
        RefreshToken: 3600,
      },
      issueRefreshToken: () => true,
      rotateRefreshToken: true,
      findAccount: (_context: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id, name: `${id} Ünïcode`, nickname: id }),
      }),
      ...more,
    });
    this.answer = provider.callback() as typeof this.answer;
  }

  /** An access token for a machine. */
  async machineToken(scope: string): Promise<string> {
    const response = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      headers: { Authorization: `Basic ${Buffer.from('machine:hush-machine').toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
    });
    const { access_token } = (await response.json()) as { readonly access_token: string };
    return access_token;
  }
}
