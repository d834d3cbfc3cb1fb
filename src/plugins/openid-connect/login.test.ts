import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { Browser } from '../../../test/openid/browser.ts';
import {
  clockOfNow,
  decoded,
  openWorld,
  SESSION,
  told,
  type Attributes,
  type World,
} from '../../../test/openid/world.ts';

const count = ({ provider }: World, line: string): number => provider.asked.filter((each) => each === line).length;

it('somebody logs in, gets what was asked for, and needs the provider no more', async (t) => {
  const world = await openWorld(t);
  const { lab, browser, address, provider } = world;
  const page = await browser.logIn(address('/orders?page=2'), 'jack');
  assert.equal(page.status, 200, page.text + JSON.stringify(lab.hostLog));
  assert.equal(page.url.href, address('/orders?page=2'));
  assert.equal(lab.lastSeen.url, '/orders?page=2');
  assert.equal(decoded(told(lab, 'X-ID-Token'))['sub'], 'jack');
  assert.equal(decoded(told(lab, 'X-Userinfo'))['name'], 'jack Ünïcode');
  assert.match(told(lab, 'X-Access-Token') ?? '', /^[\w-]{43}$/);
  for (const absent of ['Cookie', 'X-Raw-ID-Token', 'X-Refresh-Token', 'Authorization']) {
    assert.equal(told(lab, absent), undefined, absent);
  }
  const before = provider.asked.length;
  const again = await browser.open(address('/more'), {
    headers: { 'X-Userinfo': 'forged', 'X-Refresh-Token': 'forged' },
  });
  assert.equal(again.status, 200);
  assert.equal(decoded(told(lab, 'X-Userinfo'))['sub'], 'jack');
  assert.equal(told(lab, 'X-Refresh-Token'), undefined);
  assert.equal(provider.asked.length, before, 'the session suffices');
});

it('a log-in begins with state, nonce, PKCE and what else is wanted, and its cookie is kept from scripts', async (t) => {
  const { browser, address, provider } = await openWorld(t, { authorization_params: { ui_locales: 'tlh' } });
  const { status, headers } = await browser.open(address('/x?y=1'));
  assert.equal(status, 302);
  assert.equal(headers.get('Cache-Control'), 'no-store');
  const to = new URL(headers.get('Location') ?? '');
  assert.equal(to.origin + to.pathname, `${provider.issuer}/auth`);
  const { state, nonce, code_challenge, ...rest } = Object.fromEntries(to.searchParams);
  for (const random of [state, nonce, code_challenge]) assert.match(random ?? '', /^[\w-]{43}$/);
  assert.deepEqual(rest, {
    client_id: 'gateway',
    code_challenge_method: 'S256',
    redirect_uri: address('/callback'),
    response_type: 'code',
    scope: 'openid profile',
    ui_locales: 'tlh',
  });
  const [cookie = ''] = browser.setCookies;
  assert.match(cookie, /^session_login_[\w-]{8}=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/);
});

const WAYS: readonly (readonly [title: string, attributes: Attributes, client?: Attributes])[] = [
  ['without PKCE and nonce', { use_pkce: false, use_nonce: false }],
  [
    'the secret in the form',
    { token_endpoint_auth_method: 'client_secret_post' },
    { token_endpoint_auth_method: 'client_secret_post' },
  ],
  [
    'a JWT signed with the secret',
    { token_endpoint_auth_method: 'client_secret_jwt', client_secret: 'hush-secret-of-thirty-two-bytes-or-more' },
    { token_endpoint_auth_method: 'client_secret_jwt', client_secret: 'hush-secret-of-thirty-two-bytes-or-more' },
  ],
  ['parameters that are pushed', { par: { enabled: true } }],
  [
    'raw tokens for the upstream',
    { set_raw_id_token_header: true, set_refresh_token_header: true, access_token_in_authorization_header: true },
  ],
  ['a session that nobody configured', { session: undefined }],
  ['only the user in the session', { session_contents: { user: true } }],
];

