import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith, type Ask, type Lab } from '../../test/plugins/lab.ts';
import { expose } from '../observe/exposition.ts';
import { definePlugin, type AnyPlugin, type Exchange } from '../sdk/index.ts';
import { authMetadataSchema } from './auth-attributes.ts';
import type { SecretKind } from './auth-damping.ts';
import { AuthGate, TRIED, type Tried } from './auth-gate.ts';
import { isSecret, secretDigest } from './secret-digest.ts';

/** Callers say who they are and what their secret is in one field, as `name secret`; `expired` is a secret that was right. */
function wordAuth(secret: SecretKind): AnyPlugin {
  return definePlugin({
    name: 'word-auth',
    priority: 2_000,
    kind: 'auth',
    summary: 'For tests of the gate.',
    schema: { type: 'object', properties: { anonymous_consumer: { type: 'string' } } },
    consumerSchema: {
      type: 'object',
      required: ['name', 'word'],
      properties: { name: { type: 'string' }, word: { type: 'string' } },
    },
    consumerKey: ({ name }) => name,
    metadataSchema: authMetadataSchema,
    create({ anonymous_consumer }, host, metadata) {
      const gate = new AuthGate({ host, challenge: 'Word realm="w"', anonymous_consumer, metadata, secret });
      const missing = gate.refusal('word_missing', 'no word');
      const invalid = gate.refusal('word_invalid', 'wrong word');
      return {
        rewrite(exchange) {
          const [name, word] = exchange.request.header('x-word')?.split(' ') ?? [];
          if (name === undefined || word === undefined) return gate.lack(exchange, missing);
          if (gate.isHeld(exchange, name)) return gate.refuseHeld(exchange, name);
          const match = exchange.findConsumer('word-auth', name);
          if (match === undefined) return gate.refuse(exchange, invalid, { reason: 'name_unknown', claimed: name });
          if (word === 'expired')
            return gate.refuse(exchange, invalid, { reason: 'word_expired', claimed: name, isGuess: false });
          if ((match.config as { word: string }).word === word) return gate.accept(exchange, match);
          return gate.refuse(exchange, invalid, { reason: 'word_wrong', claimed: name });
        },
      };
    },
  });
}

const CONSUMERS = `consumers:
  - { username: jack, plugins: { word-auth: { name: jack, word: ace }, key-auth: { key: jack-key } } }
  - { id: jack/credentials/second, plugins: { word-auth: { name: jack2, word: two } } }
  - { username: jill, labels: { custom_id: "ü-7" }, plugins: { word-auth: { name: jill, word: queen } } }
  - { username: anybody }
`;

interface Setting {
  readonly metadata?: object;
  readonly secret?: SecretKind;
  readonly plugins?: Readonly<Record<string, unknown>>;
  readonly own?: readonly AnyPlugin[];
}

async function open(t: TestContext, setting: Setting = {}): Promise<{ lab: Lab; clock: HandClock }> {
  const { metadata, secret = 'key', plugins = { 'word-auth': {} }, own = [] } = setting;
  const clock = new HandClock();
  const meta = metadata === undefined ? '' : `plugin_metadata: [${JSON.stringify({ id: 'word-auth', ...metadata })}]\n`;
  const text = CONSUMERS + meta + routeWith(plugins);
  return { lab: await openLab(t, text, { clock, plugins: [wordAuth(secret), ...own] }), clock };
}

const asking = async (lab: Lab, word: string, more: Ask = {}): Promise<number> =>
  (await lab.request('/', { ...more, headers: { 'X-Word': word, ...more.headers } })).status;

