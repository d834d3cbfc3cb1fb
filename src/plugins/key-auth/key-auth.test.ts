import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openLab, problemsOf, routeWith, type Ask, type Lab, type SeenRequest } from '../../../test/plugins/lab.ts';
import { ALL_PLUGINS } from '../all.ts';

type Attributes = Readonly<Record<string, unknown>>;

/** jack has a credential, jill carries her key herself, anonymous has none. */
const CONSUMERS = `consumers:
  - { username: jack, labels: { custom_id: "495aec6a" } }
  - { id: jack/credentials/cred-jack-key-auth, plugins: { key-auth: { key: jack-key } } }
  - { username: jill, plugins: { key-auth: { key: "jill key/+%" } } }
  - { username: anonymous }
`;
const guarded = (attributes: Attributes): string => CONSUMERS + routeWith({ 'key-auth': attributes });
const MISSING = '{"message":"Missing API key in request"}\n';
const INVALID = '{"message":"Invalid API key in request"}\n';

const valuesOf = ({ headers }: SeenRequest, name: string): string[] =>
  headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);

/** What the upstream is told about the caller. */
const identityOf = (seen: SeenRequest): string[] =>
  ['X-Consumer-Username', 'X-Credential-Identifier', 'X-Consumer-Custom-Id'].map((name) =>
    valuesOf(seen, name).join('|'),
  );

const JACK = ['jack', 'cred-jack-key-auth', '495aec6a'];
const JILL = ['jill', '', ''];

async function identityThrough(lab: Lab, path: string, headers: NonNullable<Ask['headers']>): Promise<string[]> {
  const { status, text } = await lab.request(path, { headers });
  assert.equal(status, 200, text);
  return identityOf(lab.lastSeen);
}

type Given = NonNullable<Ask['headers']>;
const LET_IN: readonly (readonly [
  title: string,
  attributes: Attributes,
  path: string,
  headers: Given,
  identity: string[],
])[] = [
  ['a key in the header', {}, '/anything', { apikey: 'jack-key' }, JACK],
  ['its name in any case', {}, '/', { ApiKey: 'jack-key' }, JACK],
  ['a key in the query', {}, '/anything?apikey=jack-key', {}, JACK],
  ['an encoded key in the query', {}, '/?apikey=jill+key%2F%2B%25', {}, JILL],
  ['an encoded name in the query', {}, '/?%61pikey=jack-key', {}, JACK],
  ['a header of its own', { header: 'X-Key' }, '/', { 'x-key': 'jack-key' }, JACK],
  ['an argument of its own', { query: 'auth' }, '/?auth=jack-key', {}, JACK],
  ['the header counts where both are there', { query: 'auth' }, '/?auth=wrong-key', { apikey: 'jack-key' }, JACK],
  ['the first of several headers counts', {}, '/', { apikey: ['jack-key', 'wrong'] }, JACK],
  ['the first of several arguments counts', {}, '/?apikey=jack-key&apikey=wrong', {}, JACK],
  ['a key on the consumer', {}, '/', { apikey: 'jill key/+%' }, JILL],
  [
    'what the client says about itself is overwritten',
    {},
    '/',
    {
      apikey: 'jack-key',
      'x-consumer-username': ['root', 'admin'],
      'X-Credential-Identifier': 'x',
      'X-Consumer-Custom-ID': '1',
    },
    JACK,
  ],
  [
    'or taken away',
    {},
    '/',
    {
      apikey: 'jill key/+%',
      'X-Consumer-Username': 'root',
      'X-Credential-Identifier': 'x',
      'X-Consumer-Custom-Id': '1',
    },
    JILL,
  ],
  ['nobody in particular', { anonymous_consumer: 'anonymous' }, '/', {}, ['anonymous', '', '']],
  [
    'nobody in particular with a wrong key',
    { anonymous_consumer: 'anonymous' },
    '/',
    { apikey: 'x' },
    ['anonymous', '', ''],
  ],
  [
    'nobody in particular who claims to be somebody',
    { anonymous_consumer: 'anonymous' },
    '/',
    { 'X-Consumer-Username': 'jack', 'X-Credential-Identifier': 'cred-jack-key-auth' },
    ['anonymous', '', ''],
  ],
  [
    'somebody in particular where anybody may call',
    { anonymous_consumer: 'anonymous' },
    '/',
    { apikey: 'jack-key' },
    JACK,
  ],
];

