import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith, type Answer, type Lab } from '../../../test/plugins/lab.ts';
import { definePlugin } from '../../sdk/index.ts';
import multiAuth from './multi-auth.ts';

const CONSUMERS = `consumers: ${JSON.stringify([
  { username: 'consumer1' },
  {
    id: 'consumer1/credentials/cred-basic',
    plugins: { 'basic-auth': { username: 'consumer1', password: 'consumer1_pwd' } },
  },
  { username: 'consumer2' },
  { id: 'consumer2/credentials/cred-key', plugins: { 'key-auth': { key: 'consumer2_pwd' } } },
  { username: 'anonymous' },
])}\n`;
const DOCUMENTED = [
  { 'basic-auth': {} },
  { 'key-auth': { hide_credentials: true, header: 'apikey', query: 'apikey' } },
];
const guarded = (auth_plugins: unknown, more: object = {}): string =>
  CONSUMERS + routeWith({ 'multi-auth': { auth_plugins }, ...more });

const BASIC = { Authorization: `Basic ${Buffer.from('consumer1:consumer1_pwd').toString('base64')}` };
const WRONG_BASIC = { Authorization: `Basic ${Buffer.from('consumer1:wrong').toString('base64')}` };
const ask = (lab: Lab, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  lab.request('/anything', { headers: { 'X-Consumer-Username': 'root', 'X-Credential-Identifier': 'x', ...headers } });
const told = (lab: Lab, name: string): string | undefined =>
  lab.lastSeen.headers.find(([each]) => each.toLowerCase() === name)?.[1];

it('the documented example: either way in is enough', async (t) => {
  const lab = await openLab(t, guarded(DOCUMENTED));
  for (const [headers, username, credential] of [
    [BASIC, 'consumer1', 'cred-basic'],
    [{ apikey: 'consumer2_pwd' }, 'consumer2', 'cred-key'],
    [{ ...BASIC, apikey: 'consumer2_pwd' }, 'consumer1', 'cred-basic'],
    [{ ...WRONG_BASIC, apikey: 'consumer2_pwd' }, 'consumer2', 'cred-key'],
    [{ ...BASIC, apikey: 'wrong' }, 'consumer1', 'cred-basic'],
  ] as const) {
    assert.equal((await ask(lab, headers)).status, 200);
    assert.deepEqual([told(lab, 'x-consumer-username'), told(lab, 'x-credential-identifier')], [username, credential]);
    assert.equal(lab.log.at(-1)?.consumerName, username);
  }
  assert.equal(told(lab, 'apikey'), 'wrong', 'what nobody looked at stays');
  assert.deepEqual(lab.hostLog, [], 'who is let in after all is no refusal');
  await ask(lab, { apikey: 'consumer2_pwd' });
  assert.equal(told(lab, 'apikey'), undefined);
});

it('the documented example: nobody without credentials, who is told each way in', async (t) => {
  const lab = await openLab(t, guarded(DOCUMENTED));
  const { status, text, rawHeaders, headers } = await ask(lab);
  assert.deepEqual([status, text], [401, '{"message":"Authorization Failed"}\n']);
  assert.deepEqual(
    rawHeaders.filter(([name]) => name.toLowerCase() === 'www-authenticate').map(([, value]) => value),
    ['Basic realm="basic", charset="UTF-8"', 'apikey realm="key"'],
  );
  assert.equal(headers['x-gatewright-error'], 'auth_failed');
  assert.equal((await ask(lab, { ...WRONG_BASIC, apikey: 'wrong' })).status, 401);
  assert.equal(lab.seen.length, 0);
  assert.deepEqual(
    lab.hostLog.map(({ plugin, event, detail }) => [plugin, event, detail['claimed'], detail['tried']]),
    [
      [
        'multi-auth',
        'auth_refused',
        undefined,
        ['basic-auth credentials_missing nothing_presented', 'key-auth key_missing nothing_presented'],
      ],
      [
        'multi-auth',
        'auth_refused',
        'consumer1',
        ['basic-auth credentials_invalid password_wrong', 'key-auth key_invalid key_unknown'],
      ],
    ],
  );
  assert.doesNotMatch(JSON.stringify(lab.hostLog), /consumer1_pwd|"wrong/);
});

it('with the last one anybody may be let in', async (t) => {
  const lab = await openLab(t, guarded([{ 'key-auth': {} }, { 'basic-auth': { anonymous_consumer: 'anonymous' } }]));
  for (const [headers, username] of [
    [{}, 'anonymous'],
    [BASIC, 'consumer1'],
    [{ apikey: 'consumer2_pwd' }, 'consumer2'],
    [WRONG_BASIC, 'anonymous'],
  ] as const) {
    assert.equal((await ask(lab, headers)).status, 200);
    assert.equal(told(lab, 'x-consumer-username'), username);
  }
  assert.equal(told(lab, 'x-credential-identifier'), undefined);
});

it('guesses are counted by who was asked, and 429 is told before 401', async (t) => {
  const metadata = `plugin_metadata: [{ id: basic-auth, damping: { failures: 2, window_s: 60 } }]\n`;
  const lab = await openLab(t, metadata + guarded(DOCUMENTED));
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await ask(lab, WRONG_BASIC)).status);
  assert.deepEqual(statuses, [401, 401, 429, 429]);
  assert.equal((await ask(lab, BASIC)).status, 429, 'a name that was tried so often is not looked at');
  assert.equal((await ask(lab, { apikey: 'consumer2_pwd' })).status, 200);
});