it('ways to log in', async (t) => {
  for (const [title, attributes, client = {}] of WAYS) {
    await t.test(title, async (t) => {
      const { lab, browser, address } = await openWorld(t, attributes, { client });
      const page = await browser.logIn(address('/'), 'jill');
      assert.equal(page.status, 200, page.text + JSON.stringify(lab.hostLog));
      assert.equal(decoded(told(lab, 'X-Userinfo'))['sub'], 'jill');
      const has = (name: string): boolean => told(lab, name) !== undefined;
      const raw = title.startsWith('raw');
      const part = title.startsWith('only');
      assert.deepEqual(['X-Raw-ID-Token', 'X-Refresh-Token', 'Authorization'].map(has), [raw, raw, raw]);
      assert.deepEqual(['X-ID-Token', 'X-Access-Token'].map(has), [!part, !part && !raw]);
    });
  }
});

it('a private key proves who the gateway is, and another binds the tokens', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const attributes = {
    client_secret: undefined,
    token_endpoint_auth_method: 'private_key_jwt',
    client_jwt_assertion_alg: 'RS512',
    client_rsa_private_key: rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }),
    client_rsa_private_key_id: 'own',
    par: { enabled: true },
    dpop: {
      enabled: true,
      private_key: ec.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      public_jwk: ec.publicKey.export({ format: 'jwk' }),
    },
  };
  const client = {
    client_secret: undefined,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'RS512',
    dpop_bound_access_tokens: true,
    jwks: { keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'own' }] },
  };
  const more = { enabledJWA: { clientAuthSigningAlgValues: ['RS512'] } };
  const { lab, browser, address } = await openWorld(t, attributes, { client, more });
  const page = await browser.logIn(address('/'), 'jack');
  assert.equal(page.status, 200, page.text + JSON.stringify(lab.hostLog));
  assert.equal(decoded(told(lab, 'X-Userinfo'))['sub'], 'jack');
});

it('the way back is below the page where none is named', async (t) => {
  const { browser, address } = await openWorld(t, { redirect_uri: undefined });
  const page = await browser.logIn(address('/deep/page?x=1'), 'jack');
  assert.deepEqual([page.status, page.url.href], [200, address('/deep/page?x=1')]);
});

it('two tabs log in at the same time', async (t) => {
  const { browser, address } = await openWorld(t);
  const [one, two] = [await browser.visit(address('/one')), await browser.visit(address('/two'))];
  const log = async (page: typeof one): Promise<string> => {
    const second = await browser.submit(page, { login: 'jack', password: 'x' });
    const last = second.text.includes('<form') ? await browser.submit(second, {}) : second;
    return `${last.status} ${last.url.pathname}`;
  };
  assert.deepEqual([await log(one), await log(two)], ['200 /one', '200 /two']);
});

