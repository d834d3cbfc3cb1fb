import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import consumerRestriction from './consumer-restriction.ts';

type Attributes = Readonly<Record<string, unknown>>;

const CONSUMERS = `consumer_groups:
  - { id: staff, plugins: {} }
consumers:
  - { username: JohnDoe, group_id: staff }
  - { id: JohnDoe/credentials/john, plugins: { key-auth: { key: john-key } } }
  - { username: JaneDoe }
  - { id: JaneDoe/credentials/jane, plugins: { key-auth: { key: jane-key } } }
`;
const restricted = (attributes: Attributes): string =>
  CONSUMERS + routeWith({ 'key-auth': {}, 'consumer-restriction': attributes }, { id: 'r1' });

const METHODS = {
  allowed_by_methods: [
    { user: 'JohnDoe', methods: ['GET'] },
    { user: 'JaneDoe', methods: ['POST'] },
  ],
};
const FORBIDDEN = '{"message":"The consumer_name is forbidden."}\n';

/** Statuses of GET and POST by John, then by Jane. */
const CASES: [attributes: Attributes, statuses: readonly [number, number, number, number]][] = [
  // The documented examples.
  [{ whitelist: ['JaneDoe'] }, [403, 403, 200, 200]],
  [METHODS, [200, 403, 403, 200]],
  [{ blacklist: ['JaneDoe'] }, [200, 200, 403, 403]],
  [{ whitelist: ['JaneDoe', 'JohnDoe'], blacklist: ['JaneDoe'] }, [200, 200, 403, 403]],
  [{ whitelist: ['JohnDoe'], ...METHODS }, [200, 403, 403, 403]],
  [{ allowed_by_methods: [{ user: 'JohnDoe', methods: ['GET'] }] }, [200, 403, 403, 403]],
  [
    { whitelist: ['JaneDoe', 'JohnDoe'], allowed_by_methods: [{ user: 'JohnDoe', methods: ['GET'] }] },
    [200, 403, 200, 200],
  ],
  [{ blacklist: ['x'], allowed_by_methods: [{ user: 'JohnDoe', methods: ['GET'] }] }, [200, 403, 200, 200]],
  [
    {
      allowed_by_methods: [
        { user: 'JohnDoe', methods: ['GET'] },
        { user: 'JohnDoe', methods: ['POST'] },
      ],
    },
    [200, 200, 403, 403],
  ],
  [{ whitelist: ['johndoe'] }, [403, 403, 403, 403]],
  [{ type: 'consumer_group_id', whitelist: ['staff'] }, [200, 200, 403, 403]],
  [{ type: 'consumer_group_id', blacklist: ['staff'] }, [403, 403, 200, 200]],
  [{ type: 'route_id', whitelist: ['r1'] }, [200, 200, 200, 200]],
  [{ type: 'route_id', blacklist: ['r1'] }, [403, 403, 403, 403]],
  [{ type: 'service_id', whitelist: ['s1'] }, [403, 403, 403, 403]],
  [{ type: 'service_id', blacklist: ['s1'] }, [200, 200, 200, 200]],
  [{ type: 'route_id', whitelist: ['r1'], ...METHODS }, [200, 403, 403, 200]],
];

it('who may use what', async (t) => {
  const lab = await openLab(t, restricted({ whitelist: ['a'] }));
  for (const [attributes, statuses] of CASES) {
    await t.test(JSON.stringify(attributes), async () => {
      lab.reload(restricted(attributes));
      const found: number[] = [];
      for (const apikey of ['john-key', 'jane-key'])
        for (const method of ['GET', 'POST']) {
          const { status, text } = await lab.request('/', { method, headers: { apikey } });
          found.push(status);
          const type = attributes['type'] ?? 'consumer_name';
          if (status === 403) assert.equal(text, FORBIDDEN.replace('consumer_name', type as string));
        }
      assert.deepEqual(found, statuses);
    });
  }
});

it('the documented example: on a consumer, by service', async (t) => {
  const upstream = { type: 'roundrobin', nodes: { $UPSTREAM: 1 } };
  const lab = await openLab(
    t,
    JSON.stringify({
      services: ['srv-1', 'srv-2'].map((id) => ({ id, plugins: { 'key-auth': {} }, upstream })),
      consumers: [
        { username: 'JohnDoe', plugins: { 'consumer-restriction': { type: 'service_id', whitelist: ['srv-1'] } } },
        { id: 'JohnDoe/credentials/cred-john-key-auth', plugins: { 'key-auth': { key: 'john-key' } } },
      ],
      routes: [
        { id: 'srv-1-route', uri: '/anything', service_id: 'srv-1' },
        { id: 'srv-2-route', uri: '/srv-2', service_id: 'srv-2' },
      ],
    }),
  );
  const headers = { apikey: 'john-key' };
  assert.equal((await lab.request('/anything', { headers })).status, 200);
  const refused = await lab.request('/srv-2', { headers });
  assert.deepEqual([refused.status, refused.text], [403, '{"message":"The service_id is forbidden."}\n']);
  assert.equal(lab.log[1]?.errorCode, 'consumer_not_allowed');
  assert.equal(lab.seen.length, 1);
});

it('who is nobody is refused with 401, where a consumer is asked for', async (t) => {
  for (const [attributes, status] of [
    [{ whitelist: ['JaneDoe'] }, 401],
    [{ blacklist: ['JaneDoe'] }, 401],
    [{ type: 'consumer_group_id', blacklist: ['staff'] }, 401],
    [{ type: 'route_id', whitelist: ['r1'], ...METHODS }, 401],
    [{ type: 'route_id', whitelist: ['r1'] }, 200],
  ] as const) {
    const lab = await openLab(t, routeWith({ 'consumer-restriction': attributes }, { id: 'r1' }));
    const { status: found, text } = await lab.request('/', { headers: { 'X-Consumer-Username': 'JaneDoe' } });
    assert.equal(found, status);
    if (status === 401) assert.equal(text, '{"message":"Missing authentication or identity verification."}\n');
  }
});

it('code and message of a refusal are configurable', async (t) => {
  const lab = await openLab(t, restricted({ whitelist: ['JaneDoe'], rejected_code: 451, rejected_msg: 'ask "Jane"' }));
  const { status, text } = await lab.request('/', { headers: { apikey: 'john-key' } });
  assert.deepEqual([status, JSON.parse(text)], [451, { message: 'ask "Jane"' }]);
});

const WRONG: [attributes: Attributes, expected: RegExp][] = [
  [{}, /write "whitelist", "blacklist" or "allowed_by_methods"/],
  [{ whitelist: [] }, /whitelist/],
  [{ whitelist: [1] }, /whitelist\[0\]/],
  [{ type: 'consumer', whitelist: ['a'] }, /type: .*consumer_name/],
  [{ allowed_by_methods: [{ user: 'a' }] }, /allowed_by_methods\[0\]\.methods/],
  [{ allowed_by_methods: [{ user: 'a', methods: ['get'] }] }, /methods\[0\]/],
  [{ whitelist: ['a'], rejected_code: 199 }, /rejected_code/],
  [{ whitelist: ['a'], rejected_code: 600 }, /rejected_code/],
];
for (const [attributes, expected] of WRONG) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'consumer-restriction': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of consumerRestriction.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'consumer-restriction': config })), []);
});
