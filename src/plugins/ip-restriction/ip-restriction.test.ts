import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import { inertHost } from '../../compile/inert-host.ts';
import type { Exchange, PhaseResult } from '../../sdk/index.ts';
import ipRestriction from './ip-restriction.ts';

interface Offered {
  readonly whitelist?: readonly string[];
  readonly blacklist?: readonly string[];
}

/** What the plugin says about a peer: the lab's clients have IPv4 addresses only. */
function decide(lists: Offered, remoteAddress: string): PhaseResult {
  const config = { message: 'no', response_code: 403, ...lists };
  const owner = { plugin: 'ip-restriction', object: 'routes/1', configHash: '' };
  const instance = ipRestriction.create(config as never, inertHost(owner), undefined);
  return instance.access?.({ remoteAddress } as Exchange);
}

const PEERS: [lists: Offered, address: string, passes: boolean][] = [
  [{ whitelist: ['192.168.0.1/24'] }, '192.168.0.200', true],
  [{ whitelist: ['192.168.0.1/24'] }, '192.168.1.1', false],
  [{ whitelist: ['192.168.1.241'] }, '192.168.1.241', true],
  [{ whitelist: ['192.168.1.241'] }, '192.168.10.24', false],
  [{ whitelist: ['10.0.0.0/8', '2001:db8::/32'] }, '2001:db8:1::9', true],
  [{ whitelist: ['10.0.0.0/8', '2001:db8::/32'] }, '2001:db9::', false],
  [{ whitelist: ['10.0.0.0/8'] }, '::ffff:10.1.2.3', true],
  [{ whitelist: ['10.0.0.0/8'] }, '::ffff:0a01:0203', true],
  [{ whitelist: ['::ffff:10.0.0.0/104'] }, '10.9.9.9', true],
  [{ whitelist: ['fe80::/10'] }, 'fe80::1%eth0', true],
  [{ whitelist: ['::1', '::1', '0:0:0:0:0:0:0:1'] }, '::1', true],
  [{ whitelist: ['0.0.0.0/0'] }, '::1', false],
  [{ blacklist: ['192.168.0.0/16'] }, '192.168.7.7', false],
  [{ blacklist: ['192.168.0.0/16'] }, '192.169.0.0', true],
  [{ blacklist: ['192.168.0.0/16'] }, '2001:db8::1', true],
  [{ blacklist: ['192.168.0.0/16'] }, '::ffff:192.168.0.1', false],
  [{ blacklist: ['2001:db8::/32'] }, '2001:DB8:0:0::1', false],
];

for (const [lists, address, passes] of PEERS) {
  it(`${JSON.stringify(lists)} ${passes ? 'lets in' : 'refuses'} ${address}`, () => {
    assert.equal(decide(lists, address) === undefined, passes);
  });
}

for (const address of ['', 'unknown', '10.0.0.256', '1.2.3.04', '::ffff:1.2.3', '1.2.3.4, 5.6.7.8']) {
  it(`"${address}" is no address: neither list lets it in`, () => {
    assert.notEqual(decide({ whitelist: ['0.0.0.0/0', '::/0'] }, address), undefined);
    assert.notEqual(decide({ blacklist: ['10.0.0.0/8'] }, address), undefined);
  });
}

it('a refusal is 403 with a message, and reaches no upstream', async (t) => {
  const lab = await openLab(t, routeWith({ 'ip-restriction': { whitelist: ['127.0.0.5'] } }));
  const refused = await lab.request('/', { from: '127.0.0.6' });
  assert.equal(refused.status, 403);
  assert.equal(refused.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(refused.text), { message: 'Your IP address is not allowed' });
  assert.equal(lab.seen.length, 0);
  assert.equal(lab.log[0]?.errorCode, 'ip_not_allowed');
  assert.equal((await lab.request('/', { from: '127.0.0.5' })).status, 200);
});

it('message and status of a refusal are configurable', async (t) => {
  const attributes = { blacklist: ['127.0.0.0/8'], message: 'Access denied', response_code: 404 };
  const lab = await openLab(t, routeWith({ 'ip-restriction': attributes }));
  const refused = await lab.request('/');
  assert.deepEqual([refused.status, JSON.parse(refused.text)], [404, { message: 'Access denied' }]);
});

