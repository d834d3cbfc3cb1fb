import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openLab, problemsOf, routeWith, type Ask, type Lab, type SeenRequest } from '../../../test/plugins/lab.ts';
import { ALL_PLUGINS } from '../all.ts';

type Attributes = Readonly<Record<string, unknown>>;

const rewritten = (attributes: Attributes): string => routeWith({ 'proxy-rewrite': attributes });
const valuesOf = (seen: SeenRequest, name: string): string[] =>
  seen.headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);

/** Puts each configuration in force in turn. @returns what the upstream was sent */
async function sendThrough(lab: Lab, attributes: Attributes, path: string, ask: Ask = {}): Promise<SeenRequest> {
  lab.reload(rewritten(attributes));
  const before = lab.seen.length;
  const { status, text } = await lab.request(path, ask);
  assert.equal(status, 200, text);
  assert.equal(lab.seen.length, before + 1, 'the upstream was sent one request');
  return lab.lastSeen;
}

const PATHS: readonly (readonly [title: string, attributes: Attributes, asked: string, sent: string])[] = [
  ['a fixed path takes the place of the one asked for', { uri: '/anything' }, '/', '/anything'],
  ['the arguments of the request stay', { uri: '/anything' }, '/x?a=1&b', '/anything?a=1&b'],
  [
    'arguments of the configuration are added',
    { uri: '/get?arg1=apisix&arg2=plugin' },
    '/get',
    '/get?arg1=apisix&arg2=plugin',
  ],
  ['and go before those of the request', { uri: '/get?arg1=a' }, '/get?arg2=b', '/get?arg1=a&arg2=b'],
  ['a question mark alone adds nothing', { uri: '/get?' }, '/get?a=1', '/get?a=1'],
  ['variables stand in a path', { uri: '/users/$arg_name/home' }, '/x?name=jo', '/users/jo/home?name=jo'],
  ['in braces too', { uri: '/${arg_name}_x' }, '/x?name=jo', '/jo_x?name=jo'],
  ['the path asked for, behind a prefix', { uri: '/v2$uri' }, '/a%20b/c%2Fd', '/v2/a%20b/c%2Fd'],
  ['a variable without value is empty', { uri: '/a$arg_none/b' }, '/', '/a/b'],
  ['a path that only variables make begins with a slash', { uri: '$arg_p' }, '/?p=a/b', '/a/b?p=a/b'],
  ['a variable in an argument', { uri: '/x?who=$arg_name' }, '/?name=jo', '/x?who=jo&name=jo'],
  ['a path in UTF-8', { uri: '/größe/日本' }, '/', '/gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC'],
  ['escapes in a path stay', { uri: '/a%2Fb%20c 100%' }, '/', '/a%2Fb%20c%20100%25'],
  ['captures make a path', { regex_uri: ['^/test/(.*)/(.*)', '/$1-$2'] }, '/test/user/agent', '/user-agent'],
  ['captures in braces', { regex_uri: ['^/a/(.*)', '/${1}'] }, '/a/test', '/test'],
  ['a prefix is stripped', { regex_uri: ['^/foo/(.*)', '/$1'] }, '/foo/get?x=1', '/get?x=1'],
  ['an expression need not be anchored', { regex_uri: ['/v1/(.*)', '/$1'] }, '/v1/hello', '/hello'],
  [
    'the first expression that matches counts (first)',
    { regex_uri: ['^/iresty/(.*)/(.*)', '/$1-$2', '^/theothers/*', '/theothers'] },
    '/iresty/hello/world',
    '/hello-world',
  ],
  [
    'the first expression that matches counts (second)',
    { regex_uri: ['^/iresty/(.*)/(.*)', '/$1-$2', '^/theothers/*', '/theothers'] },
    '/theothers/hello/world',
    '/theothers',
  ],
  ['without a match the path stays', { regex_uri: ['^/test/(.*)', '/$1'] }, '/other/x?a=1', '/other/x?a=1'],
  ['a group that took no part is empty', { regex_uri: ['^/a(?:/(b))?/(.*)$', '/$1-$2'] }, '/a/c', '/-c'],
  ['a group that is not there is empty', { regex_uri: ['^/a/(.*)$', '/$1$7'] }, '/a/c', '/c'],
  ['captures in arguments', { regex_uri: ['^/u/([0-9]+)$', '/user?id=$1'] }, '/u/7?v=1', '/user?id=7&v=1'],
  ['uri wins over regex_uri', { uri: '/fixed', regex_uri: ['^/(.*)', '/re/$1'] }, '/x', '/fixed'],
  [
    'expressions see text, not escapes',
    { regex_uri: ['^/日本 (.*)$', '/$1'] },
    '/%E6%97%A5%E6%9C%AC%20a%20b',
    '/a%20b',
  ],
  ['expressions see normalised paths', { regex_uri: ['^/a/(.*)$', '/$1'] }, '/x/../%61//b', '/b'],
  ['a path goes on as it was sent', { use_real_request_uri_unsafe: true }, '/a/./b//c%2e?x=%7e', '/a/./b//c%2e?x=%7e'],
  ['uri wins over the path as sent', { use_real_request_uri_unsafe: true, uri: '/u' }, '/a/./b', '/u'],
  [
    'expressions see the path as sent',
    { use_real_request_uri_unsafe: true, regex_uri: ['^/a/(.*)', '/$1'] },
    '/a/.//b',
    '/.//b',
  ],
];

