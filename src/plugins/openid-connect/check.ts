/** What the schema of openid-connect cannot say. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { ConfigProblem } from '../../sdk/index.ts';
import { publicKey } from '../jws.ts';
import { compileSchema } from '../request-validation/people-schema.ts';
import type { AuthMethod, OpenidConfig } from './schema.ts';

export function checkOpenid(config: OpenidConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const { session, claim_schema, public_key } = config;
  if (claim_schema !== undefined) attempt(problems, 'claim_schema', () => void compileSchema(claim_schema));
  if (public_key !== undefined) attempt(problems, 'public_key', () => void publicKey(public_key));
  problems.push(...urlProblems(config), ...authProblems(config), ...dpopProblems(config), ...sessionProblems(session));
  return problems;
}

/** Reports what `attempt` throws. The message of a key that cannot be read holds nothing of the key. */
function attempt(problems: ConfigProblem[], path: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    problems.push({ path, message: `cannot be used: ${error instanceof Error ? error.message : String(error)}` });
  }
}

function urlProblems({ discovery, introspection_endpoint, post_logout_redirect_uri, redirect_uri, par }: OpenidConfig) {
  const urls = {
    discovery,
    introspection_endpoint,
    post_logout_redirect_uri,
    redirect_uri,
    'par.endpoint': par.endpoint,
  };
  return Object.entries(urls).flatMap(([path, url]): ConfigProblem[] => {
    if (url === undefined || url.startsWith('/')) return [];
    if (!URL.canParse(url)) return [{ path, message: 'is no URL of the kind https://host/path' }];
    const { username, password } = new URL(url);
    return username === '' && password === '' ? [] : [{ path, message: 'holds a name or a password: take it out' }];
  });
}

const METHOD_PATHS = ['token_endpoint_auth_method', 'introspection_endpoint_auth_method'] as const;

function authProblems(config: OpenidConfig): ConfigProblem[] {
  const { client_secret, client_rsa_private_key, client_jwt_assertion_alg: alg, par } = config;
  const problems: ConfigProblem[] = [];
  const uses: (readonly [path: string, method: AuthMethod])[] = METHOD_PATHS.map((path) => [path, config[path]]);
  if (par.endpoint_auth_method !== undefined) uses.push(['par.endpoint_auth_method', par.endpoint_auth_method]);
  const isKeyEnough = client_rsa_private_key !== undefined && uses[0]?.[1] === 'private_key_jwt';
  for (const [path, method] of uses) {
    const isKey = method === 'private_key_jwt';
    if (isKey && client_rsa_private_key === undefined)
      problems.push({ path, message: 'private_key_jwt needs "client_rsa_private_key"' });
    // The default of a method that is perhaps never used demands nothing.
    if (!isKey && client_secret === undefined && !(isKeyEnough && method === 'client_secret_basic'))
      problems.push({ path: 'client_secret', message: `is missing: ${path} is ${method}` });
    if (alg !== undefined && method.endsWith('_jwt') && isKey === alg.startsWith('HS'))
      problems.push({ path: 'client_jwt_assertion_alg', message: `${alg} does not go with ${method} in ${path}` });
  }
  if (client_rsa_private_key !== undefined) {
    attempt(problems, 'client_rsa_private_key', () => {
      const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(client_rsa_private_key);
      const curve = asymmetricKeyDetails?.namedCurve ?? '';
      const fits =
        alg === 'ES256'
          ? curve === 'prime256v1'
          : alg === 'ES512'
            ? curve === 'secp521r1'
            : asymmetricKeyType === 'rsa';
      if (!fits)
        throw new Error(`a key of ${alg ?? 'RS256'} is needed, this one is ${curve || String(asymmetricKeyType)}`);
    });
  }
  return problems.filter(
    ({ path, message }, at) => problems.findIndex((each) => each.path === path && each.message === message) === at,
  );
}

function dpopProblems({ dpop }: OpenidConfig): ConfigProblem[] {
  const { enabled, private_key, public_jwk, signing_alg } = dpop;
  if (!enabled) return [];
  const problems: ConfigProblem[] = [];
  if (private_key === undefined)
    problems.push({ path: 'dpop.private_key', message: 'is missing: it signs the proofs' });
  if (public_jwk === undefined) problems.push({ path: 'dpop.public_jwk', message: 'is missing: proofs carry it' });
  else if ('d' in public_jwk || 'k' in public_jwk)
    problems.push({ path: 'dpop.public_jwk', message: 'holds a private key: write its public members only' });
  if (private_key === undefined || public_jwk === undefined || problems.length > 0) return problems;
  attempt(problems, 'dpop.private_key', () => {
    const own = createPublicKey(createPrivateKey(private_key));
    const isElliptic = own.asymmetricKeyType === 'ec';
    if (isElliptic !== (signing_alg === 'ES256')) throw new Error(`it is no key for ${signing_alg}`);
    const told = createPublicKey({ key: public_jwk, format: 'jwk' });
    if (!own.equals(told)) throw new Error('it is not the private part of dpop.public_jwk');
  });
  return problems;
}

function sessionProblems(session: OpenidConfig['session']): ConfigProblem[] {
  if (session === undefined) return [];
  const { cookie_same_site, cookie_secure } = session;
  if (cookie_same_site === 'None' && cookie_secure === false) {
    return [
      {
        path: 'session.cookie_secure',
        message: 'must be true with cookie_same_site None: browsers refuse the cookie otherwise',
      },
    ];
  }
  return [];
}
