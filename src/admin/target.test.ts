import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTarget } from './target.ts';

const objects = (kind: string, id: string | null, within: string[] = [], prefix = '') => ({
  type: 'objects',
  kind,
  id,
  prefix,
  within,
});

test('paths name what APISIX has there', () => {
  const cases: readonly [path: string, target: object][] = [
    ['/apisix/admin', { type: 'root' }],
    ['/apisix/admin/', { type: 'root' }],
    ['/openapi.json', { type: 'openapi' }],
    ['/apisix/admin/routes', objects('routes', null)],
    ['/apisix/admin/routes/', objects('routes', null)],
    ['/apisix/admin/routes/1', objects('routes', '1')],
    ['/apisix/admin/routes/1/upstream/nodes', objects('routes', '1', ['upstream', 'nodes'])],
    [
      '/apisix/admin/routes/1/upstream/nodes/127.0.0.1%3A80',
      objects('routes', '1', ['upstream', 'nodes', '127.0.0.1:80']),
    ],
    ['/apisix/admin/routes/1/a%2Fb', objects('routes', '1', ['a/b'])],
    ['/apisix/admin/consumers/jack', objects('consumers', 'jack')],
    ['/apisix/admin/consumers/jack/credentials', objects('credentials', null, [], 'jack/credentials/')],
    [
      '/apisix/admin/consumers/jack/credentials/1',
      objects('credentials', 'jack/credentials/1', [], 'jack/credentials/'),
    ],
    ['/apisix/admin/secrets', objects('secrets', null)],
    ['/apisix/admin/secrets/vault', objects('secrets', null, [], 'vault/')],
    ['/apisix/admin/secrets/vault/1/token', objects('secrets', 'vault/1', ['token'], 'vault/')],
    ['/apisix/admin/plugins/list', { type: 'plugins', name: 'list' }],
    ['/apisix/admin/plugins', { type: 'plugins', name: null }],
    ['/apisix/admin/schema/validate/routes', { type: 'schema', kind: 'routes' }],
    ['/apisix/admin/configs', { type: 'configs', isValidation: false }],
    ['/apisix/admin/configs/validate', { type: 'configs', isValidation: true }],
  ];
  for (const [path, target] of cases) assert.deepEqual(parseTarget(path), target, path);
});

test('other paths lead nowhere, and say why', () => {
  const cases: readonly [path: string, status: number, message: RegExp][] = [
    ['/', 404, /nothing at "\/"/],
    ['/apisix/administrator', 404, /nothing/],
    ['/apisix/admin//routes', 404, /nothing/],
    ['/apisix/admin/rotues/1', 404, /Unsupported resource type: rotues, did you mean "routes"/],
    ['/apisix/admin/credentials', 404, /Unsupported resource type/],
    ['/apisix/admin/__proto__', 404, /Unsupported resource type/],
    ['/apisix/admin/routes/%zz', 400, /not well encoded/],
    ['/apisix/admin/configs/other', 404, /nothing/],
    ['/apisix/admin/schema/routes', 404, /nothing/],
    ['/apisix/admin/schema/validate/cows', 404, /Unsupported/],
    [`/apisix/admin/${'x'.repeat(5000)}`, 404, /^.{0,200}$/],
  ];
  for (const [path, status, message] of cases) {
    const target = parseTarget(path);
    assert.ok('status' in target, path);
    assert.equal(target.status, status, path);
    assert.match(target.message, message);
  }
});