/** One lab for all rows; each is a test of its own. */
function table<Row extends readonly [title: string, ...unknown[]]>(
  name: string,
  rows: readonly Row[],
  body: (lab: Lab, row: Row) => Promise<void>,
): void {
  it(name, async (t) => {
    const lab = await openLab(t, routeWith({}));
    for (const row of rows) await t.test(row[0], () => body(lab, row));
  });
}

table('the path', PATHS, async (lab, [, attributes, asked, sent]) => {
  assert.equal((await sendThrough(lab, attributes, asked)).url, sent);
});

type Sent = Readonly<Record<string, readonly string[]>>;
const HEADERS: readonly (readonly [
  title: string,
  attributes: Attributes,
  given: NonNullable<Ask['headers']>,
  sent: Sent,
])[] = [
  [
    'set takes the place of what the client sent',
    { headers: { set: { 'X-Api-Version': 'v1', 'X-Api-Engine': 'apisix' } } },
    { 'x-api-version': ['v2', 'v3'] },
    { 'X-Api-Version': ['v1'], 'X-Api-Engine': ['apisix'] },
  ],
  [
    'add comes beside what the client sent',
    { headers: { add: { 'X-Api-Version': 'v1', 'X-Api-Engine': 'apisix' } } },
    { 'X-Api-Version': 'v2' },
    { 'X-Api-Version': ['v2', 'v1'], 'X-Api-Engine': ['apisix'] },
  ],
  ['a list sets several', { headers: { set: { 'X-V': ['v1', 'v2'] } } }, { 'X-V': 'v0' }, { 'X-V': ['v1', 'v2'] }],
  ['a list adds several', { headers: { add: { 'X-V': ['v1', 2] } } }, { 'X-V': 'v0' }, { 'X-V': ['v0', 'v1', '2'] }],
  [
    'remove takes away',
    { headers: { remove: ['User-Agent', 'x-none'] } },
    { 'User-Agent': 'curl' },
    { 'User-Agent': [] },
  ],
  [
    'add comes first, then remove, then set',
    { headers: { set: { A: '3' }, remove: ['A', 'B'], add: { A: '1', B: '2', C: '4' } } },
    { A: '0', C: '0' },
    { A: ['3'], B: [], C: ['0', '4'] },
  ],
  [
    'without actions, all are set',
    { headers: { 'X-One': 'a', 'X-Two': 2 } },
    { 'X-One': 'b' },
    { 'X-One': ['a'], 'X-Two': ['2'] },
  ],
  [
    'variables stand in values',
    { headers: { set: { 'X-From': '$remote_addr/${request_method} $http_user_agent', 'X-None': '$arg_none' } } },
    { 'User-Agent': 'curl' },
    { 'X-From': ['127.0.0.1/GET curl'], 'X-None': [''] },
  ],
  [
    'captures stand in values',
    { regex_uri: ['^/(.*)/(.*)/(.*)$', '/$1'], headers: { set: { 'X-Path': '$1-$2-$3' } } },
    {},
    { 'X-Path': ['a-b-c'] },
  ],
  [
    'captures are there for values beside uri too',
    { uri: '/u', regex_uri: ['^/(.*)/(.*)/(.*)$', '/$1'], headers: { add: { 'X-Path': '$2' } } },
    {},
    { 'X-Path': ['b'] },
  ],
  [
    'captures are empty without a match',
    { regex_uri: ['^/z(.*)$', '/'], headers: { 'X-P': '[$1]' } },
    {},
    { 'X-P': ['[]'] },
  ],
  [
    'text goes out as UTF-8',
    { headers: { set: { 'X-A': 'é', 'X-B': '日' } } },
    {},
    { 'X-A': ['Ã©'], 'X-B': ['æ\u0097¥'] },
  ],
  ['a dollar sign is itself', { headers: { set: { 'X-A': '5 $' } } }, {}, { 'X-A': ['5 $'] }],
];