describe('who guesses is slowed down', () => {
  const THREE = { damping: { failures: 3, window_s: 30 } };

  it('forged signatures and tokens are refused each time, unless the metadata say otherwise', async (t) => {
    const refuseAll = async (metadata: object): Promise<number[]> => {
      const { lab } = await open(t, { secret: 'signature', metadata });
      return Promise.all(Array.from({ length: 100 }, () => asking(lab, 'jack x')));
    };
    const damped = (statuses: readonly number[]): number => statuses.filter((status) => status === 429).length;
    assert.equal(damped(await refuseAll({})), 0);
    assert.equal(damped(await refuseAll(THREE)), 97);
    assert.equal(damped(await refuseAll({ damping: { blocks: 'all' } })), 70);
  });

  it('further wrong credentials of an address get 429 until some are forgiven; right ones pass, and so do other addresses', async (t) => {
    const { lab, clock } = await open(t, { metadata: THREE });
    const guess = (word = 'jack x', from = '127.0.0.2'): Promise<number> => asking(lab, word, { from });
    assert.deepEqual([await guess(), await guess('nobody x'), await guess()], [401, 401, 401]);
    const refused = await lab.request('/', { headers: { 'X-Word': 'jack y' }, from: '127.0.0.2' });
    assert.deepEqual(
      [refused.status, refused.text, refused.headers['retry-after']],
      [429, '{"message":"Too many failed attempts"}\n', '10'],
    );
    assert.equal(lab.log.at(-1)?.errorCode, 'auth_damped');
    assert.deepEqual([await guess('jack ace'), await guess('jack x', '127.0.0.3')], [200, 401]);
    clock.pass(10_000);
    assert.deepEqual([await guess(), await guess()], [401, 429]);
    clock.pass(30_000);
    assert.deepEqual([await guess(), await guess(), await guess(), await guess()], [401, 401, 401, 429]);
  });

  it('neither the lack of credentials nor such as were right once counts', async (t) => {
    const { lab } = await open(t, { metadata: THREE });
    for (let i = 0; i < 10; i++) {
      assert.equal((await lab.request('/')).status, 401);
      assert.equal(await asking(lab, 'jack expired'), 401);
    }
    assert.equal(await asking(lab, 'jack x'), 401);
  });

  it('a name with a secret that can be guessed is not looked at any more from that address, others are', async (t) => {
    const { lab, clock } = await open(t, { metadata: THREE, secret: 'password' });
    const from = '127.0.0.2';
    for (let i = 0; i < 3; i++) assert.equal(await asking(lab, 'jack x', { from }), 401);
    assert.equal(await asking(lab, 'jack ace', { from }), 429, 'whether it is right is not told');
    assert.equal(await asking(lab, 'jill queen', { from }), 200);
    assert.equal(await asking(lab, 'jack ace', { from: '127.0.0.3' }), 200);
    clock.pass(10_000);
    assert.equal(await asking(lab, 'jack ace', { from }), 200);
  });

  it('names that nobody has are treated in the same way', async (t) => {
    const { lab } = await open(t, { metadata: { damping: { failures: 3, window_s: 30 } }, secret: 'password' });
    for (let i = 0; i < 3; i++) assert.equal(await asking(lab, 'nobody x'), 401);
    assert.equal(await asking(lab, 'nobody x'), 429);
  });

  it('all of an address is blocked where that is asked for', async (t) => {
    const { lab } = await open(t, { metadata: { damping: { failures: 2, window_s: 30, blocks: 'all' } } });
    assert.deepEqual([await asking(lab, 'jack x'), await asking(lab, 'jack x')], [401, 401]);
    assert.equal(await asking(lab, 'jill queen'), 429);
    assert.equal(await asking(lab, 'jill queen', { from: '127.0.0.2' }), 200);
  });

  it('where anybody may call, who is slowed down is nobody in particular, whatever the credentials', async (t) => {
    const { lab } = await open(t, {
      metadata: { damping: { failures: 2, window_s: 30, blocks: 'all' } },
      plugins: { 'word-auth': { anonymous_consumer: 'anybody' } },
    });
    for (const word of ['jack x', 'jack x', 'jack x', 'jack ace']) {
      assert.equal(await asking(lab, word), 200);
      assert.equal(lab.log.at(-1)?.consumerName, 'anybody');
    }
  });

  it('nobody is slowed down with a bound of 0', async (t) => {
    const { lab } = await open(t, { metadata: { damping: { failures: 0 } }, secret: 'password' });
    for (let i = 0; i < 50; i++) assert.equal(await asking(lab, 'jack x'), 401);
  });

  it('right credentials take no room in shared memory', async (t) => {
    const { lab } = await open(t, { secret: 'password', metadata: { damping: { blocks: 'all' } } });
    for (let i = 2; i < 30; i++) assert.equal(await asking(lab, 'jack ace', { from: `127.0.0.${i}` }), 200);
    assert.equal(lab.counters.keys, 0);
    assert.equal(await asking(lab, 'jack x'), 401);
    assert.equal(lab.counters.keys, 2);
  });
});