it('one that cannot be asked stands in the way of no other, and who might have been right is told so', async (t) => {
  const directory = { 'ldap-auth': { base_dn: 'dc=org', ldap_uri: '127.0.0.1:1' } };
  const lab = await openLab(t, guarded([directory, { 'key-auth': {} }]));
  assert.equal((await ask(lab, { ...BASIC, apikey: 'consumer2_pwd' })).status, 200);
  const { status, headers } = await ask(lab, BASIC);
  assert.deepEqual(
    [status, headers['x-gatewright-error'], headers['www-authenticate']],
    [500, 'auth_unavailable', undefined],
  );
  assert.equal((await ask(lab)).status, 401);
  lab.reload(guarded([{ 'key-auth': {} }, directory, { 'basic-auth': {} }]));
  assert.equal((await ask(lab, BASIC)).status, 200);
});

it('beside a global rule with the plugin, each has the later phases of the one that it found', async (t) => {
  const logged: string[] = [];
  const named = (name: string): ReturnType<typeof definePlugin> =>
    definePlugin({
      name,
      priority: 1,
      kind: 'auth',
      summary: 'Lets everybody in.',
      schema: { type: 'object', properties: {} },
      create: () => ({
        rewrite: (exchange) => exchange.authenticate(exchange.consumerNamed('anonymous')!),
        log: () => void logged.push(name),
      }),
    });
  const plugins = [named('one-auth'), named('two-auth')];
  const rule = { id: 'all', plugins: { 'multi-auth': { auth_plugins: [{ 'one-auth': {} }, { 'key-auth': {} }] } } };
  const lab = await openLab(
    t,
    `global_rules: ${JSON.stringify([rule])}\n${guarded([{ 'two-auth': {} }, { 'key-auth': {} }])}`,
    { plugins },
  );
  assert.equal((await ask(lab)).status, 200);
  assert.deepEqual(logged.toSorted(), ['one-auth', 'two-auth']);
});

