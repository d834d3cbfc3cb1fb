import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBodyVariables } from './body-variables.ts';
import { createRouter } from './create-router.ts';
import { normalizePath, normalizePattern } from './path.ts';
import type { RouteRequest, RouterMode, RouterRoute } from './router.ts';
import { NEEDS_BODY } from './router.ts';
import type { VariableValue } from './variable-source.ts';

type RouteParts = Partial<RouterRoute<string>>;

/** A route whose value is its id. */
function routeOf(id: string, parts: RouteParts): RouterRoute<string> {
  const uris = (parts.uris ?? ['/*']).map((uri) => normalizePattern(uri, true) ?? uri);
  return { hosts: [], methods: null, remoteAddresses: null, vars: null, priority: 0, ...parts, id, uris, value: id };
}

interface RequestParts extends Partial<RouteRequest> {
  readonly values?: Readonly<Record<string, string>>;
}

function requestOf(path: string, { values = {}, ...parts }: RequestParts = {}): RouteRequest {
  return {
    method: 'GET',
    host: 'example.com',
    remoteAddress: '192.0.2.1',
    variable: (name) => values[name],
    path: normalizePath(path, true) ?? assert.fail(path),
    ...parts,
  };
}

const routerOf = (routes: Readonly<Record<string, RouteParts>>, mode: RouterMode = 'radixtree_host_uri') =>
  createRouter(
    mode,
    Object.entries(routes).map(([id, parts]) => routeOf(id, parts)),
  );

const MODES: readonly RouterMode[] = ['radixtree_host_uri', 'radixtree_uri', 'radixtree_uri_with_parameter'];

/** What APISIX's router documentation shows, and what follows from it. */
const uriCases: [routes: string[], path: string, expected: string | undefined][] = [
  [['/blog/foo'], '/blog/foo', '/blog/foo'],
  [['/blog/foo'], '/blog/foo/', undefined],
  [['/blog/foo'], '/blog/fo', undefined],
  [['/blog/bar*'], '/blog/bar', '/blog/bar*'],
  [['/blog/bar*'], '/blog/bar/c/d/e', '/blog/bar*'],
  [['/blog/bar*'], '/blog/barcode', '/blog/bar*'],
  [['/blog/bar*'], '/blog/ba', undefined],
  [['/blog/bar/*'], '/blog/bar', undefined],
  [['/blog/foo/*', '/blog/foo/a/*', '/blog/foo/c/*', '/blog/foo/bar'], '/blog/foo/bar', '/blog/foo/bar'],
  [['/blog/foo/*', '/blog/foo/a/*', '/blog/foo/c/*', '/blog/foo/bar'], '/blog/foo/a/b/c', '/blog/foo/a/*'],
  [['/blog/foo/*', '/blog/foo/a/*', '/blog/foo/c/*', '/blog/foo/bar'], '/blog/foo/c/d', '/blog/foo/c/*'],
  [['/blog/foo/*', '/blog/foo/a/*', '/blog/foo/c/*', '/blog/foo/bar'], '/blog/foo/gloo', '/blog/foo/*'],
  [['/blog/foo/*', '/blog/foo/a/*', '/blog/foo/c/*', '/blog/foo/bar'], '/blog/bar', undefined],
  [['/foo', '/foo*'], '/foo', '/foo'],
  [['/foo', '/foo*'], '/foox', '/foo*'],
  [['/*'], '/', '/*'],
  [['*'], '/anything', '*'],
  [['/'], '/x', undefined],
  [['/%61dmin'], '/admin', '/%61dmin'],
  [['/admin'], '/%61dmin', '/admin'],
  [['/admin*', '/pub/*'], '/pub/../admin', '/admin*'],
  [['/caf\u00e9/*'], '/caf%c3%a9/x', '/caf\u00e9/*'],
  [['/a%2fb', '/a/b'], '/a%2Fb', '/a%2fb'],
  [['/a/b'], '//a//b', '/a/b'],
  [['/api/v1/users/list', '/api/*'], '/api/v1/other/list', '/api/*'],
];

