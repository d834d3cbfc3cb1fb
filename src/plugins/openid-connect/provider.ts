/**
 * The provider: its discovery document and keys, fetched when they are first needed, kept, and asked for by one request at a
 * time; and the calls that openid-client makes to it. Nothing follows a redirect, everything has a bound.
 */
import { createPrivateKey } from 'node:crypto';
import type * as jose from 'jose';
import type * as openid from 'openid-client';
import type { Host, HttpClient } from '../../sdk/index.ts';
import { clientAuth } from './client-auth.ts';
import { joseLibrary, openidLibrary } from './libraries.ts';
import type { AuthMethod, OpenidConfig } from './schema.ts';

type Fields = Readonly<Record<string, string>>;

/** Why the provider cannot be used; the message is for the log. */
export class ProviderFault extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProviderFault';
  }
}

/** What the discovery document says, ready for use. */
export interface Discovered {
  readonly metadata: openid.ServerMetadata;
  /** For pushed requests. */
  readonly pushing: openid.Configuration;
  /** For everything else but introspection. Made anew for each log-in: what the library knows of keys would outlive them. */
  readonly client: () => openid.Configuration;
}

/** A document counts for so long; then it is asked for again, and the old one counts until there is a new one. */
const KEPT_MS = 3_600_000;
/** After a failure nobody asks for so long. */
const PAUSE_MS = 2_000;
const MOST_BYTES = 262_144;

export class Provider {
  private readonly config: OpenidConfig;
  private readonly host: Host;
  private readonly http: HttpClient;
  private readonly timeout_ms: number;
  private known: Discovered | null = null;
  private asked: Promise<Discovered> | null = null;
  private askAgain_ms = 0;
  private fault: ProviderFault | null = null;
  private proofs: Promise<openid.CryptoKeyPair> | null = null;

  constructor(config: OpenidConfig, host: Host) {
    this.config = config;
    this.host = host;
    this.timeout_ms = config.timeout * 1000;
    this.http = host.connect('http', {
      timeout_ms: this.timeout_ms,
      max_response_bytes: MOST_BYTES,
      tls: { verify: config.ssl_verify },
    });
  }

  /** Rejects with a `ProviderFault`. */
  discovered(): Promise<Discovered> {
    const now_ms = this.host.clock.monotonic_ms();
    if (now_ms < this.askAgain_ms) {
      if (this.known !== null) return Promise.resolve(this.known);
      if (this.fault !== null) return Promise.reject(this.fault);
    }
    const { known } = this;
    const asked = (this.asked ??= this.discover().finally(() => (this.asked = null)));
    if (known === null) return asked;
    asked.catch(() => {});
    return Promise.resolve(known);
  }

  private async discover(): Promise<Discovered> {
    const { clock, log } = this.host;
    try {
      this.known = this.prepare(await this.document());
      this.fault = null;
      this.askAgain_ms = clock.monotonic_ms() + KEPT_MS;
      return this.known;
    } catch (error) {
      const fault = error instanceof ProviderFault ? error : new ProviderFault(String(error), { cause: error });
      log.error('provider_unavailable', { discovery: this.config.discovery, reason: fault.message });
      this.fault = fault;
      this.askAgain_ms = clock.monotonic_ms() + PAUSE_MS;
      throw fault;
    }
  }

  private async document(): Promise<openid.ServerMetadata> {
    const { discovery } = this.config;
    const answer = await this.http.request({ url: discovery, headers: { Accept: 'application/json' } });
    if (answer.status !== 200) throw new ProviderFault(`the discovery document is answered with ${answer.status}`);
    let document: unknown;
    try {
      document = answer.json();
    } catch (error) {
      throw new ProviderFault('the discovery document is no JSON', { cause: error });
    }
    return checkedDocument(document);
  }

  private prepare(metadata: openid.ServerMetadata): Discovered {
    const { token_endpoint_auth_method: wanted, introspection_endpoint, par } = this.config;
    const all = { ...metadata, ...(introspection_endpoint === undefined ? {} : { introspection_endpoint }) };
    if (par.endpoint !== undefined) all.pushed_authorization_request_endpoint = par.endpoint;
    const method = this.methodFor(wanted, metadata);
    return {
      metadata: all,
      client: () => this.configuration({ ...all }, method, all.token_endpoint),
      pushing: this.configuration(all, par.endpoint_auth_method ?? method, all.pushed_authorization_request_endpoint),
    };
  }

