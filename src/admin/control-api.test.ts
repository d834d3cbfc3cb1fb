import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { compile } from '../compile/compile.ts';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import { readObjects } from '../model/object-set.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { systemClock } from '../clock/clock.ts';
import { allocateLimits } from '../limit/shared-limits.ts';
import { controlContexts } from '../threads/control-context.ts';
import { startStatusServer } from './status.ts';

const plugins = pluginRegistry(ALL_PLUGINS);

const DOCUMENT = {
  routes: [
    {
      id: '1',
      uri: '/hello',
      service_id: 's',
      plugin_config_id: 'p',
      plugins: { cors: { max_age: 9 } },
      timeout: { connect: 1, send: 2, read: 3 },
    },
    { id: '2', uri: '/own', upstream: { nodes: { 'node.example:80': 1, '127.0.0.1:81': 2 } } },
    { id: '3', uri: '/far', host: 'a.example', upstream_id: 'u', plugins: { cors: { _meta: { disable: true } } } },
  ],
  services: [
    {
      id: 's',
      name: 'one',
      hosts: ['s.example'],
      upstream_id: 'u',
      plugins: { cors: { max_age: 1 }, 'request-id': {} },
    },
  ],
  upstreams: [{ id: 'u', nodes: { '127.0.0.1:1980': 1 }, retries: 2 }],
  plugin_configs: [{ id: 'p', plugins: { cors: { max_age: 5 }, 'ip-restriction': { whitelist: ['10.0.0.0/8'] } } }],
  consumer_groups: [{ id: 'gold', plugins: { 'limit-count': { count: 100, time_window: 60 }, 'request-id': {} } }],
  consumers: [
    {
      username: 'jack',
      group_id: 'gold',
      plugins: { 'key-auth': { key: 'hunter2-hunter2' }, 'limit-count': { count: 5, time_window: 60 } },
    },
  ],
  global_rules: [{ id: 'g', plugins: { prometheus: {} } }],
  plugin_metadata: [{ id: 'cors', allow_origins: { a: 'https://a.example' } }],
};

async function start(
  t: TestContext,
): Promise<(path: string, method?: string) => Promise<{ status: number; body: Record<string, unknown> }>> {
  const { set } = readObjects(DOCUMENT, 'error');
  const settings = { router: 'radixtree_host_uri', merge_slashes: true } as const;
  const { snapshot, problems } = compile(set, { settings, revision: 1, plugins });
  assert.deepEqual(problems, []);
  const limits = allocateLimits(new Uint8Array(8), { counters: { maxKeys: 100 }, kv: { max_bytes: 100_000 } });
  const data = { memory: { limits }, thread: 1 };
  const server = await startStatusServer({
    address: '127.0.0.1',
    port: 0,
    isReady: () => ({ ready: true, reason: '' }),
    control: controlContexts({ registry: plugins, clock: systemClock, data }, () => snapshot),
    onError: (error) => assert.ifError(error),
  });
  t.after(() => server.close());
  return async (path, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    const text = await response.text();
    assert.ok(!text.includes('hunter2'), 'no secret is shown');
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
  };
}

test('objects are shown as they are in force, with defaults', async (t) => {
  const get = await start(t);
  const { body: routes } = await get('/v1/routes');
  assert.equal((routes as unknown as unknown[]).length, 3);
  const { body: route } = await get('/v1/route/2');
  const { value, ...rest } = route;
  assert.deepEqual(rest, { key: '/apisix/routes/2', has_domain: true });
  const { upstream, priority, status, id } = value as Record<string, unknown>;
  assert.deepEqual([priority, status, id], [0, 1, '2']);
  const { nodes, scheme, type } = upstream as Record<string, unknown>;
  assert.deepEqual([scheme, type], ['http', 'roundrobin']);
  assert.deepEqual(nodes, [
    { host: 'node.example', port: 80, weight: 1 },
    { host: '127.0.0.1', port: 81, weight: 2 },
  ]);
  assert.equal((await get('/v1/upstream/u')).body['has_domain'], false);
  const { body: service } = await get('/v1/service/s');
  assert.partialDeepStrictEqual(service, { value: { plugins: { cors: { max_age: 1, allow_origins: '*' } } } });
  assert.deepEqual((await get('/v1/plugin_metadata/cors')).body, {
    allow_origins: { a: 'https://a.example' },
    id: 'cors',
  });
  assert.equal(((await get('/v1/plugin_metadatas')).body as unknown as unknown[]).length, 1);
});

test('the schemas of all objects and plugins are there', async (t) => {
  const get = await start(t);
  const { body } = await get('/v1/schema');
  assert.deepEqual(Object.keys(body), ['main', 'plugins', 'stream-plugins']);
  const { main, plugins: shown } = body as Record<string, Record<string, Record<string, unknown>>>;
  assert.ok(main?.['route']?.['properties'] !== undefined && main['consumer_group'] !== undefined);
  assert.deepEqual(Object.keys(shown?.['key-auth'] ?? {}).toSorted(), [
    'consumer_schema',
    'metadata_schema',
    'priority',
    'schema',
    'type',
    'version',
  ]);
});