describe('the operator is told what the caller is not', () => {
  it('in the log, with who, from where, on which route and why, and never the secret', async (t) => {
    const { lab } = await open(t);
    const answers = [];
    for (const word of ['jack nosecret', 'nobody nosecret', 'jack expired', `${'n'.repeat(200)} nosecret`]) {
      answers.push(await lab.request('/a?apikey=nosecret', { headers: { 'X-Word': word }, from: '127.0.0.9' }));
    }
    answers.push(await lab.request('/a'));
    const [first] = lab.hostLog;
    assert.deepEqual([first?.level, first?.event, first?.plugin], ['info', 'auth_refused', 'word-auth']);
    const { exchange, ...told } = first?.detail ?? {};
    assert.match(String(exchange), /^[\w.-]+$/);
    assert.deepEqual(told, {
      plugin: 'word-auth',
      object: told['object'],
      code: 'word_invalid',
      reason: 'word_wrong',
      claimed: 'jack',
      from: '127.0.0.9',
      route: told['route'],
      method: 'GET',
      path: '/a',
    });
    assert.deepEqual(
      lab.hostLog.map(({ detail }) => [detail['reason'], ((detail['claimed'] ?? '') as string).length]),
      [
        ['word_wrong', 4],
        ['name_unknown', 6],
        ['word_expired', 4],
        ['name_unknown', 101],
        ['nothing_presented', 0],
      ],
    );
    assert.doesNotMatch(JSON.stringify(lab.hostLog), /nosecret/);
    const bodies = new Set(answers.slice(0, 4).map(({ text }) => text));
    assert.equal(bodies.size, 1, 'callers are told the same, whatever was wrong');
    for (const { text, rawHeaders } of answers)
      assert.doesNotMatch(JSON.stringify([text, rawHeaders]), /unknown|wrong_/);
  });

  it('in metrics, by the code of the answer', async (t) => {
    const { lab } = await open(t, { plugins: { 'word-auth': { anonymous_consumer: 'anybody' } } });
    for (const word of ['jack ace', 'jack ace', 'jack x']) await asking(lab, word);
    lab.reload(CONSUMERS + routeWith({ 'word-auth': {} }));
    for (const word of ['jill queen', 'jack x', 'nobody']) await asking(lab, word);
    const lines = [...expose(lab.metrics, 'text')].join('').match(/^gatewright_authentications_total.*$/gm);
    assert.deepEqual(lines, [
      'gatewright_authentications_total{plugin="word-auth",result="accepted"} 3',
      'gatewright_authentications_total{plugin="word-auth",result="anonymous"} 1',
      'gatewright_authentications_total{plugin="word-auth",result="word_invalid"} 1',
      'gatewright_authentications_total{plugin="word-auth",result="word_missing"} 1',
    ]);
  });

  it('of everybody, or of nobody, as configured', async (t) => {
    const { lab } = await open(t, { metadata: { events: 'all' } });
    await asking(lab, 'jack ace');
    assert.deepEqual(
      lab.hostLog.map(({ event, detail }) => [event, detail['claimed']]),
      [['auth_accepted', 'jack']],
    );
    const { lab: silent } = await open(t, { metadata: { events: 'none' } });
    await asking(silent, 'jack x');
    assert.deepEqual(silent.hostLog, []);
  });

  it('by a variable', async (t) => {
    const reasons: (string | undefined)[] = [];
    const witness = definePlugin({
      name: 'witness',
      priority: 1,
      summary: 'Notes the reason.',
      schema: { type: 'object' },
      create: () => ({ log: (exchange) => void reasons.push(exchange.variable('auth_reason')) }),
    });
    const { lab } = await open(t, { plugins: { 'word-auth': {}, witness: {} }, own: [witness] });
    await asking(lab, 'jack x');
    await asking(lab, 'jack ace');
    assert.deepEqual(reasons, ['word_wrong', undefined]);
  });
});

