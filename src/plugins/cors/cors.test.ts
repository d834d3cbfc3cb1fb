import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import type { Answer } from '../../../test/plugins/lab.ts';
import { definePlugin } from '../../sdk/index.ts';
import cors from './cors.ts';

const PREFIX = 'access-control-';

/** The fields of an answer that cors is about, by names without their common beginning. */
function corsFields({ headers }: Answer): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(PREFIX)) fields[name.slice(PREFIX.length)] = value;
    else if (name === 'vary' || name === 'timing-allow-origin') fields[name] = value;
  }
  return fields;
}

const LISTS = {
  allow_methods: 'GET,POST',
  allow_headers: 'headr1,headr2',
  expose_headers: 'ex-headr1,ex-headr2',
  max_age: 50,
};
const GIVEN = {
  'allow-methods': 'GET,POST',
  'allow-headers': 'headr1,headr2',
  'expose-headers': 'ex-headr1,ex-headr2',
  'max-age': '50',
};
const ANY = { 'allow-origin': '*', 'allow-methods': '*', 'allow-headers': '*', 'max-age': '5' };
const NOTHING = { vary: 'Origin' };
const METADATA = `plugin_metadata:
  - id: cors
    allow_origins: { key_1: "https://domain.com", key_2: "https://sub.domain.com,https://sub2.domain.com", key_3: "*" }
`;

interface Case {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly origin?: string | readonly string[];
  readonly fields: Readonly<Record<string, string>>;
  /** Path at the upstream. */
  readonly path?: string;
}

const TWO = { ...LISTS, allow_origins: 'http://sub.domain.com,http://sub2.domain.com', allow_credential: true };
const LIKE = { ...LISTS, allow_origins_by_regex: ['.*\\.test.com$'] };
const NAMED = { ...LISTS, allow_origins_by_metadata: ['key_1'] };
const TIMED = { timing_allow_origins: 'http://a.com,http://b.com' };
const OPEN = { allow_origins: '**', allow_methods: '**', allow_headers: '**', allow_credential: true };
const METHODS = 'GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS';
const ECHOED = { 'allow-credentials': 'true', 'allow-methods': METHODS, 'max-age': '5', vary: 'Origin' };
const UPSTREAM_SAYS =
  '/headers?Access-Control-Allow-Origin=*&Access-Control-Allow-Credentials=true&Access-Control-Expose-Headers=x&Access-Control-Allow-Methods=PUT';

