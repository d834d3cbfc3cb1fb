import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith, type Ask, type Lab } from '../../../test/plugins/lab.ts';
import workflow from './workflow.ts';

async function statuses(lab: Lab, count: number, path: string, ask: Ask = {}): Promise<string> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push((await lab.request(path, ask)).status);
  return all.join();
}

const rules = (...all: object[]): string => routeWith({ workflow: { rules: all } });

it('the documented refusal: 403 with its message for one path, the upstream for others', async (t) => {
  const lab = await openLab(
    t,
    rules({ case: [['uri', '==', '/anything/rejected']], actions: [['return', { code: 403 }]] }),
  );
  assert.equal((await lab.request('/anything/anything')).status, 200);
  const refused = await lab.request('/anything/rejected');
  assert.deepEqual([refused.status, refused.text], [403, '{"error_msg":"rejected by workflow"}\n']);
  assert.equal(lab.log.at(-1)?.errorCode, 'rejected_by_workflow');
});

it('the documented limit by path and argument', async (t) => {
  const lab = await openLab(
    t,
    rules({
      case: [
        ['uri', '==', '/anything/rate-limit'],
        ['arg_env', '==', 'v1'],
      ],
      actions: [['limit-count', { count: 1, time_window: 60, rejected_code: 429 }]],
    }),
  );
  assert.equal(await statuses(lab, 2, '/anything/rate-limit?env=v1'), '200,429');
  assert.equal(await statuses(lab, 3, '/anything/anything?env=v1'), '200,200,200');
  assert.equal(await statuses(lab, 3, '/anything/rate-limit?env=v2'), '200,200,200');
});

it('beside a global rule with a workflow, each says what its own limit says, once', async (t) => {
  const limit = (count: number): object => ({
    rules: [
      {
        actions: [['limit-count', { count, time_window: 60, key: 'k', key_type: 'constant', standard_headers: true }]],
      },
    ],
  });
  const global = [{ id: 'all', plugins: { workflow: limit(7) } }];
  const lab = await openLab(t, `global_rules: ${JSON.stringify(global)}\n${routeWith({ workflow: limit(5) })}`);
  const { headers } = await lab.request('/');
  assert.match(String(headers['ratelimit-policy']), /^"[^"]*";q=7;w=60, "[^"]*";q=5;w=60$/);
});

it('the documented quotas of consumers: the first rule that fits decides', async (t) => {
  const limit = (count: number, key: string, key_type: string): unknown[] => [
    ['limit-count', { count, key, key_type, rejected_code: 429, time_window: 30, policy: 'local' }],
  ];
  const plugins = {
    'key-auth': {},
    workflow: {
      rules: [
        { case: [['consumer_name', '==', 'john']], actions: limit(5, 'consumer_john', 'constant') },
        { case: [['consumer_name', '==', 'jane']], actions: limit(3, 'consumer_jane', 'constant') },
        { actions: limit(2, '$consumer_name', 'var') },
      ],
    },
  };
  const consumers = ['john', 'jane', 'jimmy'].flatMap((name) => [
    { username: name },
    { id: `${name}/credentials/cred-${name}-key-auth`, plugins: { 'key-auth': { key: `${name}-key` } } },
  ]);
  const lab = await openLab(t, `consumers: ${JSON.stringify(consumers)}\n${routeWith(plugins)}`);
  const as = (name: string): Ask => ({ headers: { apikey: `${name}-key` } });
  assert.equal(await statuses(lab, 6, '/anything', as('john')), '200,200,200,200,200,429');
  assert.equal(await statuses(lab, 6, '/anything', as('jane')), '200,200,200,429,429,429');
  assert.equal(await statuses(lab, 3, '/anything', as('jimmy')), '200,200,429');
});

it('a limit of a rule takes the place of that of the route, also in its headers', async (t) => {
  const limit = (count: number): object => ({ count, time_window: 60, rejected_code: 429 });
  const lab = await openLab(
    t,
    routeWith({
      'limit-count': limit(2),
      workflow: { rules: [{ case: [['arg_vip', '==', '1']], actions: [['limit-count', limit(9)]] }] },
    }),
  );
  const vip = await lab.request('/?vip=1');
  assert.deepEqual(
    vip.rawHeaders.filter(([name]) => name.toLowerCase() === 'x-ratelimit-remaining').map(([, value]) => value),
    ['8'],
  );
  assert.equal(await statuses(lab, 3, '/?vip=1'), '200,200,200');
  assert.equal(await statuses(lab, 3, '/'), '200,200,429');
});

it('a bound of concurrent requests is an action too, and its places are freed', async (t) => {
  const lab = await openLab(
    t,
    rules({
      case: [['request_method', '==', 'GET']],
      actions: [['limit-conn', { conn: 1, burst: 0, default_conn_delay: 0.1, key: 'remote_addr', rejected_code: 503 }]],
    }),
  );
  const first = lab.request('/slow');
  while (lab.upstream.waitingCount < 1) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.equal(await statuses(lab, 1, '/'), '503');
  assert.equal(await statuses(lab, 2, '/', { method: 'POST' }), '200,200');
  lab.upstream.release();
  assert.equal((await first).status, 200);
  assert.equal(await statuses(lab, 1, '/'), '200');
});

it('a case may ask for the body', async (t) => {
  const lab = await openLab(
    t,
    rules({ case: [['post_arg.kind', '==', 'spam']], actions: [['return', { code: 422 }]] }),
  );
  const json = (body: string): Ask => ({ method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
  assert.equal(await statuses(lab, 1, '/', json('{"kind":"spam"}')), '422');
  assert.equal(await statuses(lab, 1, '/', json('{"kind":"ham"}')), '200');
  assert.equal(lab.lastSeen.body, '{"kind":"ham"}');
});

const one = (rule: object): object => ({ rules: [rule] });
const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /rules/],
  [{ rules: [] }, /rules: the list must not be empty/],
  [one({ case: [['uri', '==', '/']] }), /actions/],
  [one({ case: [['uri', '=', '/']], actions: [['return', { code: 403 }]] }), /rules\[0\]\.case\[0\]/],
  [one({ actions: [['return', { code: 99 }]] }), /actions\[0\]\[1\]\.code: 99 is no status/],
  [one({ actions: [['return', { code: 403, body: 'x' }]] }), /actions\[0\]\[1\]\.body/],
  [one({ actions: [['cors', {}]] }), /actions\[0\]\[0\]: "cors" is no action/],
  [one({ actions: [['limit-count', { count: 0, time_window: 1 }]] }), /actions\[0\]\[1\]\.count/],
  [one({ actions: [['limit-count', { count: 1, time_window: 1, group: 'g' }]] }), /group/],
  [
    one({
      actions: [
        ['return', { code: 403 }],
        ['return', { code: 404 }],
      ],
    }),
    /actions/,
  ],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ workflow: attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of workflow.examples ?? []) assert.deepEqual(problemsOf(routeWith({ workflow: config })), []);
});
