/** The tutorial on Keycloak of APISIX's documentation, and the page of the plugin, with a provider in process. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openWorld } from '../openid/world.ts';

const TUTORIAL = { scope: 'openid profile', session: undefined } as const;

it('client credentials and password grant: tokens are verified by the published keys', async (t) => {
  const { browser, address, provider, reload } = await openWorld(t, { ...TUTORIAL, use_jwks: true });
  reload({ ...TUTORIAL, use_jwks: true, redirect_uri: address('/anything/callback') });
  const token = await provider.machineToken('orders:read');
  const call = async (headers: Readonly<Record<string, string>>): Promise<number> =>
    (await browser.open(address('/anything/test'), { headers })).status;
  assert.equal(await call({ Authorization: `Bearer ${token}` }), 200);
  assert.equal(await call({ Authorization: 'Bearer invalid-access-token' }), 401);
  assert.equal(await call({}), 401);
});

it('client credentials: tokens are introspected', async (t) => {
  const { browser, address, lab } = await openWorld(t, { ...TUTORIAL, bearer_only: true });
  const answer = await browser.open(address('/anything/test'), {
    headers: { Authorization: 'Bearer invalid-access-token' },
  });
  assert.equal(answer.status, 401, JSON.stringify(lab.hostLog));
  assert.equal((await browser.open(address('/anything/test'))).status, 401);
});

for (const use_pkce of [false, true]) {
  it(`authorization code grant, PKCE ${use_pkce}: the browser is sent to log in, and comes back to the page`, async (t) => {
    const session = { secret: 'change_to_whatever_secret_you_want' };
    const { browser, address } = await openWorld(t, { scope: 'openid profile', bearer_only: false, use_pkce, session });
    const first = await browser.open(address('/anything/test'));
    assert.equal(first.status, 302);
    const page = await browser.logIn(address('/anything/test'), 'quickstart-user');
    assert.deepEqual([page.status, page.url.pathname], [200, '/anything/test']);
  });
}
