/** Objects over real HTTP: what clients of APISIX's Admin API send and get. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KINDS } from '../../src/model/object-set.ts';
import { startLab } from './lab.ts';
import { PAIR } from '../certificate.ts';

const UPSTREAM = { type: 'roundrobin', nodes: { '127.0.0.1:1980': 1 } };
const ROUTE = { uri: '/a', upstream: UPSTREAM };
const CERTIFICATE = { ...PAIR, snis: ['a.example'] };

/** One object of each kind; what it refers to comes before it. */
const EXAMPLES: readonly (readonly [path: string, body: object, key: string])[] = [
  ['/upstreams/1', UPSTREAM, '/apisix/upstreams/1'],
  ['/services/1', { upstream_id: 1 }, '/apisix/services/1'],
  ['/plugin_configs/1', { plugins: { cors: {} } }, '/apisix/plugin_configs/1'],
  ['/routes/1', { uri: '/a', service_id: '1', plugin_config_id: 1 }, '/apisix/routes/1'],
  [
    '/consumer_groups/gold',
    { plugins: { 'limit-count': { count: 1, time_window: 1 } } },
    '/apisix/consumer_groups/gold',
  ],
  ['/consumers/jack', { username: 'jack', group_id: 'gold' }, '/apisix/consumers/jack'],
  [
    '/consumers/jack/credentials/one',
    { plugins: { 'key-auth': { key: 'auth-one' } } },
    '/apisix/consumers/jack/credentials/one',
  ],
  ['/global_rules/1', { plugins: { prometheus: {} } }, '/apisix/global_rules/1'],
  ['/plugin_metadata/cors', { allow_origins: { a: 'https://a.example' } }, '/apisix/plugin_metadata/cors'],
  ['/ssls/1', CERTIFICATE, '/apisix/ssls/1'],
  ['/stream_routes/1', { server_port: 9100, upstream_id: 1 }, '/apisix/stream_routes/1'],
  ['/protos/1', { content: 'syntax = "proto3";' }, '/apisix/protos/1'],
  ['/secrets/vault/1', { uri: 'http://v', prefix: 'kv', token: 't' }, '/apisix/secrets/vault/1'],
];

test('every kind of object is created, replaced, read, listed and removed', async (t) => {
  const lab = await startLab(t);
  assert.equal(EXAMPLES.length, KINDS.length, 'one for each kind');
  for (const [path, body, key] of EXAMPLES) {
    assert.deepEqual((await lab.ask(path)).body, { message: 'Key not found' }, path);
    const created = await lab.ask(path, { method: 'PUT', body });
    assert.equal(created.status, 201, `${path}: ${created.text}`);
    assert.equal((created.body as { key: string }).key, key);
    assert.equal((await lab.ask(path, { method: 'PUT', body })).status, 200);
    const { status, body: read } = await lab.ask(path);
    assert.equal(status, 200);
    const { value, createdIndex, modifiedIndex, ...rest } = read as Record<string, unknown>;
    assert.deepEqual(rest, { key });
    assert.ok(Number(modifiedIndex) > Number(createdIndex));
    const { id: _id, create_time, update_time, ...sent } = value as Record<string, unknown>;
    assert.partialDeepStrictEqual(sent, body, 'what was sent, beside defaults');
    assert.equal(typeof create_time, path.startsWith('/plugin_metadata') ? 'undefined' : 'number');
    assert.equal(create_time, update_time);
    const list = await lab.ask(path.slice(0, path.lastIndexOf('/')));
    assert.deepEqual(list.body, { total: 1, list: [read] }, path);
  }
  for (const [path, , key] of EXAMPLES.toReversed()) {
    const removed = await lab.ask(path, { method: 'DELETE' });
    assert.deepEqual([removed.status, removed.body], [200, { key, deleted: '1' }], path);
    assert.equal((await lab.ask(path)).status, 404);
  }
  assert.equal(lab.audit.length, 3 * KINDS.length);
});

