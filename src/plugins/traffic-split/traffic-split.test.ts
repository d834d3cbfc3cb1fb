import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { openLab, problemsOf, routeWith, type Ask, type Lab } from '../../../test/plugins/lab.ts';
import { nodeServer, nodesOf } from '../../../test/plugins/node-servers.ts';
import trafficSplit from './traffic-split.ts';

interface Course {
  readonly lab: Lab;
  /** Names of the upstreams that answered requests, one after the other: `own` is that of the route. */
  ask(count: number, path?: string, ask?: Ask): Promise<string>;
}

/** Upstreams `blue` and `green`, whose nodes answer with these names, beside that of the route. */
async function course(t: TestContext, rules: (blue: object, green: object) => unknown[], more = ''): Promise<Course> {
  const named = async (name: string): Promise<object> => ({
    nodes: nodesOf([await nodeServer(t, (_, response) => response.end(name))]),
  });
  const [own, blue, green] = [await named('own'), await named('blue'), await named('green')];
  const route = { id: 'r', uri: '/*', plugins: { 'traffic-split': { rules: rules(blue, green) } }, upstream: own };
  const upstreams = JSON.stringify([
    { id: 'blue', ...blue },
    { id: 7, ...green },
  ]);
  const lab = await openLab(t, `upstreams: ${upstreams}\nroutes: [${JSON.stringify(route)}]\n${more}`);
  return {
    lab,
    async ask(count, path = '/headers', ask = {}) {
      const names: string[] = [];
      for (let i = 0; i < count; i++) names.push((await lab.request(path, ask)).text);
      return [...new Set(names)]
        .toSorted()
        .map((name) => `${name} ${names.filter((each) => each === name).length}`)
        .join();
    },
  };
}

it('the documented canary: 3 to 2, exactly', async (t) => {
  const { ask } = await course(t, (blue) => [{ weighted_upstreams: [{ upstream: blue, weight: 3 }, { weight: 2 }] }]);
  assert.equal(await ask(10), 'blue 6,own 4');
});

it('the documented blue and green: by a header', async (t) => {
  const { ask } = await course(t, (blue) => [
    {
      match: [{ vars: [['http_release', '==', 'new_release']] }],
      weighted_upstreams: [{ upstream: blue }],
    },
  ]);
  assert.equal(await ask(3, '/', { headers: { release: 'new_release' } }), 'blue 3');
  assert.equal(await ask(3), 'own 3');
});

