import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import uriBlocker from './uri-blocker.ts';

const RULES = { block_rules: ['root.exe', 'root.m+'] };

const CASES: [attributes: object, target: string, status: number][] = [
  [RULES, '/root.exe?a=a', 403],
  [RULES, '/cgi/root.mmm', 403],
  [RULES, '/?file=root.exe', 403],
  [RULES, '/index.html', 200],
  [RULES, '/ROOT.EXE', 200],
  [{ ...RULES, case_insensitive: true }, '/ROOT.EXE', 403],
  [RULES, '/%72oot.exe', 403],
  [{ block_rules: ['^/admin'] }, '/public/../admin', 403],
  [{ block_rules: ['^/admin'] }, '/public/admin', 200],
  [{ block_rules: ['%2e'] }, '/a%2eb', 403],
  [{ block_rules: [] }, '/anything', 200],
  [{ ...RULES, rejected_code: 451 }, '/root.exe', 451],
];

for (const [attributes, target, status] of CASES) {
  it(`${JSON.stringify(attributes)} answers ${target} with ${status}`, async (t) => {
    const lab = await openLab(t, routeWith({ 'uri-blocker': attributes }));
    const answer = await lab.raw(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
    assert.equal(lab.seen.length, status === 200 ? 1 : 0);
  });
}

it('a message of its own is the error_msg of the refusal', async (t) => {
  const lab = await openLab(t, routeWith({ 'uri-blocker': { ...RULES, rejected_msg: 'access is not allowed' } }));
  const answer = await lab.request('/root.exe');
  assert.deepEqual([answer.status, answer.text], [403, '{"error_msg":"access is not allowed"}\n']);
  assert.equal(lab.log[0]?.errorCode, 'uri_blocked');
});

it('it comes before authentication', async (t) => {
  const lab = await openLab(t, routeWith({ 'key-auth': {}, 'uri-blocker': RULES }));
  assert.equal((await lab.request('/root.exe')).status, 403);
  assert.equal((await lab.request('/')).status, 401);
});

const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /block_rules/],
  [{ block_rules: ['a', 'a'] }, /block_rules/],
  [{ block_rules: ['(a'] }, /block_rules\[0\]/],
  [{ block_rules: ['(?<=a)b'] }, /block_rules\[0\]/],
  [{ ...RULES, rejected_code: 199 }, /rejected_code: 199 is less than/],
  [{ ...RULES, rejected_msg: '' }, /rejected_msg: must not be empty/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'uri-blocker': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of uriBlocker.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'uri-blocker': config })), []);
});
