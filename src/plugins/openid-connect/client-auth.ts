/** How the gateway proves to a provider who it is (OpenID Connect Core §9). */
import { createPrivateKey } from 'node:crypto';
import type * as openid from 'openid-client';
import type { Host } from '../../sdk/index.ts';
import { joseLibrary, openidLibrary } from './libraries.ts';
import type { AuthMethod, OpenidConfig } from './schema.ts';

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** @param endpoint whom an assertion is meant for, unless the configuration says another */
export function clientAuth(
  method: AuthMethod,
  config: OpenidConfig,
  host: Host,
  endpoint: string | undefined,
): openid.ClientAuth {
  const { client_secret = '' } = config;
  const { ClientSecretBasic, ClientSecretPost } = openidLibrary();
  if (method === 'client_secret_basic') return ClientSecretBasic(client_secret);
  if (method === 'client_secret_post') return ClientSecretPost(client_secret);
  return assertion(method, config, host, endpoint);
}

/** RFC 7523 §2.2: a JWT that is good for a moment, and once. */
function assertion(
  method: AuthMethod,
  config: OpenidConfig,
  host: Host,
  endpoint: string | undefined,
): openid.ClientAuth {
  const { client_id, client_secret = '', client_rsa_private_key = '', client_rsa_private_key_id: kid } = config;
  const isKey = method === 'private_key_jwt';
  const alg = config.client_jwt_assertion_alg ?? (isKey ? 'RS256' : 'HS256');
  const key = isKey ? createPrivateKey(client_rsa_private_key) : Buffer.from(client_secret);
  const sign = async (as: openid.ServerMetadata, body: URLSearchParams): Promise<void> => {
    const now_s = Math.floor(host.clock.wall_ms() / 1000);
    const audience = config.client_jwt_assertion_audience ?? endpoint ?? as.issuer;
    const token = await new (joseLibrary().SignJWT)({})
      .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
      .setIssuer(client_id)
      .setSubject(client_id)
      .setAudience(audience)
      .setJti(Buffer.from(host.randomBytes(16)).toString('base64url'))
      .setIssuedAt(now_s)
      .setNotBefore(now_s)
      .setExpirationTime(now_s + config.client_jwt_assertion_expires_in)
      .sign(key);
    body.set('client_id', client_id);
    body.set('client_assertion_type', ASSERTION);
    body.set('client_assertion', token);
  };
  // The library awaits what this gives, though the type does not say so: its own `PrivateKeyJwt` signs in the same way.
  const authenticate = (as: openid.ServerMetadata, _client: unknown, body: URLSearchParams): unknown => sign(as, body);
  return authenticate;
}
