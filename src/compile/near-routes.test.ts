import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfiguration } from '../config/configuration.ts';
import type { RouteRequest } from '../router/router.ts';
import { compile } from './compile.ts';
import { nearRoutes, nearText } from './near-routes.ts';
import type { Snapshot } from './snapshot.ts';

interface Asked extends Partial<RouteRequest> {
  readonly variables?: Readonly<Record<string, string>>;
}

function requestOf({ variables = {}, ...more }: Asked): RouteRequest {
  return {
    method: 'GET',
    host: 'a.com',
    path: '/',
    remoteAddress: '127.0.0.1',
    body: undefined,
    variable: (name) => variables[name],
    ...more,
  };
}

function snapshotOf(routes: readonly object[], router = 'radixtree_host_uri'): Snapshot {
  const upstream = { nodes: { '127.0.0.1:1': 1 } };
  const text = JSON.stringify({ gateway: { router }, routes: routes.map((route) => ({ upstream, ...route })) });
  const { objects, settings } = parseConfiguration(text, { format: 'json', dialect: 'gatewright', env: {} });
  const { snapshot, problems } = compile(objects, { settings, revision: 1 });
  assert.deepEqual(problems, []);
  return snapshot;
}

const ROUTES = [
  { id: 'users', name: 'people', uri: '/users/*', methods: ['GET', 'POST'], host: 'a.com' },
  { id: 'office', uri: '/office', remote_addrs: ['10.0.0.0/8', '192.168.0.0/16'] },
  {
    id: 'beta',
    uri: '/beta',
    vars: [
      ['arg_user', '==', 'the-secret'],
      ['http_x_beta', '~=', ''],
    ],
  },
  { id: 'other', uri: '/other', host: '*.b.com' },
  { id: 'graph', uri: '/graph', vars: [['graphql_name', '==', 'q']] },
  { id: 'off', uri: '/switched-off', status: 0 },
];

describe('routes that came near', () => {
  const cases: readonly (readonly [string, Asked, string])[] = [
    ['another method', { method: 'DELETE', path: '/users/7' }, 'users (people): method DELETE is not GET or POST'],
    ['another address', { path: '/office' }, 'office: address 127.0.0.1 is not in 10.0.0.0/8 or 192.168.0.0/16'],
    ['another host', { path: '/other' }, 'other: host "a.com" is not "*.b.com"'],
    ['no host', { path: '/other', host: '' }, 'other: the request has no host, and the route has "*.b.com"'],
    [
      'a condition, without what it compares with',
      { path: '/beta' },
      'beta: the condition on arg_user (==) does not hold',
    ],
    [
      'the condition that fails, of several',
      { path: '/beta', variables: { arg_user: 'the-secret', http_x_beta: '' } },
      'beta: the condition on http_x_beta (~=) does not hold',
    ],
    [
      'a condition that nobody can decide',
      { path: '/graph' },
      'graph: the condition on graphql_name (==) takes the body of the request to decide',
    ],
    ['a slip of the keyboard', { path: '/user/7' }, 'users (people): path "/user/7" does not match "/users/*"'],
    ['another case', { path: '/USERS/7' }, 'users (people): path "/USERS/7" does not match "/users/*"'],
    ['a slash too few', { path: '/users' }, 'users (people): path "/users" does not match "/users/*"'],
    ['a slash too many', { path: '/office/' }, 'office: path "/office/" does not match "/office"'],
    ['below an exact path', { path: '/office/7' }, 'office: path "/office/7" does not match "/office"'],
    ['nothing is near', { path: '/completely/different' }, ''],
    ['a route that is switched off is none', { path: '/switched-off' }, ''],
  ];
  const snapshot = snapshotOf(ROUTES);
  for (const [what, asked, expected] of cases) {
    it(`${what}: ${expected === '' ? 'none' : expected}`, () => {
      assert.equal(nearText(nearRoutes(snapshot, requestOf(asked))), expected);
    });
  }

  it('have parameters, in the mode that knows them', () => {
    const routes = [{ id: 'one', uri: '/a/:id/b', methods: ['GET'], vars: [['uri_param_id', '==', '7']] }];
    const found = snapshotOf(routes, 'radixtree_uri_with_parameter');
    const request = requestOf({ path: '/a/9/b', method: 'PUT' });
    assert.equal(nearText(nearRoutes(found, request)), 'one: method PUT is not GET');
    assert.equal(
      nearText(nearRoutes(found, requestOf({ path: '/a/9/b' }))),
      'one: the condition on uri_param_id (==) does not hold',
    );
    assert.equal(
      nearText(nearRoutes(found, requestOf({ path: '/a/9/c' }))),
      'one: path "/a/9/c" does not match "/a/:id/b"',
    );
  });

  it('are three at most, the nearest first, however many routes there are', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => ({ id: `r${i}`, uri: `/service-${i}/*`, host: 'b.com' }));
    const wanted = { id: 'wanted', uri: '/service-7/*', methods: ['PUT'] };
    const found = snapshotOf([...many, wanted]);
    const before = process.threadCpuUsage();
    for (let i = 0; i < 20; i++) {
      const near = nearRoutes(found, requestOf({ path: '/service-7/x' }), { scanned: 100 });
      assert.equal(near[0]?.id, 'wanted');
      assert.ok(near.length <= 3);
    }
    const { user, system } = process.threadCpuUsage(before);
    assert.ok(user + system < 2_000_000, 'bounded');
  });
});