it('who is let in, and as whom', async (t) => {
  const lab = await openLab(t, guarded({}));
  for (const [title, attributes, path, headers, identity] of LET_IN) {
    await t.test(title, async () => {
      lab.reload(guarded(attributes));
      assert.deepEqual(await identityThrough(lab, path, headers), identity);
    });
  }
});

const REFUSED: readonly (readonly [
  title: string,
  attributes: Attributes,
  path: string,
  headers: Given,
  body: string,
])[] = [
  ['no key', {}, '/anything', {}, MISSING],
  ['an empty header', {}, '/', { apikey: '' }, MISSING],
  ['an empty argument', {}, '/?apikey=', {}, MISSING],
  ['an argument without value', {}, '/?apikey', {}, MISSING],
  ['a key in a header that is not asked for', { header: 'X-Key' }, '/', { apikey: 'jack-key' }, MISSING],
  ['a key in an argument that is not asked for', { query: 'auth' }, '/?apikey=jack-key', {}, MISSING],
  ['a wrong key', {}, '/', { apikey: 'wrong-key' }, INVALID],
  ['a wrong key in the query', {}, '/?apikey=wrong-key', {}, INVALID],
  ['a wrong header beside a right argument', {}, '/?apikey=jack-key', { apikey: 'wrong' }, INVALID],
  ['a key in another case', {}, '/', { apikey: 'JACK-KEY' }, INVALID],
  ['the beginning of a key', {}, '/', { apikey: 'jack-ke' }, INVALID],
  ['a key and more', {}, '/', { apikey: 'jack-key, x' }, INVALID],
  ['a wrong key before a right one', {}, '/', { apikey: ['wrong', 'jack-key'] }, INVALID],
  ['a wrong argument before a right one', {}, '/?apikey=wrong&apikey=jack-key', {}, INVALID],
  ['a right key in an encoded list', {}, '/?apikey[]=jack-key', {}, MISSING],
  ['an enormous argument', {}, `/?apikey=${'k'.repeat(6_000)}`, {}, INVALID],
  ['an enormous key', {}, '/', { apikey: 'k'.repeat(6_000) }, INVALID],
  ['the name of a property', {}, '/', { apikey: '__proto__' }, INVALID],
  ['a username', {}, '/', { apikey: 'jack' }, INVALID],
  ['bytes beyond ASCII', {}, '/', { apikey: '\u00ff\u00fe' }, INVALID],
  ['a malformed escape', {}, '/?apikey=%zz', {}, INVALID],
  ['NUL in the query', {}, '/?apikey=jack-key%00', {}, INVALID],
  ['an anonymous consumer that does not exist', { anonymous_consumer: 'nobody' }, '/', {}, MISSING],
];

it('who is refused', async (t) => {
  const lab = await openLab(t, guarded({}));
  for (const [title, attributes, path, headers, body] of REFUSED) {
    await t.test(title, async () => {
      lab.reload(guarded(attributes));
      const before = lab.log.length;
      const answer = await lab.request(path, { headers });
      assert.deepEqual([answer.status, answer.text], [401, body]);
      assert.equal(answer.headers['www-authenticate'], 'apikey realm="key"');
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.equal(lab.log[before]?.errorCode, body === MISSING ? 'key_missing' : 'key_invalid');
      assert.equal(lab.seen.length, 0, 'the upstream hears nothing of it');
    });
  }
  assert.deepEqual(
    lab.hostLog.filter(({ level }) => level === 'error').map(({ event, detail }) => [event, detail['consumer']]),
    [['anonymous_consumer_missing', 'nobody']],
  );
});