it('the documented condition on a POST: by the form, which is forwarded whole', async (t) => {
  const { lab, ask } = await course(t, (blue) => [
    { match: [{ vars: [['post_arg_id', '==', '1']] }], weighted_upstreams: [{ upstream: blue }] },
  ]);
  const form = (body: string): Ask => ({
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  assert.equal(await ask(2, '/', form('id=1')), 'blue 2');
  assert.equal(await ask(2, '/', form('random=string')), 'own 2');
  assert.equal(await ask(1, '/', form(`id=1&${'x'.repeat(100_000)}`)), 'own 1', 'a long body has no values');
  assert.equal((await lab.request('/')).text, 'own');
});

const ALL = [
  ['arg_name', '==', 'jack'],
  ['http_user-id', '>', '23'],
  ['http_apisix-key', '~~', '[a-z]+'],
];
const SHARES = (upstream: object): object[] => [{ upstream, weight: 3 }, { weight: 2 }];

it('the documented conditions that must all hold', async (t) => {
  const { ask } = await course(t, (blue) => [{ match: [{ vars: ALL }], weighted_upstreams: SHARES(blue) }]);
  const headers = { 'user-id': '30', 'apisix-key': 'helloapisix' };
  assert.equal(await ask(10, '/headers?name=jack', { headers }), 'blue 6,own 4');
  assert.equal(await ask(10, '/headers?name=random', { headers }), 'own 10');
  assert.equal(await ask(2, '/headers?name=jack', { headers: { ...headers, 'user-id': '20' } }), 'own 2');
});

it('the documented conditions of which one list is enough', async (t) => {
  const other = [
    ['arg_name2', '==', 'rose'],
    ['http_user-id2', '!', '>', '33'],
    ['http_apisix-key2', '~~', '[a-z]+'],
  ];
  const { ask } = await course(t, (blue) => [
    { match: [{ vars: ALL }, { vars: other }], weighted_upstreams: SHARES(blue) },
  ]);
  const headers = { 'user-id2': '30', 'apisix-key2': 'helloapisix' };
  assert.equal(await ask(10, '/headers?name2=rose', { headers }), 'blue 6,own 4');
  assert.equal(await ask(10, '/headers?name=random'), 'own 10');
});

it('the documented rules for different upstreams: the first that matches decides', async (t) => {
  const rule = (id: string, upstream: object): object => ({
    match: [{ vars: [['http_x-api-id', '==', id]] }],
    weighted_upstreams: [{ upstream, weight: 1 }],
  });
  const { ask } = await course(t, (blue, green) => [rule('1', blue), rule('2', green), rule('1', green)]);
  assert.equal(await ask(2, '/', { headers: { 'x-api-id': '1' } }), 'blue 2');
  assert.equal(await ask(2, '/', { headers: { 'x-api-id': '2' } }), 'green 2');
  assert.equal(await ask(2), 'own 2');
});

it('upstream objects are named by their ids, as texts or numbers', async (t) => {
  const { ask } = await course(t, () => [
    { weighted_upstreams: [{ upstream_id: 'blue' }, { upstream_id: 7 }, { upstream_id: '7', weight: 2 }] },
  ]);
  assert.equal(await ask(8), 'blue 2,green 6');
});

it('a weight of 0 gets nothing, and where all have it the request goes where its route says', async (t) => {
  const { ask } = await course(t, (blue) => [{ weighted_upstreams: [{ upstream: blue, weight: 0 }, { weight: 1 }] }]);
  assert.equal(await ask(6), 'own 6');
  const none = await course(t, (blue) => [{ weighted_upstreams: [{ upstream: blue, weight: 0 }] }]);
  assert.equal(await none.ask(3), 'own 3');
});

it('a key sticks to its upstream, and without one turns are taken', async (t) => {
  const { ask } = await course(t, (blue, green) => [
    { weighted_upstreams: [{ upstream: blue }, { upstream: green }], sticky_key: '$cookie_user' },
  ]);
  const seen = new Set<string>();
  for (let user = 0; user < 20; user++) {
    const answer = await ask(3, '/', { headers: { Cookie: `user=${user}` } });
    assert.match(answer, /^(blue|green) 3$/);
    seen.add(answer);
  }
  assert.equal(seen.size, 2);
  assert.equal(await ask(4), 'blue 2,green 2');
});

it('a split moves with an edit, and back, without a lost request', async (t) => {
  const blue = await nodeServer(t, (_, response) => response.end('blue'));
  const config = (weight: number): string =>
    routeWith({
      'traffic-split': {
        rules: [{ weighted_upstreams: [{ upstream: { nodes: nodesOf([blue]) }, weight }, { weight: 100 - weight }] }],
      },
    });
  const lab = await openLab(t, config(5));
  for (const weight of [5, 25, 50, 100, 0]) {
    lab.reload(config(weight));
    const answers = await Promise.all(Array.from({ length: 100 }, () => lab.request('/')));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.equal(answers.filter(({ text }) => text === 'blue').length, weight);
  }
});

it('a rule serves a route that has no upstream of its own', async (t) => {
  const blue = await nodeServer(t, (_, response) => response.end('blue'));
  const plugins = { 'traffic-split': { rules: [{ weighted_upstreams: [{ upstream: { nodes: nodesOf([blue]) } }] }] } };
  const lab = await openLab(t, `routes: [${JSON.stringify({ uri: '/*', plugins, upstream: { nodes: {} } })}]`);
  assert.equal((await lab.request('/')).text, 'blue');
});

const one = (item: object): object => ({ rules: [{ weighted_upstreams: [item] }] });
const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /rules/],
  [one({ weight: -1 }), /weight: -1 is less than/],
  [one({ upstream: { nodes: { 'a:1': -1 } } }), /rules\[0\]\.weighted_upstreams\[0\]\.upstream\.nodes/],
  [one({ upstream: { nodes: { 'a:1': 1 } }, upstream_id: 1 }), /keep one of them/],
  [one({ upstream: { nodes: { 'a:1': 1 }, retries: 2 } }), /upstream\.retries: is not available here/],
  [one({ upstream: { nodes: { 'a:1': 1 }, type: 'nonsense' } }), /upstream\.type/],
  [{ rules: [{ match: [{ vars: [['arg_a', '=', 1]] }] }] }, /rules\[0\]\.match\[0\]\.vars/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'traffic-split': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of trafficSplit.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'traffic-split': config })), []);
});