const CASES: readonly Case[] = [
  {
    name: 'an origin of the list gets the fields',
    config: TWO,
    origin: 'http://sub2.domain.com',
    fields: { ...GIVEN, 'allow-origin': 'http://sub2.domain.com', 'allow-credentials': 'true', vary: 'Origin' },
  },
  {
    name: 'an origin that is not in the list gets none',
    config: TWO,
    origin: 'http://sub3.domain.com',
    fields: NOTHING,
  },
  {
    name: 'an origin that a pattern matches gets the fields',
    config: LIKE,
    origin: 'http://a.test.com',
    fields: { ...GIVEN, 'allow-origin': 'http://a.test.com', vary: 'Origin' },
  },
  { name: 'an origin that no pattern matches gets none', config: LIKE, origin: 'http://a.test2.com', fields: NOTHING },
  {
    name: 'patterns leave allow_origins aside',
    config: { ...LIKE, allow_origins: 'http://a.com' },
    origin: 'http://a.com',
    fields: NOTHING,
  },
  {
    name: 'an origin of a list in the metadata gets the fields',
    config: NAMED,
    origin: 'https://domain.com',
    fields: { ...GIVEN, 'allow-origin': 'https://domain.com', vary: 'Origin' },
  },
  {
    name: 'an origin of no list in the metadata gets none',
    config: NAMED,
    origin: 'http://a.test2.com',
    fields: NOTHING,
  },
  {
    name: 'several lists of the metadata stand beside allow_origins',
    config: { ...NAMED, allow_origins_by_metadata: ['key_1', 'key_2'], allow_origins: 'https://own.com' },
    origin: 'https://own.com',
    fields: { ...GIVEN, 'allow-origin': 'https://own.com', vary: 'Origin' },
  },
  {
    name: 'a second list of the metadata counts too',
    config: { ...NAMED, allow_origins_by_metadata: ['key_1', 'key_2'] },
    origin: 'https://sub2.domain.com',
    fields: { ...GIVEN, 'allow-origin': 'https://sub2.domain.com', vary: 'Origin' },
  },
  {
    name: 'a list * of the metadata is everyone',
    config: { allow_origins_by_metadata: ['key_3'] },
    origin: 'https://x.com',
    fields: ANY,
  },
  {
    name: 'a list that the metadata does not have allows nobody',
    config: { allow_origins_by_metadata: ['key_9', 'toString', '__proto__'] },
    origin: 'https://domain.com',
    fields: NOTHING,
  },
  { name: 'the defaults allow every origin the same', config: {}, origin: 'https://x.com', fields: ANY },
  { name: 'the defaults say so to everyone', config: {}, fields: ANY },
  { name: 'a list says nothing without an origin', config: TWO, fields: NOTHING },
  {
    name: '** answers each origin by its name',
    config: OPEN,
    origin: 'https://x.com:8443',
    fields: { ...ECHOED, 'allow-origin': 'https://x.com:8443' },
  },
  { name: '** allows the origin null', config: OPEN, origin: 'null', fields: { ...ECHOED, 'allow-origin': 'null' } },
  {
    name: 'the origin null passes where it is listed',
    config: { allow_origins: 'null, http://a.com' },
    origin: 'null',
    fields: { ...ANY, 'allow-origin': 'null', vary: 'Origin' },
  },
  { name: '** does not echo what is no origin', config: OPEN, origin: 'http://a.com http://b.com', fields: NOTHING },
  { name: '** does not echo an endless origin', config: OPEN, origin: `http://${'a'.repeat(5000)}`, fields: NOTHING },
  {
    name: '** answers nobody who has two origins',
    config: OPEN,
    origin: ['http://a.com', 'http://b.com'],
    fields: NOTHING,
  },
  {
    name: 'a part of an origin is not the origin',
    config: TWO,
    origin: 'http://sub2.domain.com.evil.com',
    fields: NOTHING,
  },
  { name: 'a list of origins is not one of them', config: TWO, origin: TWO.allow_origins, fields: NOTHING },
  {
    name: 'empty lists leave their fields out',
    config: { allow_methods: '', allow_headers: '', expose_headers: '', max_age: -1 },
    fields: { 'allow-origin': '*', 'max-age': '-1' },
    path: UPSTREAM_SAYS,
  },
  {
    name: 'what the upstream allows is replaced, what it exposes stays',
    config: { ...LISTS, expose_headers: undefined, allow_origins: 'http://a.com' },
    origin: 'http://a.com',
    path: UPSTREAM_SAYS,
    fields: { ...GIVEN, 'allow-origin': 'http://a.com', 'expose-headers': 'x', vary: 'Origin' },
  },
  {
    name: 'what the upstream allows to others is taken away',
    config: TWO,
    origin: 'http://evil.com',
    path: UPSTREAM_SAYS,
    fields: NOTHING,
  },
  {
    name: 'Vary keeps what the upstream says',
    config: TWO,
    path: '/headers?Vary=Accept-Encoding&Vary=Accept',
    fields: { vary: 'Accept-Encoding, Accept, Origin' },
  },
  {
    name: 'Vary names the origin once',
    config: TWO,
    path: '/headers?Vary=Accept,%20ORIGIN',
    fields: { vary: 'Accept, ORIGIN' },
  },
  {
    name: 'an origin may read timings',
    config: { ...TWO, ...TIMED },
    origin: 'http://b.com',
    fields: { vary: 'Origin', 'timing-allow-origin': 'http://b.com' },
  },
  {
    name: 'another one may not, whatever the upstream says',
    config: { ...TWO, ...TIMED },
    origin: 'http://c.com',
    path: '/headers?Timing-Allow-Origin=*',
    fields: NOTHING,
  },
  {
    name: 'timings vary by origin although every origin may read',
    config: TIMED,
    origin: 'http://b.com',
    fields: { ...ANY, vary: 'Origin', 'timing-allow-origin': 'http://b.com' },
  },
  {
    name: 'anybody may read timings',
    config: { timing_allow_origins: '*' },
    fields: { ...ANY, 'timing-allow-origin': '*' },
  },
  {
    name: 'patterns leave timing_allow_origins aside',
    config: { timing_allow_origins: '*', timing_allow_origins_by_regex: ['^https://.*\\.test\\.com$'] },
    origin: 'https://a.test.com',
    fields: { ...ANY, vary: 'Origin', 'timing-allow-origin': 'https://a.test.com' },
  },
];