describe('what must not lead in', () => {
  it('a callback that nobody asked for, of another browser, or that is used twice', async (t) => {
    const { lab, browser, address } = await openWorld(t);
    for (const query of [
      '',
      '?code=x',
      '?code=x&state=',
      `?code=x&state=${'a'.repeat(43)}`,
      '?state=a&state=b',
      `?error=x&state=${'%00'.repeat(43)}`,
    ]) {
      const { status, text } = await browser.open(address(`/callback${query}`));
      assert.deepEqual(
        [status, text],
        [400, '{"message":"No such log-in is under way in this browser: open the page again"}\n'],
        query,
      );
    }
    let back: URL | null = null;
    const victim = new Browser();
    let page = await browser.visit(address('/'));
    page = await browser.submit({ ...page }, { login: 'mallory', password: 'x' });
    // The last form is sent by hand, so that the way back is known before it is taken.
    const action = /<form[^>]+action="([^"]+)"/.exec(page.text)?.[1] ?? '';
    let hop = await browser.open(new URL(action, page.url), {
      method: 'POST',
      body: new URLSearchParams({ prompt: 'consent' }),
    });
    for (let at = 0; at < 5 && back === null; at++) {
      const next = new URL(hop.headers.get('Location') ?? '', hop.url);
      if (next.pathname === '/callback') back = next;
      else hop = await browser.open(next);
    }
    assert.ok(back !== null, page.text);
    assert.equal(
      (await victim.open(back)).status,
      400,
      'a browser that began no log-in cannot be logged in as somebody else',
    );
    assert.equal((await browser.open(back)).status, 302);
    assert.equal((await browser.open(back)).status, 400, 'once is enough');
    assert.equal(lab.seen.length, 0);
  });

  it('a session that was changed, is of another gateway, or stands under another name', async (t) => {
    const world = await openWorld(t);
    const { browser, address, reload } = world;
    await browser.logIn(address('/'), 'jack');
    const url = new URL(address('/'));
    const cookies = browser.cookiesFor(url);
    const asked = async (Cookie: string): Promise<number> =>
      (await new Browser().open(url, { headers: { Cookie } })).status;
    assert.equal(await asked(cookies), 200);
    const value = /session=([\w-]+)/.exec(cookies)?.[1] ?? '';
    assert.ok(value.length > 100);
    for (const wrong of [
      '',
      'x',
      'A'.repeat(60),
      value.slice(0, -1),
      value.slice(1),
      `${value}A`,
      `A${value.slice(1)}`,
      value.toLowerCase(),
      '%00',
    ])
      assert.equal(await asked(`session=${wrong}`), 302, wrong.slice(0, 20));
    assert.equal(await asked(`session_login_aaaaaaaa=${value}`), 302);
    reload({ session: { secret: 'another secret of it' } });
    assert.equal(await asked(cookies), 302);
    reload({ client_id: 'other' });
    assert.equal(await asked(cookies), 302, 'the same secret for another client');
    reload({});
    assert.equal(await asked(cookies), 200);
  });

  it('a session that somebody else chose is not the one that a log-in ends in', async (t) => {
    const { browser, address } = await openWorld(t);
    const attacker = new Browser();
    await attacker.logIn(address('/'), 'mallory');
    const { host } = new URL(address('/'));
    const planted = attacker.jars.get(host);
    assert.ok(planted !== undefined);
    browser.jars.set(host, new Map(planted));
    await browser.open(address('/logout'));
    await browser.logIn(address('/'), 'jack');
    const now = browser.cookiesFor(new URL(address('/')));
    assert.doesNotMatch(now, new RegExp(attacker.cookiesFor(new URL(address('/'))).slice(0, 60)));
  });

  it('an address that leads elsewhere after the log-in', async (t) => {
    const { lab, browser, address } = await openWorld(t);
    for (const target of ['//evil.example/x', '/\\evil.example', '/%2F/evil.example']) {
      const raw = await lab.raw(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${lab.port}\r\nConnection: close\r\n\r\n`);
      if (raw.startsWith('HTTP/1.1 400')) continue;
      const location = /Location: (\S+)/.exec(raw)?.[1] ?? '';
      const cookie = /Set-Cookie: ([^;]+)/.exec(raw)?.[1] ?? '';
      const jar = new Map([
        ['c', { name: cookie.split('=')[0] ?? '', value: cookie.slice(cookie.indexOf('=') + 1), path: '/' }],
      ]);
      browser.jars.set(new URL(address('/')).host, jar);
      let page = await browser.visit(location);
      for (let forms = 0; forms < 3 && page.text.includes('<form'); forms++)
        page = await browser.submit(page, { login: 'jack', password: 'x' });
      assert.equal(page.url.host, new URL(address('/')).host, target);
    }
  });

  it('an ID token that is not the answer to this log-in', async (t) => {
    const { lab, browser, address, provider } = await openWorld(t);
    const tokens: readonly (readonly [reason: string, change: (parts: string[]) => string])[] = [
      ['another signature', ([head, claims]) => `${head}.${claims}.${'A'.repeat(342)}`],
      ['none', ([, claims]) => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`],
      ['no JWT', () => 'abc'],
    ];
    for (const [reason, change] of tokens) {
      provider.intercept = (request, response) => {
        if (request.url !== '/token') return false;
        const write = response.end.bind(response) as (text: string) => typeof response;
        response.end = ((body: Buffer | string) => {
          const answer = JSON.parse(String(body)) as { id_token: string };
          const text = JSON.stringify({ ...answer, id_token: change(answer.id_token.split('.')) });
          response.setHeader('Content-Length', Buffer.byteLength(text));
          return write(text);
        }) as typeof response.end;
        return false;
      };
      const page = await browser.logIn(address('/'), 'jack');
      assert.deepEqual([page.status, page.text], [401, '{"message":"The log-in failed"}\n'], reason);
    }
    assert.equal(lab.seen.length, 0);
  });

  it('what the provider refuses', async (t) => {
    const { lab, browser, address, provider } = await openWorld(t);
    const { headers } = await browser.open(address('/'));
    const state = new URL(headers.get('Location') ?? '').searchParams.get('state') ?? '';
    const answer = await browser.open(
      address(`/callback?error=access_denied&error_description=%0d%0aX:1&state=${state}`),
    );
    assert.deepEqual([answer.status, answer.text], [401, '{"message":"The log-in failed"}\n']);
    assert.equal(lab.hostLog.at(-1)?.detail['detail'], 'access_denied');
    const next =
      new URL((await browser.open(address('/'))).headers.get('Location') ?? '').searchParams.get('state') ?? '';
    const wrong = await browser.open(
      address(`/callback?code=invented&state=${next}&iss=${encodeURIComponent(provider.issuer)}`),
    );
    assert.equal(wrong.status, 401);
    assert.match(String(lab.hostLog.at(-1)?.detail['detail']), /invalid_grant/);
  });
});