table('header fields', HEADERS, async (lab, [, attributes, given, sent]) => {
  const seen = await sendThrough(lab, attributes, '/a/b/c', { headers: given });
  assert.deepEqual(Object.fromEntries(Object.keys(sent).map((name) => [name, valuesOf(seen, name)])), sent);
});

const METHODS: readonly (readonly [method: string])[] = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'MKCOL',
  'COPY',
  'MOVE',
  'PROPFIND',
  'LOCK',
  'UNLOCK',
  'PATCH',
  'TRACE',
].map((method) => [method]);

table('the method', METHODS, async (lab, [method]) => {
  const seen = await sendThrough(lab, { method, uri: '/anything' }, '/get');
  assert.deepEqual([seen.method, seen.url], [method, '/anything']);
});

it('GET may become HEAD, and HEAD become GET', async (t) => {
  const lab = await openLab(t, rewritten({ method: 'HEAD' }));
  const asked = await lab.request('/anything');
  assert.deepEqual(
    [lab.lastSeen.method, asked.status, asked.text, asked.headers['content-length']],
    ['HEAD', 200, '', '0'],
  );
  lab.reload(rewritten({ method: 'GET' }));
  for (const path of ['/anything', '/pieces?a&b', '/large']) {
    const head = await lab.request(path, { method: 'HEAD' });
    assert.deepEqual([lab.lastSeen.method, head.status, head.text], ['GET', 200, '']);
  }
});