describe('a response', () => {
  for (const { name, config, origin, path = '/', fields } of CASES) {
    it(name, async (t) => {
      const lab = await openLab(t, METADATA + routeWith({ cors: config }));
      const answer = await lab.request(path, { headers: origin === undefined ? {} : { Origin: origin } });
      assert.equal(answer.status, 200);
      assert.deepEqual(corsFields(answer), fields);
      assert.equal(lab.seen.length, 1);
    });
  }
});

const WANTED = {
  Origin: 'http://a.com',
  'Access-Control-Request-Method': 'PUT',
  'Access-Control-Request-Headers': 'x-one, x-two',
};

describe('a preflight request', () => {
  it('is answered with 200, no body and no upstream, before anybody asks for keys', async (t) => {
    const lab = await openLab(t, routeWith({ cors: LISTS, 'key-auth': {} }));
    const answer = await lab.request('/', { method: 'OPTIONS', headers: WANTED });
    assert.deepEqual([answer.status, answer.text, answer.headers['content-length']], [200, '', '0']);
    assert.deepEqual(corsFields(answer), { ...GIVEN, 'allow-origin': '*' });
    assert.deepEqual([lab.seen.length, lab.log[0]?.errorCode], [0, '']);
  });

  it('of an origin that is not allowed gets no fields', async (t) => {
    const lab = await openLab(t, routeWith({ cors: TWO }));
    const answer = await lab.request('/', { method: 'OPTIONS', headers: WANTED });
    assert.deepEqual([answer.status, corsFields(answer)], [200, NOTHING]);
  });

  it('is told its own headers and method where ** allows any', async (t) => {
    const lab = await openLab(t, routeWith({ cors: OPEN }));
    const told = async (more: Record<string, string>) =>
      corsFields(await lab.request('/', { method: 'OPTIONS', headers: { ...WANTED, ...more } }));
    const known = await told({});
    assert.deepEqual(known, { ...ECHOED, 'allow-origin': 'http://a.com', 'allow-headers': 'x-one, x-two' });
    const report = await told({ 'Access-Control-Request-Method': 'REPORT' });
    assert.equal(report['allow-methods'], `${METHODS},REPORT`);
  });

  for (const names of ['x one', 'x-one,', 'x"', 'a'.repeat(5000)]) {
    it(`is not told "${names.slice(0, 10)}", which is no list of names`, async (t) => {
      const lab = await openLab(t, routeWith({ cors: OPEN }));
      const headers = { ...WANTED, 'Access-Control-Request-Headers': names, 'Access-Control-Request-Method': 'a b' };
      const fields = corsFields(await lab.request('/', { method: 'OPTIONS', headers }));
      assert.deepEqual([fields['allow-headers'], fields['allow-methods']], [undefined, METHODS]);
    });
  }

  it('is what has an origin and names a method: other OPTIONS requests go to the upstream', async (t) => {
    const lab = await openLab(t, routeWith({ cors: {} }));
    await lab.request('/1', { method: 'OPTIONS' });
    await lab.request('/2', { method: 'OPTIONS', headers: { Origin: 'http://a.com' } });
    await lab.request('/3', { method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'PUT' } });
    assert.deepEqual(
      lab.seen.map(({ url }) => url),
      ['/1', '/2', '/3'],
    );
  });

  it('is answered by a global rule where no route matches', async (t) => {
    const rule = 'global_rules:\n  - id: 1\n    plugins: { cors: { allow_origins: "http://a.com" } }\n';
    const lab = await openLab(t, rule);
    const answer = await lab.request('/none', { method: 'OPTIONS', headers: WANTED });
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin']], [200, 'http://a.com']);
  });
});