it('a refusal names the realm that is configured', async (t) => {
  const lab = await openLab(t, guarded({ realm: 'My API' }));
  assert.equal((await lab.request('/')).headers['www-authenticate'], 'apikey realm="My API"');
});

const HIDDEN: readonly (readonly [title: string, attributes: Attributes, path: string, headers: Given, url: string])[] =
  [
    ['a key in the header', { hide_credentials: true }, '/x?a=1', { apikey: 'jack-key' }, '/x?a=1'],
    ['a key in the query', { hide_credentials: true }, '/x?apikey=jack-key', {}, '/x'],
    ['a key among arguments', { hide_credentials: true }, '/x?a=1&apikey=jack-key&b=%20&c', {}, '/x?a=1&b=%20&c'],
    ['a key that is there twice', { hide_credentials: true }, '/x?apikey=jack-key&apikey=2', {}, '/x'],
    ['a key under an encoded name', { hide_credentials: true }, '/x?%61pike%79=jack-key&a', {}, '/x?a'],
    ['a key in both places', { hide_credentials: true }, '/x?apikey=jack-key', { apikey: 'jack-key' }, '/x'],
    [
      'arguments of similar names stay',
      { hide_credentials: true },
      '/x?apikey=jack-key&apikeys=1&Apikey=2',
      {},
      '/x?apikeys=1&Apikey=2',
    ],
    [
      'a query that holds what it should not',
      { hide_credentials: true },
      '/x?apikey=jack-key&a="b"',
      {},
      '/x?a=%22b%22',
    ],
  ];

it('keys are hidden from upstreams where that is asked for', async (t) => {
  const lab = await openLab(t, guarded({}));
  for (const [title, attributes, path, headers, url] of HIDDEN) {
    await t.test(title, async () => {
      lab.reload(guarded(attributes));
      assert.deepEqual(await identityThrough(lab, path, headers), JACK);
      assert.deepEqual([lab.lastSeen.url, valuesOf(lab.lastSeen, 'apikey')], [url, []]);
    });
  }
});

it('what is no key is hidden as well where anybody may call', async (t) => {
  const lab = await openLab(t, guarded({ hide_credentials: true, anonymous_consumer: 'anonymous' }));
  for (const [path, headers] of [
    ['/x?a=1&apikey=old-key', {}],
    ['/x?a=1', { apikey: 'old-key' }],
    ['/x?apikey=old-key&a=1', { apikey: '' }],
  ] as const) {
    assert.deepEqual(await identityThrough(lab, path, headers), ['anonymous', '', '']);
    assert.deepEqual([lab.lastSeen.url, valuesOf(lab.lastSeen, 'apikey')], ['/x?a=1', []]);
  }
});

it('keys pass where hiding is not asked for', async (t) => {
  const lab = await openLab(t, guarded({}));
  await identityThrough(lab, '/anything?apikey=jack-key', {});
  assert.equal(lab.lastSeen.url, '/anything?apikey=jack-key');
  await identityThrough(lab, '/anything', { apikey: 'jack-key' });
  assert.deepEqual(valuesOf(lab.lastSeen, 'apikey'), ['jack-key']);
});

it('a key that is taken back lets nobody in any more', async (t) => {
  const lab = await openLab(t, guarded({}));
  assert.equal((await lab.request('/', { headers: { apikey: 'jack-key' } })).status, 200);
  lab.reload(guarded({}).replace('key: jack-key', 'key: new-key'));
  assert.equal((await lab.request('/', { headers: { apikey: 'jack-key' } })).status, 401);
  assert.equal((await lab.request('/', { headers: { apikey: 'new-key' } })).status, 200);
});