for (const [uris, path, expected] of uriCases) {
  test(`of ${uris.join(' and ')} the path ${path} finds ${expected ?? 'none'}`, () => {
    for (const mode of MODES) {
      const router = routerOf(Object.fromEntries(uris.map((uri) => [uri, { uris: [uri] }])), mode);
      assert.equal(router.find(requestOf(path)), expected, mode);
    }
  });
}

const hostCases: [routes: Record<string, RouteParts>, host: string, expected: string | undefined][] = [
  [{ a: { hosts: ['localhost.com'] }, b: { hosts: ['test.com'] } }, 'localhost.com', 'a'],
  [{ a: { hosts: ['localhost.com'] }, b: { hosts: ['test.com'] } }, 'test.com', 'b'],
  [{ a: { hosts: ['localhost.com'] }, b: { hosts: ['test.com'] } }, '127.0.0.1', undefined],
  [{ a: { hosts: ['localhost.com'] } }, '', undefined],
  [{ a: { hosts: ['*.foo.com'] } }, 'x.foo.com', 'a'],
  [{ a: { hosts: ['*.foo.com'] } }, 'y.x.foo.com', 'a'],
  [{ a: { hosts: ['*.foo.com'] } }, 'foo.com', undefined],
  [{ a: { hosts: ['*.foo.com'] } }, 'xfoo.com', undefined],
  [{ a: { hosts: ['*foo.com'] } }, 'xfoo.com', 'a'],
  [{ a: { hosts: ['*'] } }, 'any.thing', 'a'],
  [{ a: { hosts: ['FOO.com'] } }, 'foo.com', 'a'],
  [{ a: { hosts: ['foo.com', '*.bar.com'] } }, 'x.bar.com', 'a'],
  [{ a: {} }, '', 'a'],
];

for (const [routes, host, expected] of hostCases) {
  test(`with ${JSON.stringify(routes)} the host "${host}" finds ${expected ?? 'none'}`, () => {
    for (const mode of MODES) assert.equal(routerOf(routes, mode).find(requestOf('/x', { host })), expected, mode);
  });
}

const hostOrder: [routes: Record<string, RouteParts>, expected: string, why: string][] = [
  [
    {
      exact: { hosts: ['a.foo.com'] },
      wild: { hosts: ['*.foo.com'], uris: ['/x'], priority: 9 },
      all: { uris: ['/x'] },
    },
    'exact',
    'an equal host comes before a wildcard, whatever uri and priority say',
  ],
  [
    { long: { hosts: ['*.foo.com'] }, short: { hosts: ['*.com'], uris: ['/x'], priority: 9 } },
    'long',
    'the longest wildcard comes first',
  ],
  [{ all: { uris: ['/x'], priority: 9 }, wild: { hosts: ['*.com'] } }, 'wild', 'routes for all hosts come last'],
  [
    { exact: { hosts: ['a.foo.com'], methods: ['POST'] }, wild: { hosts: ['*.foo.com'] } },
    'wild',
    'a wildcard serves where the conditions of the equal host fail',
  ],
  [
    {
      exact: { hosts: ['a.foo.com'], uris: ['/y'] },
      wild: { hosts: ['*.foo.com'], remoteAddresses: ['10.0.0.0/8'] },
      all: {},
    },
    'all',
    'routes for all hosts serve if none with the host fits in full',
  ],
];

for (const [routes, expected, why] of hostOrder) {
  test(`in radixtree_host_uri ${why}`, () => {
    assert.equal(routerOf(routes).find(requestOf('/x', { host: 'a.foo.com' })), expected);
  });
}

test('in radixtree_uri the uri decides before the host', () => {
  const router = routerOf({ host: { hosts: ['a.com'], uris: ['/*'] }, uri: { uris: ['/x'] } }, 'radixtree_uri');
  assert.equal(router.find(requestOf('/x', { host: 'a.com' })), 'uri');
  assert.equal(router.find(requestOf('/y', { host: 'a.com' })), 'host');
});