it('who has no session is sent away, refused or let through, as configured', async (t) => {
  const { lab, address, reload } = await openWorld(t, { unauth_action: 'deny' });
  const refused = await new Browser().open(address('/'));
  assert.deepEqual([refused.status, refused.headers.get('WWW-Authenticate')], [401, 'Bearer realm="apisix"']);
  reload({ unauth_action: 'pass' });
  const passed = await new Browser().open(address('/'), {
    headers: { 'X-Userinfo': 'forged', Cookie: 'session=x; a=1' },
  });
  assert.equal(passed.status, 200);
  assert.deepEqual([told(lab, 'X-Userinfo'), told(lab, 'Cookie')], [undefined, 'a=1']);
});

it('scopes that were not granted, and claims that are not as they must be, keep out', async (t) => {
  const { browser, address, reload } = await openWorld(t, { required_scopes: ['openid', 'profile'] });
  assert.equal((await browser.logIn(address('/'), 'jack')).status, 200);
  reload({ required_scopes: ['openid', 'admin'] });
  const refused = await browser.open(address('/'));
  assert.equal(refused.status, 403);
  assert.equal(
    refused.headers.get('WWW-Authenticate'),
    'Bearer realm="apisix", error="insufficient_scope", scope="openid admin"',
  );
  reload({ claim_schema: { type: 'object', properties: { user: { type: 'object', required: ['email'] } } } });
  await browser.open(address('/logout'));
  assert.equal((await browser.logIn(address('/'), 'jack')).status, 401);
});