it('one that lets pass without saying who it is has let nobody in', async (t) => {
  const phases: string[] = [];
  const shy = definePlugin({
    name: 'shy-auth',
    priority: 1,
    kind: 'auth',
    summary: 'Says nothing.',
    schema: { type: 'object', properties: { status: { type: 'integer' } } },
    create: ({ status }) => ({
      rewrite: (exchange) => {
        if (exchange.request.header('shy') === undefined) return status === undefined ? undefined : { status };
        exchange.authenticate(exchange.consumerNamed('anonymous')!);
        return undefined;
      },
      responseHead: () => void phases.push('responseHead'),
      log: () => void phases.push('log'),
    }),
  });
  const lab = await openLab(t, guarded([{ 'shy-auth': {} }, { 'key-auth': {} }]), { plugins: [shy] });
  assert.equal((await ask(lab)).status, 401);
  assert.equal((await ask(lab, { apikey: 'consumer2_pwd' })).status, 200);
  assert.deepEqual(phases, []);
  assert.equal((await ask(lab, { shy: '1' })).status, 200);
  assert.deepEqual(phases, ['responseHead', 'log'], 'who knew the caller has its later phases');
  // A place to log in is offered where nothing else was right.
  lab.reload(guarded([{ 'shy-auth': { status: 302 } }, { 'key-auth': {} }]));
  assert.equal((await ask(lab)).status, 302);
  assert.equal((await ask(lab, { apikey: 'consumer2_pwd' })).status, 200);
});

it('another authentication plugin of the route has to let the caller in as well', async (t) => {
  const lab = await openLab(t, guarded(DOCUMENTED, { 'key-auth': { header: 'X-Second' } }));
  assert.equal((await ask(lab, BASIC)).status, 401);
  assert.equal(lab.hostLog.at(-1)?.plugin, 'key-auth', 'its refusal is its own');
  assert.equal((await ask(lab, { ...BASIC, 'X-Second': 'consumer2_pwd' })).status, 200);
});

const KEY = { 'key-auth': {} };
const WRONG: [auth_plugins: unknown, expected: RegExp][] = [
  [[], /auth_plugins/],
  [[KEY], /auth_plugins/],
  [[KEY, {}], /auth_plugins\[1\]/],
  [[KEY, { 'basic-auth': {}, 'key-auth': {} }], /auth_plugins\[1\]/],
  [[KEY, { 'multi-auth': { auth_plugins: [KEY, KEY] } }], /auth_plugins\[1\]\.multi-auth: .*cannot be one/],
  [[KEY, { cors: {} }], /auth_plugins\[1\]\.cors: "cors" identifies nobody/],
  [[KEY, { 'no-auth': {} }], /auth_plugins\[1\]\.no-auth: .*"no-auth"/],
  [[KEY, { 'basic-auth': 'on' }], /auth_plugins\[1\]\.basic-auth: .*write \{\}/],
  [[KEY, { 'basic-auth': { realms: 'x' } }], /auth_plugins\[1\]\.basic-auth\.realms: unknown attribute/],
  [[KEY, { 'basic-auth': { _meta: { disable: true } } }], /auth_plugins\[1\]\.basic-auth\._meta: .*no effect/],
  [
    [{ 'key-auth': { anonymous_consumer: 'a' } }, { 'basic-auth': {} }],
    /auth_plugins\[0\]\.key-auth\.anonymous_consumer: .*put it on the last/,
  ],
];
for (const [auth_plugins, expected] of WRONG) {
  it(`${JSON.stringify(auth_plugins)} is refused`, () =>
    assert.match(problemsOf(guarded(auth_plugins)).join('\n'), expected));
}

it('a consumer carries none, and every example is a right configuration', () => {
  const consumers = [{ username: 'a', plugins: { 'multi-auth': { auth_plugins: DOCUMENTED } } }];
  assert.notDeepEqual(problemsOf(JSON.stringify({ consumers })), []);
  for (const { config } of multiAuth.examples ?? [])
    assert.deepEqual(problemsOf(CONSUMERS + routeWith({ 'multi-auth': config })), []);
  assert.equal(multiAuth.priority, 2_600);
});