const sameUri: [routes: Record<string, RouteParts>, expected: string, why: string][] = [
  [{ a: { priority: 2 }, b: { priority: 3 } }, 'b', 'the highest priority is tried first'],
  [{ a: { priority: -1 }, b: {} }, 'b', 'a priority may be negative'],
  [{ a: { priority: 1 }, b: { methods: ['GET'] } }, 'a', 'priority counts before other conditions'],
  [{ a: { priority: 1, uris: ['/*'] }, b: { uris: ['/x'] } }, 'b', 'priority decides nothing between different uris'],
  [{ a: {}, b: { methods: ['GET'] } }, 'b', 'of equal priority, the route with more kinds of conditions is first'],
  [
    { a: { methods: ['GET'] }, b: { methods: ['GET'], vars: [['arg_q', '==', null]] } },
    'b',
    'two kinds are more than one',
  ],
  [{ b: {}, a: {} }, 'a', 'if all else is equal, the id decides'],
  [
    { a: { methods: ['POST'], priority: 5 }, b: {} },
    'b',
    'where the conditions of the better one fail, the next is tried',
  ],
  [{ a: { uris: ['/x'], methods: ['POST'] }, b: { uris: ['/*'] } }, 'b', 'and then the shorter prefix'],
];

for (const [routes, expected, why] of sameUri) {
  test(`with ${JSON.stringify(routes)}: ${why}`, () => {
    for (const mode of MODES) assert.equal(routerOf(routes, mode).find(requestOf('/x')), expected, mode);
  });
}

const conditionCases: [parts: RouteParts, request: RequestParts, expected: boolean][] = [
  [{ methods: ['GET', 'POST'] }, { method: 'POST' }, true],
  [{ methods: ['GET', 'POST'] }, { method: 'PUT' }, false],
  [{ methods: ['GET'] }, { method: 'get' }, false],
  [{ methods: ['GET'] }, { method: 'HEAD' }, false],
  [{ methods: [] }, { method: 'PUT' }, true],
  [{ methods: ['REPORT'] }, { method: 'REPORT' }, true],
  [{ methods: ['REPORT'] }, { method: 'PROPFIND' }, false],
  [{ methods: ['REPORT', 'GET'] }, { method: 'GET' }, true],
  [{ remoteAddresses: ['192.0.2.0/24', '::1'] }, {}, true],
  [{ remoteAddresses: ['192.0.2.0/24', '::1'] }, { remoteAddress: '::1' }, true],
  [{ remoteAddresses: ['192.0.2.0/24', '::1'] }, { remoteAddress: '192.0.3.1' }, false],
  [{ remoteAddresses: [] }, { remoteAddress: '' }, true],
  [
    {
      vars: [
        ['arg_name', '==', 'json'],
        ['arg_age', '>', '18'],
      ],
    },
    { values: { arg_name: 'json', arg_age: '20' } },
    true,
  ],
  [
    {
      vars: [
        ['arg_name', '==', 'json'],
        ['arg_age', '>', '18'],
      ],
    },
    { values: { arg_name: 'json', arg_age: '3' } },
    false,
  ],
  [{ vars: [['cookie_device_id', '==', 'a66f']] }, { values: { cookie_device_id: 'a66f' } }, true],
  [{ vars: [] }, {}, true],
  [
    { vars: ['OR', ['http_user', '==', 'ios'], ['remote_addr', 'ipmatch', ['10.0.0.0/8']]] },
    { values: { remote_addr: '10.1.1.1' } },
    true,
  ],
];

for (const [parts, request, expected] of conditionCases) {
  test(`a route with ${JSON.stringify(parts)} ${expected ? 'takes' : 'leaves'} ${JSON.stringify(request)}`, () => {
    for (const mode of MODES) {
      assert.equal(routerOf({ a: parts }, mode).find(requestOf('/x', request)), expected ? 'a' : undefined, mode);
    }
  });
}