it('fields that the gateway adds give way to what is configured', async (t) => {
  const set = { 'X-Forwarded-Host': 'a.example', 'x-real-ip': '192.0.2.1', Via: '1.1 other' };
  const lab = await openLab(t, rewritten({ headers: { set, remove: ['X-Forwarded-For'] } }));
  await lab.request('/', { headers: { 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Host': 'forged' } });
  const told = ['X-Forwarded-Host', 'X-Real-IP', 'Via', 'X-Forwarded-For', 'X-Forwarded-Proto'];
  assert.deepEqual(
    told.map((name) => valuesOf(lab.lastSeen, name)),
    [['a.example'], ['192.0.2.1'], ['1.1 other'], [], ['http']],
  );
});

it('parts of the path that a route names stand in values', async (t) => {
  const route = routeWith(
    { 'proxy-rewrite': { headers: { set: { 'X-User-Id': '$uri_param_user_id' } } } },
    { uri: '/anything/user/:user_id/profile' },
  );
  const lab = await openLab(t, `gateway: { router: radixtree_uri_with_parameter }\n${route}`);
  for (const [path, id] of [
    ['123', '123'],
    ['123%20456', '123 456'],
  ]) {
    await lab.request(`/anything/user/${path}/profile`);
    assert.deepEqual(valuesOf(lab.lastSeen, 'X-User-Id'), [id]);
  }
});

it('a body stays with a request whose method changes', async (t) => {
  const lab = await openLab(t, rewritten({ method: 'PUT' }));
  await lab.request('/x', { method: 'POST', body: 'hello' });
  assert.deepEqual([lab.lastSeen.method, lab.lastSeen.body], ['PUT', 'hello']);
});

const HOSTS: readonly (readonly [host: string])[] = [
  ['myapisix.demo'],
  ['a.example:8080'],
  ['192.0.2.1:80'],
  ['[2001:db8::1]:8080'],
  ['under_score.example'],
];

table('the host', HOSTS, async (lab, [host]) => {
  assert.deepEqual(valuesOf(await sendThrough(lab, { host }, '/headers'), 'host'), [host]);
});

it('what was asked for stays in X-Forwarded-Host', async (t) => {
  const lab = await openLab(t, rewritten({ host: 'inner.example' }));
  await lab.request('/', { headers: { Host: 'outer.example' } });
  assert.deepEqual(valuesOf(lab.lastSeen, 'x-forwarded-host'), ['outer.example']);
});

it('the upstream is told who called, and not the key', async (t) => {
  const attributes = { headers: { set: { 'X-Apisix-Consumer': '$consumer_name' }, remove: ['Apikey'] } };
  const lab = await openLab(
    t,
    `consumers:
  - username: JohnDoe
    plugins: { key-auth: { key: john-key } }
${routeWith({ 'key-auth': {}, 'proxy-rewrite': attributes })}`,
  );
  await lab.request('/get', { headers: { apikey: 'john-key' } });
  assert.deepEqual(valuesOf(lab.lastSeen, 'x-apisix-consumer'), ['JohnDoe']);
  assert.deepEqual(valuesOf(lab.lastSeen, 'apikey'), []);
  assert.equal((await lab.request('/get')).status, 401);
  assert.equal(lab.seen.length, 1);
});

it('a filter decides whether requests are rewritten', async (t) => {
  const filter = [['arg_version', '==', 'v2']];
  const lab = await openLab(t, rewritten({ _meta: { filter }, uri: '/anything' }));
  await lab.request('/get');
  await lab.request('/get?version=v2');
  assert.deepEqual(
    lab.seen.map(({ url }) => url),
    ['/get', '/anything?version=v2'],
  );
});

describe('hostile requests', () => {
  const REFUSED: readonly (readonly [asked: string, attributes: Attributes])[] = [
    ['/?p=../admin', { uri: '/files/$arg_p' }],
    ['/?p=..%2Fadmin', { uri: '/files/$arg_p' }],
    ['/?p=a/../../admin', { uri: '/files/$arg_p' }],
    ['/?p=..', { uri: '/files/$arg_p' }],
    ['/?p=.', { uri: '/files/$arg_p/x' }],
    ['/?p=..%5Cadmin', { uri: '/files/$arg_p' }],
    ['/?p=..;x', { uri: '/files/$arg_p' }],
    ['/?p=.', { uri: '/files/.$arg_p/x' }],
    ['/a/..b', { regex_uri: ['^/a/(\\.\\.)b$', '/x/$1/y'] }],
  ];
  for (const [asked, attributes] of REFUSED) {
    it(`${asked} does not lead out of ${JSON.stringify(attributes)}`, async (t) => {
      const lab = await openLab(t, rewritten(attributes));
      const { status, text } = await lab.request(asked);
      assert.deepEqual([status, text], [400, '{"message":"dot segments are not allowed here"}\n']);
      assert.equal(lab.seen.length, 0);
      assert.equal(lab.log[0]?.errorCode, 'path_not_allowed');
    });
  }

  const CONTAINED: readonly (readonly [title: string, attributes: Attributes, asked: string, sent: string])[] = [
    [
      'a question mark in a value begins no query',
      { uri: '/f/$arg_p' },
      '/?p=a%3Fadmin=1',
      '/f/a%3Fadmin=1?p=a%3Fadmin=1',
    ],
    ['a number sign begins no fragment', { uri: '/f/$arg_p' }, '/?p=a%23b', '/f/a%23b?p=a%23b'],
    ['an ampersand begins no argument', { uri: '/f?u=$arg_p' }, '/?p=a%26admin=1', '/f?u=a%26admin%3D1&p=a%26admin=1'],
    ['a line break ends no request line', { uri: '/f/$arg_p' }, '/?p=a%0D%0AX:y', '/f/a%0D%0AX:y?p=a%0D%0AX:y'],
    ['a space ends no path', { uri: '/f/$arg_p' }, '/?p=a%20HTTP/1.0', '/f/a%20HTTP/1.0?p=a%20HTTP/1.0'],
    ['an escape stays text', { uri: '/f/$arg_p' }, '/?p=%252e%252e', '/f/%252e%252e?p=%252e%252e'],
    ['an encoded slash stays one', { regex_uri: ['^/a/([^/]*)$', '/b/$1'] }, '/a/x%2Fy', '/b/x%2Fy'],
    ['an encoded percent sign stays one', { regex_uri: ['^/a/(.*)$', '/b/$1'] }, '/a/x%252Fy', '/b/x%252Fy'],
    ['an encoded line break ends no match', { regex_uri: ['^/a/(.*)/(.*)$', '/$2/$1'] }, '/a/x%0Ay/z', '/z/x%0Ay'],
    ['bytes that are no UTF-8 pass', { regex_uri: ['^/a/(.*)$', '/b/$1'] }, '/a/%FF%C3', '/b/%FF%C3'],
    ['what a query may not hold is encoded', { uri: '/f?x=1' }, '/?a="b"', '/f?x=1&a=%22b%22'],
    ['a reference in a value is text', { uri: '/f/$arg_p' }, '/?p=$remote_addr', '/f/$remote_addr?p=$remote_addr'],
  ];
  table('values of clients', CONTAINED, async (lab, [, attributes, asked, sent]) => {
    assert.equal((await sendThrough(lab, attributes, asked)).url, sent);
  });

  it('a value makes no header field of its own', async (t) => {
    const lab = await openLab(t, rewritten({ headers: { set: { 'X-Id': '$arg_id' } } }));
    await lab.request('/?id=a%0D%0AX-Admin:%201%00%7F%09');
    assert.deepEqual(valuesOf(lab.lastSeen, 'x-id'), ['a%0D%0AX-Admin: 1%00%7F']);
    assert.deepEqual(valuesOf(lab.lastSeen, 'x-admin'), []);
  });

  it('a client cannot name a field that is added', async (t) => {
    const lab = await openLab(t, rewritten({ headers: { set: { 'X-Id': 'gateway' } } }));
    await lab.request('/', { headers: { 'x-ID': ['forged', 'twice'], 'X-id': 'third' } });
    assert.deepEqual(valuesOf(lab.lastSeen, 'x-id'), ['gateway']);
  });

  it('expressions take time linear in the path', async (t) => {
    const lab = await openLab(t, rewritten({ regex_uri: ['^/(a+)+$', '/$1'] }));
    const { status } = await lab.request(`/${'a'.repeat(6_000)}!`);
    assert.equal(status, 200);
  });
});

describe('wrong configurations', () => {
  const WRONG: readonly (readonly [attributes: Attributes, problem: RegExp])[] = [
    [{ uri: 'get' }, /^uri: "get" is no path: begin with "\/"$/],
    [{ uri: '' }, /^uri: "" is no path/],
    [{ uri: '/a#b' }, /^uri: .*fragment.*write %23/],
    [{ uri: '/a/../b' }, /^uri: .*dot segments/],
    [{ uri: '/a\n' }, /^uri: .*control characters/],
    [{ regex_uri: ['^/a'] }, /^regex_uri: needs at least 2 items/],
    [{ regex_uri: ['^/a', '/b', '^/c'] }, /^regex_uri: has 3 items: each regular expression needs a path after it$/],
    [{ regex_uri: ['^/a(', '/b'] }, /^regex_uri\[0\]: "\^\/a\(": /],
    [{ regex_uri: ['^/(?=a)', '/b'] }, /^regex_uri\[0\]: /],
    [{ regex_uri: ['^/a', 'b'] }, /^regex_uri\[1\]: "b" is no path/],
    [{ method: 'get' }, /^method: .*"GET"/],
    [{ method: 'CONNECT' }, /^method: /],
    [{ host: 'http://a' }, /^host: "http:\/\/a" is no host/],
    [{ host: '$host' }, /^host: "\$host" is no host/],
    [{ host: 'a:99999' }, /^host: 99999 is no port/],
    [{ host: '[1::2::3]' }, /^host: "1::2::3" is no IPv6 address/],
    [{ scheme: 'https' }, /^scheme: unknown attribute/],
    [{ headers: { set: { 'a b': '1' } } }, /^headers\.set\["a b"\]: "a b" is no header name/],
    [{ headers: { 'Content-Length': '1' } }, /^headers\.Content-Length: Content-Length frames the message/],
    [{ headers: { remove: ['Transfer-Encoding'] } }, /^headers\.remove\[0\]: Transfer-Encoding frames the message/],
    [{ headers: { set: { Host: 'a' } } }, /^headers\.set\.Host: the Host of a request is set by "host"$/],
    [{ headers: { remove: ['host'] } }, /^headers\.remove\[0\]: a request needs a Host/],
    [{ headers: { add: { A: 'x\r\ny' } } }, /^headers\.add\.A: a header value holds no line breaks/],
    [{ headers: { add: { A: true } } }, /^headers\.add\.A: /],
    [{ headers: { add: { A: [] } } }, /^headers\.add\.A: /],
    [
      { headers: { set: { A: '1' }, B: '2' } },
      /^headers\.B: "B" stands beside "add", "remove" or "set": put it into "set"$/,
    ],
    [{ headers: { add: ['A: b'] } }, /^headers\.add: expected an object/],
    [{ use_real_request_uri_unsafe: 'yes' }, /^use_real_request_uri_unsafe: .*write true/],
  ];
  for (const [attributes, problem] of WRONG) {
    it(JSON.stringify(attributes), () => {
      const problems = problemsOf(rewritten(attributes));
      assert.equal(problems.length, 1, problems.join('\n'));
      const prefix = 'routes[0].plugins.proxy-rewrite.';
      const [first = ''] = problems;
      assert.ok(first.startsWith(prefix), first);
      assert.match(first.slice(prefix.length), problem);
    });
  }

  it('all problems come at once', () => {
    const attributes = { uri: '/a#', regex_uri: ['(', 'b', 'c'], headers: { set: { Host: 'a', 'b c': '1' } } };
    assert.equal(problemsOf(rewritten(attributes)).length, 6);
  });

  it('the examples of the reference are right', () => {
    const plugin = ALL_PLUGINS.find(({ name }) => name === 'proxy-rewrite');
    for (const { config } of plugin?.examples ?? []) assert.deepEqual(problemsOf(rewritten(config as Attributes)), []);
    assert.equal(plugin?.priority, 1008);
  });
});
