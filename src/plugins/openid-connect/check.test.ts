import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { it } from 'node:test';
import { problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import plugin from './openid-connect.ts';

type Attributes = Readonly<Record<string, unknown>>;

const GOOD = {
  client_id: 'gateway',
  client_secret: 'hush',
  discovery: 'https://id.example/.well-known/openid-configuration',
  session: { secret: 'sixteen characters' },
};
const problems = (more: Attributes): string[] =>
  problemsOf(routeWith({ 'openid-connect': { ...GOOD, ...more } })).map((problem) =>
    problem.replace('routes[0].plugins.openid-connect.', ''),
  );

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pkcs8 = (key: typeof rsa.privateKey): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const KEYED = { client_rsa_private_key: pkcs8(rsa.privateKey), token_endpoint_auth_method: 'private_key_jwt' };
const DPOP = { enabled: true, private_key: pkcs8(ec.privateKey), public_jwk: ec.publicKey.export({ format: 'jwk' }) };

const RIGHT: readonly Attributes[] = [
  {},
  { session: undefined },
  { scope: 'apisix' },
  { session: undefined, bearer_only: true },
  { session: undefined, use_jwks: true },
  { client_secret: undefined, ...KEYED },
  { ...KEYED, client_jwt_assertion_alg: 'RS512' },
  { ...KEYED, client_rsa_private_key: pkcs8(ec.privateKey), client_jwt_assertion_alg: 'ES256' },
  { dpop: DPOP },
  { accept_none_alg: false, accept_unsupported_alg: false, force_reauthorize: false },
  { session: { secret: 'sixteen characters', cookie: { lifetime: 60 } } },
];

const WRONG: readonly (readonly [more: Attributes, problem: RegExp])[] = [
  [{ client_id: undefined }, /^client_id: missing/],
  [{ client_secret: undefined }, /^client_secret: is missing: token_endpoint_auth_method is client_secret_basic/],
  [{ discovery: 'id.example' }, /^discovery: .*is no URL of the kind/],
  [{ discovery: 'https://user:hush@id.example/' }, /^discovery: holds a name or a password/],
  [{ session: { secret: 'hush' } }, /^session\.secret: /],
  [
    { session: { secret: 'sixteen characters', cookie_same_site: 'None', cookie_secure: false } },
    /^session\.cookie_secure: must be true/,
  ],
  [{ session: { secret: 'sixteen characters', cookie_name: 'a=b' } }, /^session\.cookie_name: /],
  [{ session: { secret: 'sixteen characters', storage: 'memory' } }, /^session\.storage: /],
  [{ accept_none_alg: true }, /^accept_none_alg: .*an ID token that nobody signed/],
  [{ accept_unsupported_alg: true }, /^accept_unsupported_alg: .*always verified/],
  [{ force_reauthorize: true }, /^force_reauthorize: .*without end/],
  [{ proxy_opts: { http_proxy: 'http://p' } }, /^proxy_opts: .*not supported/],
  [{ public_key: 'hush' }, /^public_key: cannot be used/],
  [
    { token_endpoint_auth_method: 'private_key_jwt' },
    /^token_endpoint_auth_method: private_key_jwt needs "client_rsa_private_key"/,
  ],
  [{ ...KEYED, client_rsa_private_key: 'hush' }, /^client_rsa_private_key: cannot be used/],
  [
    { ...KEYED, client_jwt_assertion_alg: 'HS256' },
    /^client_jwt_assertion_alg: HS256 does not go with private_key_jwt/,
  ],
  [
    { ...KEYED, client_jwt_assertion_alg: 'ES256' },
    /^client_rsa_private_key: .*a key of ES256 is needed, this one is rsa/,
  ],
  [{ dpop: { enabled: true } }, /^dpop\.private_key: is missing/],
  [{ dpop: { ...DPOP, signing_alg: 'RS256' } }, /^dpop\.private_key: .*no key for RS256/],
  [
    { dpop: { ...DPOP, public_jwk: ec.privateKey.export({ format: 'jwk' }) } },
    /^dpop\.public_jwk: holds a private key/,
  ],
  [
    {
      dpop: {
        ...DPOP,
        public_jwk: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
      },
    },
    /^dpop\.private_key: .*not the private part/,
  ],
  [{ redirect_uri: 'callback' }, /^redirect_uri: .*neither a URL nor a path/],
  [{ logout_path: 'out' }, /^logout_path: .*is no path/],
  [{ claim_schema: { type: 'thing' } }, /^claim_schema: cannot be used/],
  [{ token_signing_alg_values_expected: 'none' }, /^token_signing_alg_values_expected: .*is no algorithm/],
  [{ use_par: true }, /^use_par: unknown attribute/],
  [{ unauth_action: 'maybe' }, /^unauth_action: /],
];

for (const more of RIGHT) it(`is right: ${Object.keys(more).join()}`, () => assert.deepEqual(problems(more), []));

for (const [more, problem] of WRONG) {
  it(String(problem), () => {
    const found = problems(more);
    assert.match(found[0] ?? 'nothing', problem);
    assert.doesNotMatch(found.join(), /hush/, 'no secret is told');
  });
}

it('the examples of the reference are right', () => {
  for (const { config } of plugin.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'openid-connect': config })), []);
  assert.equal(plugin.priority, 2_599);
});