it('what a client claims in headers about its address counts for nothing', async (t) => {
  const lab = await openLab(t, routeWith({ 'ip-restriction': { whitelist: ['10.0.0.1'] } }));
  const headers = {
    'X-Forwarded-For': '10.0.0.1',
    'X-Real-IP': '10.0.0.1',
    Forwarded: 'for=10.0.0.1',
    'Client-IP': '10.0.0.1',
  };
  assert.equal((await lab.request('/?realip=10.0.0.1', { headers })).status, 403);
});

it('the list of a consumer replaces that of the route, and an exempt consumer passes', async (t) => {
  const lab = await openLab(
    t,
    `${routeWith({ 'key-auth': {}, 'ip-restriction': { blacklist: ['127.0.0.0/8'] } })}consumers:
  - username: jack
    plugins: { key-auth: { key: jack-key }, ip-restriction: { whitelist: [127.0.0.7] } }
  - username: jill
    plugins: { key-auth: { key: jill-key }, ip-restriction: { _meta: { disable: true } } }
`,
  );
  const status = async (apikey: string, from: string): Promise<number> =>
    (await lab.request('/', { from, headers: { apikey } })).status;
  assert.deepEqual(
    [
      await status('jack-key', '127.0.0.7'),
      await status('jack-key', '127.0.0.8'),
      await status('jill-key', '127.0.0.8'),
    ],
    [200, 403, 200],
  );
});

it('ten thousand blocks are looked up as fast as ten', () => {
  const blocks = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/25`);
  const config = { blacklist: blocks, message: 'no', response_code: 403 };
  const owner = { plugin: 'ip-restriction', object: 'routes/1', configHash: '' };
  const { access } = ipRestriction.create(config as never, inertHost(owner), undefined);
  for (let i = 0; i < 10_000; i++) {
    const inside = access?.({ remoteAddress: `10.${i >> 8}.${i & 255}.127` } as Exchange);
    const outside = access?.({ remoteAddress: `10.${i >> 8}.${i & 255}.128` } as Exchange);
    assert.ok(inside !== undefined && outside === undefined);
  }
});

const PATH = 'routes[0].plugins.ip-restriction';
const FAULTY: [what: string, attributes: unknown, expected: RegExp][] = [
  ['neither list', {}, /^.*ip-restriction: write either "whitelist" or "blacklist"/],
  ['both lists', { whitelist: ['1.1.1.1'], blacklist: ['2.2.2.2'] }, /exactly one of them/],
  ['an empty list', { whitelist: [] }, /\.whitelist: the list must not be empty/],
  [
    'a name',
    { whitelist: ['10.0.0.1', 'localhost'] },
    /\.whitelist\[1\]: "localhost" is no address: write one such as/,
  ],
  ['an impossible prefix', { blacklist: ['10.0.0.0/33'] }, /\.blacklist\[0\]: .*from 0 to 32/],
  ['a zone', { blacklist: ['fe80::1%eth0'] }, /\.blacklist\[0\]: .*is no address/],
  ['a range', { whitelist: ['10.0.0.1-10.0.0.9'] }, /is no address/],
  ['a number', { whitelist: [10] }, /\.whitelist\[0\]: expected a string/],
  ['a status besides 403 and 404', { whitelist: ['::1'], response_code: 401 }, /\.response_code: 401 is less than/],
  ['an empty message', { whitelist: ['::1'], message: '' }, /\.message: must not be empty/],
  ['an endless message', { whitelist: ['::1'], message: 'x'.repeat(1025) }, /\.message: has 1025 characters/],
  ['an attribute that nobody knows', { whitelist: ['::1'], blocklist: [] }, /\.blocklist: .*blacklist/],
];

for (const [what, attributes, expected] of FAULTY) {
  it(`${what} is refused with path and remedy`, () => {
    const problems = problemsOf(routeWith({ 'ip-restriction': attributes }));
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.ok(problems[0]?.startsWith(PATH), problems.join());
    assert.match(problems[0] ?? '', expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of ipRestriction.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'ip-restriction': config })), []);
});
