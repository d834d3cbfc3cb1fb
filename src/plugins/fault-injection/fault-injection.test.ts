import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import faultInjection from './fault-injection.ts';

const FAULT = { http_status: 404, body: 'APISIX Fault Injection' };

it('the documented error: status and body, and the upstream is not asked', async (t) => {
  const lab = await openLab(t, routeWith({ 'fault-injection': { abort: FAULT } }));
  const answer = await lab.request('/anything');
  assert.deepEqual([answer.status, answer.text], [404, 'APISIX Fault Injection']);
  assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
  assert.equal(lab.seen.length, 0);
  assert.equal(lab.log[0]?.errorCode, 'fault_injected');
});

it('the documented latency: the request waits for its time', async (t) => {
  const clock = new HandClock();
  const lab = await openLab(t, routeWith({ 'fault-injection': { delay: { duration: 0.3 } } }), { clock });
  const isWaiting = clock.started(300);
  const answer = lab.request('/anything', { method: 'POST', body: 'kept' });
  await isWaiting;
  clock.pass(299);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(lab.seen.length, 0);
  clock.pass(1);
  assert.equal((await answer).status, 200);
  assert.equal(lab.lastSeen.body, 'kept');
});

it('the documented condition: john gets the error with the field, jane the upstream', async (t) => {
  const abort = {
    ...FAULT,
    headers: { 'X-APISIX-Remote-Addr': '$remote_addr', 'X-Number': 7 },
    vars: [[['arg_name', '==', 'john']]],
  };
  const lab = await openLab(t, routeWith({ 'fault-injection': { abort } }));
  const john = await lab.request('/anything?name=john');
  assert.deepEqual(
    [john.status, john.headers['x-apisix-remote-addr'], john.headers['x-number']],
    [404, '127.0.0.1', '7'],
  );
  assert.equal((await lab.request('/anything?name=jane')).status, 200);
});

it('conditions of a list are all needed, and one list is enough', async (t) => {
  const vars = [
    [
      ['arg_name', '==', 'jack'],
      ['arg_age', '==', 18],
    ],
    [['arg_name2', '==', 'allen']],
  ];
  const lab = await openLab(t, routeWith({ 'fault-injection': { abort: { http_status: 418, vars } } }));
  const statusOf = async (query: string): Promise<number> => (await lab.request(`/?${query}`)).status;
  assert.deepEqual(
    [
      await statusOf('name=jack&age=18'),
      await statusOf('name=jack&age=19'),
      await statusOf('name2=allen'),
      await statusOf(''),
    ],
    [418, 200, 418, 200],
  );
});

it('variables of the body are those of the request, in their bytes', async (t) => {
  const abort = { http_status: 200, body: 'ä $remote_addr $arg_x$nothing!', headers: { 'Content-Type': 'text/x' } };
  const lab = await openLab(t, routeWith({ 'fault-injection': { abort } }));
  const answer = await lab.request('/?x=%C3%B6');
  assert.equal(answer.headers['content-type'], 'text/x');
  assert.match(answer.text, /^ä 127\.0\.0\.1 .*!$/);
});

it('a share of requests is about that share, 0 is none and 100 all', async (t) => {
  for (const [percentage, least, most] of [
    [0, 0, 0],
    [50, 60, 140],
    [100, 200, 200],
  ] as const) {
    const lab = await openLab(t, routeWith({ 'fault-injection': { abort: { http_status: 503, percentage } } }));
    let count = 0;
    for (let i = 0; i < 200; i++) if ((await lab.request('/')).status === 503) count++;
    assert.ok(count >= least && count <= most, `${count} of 200 at ${percentage} %`);
  }
});

it('it comes before all other plugins, and waits before it answers', async (t) => {
  const clock = new HandClock();
  const attributes = { delay: { duration: 1 }, abort: { http_status: 503 } };
  const lab = await openLab(t, routeWith({ 'key-auth': {}, 'fault-injection': attributes }), { clock });
  const isWaiting = clock.started(1_000);
  const answer = lab.request('/');
  await isWaiting;
  clock.pass(1_000);
  assert.equal((await answer).status, 503);
});

const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /write "abort", "delay", or both/],
  [{ abort: {} }, /abort.*http_status/],
  [{ abort: { http_status: 100 } }, /abort\.http_status: 100 is less than/],
  [{ abort: { http_status: 200, percentage: 101 } }, /abort\.percentage: 101 is more than/],
  [{ abort: { http_status: 200, vars: [[['arg_a', '=', 'b']]] } }, /abort\.vars\[0\]/],
  [{ delay: { duration: 1, vars: [[['post_arg_a', '==', 'b']]] } }, /delay\.vars\[0\]: .*body/],
  [{ delay: {} }, /delay.*duration/],
  [{ delay: { duration: -1 } }, /delay\.duration: -1 is less than/],
  [{ delay: { duration: 3_600 } }, /delay\.duration: 3600 is more than/],
  [{ abort: { http_status: 200, headers: { 'Content-Length': '1' } } }, /abort\.headers\.Content-Length/],
  [{ abort: { http_status: 200, headers: { 'X-A': 'a\r\nb' } } }, /abort\.headers\.X-A/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'fault-injection': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of faultInjection.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'fault-injection': config })), []);
});