const parameterCases: [
  uris: string[],
  path: string,
  expected: string | undefined,
  parameters: Record<string, string>,
][] = [
  [['/blog/:name'], '/blog/dog', '/blog/:name', { name: 'dog' }],
  [['/blog/:name'], '/blog/cat%2Fdog', '/blog/:name', { name: 'cat%2Fdog' }],
  [['/blog/:name'], '/blog/', undefined, {}],
  [['/blog/:name'], '/blog', undefined, {}],
  [['/blog/:name'], '/blog/a/b', undefined, {}],
  [['/user/:user/*action'], '/user/john/', '/user/:user/*action', { user: 'john', action: '' }],
  [['/user/:user/*action'], '/user/john/send/it', '/user/:user/*action', { user: 'john', action: 'send/it' }],
  [['/user/:user/*action'], '/user/john', undefined, {}],
  [['/login/*action'], '/login/update', '/login/*action', { action: 'update' }],
  [['/:a/x/:b'], '/1/x/2', '/:a/x/:b', { a: '1', b: '2' }],
  [['/:a/x/:b'], '/:a/x/:b', '/:a/x/:b', { a: ':a', b: ':b' }],
  [['/a:b'], '/a:b', '/a:b', {}],
  [['/user/:id', '/user/me'], '/user/me', '/user/me', {}],
  [['/user/:id', '/user/me'], '/user/mel', '/user/:id', { id: 'mel' }],
  [['/user/:id', '/user/*'], '/user/1', '/user/:id', { id: '1' }],
  [['/user/:id', '/user/*'], '/user/1/x', '/user/*', {}],
  [['/user/:id', '/user/m*'], '/user/me', '/user/m*', {}],
  [['/a/:x/c', '/a/b/*'], '/a/b/c', '/a/b/*', {}],
  [['/a/:x/c', '/a/b/d'], '/a/b/c', '/a/:x/c', { x: 'b' }],
  [['/:x/b', '/a/:y'], '/a/b', '/a/:y', { y: 'b' }],
  [['/:x', '/:x/:y', '/*'], '/a/b', '/:x/:y', { x: 'a', y: 'b' }],
];

for (const [uris, path, expected, parameters] of parameterCases) {
  test(`with parameters, of ${uris.join(' and ')} the path ${path} finds ${expected ?? 'none'}`, () => {
    const routes = Object.fromEntries(uris.map((uri) => [uri, { uris: [uri] }]));
    const request = requestOf(path);
    assert.equal(routerOf(routes, 'radixtree_uri_with_parameter').find(request), expected);
    assert.deepEqual(Object.fromEntries(request.parameters ?? []), parameters);
  });
}

test('without the parameter mode a colon is a character', () => {
  const router = routerOf({ a: { uris: ['/:id'] } });
  assert.equal(router.find(requestOf('/7')), undefined);
  assert.equal(router.find(requestOf('/:id')), 'a');
});

test('parameters with other names are the same uri, so priority decides, and each route has its own names', () => {
  const routes = { a: { uris: ['/:id'], methods: ['POST'] }, b: { uris: ['/:name'], priority: 1, methods: ['GET'] } };
  const router = routerOf(routes, 'radixtree_uri_with_parameter');
  const [get, post] = [requestOf('/x'), requestOf('/x', { method: 'POST' })];
  assert.equal(router.find(get), 'b');
  assert.deepEqual([...(get.parameters ?? [])], [['name', 'x']]);
  assert.equal(router.find(post), 'a');
  assert.deepEqual([...(post.parameters ?? [])], [['id', 'x']]);
});

test('conditions see the parameters of the pattern that is tried, and nobody sees those of one that failed', () => {
  const routes = { a: { uris: ['/u/:id'], vars: [['uri_param_id', '>', 5]] }, b: { uris: ['/u/*'] } };
  const router = routerOf(routes, 'radixtree_uri_with_parameter');
  const find = (path: string) => {
    const request: RouteRequest = {
      ...requestOf(path),
      variable: (name) => (name === 'uri_param_id' ? request.parameters?.get('id') : undefined),
    };
    return [router.find(request), request.parameters?.get('id')];
  };
  assert.deepEqual(find('/u/7'), ['a', '7']);
  assert.deepEqual(find('/u/3'), ['b', undefined]);
});

