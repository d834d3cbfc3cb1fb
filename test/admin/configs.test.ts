/** The whole configuration in one request, as ADC and the ingress controller write it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLab } from './lab.ts';
import type { Lab } from './lab.ts';

const UPSTREAM = {
  id: 'u1',
  modifiedIndex: 1,
  nodes: [{ host: '127.0.0.1', port: 1980, weight: 1 }],
  type: 'roundrobin',
};
const SERVICE = { id: 's1', modifiedIndex: 1, name: 'one', upstream_id: 'u1' };
const ROUTE = { id: 'r1', modifiedIndex: 1, uris: ['/hello'], name: 'hello', service_id: 's1' };
const CREDENTIAL = { id: 'jack/credentials/c1', modifiedIndex: 1, plugins: { 'key-auth': { key: 'k' } } };
const WHOLE = {
  upstreams: [UPSTREAM],
  services: [SERVICE],
  routes: [ROUTE],
  consumers: [{ username: 'jack', modifiedIndex: 1 }, CREDENTIAL],
  plugin_metadata: [{ id: 'cors', modifiedIndex: 1, allow_origins: { a: 'https://a.example' } }],
};

const write = async (lab: Lab, body: unknown, headers: Record<string, string> = {}) => {
  const answer = await lab.ask('/configs', { method: 'PUT', body, headers });
  return [answer.status, (answer.body as { error_msg?: string } | null)?.error_msg ?? ''] as const;
};
const read = async (lab: Lab) => (await lab.ask('/configs')).body as Record<string, unknown>;

test('what is written is read back, in the form of a file, with its versions and indices', async (t) => {
  const lab = await startLab(t);
  assert.equal((await read(lab))['routes_conf_version'], 0);
  const versions = Object.fromEntries(Object.keys(WHOLE).map((kind) => [`${kind}_conf_version`, 5]));
  assert.deepEqual(await write(lab, { ...WHOLE, ...versions }), [202, '']);
  const whole = await read(lab);
  for (const [kind, items] of Object.entries(WHOLE)) {
    assert.equal(whole[`${kind}_conf_version`], 5);
    assert.deepEqual(whole[kind], items);
  }
  assert.equal(whole['ssls_conf_version'], 1, 'a kind without a version is new each time');
  assert.equal((await lab.ask('/consumers/jack/credentials/c1')).status, 200);
  assert.equal((await lab.ask('/plugin_metadata/cors')).status, 200);
});

test('a higher version replaces the kind, an equal one leaves it, a lower one is stale', async (t) => {
  const lab = await startLab(t);
  const at = (version: number, routes: unknown[], rest: object = {}) => ({
    routes_conf_version: version,
    routes,
    ...rest,
  });
  const other = { uri: '/other', id: 'r2', plugins: {} };
  assert.equal((await write(lab, at(1000, [{ uri: '/', id: 'r1', plugins: {} }])))[0], 202);
  assert.equal((await write(lab, at(1000, [other])))[0], 202);
  assert.equal((await lab.ask('/routes/r2')).status, 404, 'unchanged, and so ignored');
  assert.deepEqual(await write(lab, at(999, [other])), [
    400,
    'routes_conf_version: must be greater than or equal to (1000)',
  ]);
  assert.equal((await write(lab, at(1001, [other])))[0], 202);
  assert.equal((await lab.ask('/routes/r1')).status, 404);
  assert.equal((await lab.ask('/routes/r2')).status, 200);
  assert.equal((await write(lab, { routes_conf_version: 'x' }))[0], 400);
  assert.equal((await write(lab, {}))[0], 202);
  assert.equal((await lab.ask('/routes')).text.includes('r2'), false, 'an empty document empties everything');
});

test('a digest that is known skips the update', async (t) => {
  const lab = await startLab(t);
  const body = { routes: [{ uri: '/', id: '1', plugins: {} }] };
  assert.equal((await write(lab, body, { 'X-Digest': 'one' }))[0], 202);
  const { headers } = await lab.ask('/configs', { method: 'HEAD' });
  assert.equal(headers['x-digest'], 'one');
  assert.match(String(headers['x-last-modified']), /^\d{13}$/);
  assert.equal((await write(lab, {}, { 'X-Digest': 'one' }))[0], 204);
  assert.equal((await lab.ask('/routes/1')).status, 200);
  assert.equal((await write(lab, {}, { 'X-Digest': 'two' }))[0], 202);
  assert.equal((await lab.ask('/routes/1')).status, 404);
});

test('objects that stayed as they were are not written again', async (t) => {
  const lab = await startLab(t);
  await write(lab, WHOLE);
  const count = lab.audit.length;
  await write(lab, WHOLE);
  assert.equal(lab.audit.length, count);
  await write(lab, { ...WHOLE, routes: [{ ...ROUTE, modifiedIndex: 2, desc: 'new' }] });
  assert.deepEqual(
    lab.audit.slice(count).map(({ object }) => object),
    ['routes/r1'],
  );
});

test('a document with mistakes is refused with all of them, and nothing of it is in force', async (t) => {
  const lab = await startLab(t);
  await write(lab, WHOLE);
  const before = await read(lab);
  const bad = {
    ...WHOLE,
    upstreams: [UPSTREAM, { id: 'u1', nodes: {} }],
    routes: [ROUTE, { id: 'r2', uri: 7, service_id: 'nowhere' }, 'text', { id: 'a b', uri: '/' }],
    consumers: [
      { username: 'jack', plugins: { 'key-auth': { key: 'same' } } },
      { ...CREDENTIAL, plugins: { 'key-auth': { key: 'same' } } },
    ],
    cows: [],
    plugins: [],
  };
  const answer = await lab.ask('/configs', { method: 'PUT', body: bad });
  assert.equal(answer.status, 400);
  const { errors, error_msg } = answer.body as { errors: Record<string, unknown>[]; error_msg: string };
  const places = errors.map(({ resource_type, index }) => `${String(resource_type)}[${String(index)}]`);
  assert.deepEqual(places.toSorted(), [
    'consumers[1]',
    'cows[0]',
    'plugins[0]',
    'routes[1]',
    'routes[2]',
    'routes[3]',
    'upstreams[1]',
  ]);
  assert.match(
    error_msg,
    /routes\[1\]: uri: expected a string, .*; service_id: there is no service with the id "nowhere"/,
  );
  assert.ok(!answer.text.includes('same'));
  assert.deepEqual(await read(lab), before);
});

test('YAML is taken and given where it is asked for', async (t) => {
  const lab = await startLab(t);
  const body = 'routes:\n  - id: r1\n    uri: /hello\n    upstream:\n      nodes:\n        "127.0.0.1:1980": 1\n';
  assert.equal((await write(lab, body, { 'Content-Type': 'application/yaml' }))[0], 202);
  const { headers, text } = await lab.ask('/configs', { headers: { Accept: 'application/yaml' } });
  assert.equal(headers['content-type'], 'application/yaml');
  assert.match(text, /routes:\n {2}- uri: \/hello\n/);
  assert.equal((await write(lab, 'routes: [', { 'Content-Type': 'application/yaml' }))[0], 400);
  assert.equal((await write(lab, '- a', { 'Content-Type': 'application/yaml' }))[0], 400);
});

test('a document can be validated alone: references may lead to what is stored', async (t) => {
  const lab = await startLab(t);
  await write(lab, WHOLE);
  const validate = (body: object) => lab.ask('/configs/validate', { method: 'POST', body });
  assert.equal((await validate({ routes: [{ id: 'new', uri: '/', service_id: 's1' }] })).status, 200);
  const bad = await validate({ routes: [ROUTE, { id: 'x', uri: 1 }], ssls: [] });
  assert.equal(bad.status, 400);
  const { errors } = bad.body as { errors: object[] };
  assert.deepEqual(
    errors.map((one) => ({ ...one, error: '' })),
    [{ resource_type: 'routes', index: 1, resource_id: 'x', error: '' }],
  );
  assert.equal((await lab.ask('/routes/new')).status, 404);
});