it('a plugin that tries several hears what each refused, and nothing is logged or counted as refused', async (t) => {
  const heard: unknown[] = [];
  const either = definePlugin({
    name: 'either-auth',
    priority: 2_600,
    kind: 'auth',
    summary: 'Tries two.',
    schema: { type: 'object' },
    uses: () => ({ plugins: ['word-auth', 'key-auth'].map((name) => ({ path: name, name, config: {} })) }),
    create: (_, host) => ({
      rewrite(exchange: Exchange) {
        const tried: Tried[] = [];
        exchange.set(TRIED, tried);
        for (const name of ['word-auth', 'key-auth']) {
          if (host.plugin(name).rewrite?.(exchange) === undefined) return undefined;
        }
        heard.push(tried);
        return { status: 401 };
      },
    }),
  });
  const { lab } = await open(t, { plugins: { 'either-auth': {} }, own: [either] });
  assert.equal(await asking(lab, 'jack ace'), 200);
  assert.equal(await asking(lab, 'jack x', { headers: { apikey: 'jack-key' } }), 200);
  assert.equal(await asking(lab, 'jack x', { headers: { 'X-Consumer-Username': 'root' } }), 401);
  assert.deepEqual(heard, [
    [
      { reason: 'word_wrong', claimed: 'jack', code: 'word_invalid', plugin: 'word-auth' },
      { reason: 'nothing_presented', code: 'key_missing', plugin: 'key-auth' },
    ],
  ]);
  assert.deepEqual(lab.hostLog, []);
});

describe('identity cannot be forged', () => {
  const FORGED: readonly string[] = [
    'X-Consumer-Username',
    'x-consumer-username',
    'X_Consumer_Username',
    'x-consumer_USERNAME',
    'X-Credential-Identifier',
    'X_Credential-Identifier',
    'X-Consumer-Custom-Id',
    'x_consumer_custom_id',
  ];
  const forged = Object.fromEntries(FORGED.map((name) => [name, 'root']));
  const told = (lab: Lab): string[] =>
    lab.lastSeen.headers
      .filter(([name]) => /^x.(consumer|credential)/i.test(name))
      .map(([name, value]) => `${name}: ${value}`);

  it('by no spelling of the fields', async (t) => {
    const { lab } = await open(t);
    assert.equal(await asking(lab, 'jack ace', { headers: forged }), 200);
    assert.deepEqual(told(lab), ['X-Consumer-Username: jack']);
    assert.equal(await asking(lab, 'jack2 two', { headers: forged }), 200);
    assert.deepEqual(told(lab), ['X-Consumer-Username: jack', 'X-Credential-Identifier: second']);
  });

  it('beyond ASCII a custom id is sent as UTF-8', async (t) => {
    const { lab } = await open(t);
    assert.equal(await asking(lab, 'jill queen'), 200);
    const sent = told(lab).map((line) => Buffer.from(line, 'latin1').toString());
    assert.deepEqual(sent, ['X-Consumer-Username: jill', 'X-Consumer-Custom-Id: ü-7']);
  });

  it('where a filter keeps the plugin from running', async (t) => {
    const { lab } = await open(t, { plugins: { 'word-auth': { _meta: { filter: [['arg_guarded', '==', '1']] } } } });
    assert.equal((await lab.request('/', { headers: forged })).status, 200);
    assert.deepEqual(told(lab), []);
    assert.equal((await lab.request('/?guarded=1', { headers: forged })).status, 401);
  });

  it('by naming the fields in Connection', async (t) => {
    const { lab } = await open(t);
    const Connection = 'close, X-Consumer-Username';
    assert.equal(await asking(lab, 'jack ace', { headers: { Connection } }), 200);
    assert.deepEqual(told(lab), ['X-Consumer-Username: jack']);
  });

  it('with a global rule that authenticates', async (t) => {
    const { lab } = await open(t);
    lab.reload(`${CONSUMERS}global_rules: [{ id: 1, plugins: { word-auth: {} } }]\n${routeWith({})}`);
    assert.equal(await asking(lab, 'jack ace', { headers: forged }), 200);
    assert.deepEqual(told(lab), ['X-Consumer-Username: jack']);
  });

  it('of a second plugin, what the first one said is replaced', async (t) => {
    const { lab } = await open(t, { plugins: { 'word-auth': {}, 'key-auth': {} } });
    lab.reload(`${CONSUMERS}  - { username: john, plugins: { key-auth: { key: john-key } } }
  - { id: jill/credentials/k, plugins: { key-auth: { key: jill-key } } }
${routeWith({ 'word-auth': {}, 'key-auth': { _meta: { priority: 1 } } })}`);
    assert.equal(await asking(lab, 'jack2 two', { headers: { apikey: 'john-key' } }), 200);
    assert.deepEqual(told(lab), ['X-Consumer-Username: john']);
  });

  it('a route that authenticates nobody leaves the fields alone', async (t) => {
    const { lab } = await open(t, { plugins: {} });
    assert.equal((await lab.request('/', { headers: { 'X-Consumer-Username': 'edge' } })).status, 200);
    assert.deepEqual(
      told(lab).map((line) => line.toLowerCase()),
      ['x-consumer-username: edge'],
    );
  });
});