test('the body is asked for only when a route that needs it is reached, and nothing else decides', () => {
  const router = routerOf({
    form: {
      uris: ['/_post'],
      methods: ['POST'],
      vars: [
        ['arg_x', '==', '1'],
        ['post_arg_name', '==', 'json'],
      ],
    },
    rest: {},
  });
  const body = (value: VariableValue) => ({ value: () => value });
  const values = { arg_x: '1' };
  assert.equal(router.find(requestOf('/other', { method: 'POST', values })), 'rest');
  assert.equal(router.find(requestOf('/_post', { method: 'GET', values })), 'rest');
  assert.equal(router.find(requestOf('/_post', { method: 'POST' })), 'rest');
  assert.equal(router.find(requestOf('/_post', { method: 'POST', values })), NEEDS_BODY);
  assert.equal(router.find(requestOf('/_post', { method: 'POST', values, body: body('json') })), 'form');
  assert.equal(router.find(requestOf('/_post', { method: 'POST', values, body: body(undefined) })), 'rest');
});

const graphql: RouteParts = {
  methods: ['POST', 'GET'],
  uris: ['/graphql'],
  vars: [
    ['graphql_operation', '==', 'query'],
    ['graphql_name', '==', 'getRepo'],
    ['graphql_root_fields', 'has', 'owner'],
  ],
};
const form: RouteParts = { methods: ['POST', 'GET'], uris: ['/_post'], vars: [['post_arg_name', '==', 'json']] };
const json: RouteParts = { methods: ['POST'], uris: ['/_post'], vars: [['post_arg.name', '==', 'xyz']] };
const image: RouteParts = {
  methods: ['POST'],
  uris: ['/_post'],
  vars: [['post_arg.messages[*].content[*].type', 'has', 'image_url']],
};
const document = 'query getRepo { owner {name } repo {created}}';
const FORM = 'application/x-www-form-urlencoded';
const chat = { model: 'deepseek', messages: [{ role: 'system', content: [{ type: 'text' }, { type: 'image_url' }] }] };

/** The examples of the router's documentation that are about bodies. */
const bodyCases: [parts: RouteParts, method: string, contentType: string, text: string, expected: boolean][] = [
  [form, 'POST', FORM, 'name=json', true],
  [form, 'POST', FORM, 'name=yaml', false],
  [form, 'POST', 'text/plain', 'name=json', false],
  [json, 'POST', 'application/json', '{"name":"xyz"}', true],
  [json, 'POST', 'application/json', '{"name":"abc"}', false],
  [image, 'POST', 'application/json', JSON.stringify(chat), true],
  [image, 'POST', 'application/json', '{"messages":[{"content":"text"}]}', false],
  [graphql, 'POST', 'application/graphql', document, true],
  [graphql, 'POST', 'application/json', JSON.stringify({ query: document }), true],
  [graphql, 'GET', 'application/graphql', '', true],
  [graphql, 'POST', 'application/graphql', document.replace('query', 'mutation'), false],
  [graphql, 'POST', 'application/graphql', document.replace('owner', 'user'), false],
];

for (const [parts, method, contentType, text, expected] of bodyCases) {
  test(`a ${method} of ${contentType} ${text.slice(0, 30)} is ${expected ? 'taken' : 'left'} by a route with ${JSON.stringify(parts.vars)}`, () => {
    const router = routerOf({ a: parts });
    const path = parts.uris?.[0] ?? '/';
    assert.equal(router.find(requestOf(path, { method })), NEEDS_BODY);
    const body = createBodyVariables({ contentType, text, query: `query=${encodeURIComponent(document)}` });
    assert.equal(router.find(requestOf(path, { method, body })), expected ? 'a' : undefined);
  });
}

test('a better route without a condition on the body is served without it', () => {
  const router = routerOf({ a: { vars: [['post_arg.x', '==', 1]] }, b: { priority: 1 } });
  assert.equal(router.find(requestOf('/x')), 'b');
});