/** Documented answers: what was sent, and the defaults that are shown beside it. */
const DEFAULTS: readonly (readonly [path: string, body: object, added: object])[] = [
  ['/upstreams/1', UPSTREAM, { ...UPSTREAM, hash_on: 'vars', scheme: 'http', pass_host: 'pass' }],
  ['/routes/1', { uri: '/*', upstream_id: 1 }, { uri: '/*', upstream_id: 1, priority: 0, status: 1 }],
  [
    '/services/1',
    { plugins: { 'limit-req': { rate: 1, burst: 0, key: 'remote_addr', _meta: { priority: 7 } } } },
    { plugins: { 'limit-req': { policy: 'local', rejected_code: 503, nodelay: false, _meta: { priority: 7 } } } },
  ],
  [
    '/consumers/jack',
    { username: 'jack', plugins: { 'key-auth': { key: 'auth-one' }, 'limit-count': { count: 2, time_window: 60 } } },
    { username: 'jack', plugins: { 'key-auth': { key: 'auth-one' }, 'limit-count': { policy: 'local' } } },
  ],
  ['/plugin_metadata/limit-count', {}, { limit_header: 'X-RateLimit-Limit' }],
];

test('answers show defaults, which are not stored', async (t) => {
  const lab = await startLab(t);
  for (const [path, body, added] of DEFAULTS) {
    const written = await lab.put(path, body);
    for (const { body: shown } of [written, await lab.ask(path)]) {
      assert.partialDeepStrictEqual(shown, { value: added }, path);
    }
    const { body: all } = await lab.ask(path.slice(0, path.lastIndexOf('/')));
    assert.partialDeepStrictEqual(all, { list: [{ value: added }] }, path);
  }
  const patched = await lab.ask('/routes/1', { method: 'PATCH', body: { status: 0 } });
  assert.partialDeepStrictEqual(patched.body, { value: { priority: 0, status: 0 } });
  const { body } = await lab.ask('/configs');
  assert.partialDeepStrictEqual(body, { upstreams: [UPSTREAM] });
  assert.ok(!JSON.stringify(body).includes('priority":0'), 'the whole configuration is as it was sent');
  assert.ok(!JSON.stringify(body).includes('pass_host'));
});

test('answers add nothing to active checks that ADC does not know: it refuses a dump with such an attribute', async (t) => {
  const lab = await startLab(t);
  const { status, body } = await lab.put('/upstreams/1', { ...UPSTREAM, checks: { active: {} } });
  assert.equal(status, 201);
  const { active } = (body as { value: { checks: { active: Record<string, unknown> } } }).value.checks;
  assert.deepEqual(Object.keys(active).sort(), [
    'concurrency',
    'healthy',
    'http_path',
    'https_verify_certificate',
    'timeout',
    'type',
    'unhealthy',
  ]);
});

test('every answer names the version that clients look for', async (t) => {
  const lab = await startLab(t);
  for (const path of ['/routes', '/routes/1', '/nothing']) {
    const { headers } = await lab.ask(path);
    assert.equal(headers.server, 'APISIX/3.18.0');
    assert.equal(headers['x-api-version'], 'v3');
    assert.equal(headers['content-type'], 'application/json');
  }
  const head = await lab.ask('/routes', { method: 'HEAD' });
  assert.deepEqual([head.status, head.text], [200, '']);
});

test('POST gives an id, PUT takes it from the path or the body', async (t) => {
  const lab = await startLab(t);
  const posted = await lab.ask('/routes', { method: 'POST', body: ROUTE });
  assert.deepEqual([posted.status, (posted.body as { key: string }).key], [201, '/apisix/routes/new-1']);
  const named = await lab.ask('/routes', { method: 'PUT', body: { ...ROUTE, id: 7 } });
  assert.deepEqual([named.status, (named.body as { key: string }).key], [201, '/apisix/routes/7']);
  const cases: readonly (readonly [method: string, path: string, body: object, message: RegExp])[] = [
    ['POST', '/routes', { ...ROUTE, id: '1' }, /^id: wrong route id, do not need it/],
    ['PUT', '/routes', ROUTE, /^id: missing route id/],
    ['PUT', '/routes/1', { ...ROUTE, id: '2' }, /^id: wrong route id: the path says "1"/],
    ['PUT', '/routes/1', { ...ROUTE, id: { toString: 1 } }, /^id: wrong route id/],
    ['PUT', '/routes/a%20b', ROUTE, /^id: "a b" is no id/],
    ['PUT', `/routes/${'x'.repeat(65)}`, ROUTE, /^id: "x+" is no id/],
    ['PUT', '/consumers/jack', { username: 'jill' }, /^username: wrong username: the path says "jack"/],
    ['PUT', '/consumers', {}, /^username: missing consumer username/],
    ['PUT', '/secrets/keepass/1', {}, /id: "keepass\/1" is no id of a secret/],
  ];
  for (const [method, path, body, message] of cases) {
    const { status, body: answer } = await lab.ask(path, { method, body });
    assert.equal(status, 400, path);
    assert.match((answer as { error_msg: string }).error_msg, message);
  }
});