test('what is not there is 404, and nothing is changed here', async (t) => {
  const get = await start(t);
  for (const path of [
    '/v1/',
    '/v1/cows',
    '/v1/route',
    '/v1/route/9',
    '/v1/route/%zz',
    '/v1/route/1/x',
    '/v1/toString',
    '/v1/constructor/1',
    '/v1/gc',
  ]) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.equal((await get('/v1/routes', 'POST')).status, 405);
  assert.equal((await get('/v1/routes', 'HEAD')).status, 200);
});

test('the effective configuration of a route names the object that each part comes from', async (t) => {
  const get = await start(t);
  const { body } = await get('/v1/route/1/effective');
  const {
    attributes,
    plugins: merged,
    global_plugins,
    dangling,
  } = body as {
    attributes: Record<string, { value: unknown; from: string }>;
    plugins: { plugin: string; from: string; value: { max_age?: number }; overridden: string[] }[];
    global_plugins: { plugin: string; from: string }[];
    dangling: string[];
  };
  const sources = Object.fromEntries(Object.entries(attributes).map(([name, { from }]) => [name, from]));
  assert.deepEqual(sources, {
    uri: 'routes/1',
    priority: 'default',
    status: 'default',
    hosts: 'services/s',
    enable_websocket: 'default',
    upstream: 'upstreams/u',
    timeout: 'routes/1',
  });
  assert.deepEqual(attributes['hosts']?.value, ['s.example']);
  assert.deepEqual(
    merged.map(({ plugin, from, overridden }) => [plugin, from, overridden]),
    [
      ['request-id', 'services/s', []],
      ['cors', 'routes/1', ['services/s', 'plugin_configs/p']],
      ['ip-restriction', 'plugin_configs/p', []],
    ],
  );
  assert.equal(merged[1]?.value.max_age, 9);
  assert.deepEqual(
    global_plugins.map(({ plugin, from }) => [plugin, from]),
    [['prometheus', 'global_rules/g']],
  );
  assert.deepEqual(dangling, []);
});

test('with a consumer, what it and its group bring is merged in', async (t) => {
  const get = await start(t);
  const { body } = await get('/v1/route/1/effective?consumer=jack');
  const merged = body['plugins'] as { plugin: string; from: string; value: { count?: number }; overridden: string[] }[];
  assert.deepEqual(
    merged.map(({ plugin, from, overridden }) => [plugin, from, overridden]),
    [
      ['request-id', 'consumer_groups/gold', ['services/s']],
      ['cors', 'routes/1', ['services/s', 'plugin_configs/p']],
      ['ip-restriction', 'plugin_configs/p', []],
      ['limit-count', 'consumers/jack', ['consumer_groups/gold']],
    ],
  );
  assert.equal(merged[3]?.value.count, 5);
  assert.equal((await get('/v1/route/1/effective?consumer=nobody')).status, 404);
  assert.equal((await get('/v1/route/9/effective')).status, 404);
});

test('a plugin that a route switches off is shown as that', async (t) => {
  const get = await start(t);
  const { body } = await get('/v1/route/3/effective');
  const [cors] = body['plugins'] as { isDisabled: boolean }[];
  assert.equal(cors?.isDisabled, true);
  const { host, hosts } = body['attributes'] as Record<string, { from: string }>;
  assert.deepEqual([host?.from, hosts], ['routes/3', undefined]);
});

test('limits of a consumer are told page by page, and what is asked wrongly is refused', async (t) => {
  const get = await start(t);
  const { body } = await get('/v1/quotas?consumer=jack');
  const { quotas, ...rest } = body as { quotas: Record<string, unknown>[] };
  assert.deepEqual(rest, { consumer: 'jack', total: 1, page: 1, page_size: 100 });
  assert.deepEqual(
    quotas.map(({ object, plugin, key, limit, remaining }) => [object, plugin, key, limit, remaining]),
    [['consumers/jack', 'limit-count', '$remote_addr', 5, null]],
  );
  const second = await get('/v1/quotas?consumer=jack&page=2&page_size=1');
  assert.deepEqual(second.body, { consumer: 'jack', quotas: [], total: 1, page: 2, page_size: 1 });
  for (const [query, status] of [
    ['', 400],
    ['?consumer=', 400],
    ['?consumer=jack&page=0', 400],
    ['?consumer=jack&page=-1', 400],
    ['?consumer=jack&page=1e3', 400],
    ['?consumer=jack&page=9999999999', 400],
    ['?consumer=jack&page_size=501', 400],
    ['?consumer=nobody', 404],
    ['?consumer=__proto__', 404],
  ] as const) {
    assert.equal((await get(`/v1/quotas${query}`)).status, status, query);
  }
  assert.equal((await get('/v1/quotas/jack')).status, 404);
  assert.equal((await get('/v1/quotas?consumer=jack', 'DELETE')).status, 405);
});