  /** The one that is configured, or else the provider's first that can be used. */
  private methodFor(wanted: AuthMethod, metadata: openid.ServerMetadata): AuthMethod {
    const offered = metadata.token_endpoint_auth_methods_supported;
    if (!Array.isArray(offered) || offered.includes(wanted)) return wanted;
    const { client_secret, client_rsa_private_key } = this.config;
    const usable = (method: unknown): method is AuthMethod =>
      method === 'private_key_jwt'
        ? client_rsa_private_key !== undefined
        : client_secret !== undefined &&
          (method === 'client_secret_basic' || method === 'client_secret_post' || method === 'client_secret_jwt');
    return offered.find(usable) ?? wanted;
  }

  private configuration(
    metadata: openid.ServerMetadata,
    method: AuthMethod,
    endpoint: string | undefined,
    more: Fields = {},
  ): openid.Configuration {
    const { client_id, discovery, iat_slack, token_signing_alg_values_expected: alg } = this.config;
    const library = openidLibrary();
    const client = {
      client_id,
      [library.clockTolerance]: iat_slack,
      ...(alg === undefined ? {} : { id_token_signed_response_alg: alg }),
      ...(alg?.startsWith('HS') === true ? { client_secret: this.config.client_secret ?? '' } : {}),
    };
    const auth = clientAuth(method, this.config, this.host, endpoint);
    const configuration = new library.Configuration(metadata, client_id, client, auth);
    configuration[library.customFetch] = (url, options) => this.fetch(url, options, more);
    configuration.timeout = this.timeout_ms / 1000;
    // Who configures a provider without TLS knows it; one with TLS must not lead to endpoints without.
    // oxlint-disable-next-line typescript/no-deprecated -- marked so to stand out, which it does
    if (discovery.startsWith('http:')) library.allowInsecureRequests(configuration);
    library.enableNonRepudiationChecks(configuration);
    return configuration;
  }

  private async fetch(
    url: string,
    { method, headers, body }: openid.CustomFetchOptions,
    more: Fields,
  ): Promise<Response> {
    const answer = await this.http.request({
      url,
      method,
      headers: { ...headers, ...more },
      ...(body === undefined || body === null ? {} : { body: textOf(body) }),
    });
    const hasBody = answer.status !== 204 && answer.status !== 205 && answer.status !== 304;
    return new Response(hasBody ? Buffer.from(answer.body) : null, {
      status: answer.status,
      headers: answer.headerEntries(),
    });
  }

  /** RFC 7662. @param more header fields that are sent as well */
  async introspect(token: string, more: Fields): Promise<openid.IntrospectionResponse> {
    const { metadata } = await this.discovered();
    const { introspection_endpoint: endpoint } = metadata;
    if (endpoint === undefined)
      throw new ProviderFault('it introspects no tokens: set introspection_endpoint, use_jwks or public_key');
    const method = this.config.introspection_endpoint_auth_method;
    const configuration = this.configuration(metadata, method, endpoint, more);
    return openidLibrary().tokenIntrospection(configuration, token);
  }

  /** What token requests are sent with: nothing, unless tokens are bound to a key. */
  async proofsFor(client: openid.Configuration): Promise<openid.DPoPOptions> {
    const { enabled, private_key, public_jwk, signing_alg } = this.config.dpop;
    if (!enabled || private_key === undefined || public_jwk === undefined) return {};
    this.proofs ??= keyPair(private_key, public_jwk, signing_alg);
    return { DPoP: openidLibrary().getDPoPHandle(client, await this.proofs) };
  }
}

async function keyPair(pem: string, jwk: object, algorithm: string): Promise<openid.CryptoKeyPair> {
  const { importPKCS8, importJWK } = joseLibrary();
  const pkcs8 = createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }).toString();
  const [privateKey, publicKey] = await Promise.all([
    importPKCS8(pkcs8, algorithm),
    importJWK(jwk as jose.JWK, algorithm, { extractable: true }),
  ]);
  return { privateKey, publicKey: publicKey as CryptoKey };
}

const ENDPOINTS = [
  'authorization_endpoint',
  'token_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
  'introspection_endpoint',
  'end_session_endpoint',
  'revocation_endpoint',
  'pushed_authorization_request_endpoint',
] as const;

/** What is used of a document must be what it is said to be; the rest may be anything. */
function checkedDocument(document: unknown): openid.ServerMetadata {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new ProviderFault('the discovery document is no object');
  const fields = document as Readonly<Record<string, unknown>>;
  const { issuer } = fields;
  if (typeof issuer !== 'string' || issuer === '') throw new ProviderFault('the discovery document names no issuer');
  for (const name of ENDPOINTS) {
    const value = fields[name];
    if (value === undefined) continue;
    const isUrl = typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value);
    if (!isUrl) throw new ProviderFault(`${name} of the discovery document is no URL`);
  }
  return fields as unknown as openid.ServerMetadata;
}

function textOf(body: NonNullable<openid.FetchBody>): string {
  if (typeof body === 'string') return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('a request to a provider is a form');
}
