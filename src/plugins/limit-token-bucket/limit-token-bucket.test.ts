import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import type { Ask, Lab } from '../../../test/plugins/lab.ts';

type Attributes = Readonly<Record<string, unknown>>;

async function open(t: TestContext, attributes: Attributes): Promise<{ lab: Lab; clock: HandClock }> {
  const clock = new HandClock();
  const text = routeWith({ 'limit-token-bucket': { rate: 2, capacity: 3, ...attributes } });
  return { lab: await openLab(t, text, { clock }), clock };
}

async function statuses(lab: Lab, asks: readonly Ask[]): Promise<number[]> {
  const seen: number[] = [];
  for (const ask of asks) seen.push((await lab.request('/get', ask)).status);
  return seen;
}

describe('limit-token-bucket', () => {
  it('lets as many pass as there are tokens, which come at an even rate', async (t) => {
    const { lab, clock } = await open(t, {});
    assert.deepEqual(await statuses(lab, [{}, {}, {}, {}, { from: '127.0.0.2' }]), [200, 200, 200, 429, 200]);
    assert.equal(lab.log.at(-2)?.errorCode, 'limit_token_bucket');
    clock.pass(499);
    assert.deepEqual(await statuses(lab, [{}]), [429]);
    clock.pass(1);
    assert.deepEqual(await statuses(lab, [{}, {}]), [200, 429]);
    clock.pass(60_000);
    assert.deepEqual(await statuses(lab, [{}, {}, {}, {}]), [200, 200, 200, 429]);
  });

  it('says what is left, in both styles', async (t) => {
    const { lab } = await open(t, { rate: 0.5, standard_headers: true });
    const heads = [];
    for (let ask = 0; ask < 4; ask++) heads.push((await lab.request('/get')).headers);
    const quota = heads.map((head) => [
      head['x-ratelimit-limit'],
      head['x-ratelimit-remaining'],
      head['x-ratelimit-reset'],
      head['ratelimit-policy'],
      head['ratelimit'],
      head['retry-after'],
    ]);
    const policy = '"default";q=3;w=6';
    assert.deepEqual(quota, [
      ['3', '2', '0', policy, '"default";r=2;t=0', undefined],
      ['3', '1', '0', policy, '"default";r=1;t=0', undefined],
      ['3', '0', '2', policy, '"default";r=0;t=2', undefined],
      ['3', '0', '2', policy, '"default";r=0;t=2', '2'],
    ]);
  });

  it('takes what a request costs, which a request may say where it is asked', async (t) => {
    const { lab } = await open(t, { cost: '${http_cost ?? 1}' });
    const cost = (value: string): Ask => ({ headers: { Cost: value } });
    assert.deepEqual(await statuses(lab, [cost('4'), cost('2'), cost('2'), {}, cost('0')]), [429, 200, 429, 200, 200]);
    assert.deepEqual(await statuses(lab, [cost('-1'), cost('x'), cost('1.5')]), [500, 500, 500]);
    assert.equal(lab.log.at(-1)?.errorCode, 'limit_undetermined');
  });

  it('does not care for a cost that makes no sense with allow_degradation', async (t) => {
    const { lab } = await open(t, { cost: '$http_cost', allow_degradation: true });
    assert.deepEqual(await statuses(lab, [{}]), [200]);
  });
});

describe('a wrong configuration of limit-token-bucket', () => {
  const WRONG: [attributes: Attributes, path: string, message: RegExp][] = [
    [{ rate: 1 }, '', /capacity/],
    [{ rate: -1, capacity: 1 }, '.rate', /-1/],
    [{ rate: 1, capacity: 0 }, '.capacity', /minimum 1/],
    [{ rate: 1, capacity: 1.5 }, '.capacity', /integer/],
    [{ rate: 1, capacity: 1, cost: -1 }, '.cost', /minimum 0/],
    [{ rate: 1, capacity: 1, cost: 'two' }, '.cost', /"two" is neither/],
    [{ rate: 1, capacity: 1, key: 'a b' }, '.key', /names no variable/],
  ];
  for (const [attributes, path, message] of WRONG) {
    it(JSON.stringify(attributes), () => {
      const found = problemsOf(routeWith({ 'limit-token-bucket': attributes }));
      assert.equal(found.length, 1, found.join('\n'));
      const [problem = ''] = found;
      assert.ok(problem.startsWith(`routes[0].plugins.limit-token-bucket${path}`), problem);
      assert.match(problem, message);
    });
  }
});
