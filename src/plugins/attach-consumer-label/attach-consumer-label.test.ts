import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith, type Lab } from '../../../test/plugins/lab.ts';

const CONSUMERS = `consumers:
  - { username: john, labels: { department: devops, company: api7, odd: "a\\u0001b", "größe": "groß" } }
  - { id: john/credentials/cred-john-key-auth, plugins: { key-auth: { key: john-key } } }
  - { username: anonymous }
`;
const HEADERS = {
  'X-Consumer-Department': '$department',
  'X-Consumer-Company': '$company',
  'X-Consumer-Role': '$role',
};
const attached = (headers: unknown, keyAuth: object = {}): string =>
  CONSUMERS + routeWith({ 'key-auth': keyAuth, 'attach-consumer-label': { headers } });

const fieldsOf = (lab: Lab, beginning = 'x-consumer-'): Record<string, string> =>
  Object.fromEntries(
    lab.lastSeen.headers
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name.startsWith(beginning)),
  );

it('the documented example: labels that there are, and none that there is not', async (t) => {
  const lab = await openLab(t, attached(HEADERS));
  assert.equal((await lab.request('/get', { headers: { apikey: 'john-key' } })).status, 200);
  assert.deepEqual(fieldsOf(lab), {
    'x-consumer-username': 'john',
    'x-consumer-company': 'api7',
    'x-consumer-department': 'devops',
  });
});

it('no client says anything under these names, whoever it is', async (t) => {
  const lab = await openLab(t, attached(HEADERS, { anonymous_consumer: 'anonymous' }));
  const claims = { 'x-consumer-department': ['board', 'ceo'], 'X-CONSUMER-ROLE': 'root', 'X-Consumer-Company': 'x' };
  await lab.request('/', { headers: { ...claims, apikey: 'john-key' } });
  assert.deepEqual([fieldsOf(lab)['x-consumer-department'], fieldsOf(lab)['x-consumer-role']], ['devops', undefined]);
  await lab.request('/', { headers: claims });
  assert.deepEqual(fieldsOf(lab), { 'x-consumer-username': 'anonymous' });
  // Without a plugin that knows the caller, too.
  lab.reload(routeWith({ 'attach-consumer-label': { headers: HEADERS } }));
  await lab.request('/', { headers: claims });
  assert.deepEqual(fieldsOf(lab), {});
});

it('no plugin believes the client either', async (t) => {
  const lab = await openLab(
    t,
    CONSUMERS +
      routeWith({
        'key-auth': {},
        'attach-consumer-label': { headers: HEADERS },
        'proxy-rewrite': { headers: { set: { 'X-Told': 'role=$http_x_consumer_role' } } },
      }),
  );
  await lab.request('/', { headers: { apikey: 'john-key', 'X-Consumer-Role': 'root' } });
  assert.equal(fieldsOf(lab, 'x-told')['x-told'], 'role=');
});

it('labels beyond ASCII are sent as UTF-8, and one that no field can hold is left out and told', async (t) => {
  const lab = await openLab(t, attached({ 'X-Size': '$größe', 'X-Odd': '$odd', 'X-Proto': '$__proto__' }));
  assert.equal((await lab.request('/', { headers: { apikey: 'john-key' } })).status, 200);
  assert.equal(Buffer.from(fieldsOf(lab, 'x-size')['x-size'] ?? '', 'latin1').toString(), 'groß');
  assert.deepEqual([fieldsOf(lab, 'x-odd'), fieldsOf(lab, 'x-proto')], [{}, {}]);
  assert.deepEqual(
    lab.hostLog.map(({ event, detail }) => [event, detail['label']]),
    [['label_unfit', 'odd']],
  );
});

const WRONG: [headers: unknown, expected: RegExp][] = [
  [{}, /headers/],
  [{ 'X-Role': 'role' }, /headers\.X-Role: .*names no label: write \$/],
  [{ 'X-Role': '$' }, /headers\.X-Role/],
  [{ 'a b': '$role' }, /headers\["a b"\]: .*no header name/],
  [{ Connection: '$role' }, /headers\.Connection: .*frames/],
  [{ Host: '$role' }, /headers\.Host: Host says where/],
];
for (const [headers, expected] of WRONG) {
  it(`${JSON.stringify(headers)} is refused`, () => assert.match(problemsOf(attached(headers)).join(), expected));
}