describe('what the gateway answers itself', () => {
  for (const [what, plugins, status] of [
    ['a refusal of another plugin', { 'key-auth': {} }, 401],
    ['a refusal of a plugin that runs later', { 'ip-restriction': { blacklist: ['127.0.0.0/8'] } }, 403],
  ] as const) {
    it(`${what} has the fields`, async (t) => {
      const lab = await openLab(t, routeWith({ cors: TWO, ...plugins }));
      const answer = await lab.request('/', { headers: { Origin: 'http://sub.domain.com' } });
      assert.equal(answer.status, status);
      assert.equal(answer.headers['access-control-allow-origin'], 'http://sub.domain.com');
      assert.equal(answer.headers['vary'], 'Origin');
    });
  }

  it('the answer of a plugin that runs before has the fields', async (t) => {
    const early = definePlugin({
      name: 'early',
      priority: 10_000,
      summary: 'Answers first.',
      schema: { type: 'object' },
      create: () => ({ rewrite: () => ({ status: 418 }) }),
    });
    const lab = await openLab(t, routeWith({ cors: TWO, early: {} }), { plugins: [early] });
    const answer = await lab.request('/', { headers: { Origin: 'http://sub.domain.com' } });
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin']], [418, 'http://sub.domain.com']);
  });

  it('an upstream that cannot be reached does not hide behind missing fields', async (t) => {
    const lab = await openLab(t, routeWith({ cors: TWO }, { upstream: { nodes: { '127.0.0.1:1': 1 } } }));
    const answer = await lab.request('/', { headers: { Origin: 'http://sub.domain.com' } });
    assert.equal(answer.status, 502);
    assert.equal(answer.headers['access-control-allow-credentials'], 'true');
  });
});

it('a plugin that changes what the upstream gets as Origin changes nobody’s rights', async (t) => {
  const lab = await openLab(
    t,
    routeWith({ cors: TWO, 'proxy-rewrite': { headers: { set: { Origin: 'http://sub.domain.com' } } } }),
  );
  const stranger = await lab.request('/', { headers: { Origin: 'http://evil.com' } });
  assert.deepEqual(corsFields(stranger), NOTHING);
  assert.equal(lab.lastSeen.headers.find(([name]) => name === 'Origin')?.[1], 'http://sub.domain.com');
  assert.deepEqual(corsFields(await lab.request('/')), NOTHING);
});

it('a change of the metadata is in force at once', async (t) => {
  const route = routeWith({ cors: { allow_origins_by_metadata: ['mine'] } });
  const lab = await openLab(t, route);
  assert.deepEqual(
    lab.hostLog.map(({ level, event, detail }) => [level, event, detail['list']]),
    [['warn', 'cors_metadata_missing', 'mine']],
  );
  const headers = { Origin: 'http://a.com' };
  assert.equal((await lab.request('/', { headers })).headers['access-control-allow-origin'], undefined);
  lab.reload(`${route}plugin_metadata:\n  - { id: cors, allow_origins: { mine: "http://a.com" } }\n`);
  assert.equal((await lab.request('/', { headers })).headers['access-control-allow-origin'], 'http://a.com');
});

