import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, HandClock, type Lab, openLab, problemsOf } from '../../../test/plugins/lab.ts';
import { type DebugClaims, isDebugToken, makeDebugToken } from './token.ts';

const SECRET = 'a-secret-of-thirty-two-characters';
const YAML = `
global_rules:
  - id: debug
    plugins: { debug-headers: { secret: ${SECRET} } }
routes:
  - { id: users, uri: '/users/*', methods: [GET], upstream: { nodes: { $UPSTREAM: 1 } } }
  - { id: keyed, uri: /keyed, plugins: { key-auth: {} }, upstream: { nodes: { $UPSTREAM: 1 } } }
  - { id: broken, uri: /broken, upstream: { nodes: { '127.0.0.1:1': 1, '127.0.0.2:1': 1 } } }
consumers:
  - { username: jack, plugins: { key-auth: { key: jacks } } }
`;

const told = ({ headers }: Answer): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith('x-gatewright-') && name !== 'x-gatewright-error'),
  );

/** Whether the upstream got the token. */
const tokenSeen = ({ lastSeen }: Lab): boolean =>
  lastSeen.headers.some(([name]) => name.toLowerCase() === 'x-gatewright-debug');

/** A lab whose clock says that it is 1,000 s since 1970 or later, and a token for it. */
async function debugLab(t: Parameters<typeof openLab>[0]): Promise<{ lab: Lab; now_s: number }> {
  const clock = new HandClock();
  const lab = await openLab(t, YAML, { clock });
  return { lab, now_s: clock.wall_ms() / 1000 };
}

const tokenFor = (claims: DebugClaims, secret = SECRET): Record<string, string> => ({
  'X-Gatewright-Debug': makeDebugToken(claims, secret),
});

describe('debug headers', () => {
  it('tell a caller with a token what made the answer, whoever made it', async (t) => {
    const { lab, now_s } = await debugLab(t);
    const headers = tokenFor({ exp: now_s + 60 });
    const served = await lab.request('/users/7', { headers });
    const { 'x-gatewright-exchange': id = '', 'x-gatewright-elapsed-ms': elapsed = '', ...rest } = told(served);
    assert.match(id, /^[0-9a-f]{24}$/);
    assert.match(elapsed, /^\d+\.\d$/);
    assert.deepEqual(rest, {
      'x-gatewright-revision': '1',
      'x-gatewright-route': 'users',
      'x-gatewright-replied-by': 'upstream',
      'x-gatewright-node': `127.0.0.1:${lab.upstream.port}`,
      'x-gatewright-attempts': '1',
    });
    assert.equal(served.headers['cache-control'], 'private, no-store');
    assert.equal(tokenSeen(lab), false, 'the upstream does not get the token');

    const refused = told(await lab.request('/keyed', { headers }));
    assert.deepEqual([refused['x-gatewright-replied-by'], refused['x-gatewright-attempts']], ['plugin key-auth', '0']);
    const known = told(await lab.request('/keyed', { headers: { ...headers, apikey: 'jacks' } }));
    assert.deepEqual([known['x-gatewright-consumer'], known['x-gatewright-replied-by']], ['jack', 'upstream']);
    const broken = told(await lab.request('/broken', { headers }));
    assert.deepEqual([broken['x-gatewright-replied-by'], broken['x-gatewright-attempts']], ['gateway', '2']);
    assert.match(broken['x-gatewright-node'] ?? '', /^127\.0\.0\.[12]:1$/);
  });

  it('say of a 404 which route came near', async (t) => {
    const { lab, now_s } = await debugLab(t);
    const headers = tokenFor({ exp: now_s + 60 });
    const answer = await lab.request('/users/7', { method: 'DELETE', headers });
    assert.equal(answer.status, 404);
    assert.equal(told(answer)['x-gatewright-near-routes'], 'users: method DELETE is not GET');
    assert.equal(told(answer)['x-gatewright-route'], undefined);
  });

  it('are there for nobody else, who cannot tell that there are any', async (t) => {
    const { lab, now_s } = await debugLab(t);
    const good = makeDebugToken({ exp: now_s + 60 }, SECRET);
    const [version, payload = '', signature = ''] = good.split('.');
    const longer = Buffer.from(JSON.stringify({ exp: now_s + 6_000 })).toString('base64url');
    const worthless: Readonly<Record<string, string>> = {
      'without a token': '',
      'another secret': makeDebugToken({ exp: now_s + 60 }, `${SECRET}!`),
      expired: makeDebugToken({ exp: now_s }, SECRET),
      'lives too long': makeDebugToken({ exp: now_s + 86_401 }, SECRET),
      'another host': makeDebugToken({ exp: now_s + 60, host: 'other.example' }, SECRET),
      'another path': makeDebugToken({ exp: now_s + 60, path: '/users' }, SECRET),
      'another address': makeDebugToken({ exp: now_s + 60, address: '10.0.0.1' }, SECRET),
      'no version': `${payload}.${signature}`,
      'another version': `gw2.${payload}.${signature}`,
      'no signature': `${version}.${payload}.`,
      'claims that were changed': `${version}.${longer}.${signature}`,
      'more than there is': `${good}.x`,
      endless: `${good}${'x'.repeat(2_000)}`,
      'no JSON': makeDebugToken('{' as unknown as DebugClaims, SECRET),
      'claims of another type': makeDebugToken({ exp: '9' } as unknown as DebugClaims, SECRET),
    };
    const plain = await lab.request('/users/7');
    for (const [what, token] of Object.entries(worthless)) {
      const answer = await lab.request('/users/7', token === '' ? {} : { headers: { 'X-Gatewright-Debug': token } });
      assert.deepEqual(told(answer), {}, what);
      assert.equal(answer.status, 200, what);
      assert.deepEqual(
        answer.rawHeaders.map(([name]) => name),
        plain.rawHeaders.map(([name]) => name),
        what,
      );
      assert.equal(tokenSeen(lab), false, what);
    }
    const bound = { exp: now_s + 60, host: 'app.example', path: '/users/*', address: '127.0.0.1' };
    assert.equal(told(await lab.request('/users/7', { headers: tokenFor(bound) }))['x-gatewright-route'], 'users');
  });

  it('need a secret that cannot be guessed', () => {
    const rule = (config: object) => `global_rules: [{ id: 1, plugins: { debug-headers: ${JSON.stringify(config)} } }]`;
    assert.match(problemsOf(rule({})).join(), /secret/);
    assert.match(problemsOf(rule({ secret: 'short' })).join(), /secret.*32/);
    assert.doesNotMatch(problemsOf(rule({ secret: 'short' })).join(), /"short"/);
    assert.match(problemsOf(rule({ secret: SECRET, header: 'a b' })).join(), /is no name of a header/);
  });

  it('take any bytes for a token without a fault', () => {
    const check = { secret: SECRET, now_s: 1, max_lifetime_s: 100 };
    const asked = { host: 'a', path: '/', address: '::1' };
    let state = 20_261_121;
    for (let i = 0; i < 20_000; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      const base = makeDebugToken({ exp: 50 }, SECRET);
      const at = state % base.length;
      const changed = base.slice(0, at) + String.fromCharCode(33 + (state % 94)) + base.slice(at + 1);
      // Some last characters of base64url differ in bits that nobody reads.
      if (
        Buffer.from(changed.split('.')[2] ?? '', 'base64url').equals(Buffer.from(base.split('.')[2] ?? '', 'base64url'))
      )
        continue;
      assert.equal(isDebugToken(changed, asked, check), changed === base);
    }
  });
});