it('fields that a plugin claims are taken out as well, those of plugins inside of another one too', async (t) => {
  const claiming = definePlugin({
    name: 'claiming',
    priority: 1,
    summary: 'Claims a field.',
    schema: { type: 'object', properties: { field: { type: 'string' } } },
    claims: ({ field = 'X_Told' }) => [field],
    create: () => ({}),
  });
  const holding = definePlugin({
    name: 'holding',
    priority: 2,
    summary: 'Has another one inside.',
    schema: { type: 'object' },
    uses: () => ({ plugins: [{ path: 'inside', name: 'claiming', config: { field: 'X-Inside' } }] }),
    create: () => ({ rewrite: () => undefined }),
  });
  const { lab } = await open(t, { plugins: { claiming: {}, holding: {} }, own: [claiming, holding] });
  await lab.request('/', {
    headers: { 'X-Told': '1', 'x-inside': '1', 'X-Tolds': '1', 'X-Consumer-Username': 'edge' },
  });
  const seen = lab.lastSeen.headers.map(([name]) => name.toLowerCase());
  assert.deepEqual(
    seen.filter((name) => /told|inside|consumer/.test(name)),
    ['x-tolds', 'x-consumer-username'],
  );
});

it('an authentication plugin without attributes of consumers has no place on them', () => {
  const plain = definePlugin({
    name: 'plain-auth',
    priority: 1,
    kind: 'auth',
    summary: 'Knows callers by other means.',
    schema: { type: 'object' },
    create: () => ({}),
  });
  const problems = problemsOf('consumers: [{ username: a, plugins: { plain-auth: {} } }]', [plain]);
  assert.match(problems.join('\n'), /^consumers\[0\]\.plugins\.plain-auth: .*put it on routes$/);
});

it('secrets are compared by their digests', () => {
  const digest = secretDigest('sesame');
  for (const [sent, isRight] of [
    ['sesame', true],
    ['sesam', false],
    ['sesame ', false],
    ['', false],
    ['Sesame', false],
  ] as const)
    assert.equal(isSecret(sent, digest), isRight, sent);
  assert.equal(isSecret(Buffer.from('sesame'), digest), true);
  assert.equal(digest.includes('sesame'), false);
});