const FAULTY: [what: string, attributes: Readonly<Record<string, unknown>>, expected: readonly RegExp[]][] = [
  [
    'credentials with the defaults',
    { allow_credential: true },
    [/\.allow_origins: "\*" is not possible.*"\*\*"/, /\.allow_methods: "\*" is/, /\.allow_headers: "\*" is/],
  ],
  [
    'credentials with every exposed header',
    { ...TWO, expose_headers: '*' },
    [/\.expose_headers: "\*" is not possible beside allow_credential: name what is allowed$/],
  ],
  ['credentials with a list * of the metadata', { ...TWO, allow_origins_by_metadata: ['key_3'] }, [/name its origins/]],
  ['an origin with a path', { allow_origins: 'http://a.com/' }, [/\.allow_origins: .*without path and slash/]],
  ['an origin with a wildcard', { allow_origins: 'http://*.a.com' }, [/by_regex/]],
  ['an origin without scheme', { allow_origins: 'a.com' }, [/such as https:/]],
  ['* among others', { allow_origins: '*,http://a.com' }, [/no list of origins/]],
  ['no origin', { allow_origins: '' }, [/no list of origins/]],
  ['a header that ends its line', { allow_headers: 'a\r\nX-Evil: 1' }, [/\.allow_headers: .*no list of header names/]],
  ['a list of methods with spaces', { allow_methods: 'GET POST' }, [/\.allow_methods: .*with commas between/]],
  ['every header, exposed twice over', { expose_headers: '**' }, [/\.expose_headers: .*no list of header names/]],
  ['a broken pattern', { allow_origins_by_regex: ['^a$', '('] }, [/\.allow_origins_by_regex\[1\]: "\("/]],
  [
    'a pattern that backtracks',
    { timing_allow_origins_by_regex: ['(a)\\1'] },
    [/\.timing_allow_origins_by_regex\[0\]/],
  ],
  ['no pattern', { allow_origins_by_regex: [] }, [/\.allow_origins_by_regex: the list must not be empty/]],
  [
    'patterns beside lists of the metadata',
    { allow_origins_by_regex: ['a'], allow_origins_by_metadata: ['key_1'] },
    [/\.allow_origins_by_metadata: .*leave out one/],
  ],
  ['an age below -1', { max_age: -2 }, [/\.max_age: -2 is less than the minimum -1/]],
  ['an attribute that nobody knows', { allow_origin: '*' }, [/\.allow_origin: .*allow_origins/]],
];

describe('a configuration', () => {
  for (const [what, attributes, expected] of FAULTY) {
    it(`with ${what} is refused with path and remedy`, () => {
      const problems = problemsOf(METADATA + routeWith({ cors: attributes }));
      assert.equal(problems.length, expected.length, problems.join('\n'));
      for (const [i, pattern] of expected.entries()) {
        assert.match(problems[i] ?? '', /^routes\[0\]\.plugins\.cors/);
        assert.match(problems[i] ?? '', pattern);
      }
    });
  }

  it('of the metadata is refused with path and remedy', () => {
    const text = 'plugin_metadata:\n  - { id: cors, allow_origins: { key: "a.com" } }\n';
    assert.match(problemsOf(text).join(), /^plugin_metadata\[0\]\.allow_origins\.key: "a\.com" is no list of origins/);
  });

  it('that names its origins elsewhere may leave allow_origins at * beside credentials', () => {
    const lists = { allow_methods: 'GET', allow_headers: 'a', allow_credential: true };
    assert.deepEqual(problemsOf(routeWith({ cors: { ...lists, allow_origins_by_regex: ['^https://a\\.com$'] } })), []);
  });

  it('of every example is right', () => {
    for (const { config } of cors.examples ?? []) assert.deepEqual(problemsOf(routeWith({ cors: config })), []);
  });
});