describe('the end of a session', () => {
  it('a logout ends it here and there, and tells that the tokens are not needed', async (t) => {
    const world = await openWorld(t, { revoke_tokens_on_logout: true });
    const { browser, address, provider, reload } = world;
    reload({ revoke_tokens_on_logout: true, post_logout_redirect_uri: address('/bye') });
    await browser.logIn(address('/'), 'jack');
    const kept = browser.cookiesFor(new URL(address('/')));
    const { status, headers } = await browser.open(address('/logout'));
    assert.equal(status, 302);
    const to = new URL(headers.get('Location') ?? '');
    assert.equal(to.origin + to.pathname, `${provider.issuer}/session/end`);
    assert.equal(to.searchParams.get('post_logout_redirect_uri'), address('/bye'));
    assert.match(to.searchParams.get('id_token_hint') ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.equal(count(world, 'POST /token/revocation'), 2);
    assert.equal(browser.cookiesFor(new URL(address('/'))), '');
    const replayed = await new Browser().open(address('/'), { headers: { Cookie: kept } });
    assert.equal(replayed.status, 302, 'what was copied before counts no more');
  });

  it('time ends it: without a request, without a renewal, and in any case', async (t) => {
    const clock = clockOfNow();
    const session = { ...SESSION, idling_timeout: 100, rolling_timeout: 400, absolute_timeout: 1000 };
    const { browser, address } = await openWorld(t, { session }, { clock });
    const visit = async (after_s: number): Promise<number> => {
      clock.pass(after_s * 1000);
      return (await browser.open(address('/'))).status;
    };
    await browser.logIn(address('/'), 'jack');
    for (let at = 0; at < 12; at++) assert.equal(await visit(80), 200, `visit ${at}`);
    assert.equal(await visit(80), 302, 'absolute');
    await browser.logIn(address('/'), 'jack');
    assert.equal(await visit(99), 200);
    assert.equal(await visit(101), 302, 'idling');
  });

  it('the provider ends it by itself', async (t) => {
    const { browser, address, provider, lab } = await openWorld(
      t,
      { backchannel_logout_path: '/backchannel' },
      { more: {} },
    );
    for (const body of [
      '',
      'logout_token=',
      'logout_token=a.b.c',
      'logout_token=x&logout_token=y',
      `logout_token=${'x'.repeat(70_000)}`,
    ]) {
      const answer = await browser.open(address('/backchannel'), {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      });
      assert.deepEqual([answer.status, answer.text], [400, '{"error":"invalid_request"}\n']);
    }
    provider.setClient({ backchannel_logout_uri: address('/backchannel'), backchannel_logout_session_required: true });
    await browser.logIn(address('/'), 'jack');
    assert.equal((await browser.open(address('/'))).status, 200);
    const elsewhere = await browser.visit(`${provider.issuer}/session/end`);
    const ended = await browser.submit(elsewhere, { logout: 'yes' });
    assert.equal(ended.status, 200, ended.text);
    const after = await browser.open(address('/'));
    assert.equal(after.status, 302, JSON.stringify(lab.hostLog.slice(-2)));
  });
});

describe('access tokens that expire', () => {
  const session = { ...SESSION, idling_timeout: 50_000, rolling_timeout: 50_000 };

  it('are renewed once for all requests of a moment', async (t) => {
    const clock = clockOfNow();
    const world = await openWorld(t, { session }, { clock, accessToken_s: 300 });
    const { browser, address, lab } = world;
    await browser.logIn(address('/'), 'jack');
    const old = told(lab, 'X-Access-Token');
    assert.equal(count(world, 'POST /token'), 1);
    clock.pass(301_000);
    const answers = await Promise.all(Array.from({ length: 10 }, () => browser.open(address('/'))));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]), JSON.stringify(lab.hostLog));
    assert.equal(count(world, 'POST /token'), 2);
    assert.notEqual(told(lab, 'X-Access-Token'), old);
    assert.equal((await browser.open(address('/'))).status, 200);
    assert.equal(count(world, 'POST /token'), 2, 'the new session is in the cookie');
  });

  it('lead to a new log-in where they cannot be renewed, and to 503 where nobody can say', async (t) => {
    const clock = clockOfNow();
    const { browser, address, provider } = await openWorld(t, { session }, { clock, accessToken_s: 300 });
    await browser.logIn(address('/'), 'jack');
    clock.pass(301_000);
    provider.intercept = (request, response) => {
      if (request.url === '/token') response.writeHead(500).end('no');
      return request.url === '/token';
    };
    const unknown = await browser.open(address('/'));
    assert.deepEqual([unknown.status, unknown.headers.get('Retry-After')], [503, '5']);
    provider.intercept = (request, response) => {
      if (request.url === '/token')
        response.writeHead(400, { 'Content-Type': 'application/json' }).end('{"error":"invalid_grant"}');
      return request.url === '/token';
    };
    assert.equal((await browser.open(address('/'))).status, 302);
  });
});

