import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { RedisServer } from '../../../test/limit/redis.ts';
import { Browser } from '../../../test/openid/browser.ts';
import { decoded, openWorld, SESSION, told, type World } from '../../../test/openid/world.ts';
import { requireProgram } from '../../../test/require-program.ts';

async function redisWorld(t: TestContext): Promise<{ readonly world: World; readonly server: RedisServer } | null> {
  const program = requireProgram(t, 'redis-server');
  if (program === undefined) return null;
  const server = await RedisServer.start(program);
  t.after(() => server.end());
  const redis = { port: server.port, connect_timeout: 10_000, send_timeout: 10_000, read_timeout: 10_000 };
  const session = { ...SESSION, storage: 'redis', redis };
  return { world: await openWorld(t, { session, backchannel_logout_path: '/backchannel' }), server };
}

it('sessions are in Redis, encrypted, and the browser has but their name', async (t) => {
  const opened = await redisWorld(t);
  if (opened === null) return;
  const { world, server } = opened;
  const { browser, address, lab } = world;
  const page = await browser.logIn(address('/'), 'jack');
  assert.equal(page.status, 200, page.text + JSON.stringify(lab.hostLog));
  assert.equal(decoded(told(lab, 'X-Userinfo'))['sub'], 'jack');
  const cookies = browser.cookiesFor(new URL(address('/')));
  assert.match(cookies, /^session=[\w-]{43}$/);
  const names = server.ask('KEYS', '*').trim().split('\n');
  assert.ok(
    names.every((name) => name.startsWith('sessions:')),
    names.join(),
  );
  assert.doesNotMatch(names.join(), new RegExp(cookies.slice(8)), 'who reads Redis cannot take a session over');
  for (const name of names.filter((each) => !/:(?:sub|sid):/.test(each)))
    assert.doesNotMatch(server.ask('GET', name), /jack/);
  assert.equal((await browser.open(address('/logout'))).status, 302);
  assert.equal((await new Browser().open(address('/'), { headers: { Cookie: cookies } })).status, 302);
  const planted = `session=${'A'.repeat(43)}`;
  assert.equal((await new Browser().open(address('/'), { headers: { Cookie: planted } })).status, 302);
});

it('the provider ends sessions in Redis', async (t) => {
  const opened = await redisWorld(t);
  if (opened === null) return;
  const { browser, address, provider, lab } = opened.world;
  provider.setClient({ backchannel_logout_uri: address('/backchannel'), backchannel_logout_session_required: true });
  await browser.logIn(address('/'), 'jack');
  assert.equal((await browser.open(address('/'))).status, 200);
  await browser.submit(await browser.visit(`${provider.issuer}/session/end`), { logout: 'yes' });
  assert.equal((await browser.open(address('/'))).status, 302, JSON.stringify(lab.hostLog));
});

it('without Redis nobody is let in, and nobody waits', async (t) => {
  const opened = await redisWorld(t);
  if (opened === null) return;
  const { world, server } = opened;
  const { browser, address, lab } = world;
  await browser.logIn(address('/'), 'jack');
  const passed = lab.seen.length;
  await server.end();
  const started = performance.now();
  assert.equal((await browser.open(address('/'))).status, 503);
  assert.ok(performance.now() - started < 9_000);
  assert.equal(lab.seen.length, passed);
});