const faults: [mode: RouterMode, parts: RouteParts, message: RegExp][] = [
  ['radixtree_uri', { uris: ['foo'] }, /route "a": "foo" is not in the spelling of request paths/],
  ['radixtree_uri', { uris: ['/a*b'] }, /has a "\*" before its end, where it is no wildcard/],
  ['radixtree_uri', { uris: ['/a/*rest'] }, /has a "\*" before its end/],
  ['radixtree_uri_with_parameter', { uris: ['/a*rest'] }, /end it with "\*" or "\/\*name"/],
  ['radixtree_uri_with_parameter', { uris: ['/:'] }, /the parameter ":"/],
  ['radixtree_uri_with_parameter', { uris: ['/:id*'] }, /ends a parameter with "\*"/],
  ['radixtree_uri_with_parameter', { uris: ['/:a.b'] }, /the parameter ":a\.b"/],
  ['radixtree_uri_with_parameter', { uris: ['/:a/:a'] }, /two parameters named "a"/],
  ['radixtree_uri', { hosts: [''] }, /"" is no host/],
  ['radixtree_uri', { hosts: ['a.*.com'] }, /is no host: write a name such as/],
  ['radixtree_uri', { remoteAddresses: ['localhost'] }, /is no address/],
  ['radixtree_uri', { vars: [['arg_x', 'is', 1]] }, /\[0\]\[1\]: "is" is no operator/],
];

for (const [mode, parts, message] of faults) {
  test(`a route with ${JSON.stringify(parts)} is refused in ${mode}`, () => {
    assert.throws(() => routerOf({ a: parts }, mode), { name: 'TypeError', message });
  });
}

test('with() adds, replaces and removes, and leaves the table before it as it was', () => {
  const first = routerOf({ a: { uris: ['/a'] }, b: { uris: ['/b'] } });
  const second = first.with([
    { id: 'a', route: null },
    { id: 'b', route: routeOf('b', { uris: ['/b2', '/b3*'] }) },
    { id: 'c', route: routeOf('c', { hosts: ['c.com'] }) },
    { id: 'd', route: null },
  ]);
  const found = (router: typeof first) =>
    ['/a', '/b', '/b2', '/b3x']
      .map((path) => router.find(requestOf(path)))
      .concat(router.find(requestOf('/', { host: 'c.com' })));
  assert.deepEqual(found(second), [undefined, undefined, 'b', 'b', 'c']);
  assert.deepEqual(found(first), ['a', 'b', undefined, undefined, undefined]);
  assert.deepEqual([first.size, second.size], [2, 2]);
  assert.equal(second.with([{ id: 'x', route: null }]), second);
});

test('of two changes to one id the later counts, and a change that is refused changes nothing', () => {
  const router = routerOf({ a: {} });
  const next = router.with([
    { id: 'b', route: routeOf('b', { uris: ['/1'] }) },
    { id: 'b', route: routeOf('b', { uris: ['/2'] }) },
  ]);
  assert.equal(next.find(requestOf('/1')), 'a');
  assert.equal(next.find(requestOf('/2')), 'b');
  assert.throws(
    () =>
      next.with([
        { id: 'a', route: null },
        { id: 'c', route: routeOf('c', { hosts: ['*.*'] }) },
      ]),
    TypeError,
  );
  assert.equal(next.find(requestOf('/1')), 'a');
});

test('any text can be an id', () => {
  const ids = ['', '\u00e9', '%00e9', '\ud800', 'a/b', '__proto__', '\u{1f600}'];
  const router = createRouter(
    'radixtree_uri',
    ids.map((id, i) => routeOf(id, { uris: [`/${i}`] })),
  );
  assert.equal(router.size, ids.length);
  assert.equal(router.with(ids.slice(1).map((id) => ({ id, route: null }))).find(requestOf('/0')), '');
});

test('one uri may have thousands of routes', () => {
  const routes = Array.from({ length: 3000 }, (_, i) =>
    routeOf(`r${i}`, { uris: ['/x'], vars: [['arg_n', '==', i]], priority: i % 7 }),
  );
  const router = createRouter('radixtree_host_uri', routes);
  assert.equal(router.find(requestOf('/x', { values: { arg_n: '1234' } })), 'r1234');
  const without = router.with([{ id: 'r1234', route: null }]);
  assert.equal(without.find(requestOf('/x', { values: { arg_n: '1234' } })), undefined);
});