it('the provider is asked again whether a log-in holds, without a question to the user', async (t) => {
  const clock = clockOfNow();
  const { browser, address } = await openWorld(t, { refresh_session_interval: 60 }, { clock });
  await browser.logIn(address('/'), 'jack');
  clock.pass(61_000);
  const asked = await browser.open(address('/x'));
  assert.equal(new URL(asked.headers.get('Location') ?? '').searchParams.get('prompt'), 'none');
  const page = await browser.visit(address('/x'));
  assert.deepEqual([page.status, page.url.pathname], [200, '/x']);
  // The provider has forgotten: it would have to ask.
  clock.pass(61_000);
  for (const host of browser.jars.keys()) if (host !== new URL(address('/')).host) browser.jars.delete(host);
  const login = await browser.visit(address('/x'));
  assert.match(login.text, /<form/);
});

describe('a provider that is not as it should be', () => {
  const STATES: readonly (readonly [title: string, answer: (response: ServerResponse, issuer: string) => void])[] = [
    ['is broken', (response) => response.writeHead(500).end('no')],
    ['answers garbage', (response) => response.end('<html>')],
    ['answers with another kind of JSON', (response) => response.end('[]')],
    [
      'names endpoints that are none',
      (response, issuer) => response.end(JSON.stringify({ issuer, authorization_endpoint: 'javascript:x' })),
    ],
    [
      'redirects to itself',
      (response, issuer) => response.writeHead(302, { Location: `${issuer}/.well-known/openid-configuration` }).end(),
    ],
    ['hangs up', (response) => response.destroy()],
    ['says nothing', () => {}],
    ['says too much', (response) => response.end(' '.repeat(1_000_000))],
  ];
  for (const [title, answer] of STATES) {
    it(title, async (t) => {
      // Only whoever says nothing is waited for; the others' time stands still, so that what is not asked at once is not later.
      const options = title === 'says nothing' ? {} : { clock: clockOfNow() };
      const { browser, address, provider, lab } = await openWorld(t, { timeout: 1 }, options);
      provider.intercept = (_, response) => {
        answer(response, provider.issuer);
        return true;
      };
      const begun_ms = performance.now();
      const answers = await Promise.all(Array.from({ length: 20 }, () => new Browser().open(address('/'))));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([503]));
      assert.equal((await browser.open(address('/'))).status, 503);
      // Again after the second that it is waited for and two more, which a machine may have needed where time does not stand still.
      if (title !== 'says nothing' || performance.now() - begun_ms < 3_000)
        assert.equal(provider.asked.length, 1, 'one asks for all, and not again at once');
      assert.equal(lab.log[0]?.errorCode, 'provider_unavailable');
    });
  }

  it('is well again', async (t) => {
    const clock = clockOfNow();
    const { browser, address, provider } = await openWorld(t, {}, { clock });
    provider.intercept = (_, response) => Boolean(response.writeHead(500).end());
    assert.equal((await browser.open(address('/'))).status, 503);
    provider.intercept = () => false;
    clock.pass(2_001);
    assert.equal((await browser.logIn(address('/'), 'jack')).status, 200);
  });

  it('has new keys', async (t) => {
    const { browser, address, provider } = await openWorld(t);
    assert.equal((await browser.logIn(address('/'), 'jack')).status, 200);
    provider.rotate();
    const other = new Browser();
    assert.equal((await other.logIn(address('/'), 'jill')).status, 200, 'the keys of a log-in are those of now');
  });
});

it('a session that is too long for a browser is refused, and told to the operator', async (t) => {
  const more = {
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id, name: 'n'.repeat(9_000) }) }),
  };
  const { browser, address, lab } = await openWorld(t, {}, { more });
  const page = await browser.logIn(address('/'), 'jack');
  assert.deepEqual([page.status, page.text], [500, '{"message":"The session cannot be kept"}\n']);
  assert.ok(
    lab.hostLog.some(
      ({ event, detail }) => event === 'session_too_large' && String(detail['remedy']).includes('session.storage'),
    ),
  );
});