test('methods that a kind does not have are refused with those that it has', async (t) => {
  const lab = await startLab(t);
  const cases: readonly (readonly [method: string, path: string, allow: string])[] = [
    ['POST', '/consumers', 'GET, HEAD, PUT'],
    ['PATCH', '/consumers/jack', 'GET, HEAD, PUT, DELETE'],
    ['DELETE', '/routes', 'GET, HEAD, PUT, POST'],
    ['GET', '/routes/1/uri', 'PATCH'],
    ['PATCH', '/plugin_metadata/cors', 'GET, HEAD, PUT, DELETE'],
    ['OPTIONS', '/routes', 'GET, HEAD, PUT, POST'],
    ['DELETE', '/configs', 'GET, HEAD, PUT'],
    ['PUT', '/plugins/cors', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of cases) {
    const { status, headers } = await lab.ask(path, { method, body: {} });
    assert.deepEqual([status, headers.allow], [405, allow], `${method} ${path}`);
  }
});

test('a write with five mistakes is refused with all five, by path, and changes nothing', async (t) => {
  const lab = await startLab(t);
  await lab.put('/routes/1', ROUTE);
  const before = (await lab.ask('/routes/1')).text;
  const body = {
    uri: 'no-slash',
    methods: ['FETCH'],
    prioriti: 1,
    service_id: 'nowhere',
    plugins: { cors: { max_age: 'long' }, 'limit-count': { count: -1, time_window: 1 } },
    upstream: { nodes: { 'a b': 1 }, pass_host: 'rewrite' },
  };
  const { status, body: answer } = await lab.ask('/routes/1', { method: 'PUT', body });
  assert.equal(status, 400);
  const { error_msg, problems } = answer as { error_msg: string; problems: { path: string; message: string }[] };
  const paths = [
    'methods[0]',
    'prioriti',
    'uri',
    'plugins.cors.max_age',
    'plugins.limit-count.count',
    'upstream.upstream_host',
    'upstream.nodes["a b"]',
    'service_id',
  ];
  assert.deepEqual(problems.map(({ path }) => path).toSorted(), paths.toSorted());
  for (const { path, message } of problems) assert.ok(error_msg.includes(`${path}: ${message}`));
  assert.equal((await lab.ask('/routes/1')).text, before);
  assert.equal(lab.audit.length, 1, 'the first write alone');
});

test('attributes that a plugin does not know are kept, and told', async (t) => {
  const lab = await startLab(t);
  const { status, headers } = await lab.put('/routes/1', { ...ROUTE, plugins: { cors: { max_aje: 1 } } });
  assert.equal(status, 201);
  assert.match(
    String(headers['x-gatewright-warning']),
    /plugins\.cors\.max_aje: unknown attribute "max_aje", did you mean "max_age"/,
  );
});

test('references to nothing are refused, and what is referred to is not removed without force', async (t) => {
  const lab = await startLab(t);
  const dangling: readonly (readonly [path: string, body: object, where: string])[] = [
    ['/routes/1', { uri: '/', upstream_id: 1 }, 'upstream_id'],
    ['/routes/1', { uri: '/', service_id: 1 }, 'service_id'],
    ['/routes/1', { uri: '/', plugin_config_id: 1 }, 'plugin_config_id'],
    ['/services/1', { upstream_id: 1 }, 'upstream_id'],
    ['/stream_routes/1', { upstream_id: 1 }, 'upstream_id'],
    ['/consumers', { username: 'jack', group_id: 'x' }, 'group_id'],
    ['/consumers/jack/credentials/1', { plugins: { 'key-auth': { key: 'k' } } }, 'id'],
  ];
  for (const [path, body, where] of dangling) {
    const { status, body: answer } = await lab.ask(path, { method: 'PUT', body });
    assert.equal(status, 400, path);
    assert.match((answer as { error_msg: string }).error_msg, new RegExp(`${where}: there is no `));
  }
  for (const [path, body] of EXAMPLES) await lab.put(path, body);
  const held: readonly (readonly [path: string, message: string])[] = [
    ['/upstreams/1', 'can not delete this upstream, service [1] is still using it now'],
    ['/services/1', 'can not delete this service, route [1] is still using it now'],
    ['/plugin_configs/1', 'can not delete this plugin config, route [1] is still using it now'],
    ['/consumer_groups/gold', 'can not delete this consumer group, consumer [jack] is still using it now'],
  ];
  for (const [path, error_msg] of held) {
    for (const query of ['', '?force=anyvalue']) {
      const { status, body } = await lab.ask(path + query, { method: 'DELETE' });
      assert.deepEqual([status, body], [400, { error_msg }]);
    }
    assert.equal((await lab.ask(`${path}?force=true`, { method: 'DELETE' })).status, 200);
  }
});

test('a consumer goes with its credentials', async (t) => {
  const lab = await startLab(t);
  for (const name of ['jack', 'jackson']) {
    await lab.put('/consumers', { username: name });
    await lab.put(`/consumers/${name}/credentials/1`, { plugins: { 'key-auth': { key: `key-${name}` } } });
  }
  assert.equal((await lab.ask('/consumers/jack', { method: 'DELETE' })).status, 200);
  assert.equal((await lab.ask('/consumers/jack/credentials')).status, 404);
  const gone = await lab.ask('/consumers/jack/credentials/1', { method: 'DELETE' });
  assert.deepEqual([gone.status, gone.body], [200, { key: '/apisix/consumers/jack/credentials/1', deleted: '0' }]);
  assert.equal((await lab.ask('/consumers/jackson/credentials/2', { method: 'DELETE' })).status, 404);
  const { body } = await lab.ask('/consumers/jackson/credentials');
  assert.equal((body as { total: number }).total, 1);
});

test('a key belongs to one consumer or credential, and the refusal does not show it', async (t) => {
  const lab = await startLab(t);
  const plugins = { 'key-auth': { key: 'the-secret-key' } };
  await lab.put('/consumers', { username: 'jack', plugins });
  await lab.put('/consumers', { username: 'jack', plugins, desc: 'again' });
  await lab.put('/consumers', { username: 'jill' });
  const taken: readonly (readonly [path: string, body: object])[] = [
    ['/consumers', { username: 'jill', plugins }],
    ['/consumers/jill/credentials/1', { plugins }],
  ];
  for (const [path, body] of taken) {
    const { status, body: answer, text } = await lab.ask(path, { method: 'PUT', body });
    assert.equal(status, 400);
    assert.match(
      (answer as { error_msg: string }).error_msg,
      /plugins\.key-auth: duplicate key found with consumer: jack/,
    );
    assert.ok(!text.includes('the-secret-key'));
  }
  await lab.put('/consumers', { username: 'jack' });
  await lab.put('/consumers/jill/credentials/1', { plugins });
  const { body } = await lab.ask('/consumers', { method: 'PUT', body: { username: 'jack', plugins } });
  assert.match((body as { error_msg: string }).error_msg, /credential 1 of consumer: jill/);
});

test('PATCH merges, removes with null, replaces lists, and is refused as a whole', async (t) => {
  const lab = await startLab(t);
  await lab.put('/routes/1', { ...ROUTE, desc: 'x' });
  const patch = async (path: string, body: unknown) => {
    const answer = await lab.ask(`/routes/1${path}`, { method: 'PATCH', body });
    return [answer.status, (answer.body as { value?: Record<string, unknown> }).value] as const;
  };
  const nodes = async () => ((await lab.ask('/routes/1')).body as { value: typeof ROUTE }).value.upstream.nodes;
  assert.equal((await patch('', { upstream: { nodes: { '127.0.0.1:1981': 1 } } }))[0], 200);
  assert.deepEqual(await nodes(), { '127.0.0.1:1980': 1, '127.0.0.1:1981': 1 });
  await patch('', { upstream: { nodes: { '127.0.0.1:1981': 10, '127.0.0.1:1980': null } } });
  assert.deepEqual(await nodes(), { '127.0.0.1:1981': 10 });
  await patch('/upstream/nodes', { '127.0.0.1:1982': 1 });
  assert.deepEqual(await nodes(), { '127.0.0.1:1982': 1 });
  assert.deepEqual((await patch('/methods', ['POST', 'DELETE']))[1]?.['methods'], ['POST', 'DELETE']);
  assert.equal((await patch('', { desc: null }))[1]?.['desc'], undefined);
  assert.equal((await patch('', { uri: null }))[0], 400);
  assert.equal((await patch('/uri/x', 1))[0], 400);
  assert.equal((await patch('', { id: '2' }))[0], 400);
  assert.equal((await patch('', []))[0], 400);
  assert.equal((await lab.ask('/routes/2', { method: 'PATCH', body: {} })).status, 404);
  assert.deepEqual(await nodes(), { '127.0.0.1:1982': 1 });
});

test('lists are filtered and paged', async (t) => {
  const lab = await startLab(t);
  await lab.put('/upstreams/1', UPSTREAM);
  await lab.put('/services/1', { upstream_id: '1' });
  for (let i = 1; i <= 25; i++) {
    const labels = i % 2 === 0 ? { env: 'prod' } : { team: 'a' };
    const name = `${i % 5 === 0 ? 'fifth' : 'other'}-${i}`;
    await lab.put(`/routes/${i}`, {
      uri: `/foo/${i}`,
      name,
      labels,
      ...(i > 20 ? { service_id: 1 } : { upstream_id: 1 }),
    });
  }
  await lab.put('/routes/nameless', { uris: ['/bar', '/x/foo'], upstream_id: 1 });
  const total = async (query: string): Promise<unknown[]> => {
    const { status, body } = await lab.ask(`/routes?${query}`);
    const { total: count, list, error_msg } = body as { total: number; list: unknown[]; error_msg: string };
    return status === 200 ? [count, list.length] : [status, error_msg];
  };
  assert.deepEqual(await total(''), [26, 26]);
  assert.deepEqual(await total('page=1&page_size=10'), [26, 10]);
  assert.deepEqual(await total('page=3&page_size=10'), [26, 6]);
  assert.deepEqual(await total('page=9&page_size=10'), [26, 0]);
  assert.deepEqual(await total('name=fifth'), [5, 5]);
  assert.deepEqual(await total('name=fifth&label=env'), [2, 2]);
  assert.deepEqual(await total('label=env:prod'), [12, 12]);
  assert.deepEqual(await total('uri=foo'), [26, 26]);
  assert.deepEqual(await total('uri=bar'), [1, 1]);
  assert.deepEqual(await total('name=test&uri=foo&label='), [0, 0]);
  assert.deepEqual(await total('filter=service_id%3D1'), [5, 5]);
  assert.deepEqual(await total('filter=upstream_id%3D1&name=fifth'), [4, 4]);
  assert.deepEqual(await total('page_size=5'), [400, 'page_size: expected an integer from 10 to 500']);
  assert.deepEqual(await total('page=0&page_size=10'), [400, 'page: expected an integer from 1']);
  assert.match(
    String((await total('filter=uri%3D1'))[1]),
    /^filter: "uri" cannot be filtered by, service_id, upstream_id can/,
  );
  assert.equal((await lab.ask('/services?uri=x')).status, 400);
  const first = ((await lab.ask('/routes?page=1&page_size=10')).body as { list: { key: string }[] }).list[0];
  assert.equal(first?.key, '/apisix/routes/1', 'in the order in which they were created');
});

test('an object with a ttl vanishes by itself', async (t) => {
  const lab = await startLab(t);
  await lab.put('/routes/1?ttl=60', ROUTE);
  await lab.put('/routes/2?ttl=0', ROUTE);
  lab.parts.pass(59_000);
  assert.equal((await lab.ask('/routes/1')).status, 200);
  lab.parts.pass(2_000);
  assert.equal((await lab.ask('/routes/1')).status, 404);
  assert.equal((await lab.ask('/routes/2')).status, 200);
  for (const ttl of ['-1', '1.5', 'x', '', '9999999999']) {
    const { status, body } = await lab.ask(`/routes/3?ttl=${ttl}`, { method: 'PUT', body: ROUTE });
    assert.equal(status, 400, ttl);
    assert.match((body as { error_msg: string }).error_msg, /^ttl: /);
  }
});

test('a write can be bound to the version that was read', async (t) => {
  const lab = await startLab(t);
  const write = async (headers: Record<string, string>, method = 'PUT') => {
    return (await lab.ask('/routes/1', { method, headers, ...(method === 'PUT' ? { body: ROUTE } : {}) })).status;
  };
  assert.equal(await write({ 'If-Match': '1' }), 412);
  assert.equal(await write({ 'If-None-Match': '*' }), 201);
  assert.equal(await write({ 'If-None-Match': '*' }), 412);
  const { headers } = await lab.ask('/routes/1');
  assert.equal(await write({ 'If-Match': String(headers.etag) }), 200);
  assert.equal(await write({ 'If-Match': String(headers.etag) }), 412);
  assert.equal(await write({ 'If-Match': String(headers.etag) }, 'DELETE'), 412);
  assert.equal(await write({ 'If-Match': '*' }), 200);
  assert.equal(await write({ 'If-Match': 'x' }), 400);
});

test('fifty changes at once are all carried out', async (t) => {
  const lab = await startLab(t);
  await lab.put('/upstreams/1', { nodes: { 'a:1': 1 } });
  const patches = Array.from({ length: 50 }, (_, i) =>
    lab.ask('/upstreams/1', { method: 'PATCH', body: { nodes: { [`b:${i + 1}`]: i } } }),
  );
  for (const { status, text } of await Promise.all(patches)) assert.equal(status, 200, text);
  const { body } = await lab.ask('/upstreams/1');
  assert.equal(Object.keys((body as { value: { nodes: object } }).value.nodes).length, 51);
});

test('schemas are checked without anything being stored', async (t) => {
  const lab = await startLab(t);
  const check = (kind: string, body: unknown) => lab.ask(`/schema/validate/${kind}`, { method: 'POST', body });
  assert.equal(
    (await check('routes', { ...ROUTE, service_id: 'nowhere' })).status,
    200,
    'references are not looked at',
  );
  const bad = await check('routes', { uri: 1980, upstream: UPSTREAM });
  assert.equal(bad.status, 400);
  assert.match((bad.body as { error_msg: string }).error_msg, /uri: expected a string, found the number 1980/);
  assert.equal((await check('consumers', { username: 'a' })).status, 200);
  assert.equal((await lab.ask('/schema/validate/routes')).status, 405);
  assert.deepEqual((await lab.ask('/routes')).body, { total: 0, list: [] });
});

test('plugins are listed with their schemas', async (t) => {
  const lab = await startLab(t);
  const get = async (path: string) => {
    const { status, body } = await lab.ask(`/plugins${path}`);
    return [status, body] as const;
  };
  const [, names] = await get('/list');
  assert.ok(Array.isArray(names) && names.includes('key-auth') && names.includes('limit-count'));
  const [, schema] = await get('/key-auth?subsystem=http');
  assert.deepEqual(Object.keys((schema as { properties: object }).properties).includes('_meta'), true);
  const [, consumer] = await get('/key-auth?schema_type=consumer');
  assert.deepEqual((consumer as { required: unknown }).required, ['key']);
  const [, all] = await get('?all=true&subsystem=http');
  assert.deepEqual(Object.keys(all as object), names);
  assert.deepEqual(await get('?all=true&subsystem=stream'), [200, {}]);
  assert.deepEqual(await get('/key-oth'), [
    404,
    { error_msg: 'plugin not found in subsystem http, did you mean "key-auth"?' },
  ]);
  assert.equal((await get('/cors?subsystem=stream'))[0], 404);
  assert.equal((await get(''))[0], 400);
  assert.equal((await get('/list?subsystem=x'))[0], 400);
  assert.equal((await get('/limit-count?schema_type=consumer'))[0], 404);
});

test('wait=true answers once every worker serves the change, and says so if that takes too long', async (t) => {
  const served: number[] = [];
  const lab = await startLab(t, {
    isServed: async (revision) => {
      served.push(revision);
      return revision !== 2;
    },
  });
  const put = (path: string) => lab.ask(path, { method: 'PUT', body: ROUTE });
  const first = await put('/routes/1?wait=true');
  assert.deepEqual(
    [first.status, first.headers['x-gatewright-in-force'], first.headers['x-gatewright-revision']],
    [201, 'true', '1'],
  );
  const second = await put('/routes/1?wait=true');
  assert.deepEqual([second.status, second.headers['x-gatewright-in-force']], [202, 'false']);
  await put('/routes/1');
  assert.deepEqual(served, [1, 2]);
});

test('plugins are said to be reloaded only where there is nothing to load', async (t) => {
  const current = await startLab(t);
  assert.deepEqual((await current.put('/plugins/reload', undefined)).body, { message: 'done' });
  assert.equal((await current.ask('/plugins/reload')).status, 405);
  const changed = await startLab(t, { isCodeCurrent: false });
  const { status, body } = await changed.ask('/plugins/reload', { method: 'PUT' });
  assert.equal(status, 501);
  assert.match((body as { error_msg: string }).error_msg, /^plugin files have changed: /);
});
