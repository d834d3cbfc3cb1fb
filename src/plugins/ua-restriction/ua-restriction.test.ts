import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import uaRestriction from './ua-restriction.ts';

const CRAWLERS = {
  bypass_missing: false,
  denylist: ['(Baiduspider)/(\\d+)\\.(\\d+)', 'bad-bot-1'],
  message: 'Access denied',
};
const GOOD_BOT = { bypass_missing: true, allowlist: ['good-bot-1'], message: 'Access denied' };

const CASES: [attributes: object, agents: string | string[] | undefined, status: number][] = [
  [CRAWLERS, 'curl/8.0', 200],
  [CRAWLERS, 'Baiduspider/5.0', 403],
  [CRAWLERS, 'Mozilla/5.0 (compatible; bad-bot-1)', 403],
  [CRAWLERS, 'baiduspider/5.0', 200],
  [CRAWLERS, undefined, 403],
  [CRAWLERS, '', 403],
  [CRAWLERS, ['curl/8.0', 'bad-bot-1'], 403],
  [GOOD_BOT, 'curl/8.0', 403],
  [GOOD_BOT, 'good-bot-1', 200],
  [GOOD_BOT, ['good-bot-1', 'curl'], 403],
  [GOOD_BOT, undefined, 200],
  [GOOD_BOT, '', 200],
];

for (const [attributes, agents, status] of CASES) {
  it(`${JSON.stringify(attributes)} answers ${JSON.stringify(agents)} with ${status}`, async (t) => {
    const lab = await openLab(t, routeWith({ 'ua-restriction': attributes }));
    const answer = await lab.request('/', agents === undefined ? {} : { headers: { 'User-Agent': agents } });
    assert.equal(answer.status, status);
    if (status !== 403) return;
    assert.deepEqual(JSON.parse(answer.text), { message: 'Access denied' });
    assert.equal(lab.seen.length, 0);
    assert.equal(lab.log[0]?.errorCode, 'ua_not_allowed');
  });
}

it('the message of its own is "Not allowed"', async (t) => {
  const lab = await openLab(t, routeWith({ 'ua-restriction': { denylist: ['curl'] } }));
  assert.equal((await lab.request('/', { headers: { 'User-Agent': 'curl' } })).text, '{"message":"Not allowed"}\n');
});

it('a pattern over which a backtracking engine would despair takes no time', async (t) => {
  const lab = await openLab(t, routeWith({ 'ua-restriction': { denylist: ['(a+)+$'] } }));
  assert.equal((await lab.request('/', { headers: { 'User-Agent': `${'a'.repeat(5_000)}b` } })).status, 200);
});

const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /write either "allowlist" or "denylist"/],
  [{ allowlist: ['a'], denylist: ['b'] }, /exactly one of them/],
  [{ denylist: [] }, /denylist: the list must not be empty/],
  [{ denylist: ['(a'] }, /denylist\[0\]: "\(a"/],
  [{ allowlist: ['(?=a)'] }, /allowlist\[0\]/],
  [{ denylist: ['a'], message: '' }, /message: must not be empty/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'ua-restriction': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of uaRestriction.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'ua-restriction': config })), []);
});