it('the log knows who called', async (t) => {
  const lab = await openLab(t, guarded({}));
  await lab.request('/', { headers: { apikey: 'jack-key' } });
  assert.equal(lab.log[0]?.consumerName, 'jack');
});

describe('wrong configurations', () => {
  const WRONG: readonly (readonly [text: string, problem: RegExp])[] = [
    [guarded({ header: 'a b' }), /^routes\[0\]\.plugins\.key-auth\.header: "a b" is no header name/],
    [guarded({ header: '' }), /^routes\[0\]\.plugins\.key-auth\.header: /],
    [guarded({ header: 'Connection' }), /^routes\[0\]\.plugins\.key-auth\.header: Connection frames the message/],
    [guarded({ header: 'Host' }), /^routes\[0\]\.plugins\.key-auth\.header: Host says where a request goes/],
    [guarded({ query: '' }), /^routes\[0\]\.plugins\.key-auth\.query: must not be empty/],
    [guarded({ hide_credentials: 'on' }), /^routes\[0\]\.plugins\.key-auth\.hide_credentials: .*write true/],
    [guarded({ realm: 'a"b' }), /^routes\[0\]\.plugins\.key-auth\.realm: .*without quotes/],
    [guarded({ realm: 'a\r\nb' }), /^routes\[0\]\.plugins\.key-auth\.realm: /],
    [guarded({ key: 'x' }), /^routes\[0\]\.plugins\.key-auth\.key: unknown attribute/],
    [
      'consumers: [{ username: a, plugins: { key-auth: {} } }]',
      /^consumers\[0\]\.plugins\.key-auth\.key: missing attribute "key"$/,
    ],
    [
      'consumers: [{ username: a, plugins: { key-auth: { key: "" } } }]',
      /^consumers\[0\]\.plugins\.key-auth\.key: must not be empty/,
    ],
    [
      'consumers: [{ username: a, plugins: { key-auth: { key: 1 } } }]',
      /^consumers\[0\]\.plugins\.key-auth\.key: .*put it in quotes/,
    ],
  ];
  for (const [text, problem] of WRONG) {
    it(String(problem), () => assert.match(problemsOf(text)[0] ?? '', problem));
  }

  for (const key of [' k', 'k ', 'hush-key\n', 'k\r\nX-Admin: 1', 'k\t', 'k\u0000', '\u007f', ' ']) {
    it(`a key that no header field can bring is refused and not told: ${JSON.stringify(key)}`, () => {
      const consumers = [{ username: 'a', plugins: { 'key-auth': { key } } }];
      const problems = problemsOf(JSON.stringify({ consumers }));
      assert.equal(problems.length, 1, problems.join());
      assert.match(problems[0] ?? '', /^consumers\[0\]\.plugins\.key-auth\.key: .*begins or ends with a space/);
      assert.doesNotMatch(problems.join(), /hush|X-Admin/);
    });
  }

  for (const key of ['k', 'a b', 'ключ', '!"#%&/()=?']) {
    it(`a key may be ${key}`, () => {
      const consumers = [{ username: 'a', plugins: { 'key-auth': { key } } }];
      assert.deepEqual(problemsOf(JSON.stringify({ consumers })), []);
    });
  }

  it('one key for two consumers is a problem, which does not tell the key', () => {
    const consumer = (name: string): string => `  - { username: ${name}, plugins: { key-auth: { key: the-same } } }\n`;
    const problems = problemsOf(`consumers:\n${consumer('a')}${consumer('b')}`);
    assert.equal(problems.length, 1);
    assert.doesNotMatch(problems.join(), /the-same/);
  });

  it('the examples of the reference are right', () => {
    const plugin = ALL_PLUGINS.find(({ name }) => name === 'key-auth');
    for (const { config } of plugin?.examples ?? []) assert.deepEqual(problemsOf(guarded(config as Attributes)), []);
    assert.equal(plugin?.priority, 2_500);
  });
});
