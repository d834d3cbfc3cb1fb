import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import type { Ask, Lab } from '../../../test/plugins/lab.ts';
import { eventually } from '../../../test/e2e/waiting.ts';

const until = (isTrue: () => boolean | Promise<boolean>): Promise<void> => eventually(isTrue, () => isTrue.toString());

type Attributes = Readonly<Record<string, unknown>>;

async function open(t: TestContext, attributes: Attributes): Promise<{ lab: Lab; clock: HandClock }> {
  const clock = new HandClock();
  const text = routeWith({ 'limit-req': { rate: 1, burst: 0, key: 'remote_addr', ...attributes } });
  return { lab: await openLab(t, text, { clock }), clock };
}

async function statuses(lab: Lab, asks: readonly Ask[]): Promise<number[]> {
  const seen: number[] = [];
  for (const ask of asks) seen.push((await lab.request('/get', ask)).status);
  return seen;
}

describe('limit-req', () => {
  it('lets one request a second pass from each address, and refuses the others', async (t) => {
    const { lab, clock } = await open(t, { rejected_code: 429 });
    assert.equal((await lab.request('/get')).status, 200);
    const refused = await lab.request('/get');
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '1']);
    assert.deepEqual(JSON.parse(refused.text), { error_msg: 'requests come too fast' });
    assert.equal(lab.log.at(-1)?.errorCode, 'limit_req');
    assert.equal((await lab.request('/get', { from: '127.0.0.2' })).status, 200);
    clock.pass(999);
    assert.equal((await lab.request('/get')).status, 429);
    clock.pass(1);
    assert.equal((await lab.request('/get')).status, 200);
    assert.equal(lab.seen.length, 3);
  });

  it('lets those within the burst wait for their turn, in the order in which they came', async (t) => {
    const { lab, clock } = await open(t, { rate: 10, burst: 2 });
    const arrived: string[] = [];
    const all = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      all.push(lab.request(`/${name}`).then(({ status }) => arrived.push(`${name} ${status}`)));
      // Each is decided on before the next one comes.
      const known = (): number => arrived.length + clock.timerCount;
      const before = known();
      if (name !== 'a') await until(() => known() > before || arrived.includes('d 503'));
      else await until(() => arrived.length === 1);
    }
    await until(() => arrived.length === 2);
    assert.deepEqual(arrived, ['a 200', 'd 503']);
    clock.pass(99);
    assert.equal(lab.seen.length, 1);
    clock.pass(1);
    await until(() => arrived.length === 3);
    clock.pass(100);
    await Promise.all(all);
    assert.deepEqual(arrived, ['a 200', 'd 503', 'b 200', 'c 200']);
  });

  it('lets them pass at once with nodelay, and refuses what is beyond', async (t) => {
    const { lab, clock } = await open(t, { rate: 2, burst: 2, nodelay: true, rejected_code: 429 });
    assert.deepEqual(await statuses(lab, [{}, {}, {}, {}]), [200, 200, 200, 429]);
    clock.pass(500);
    assert.deepEqual(await statuses(lab, [{}, {}]), [200, 429]);
  });

  it('counts by combinations, by a constant, and by address where the key is missing', async (t) => {
    const rows: [attributes: Attributes, asks: Ask[], expected: number[]][] = [
      [
        { key_type: 'var_combination', key: '$http_a $http_b' },
        [{ headers: { A: '1', B: '2' } }, { headers: { A: '1', B: '3' } }, { headers: { A: '1', B: '2' } }],
        [200, 200, 503],
      ],
      [{ key_type: 'constant', key: 'all' }, [{}, { from: '127.0.0.2' }], [200, 503]],
      [{ key: 'http_missing' }, [{}, {}, { from: '127.0.0.2' }], [200, 503, 200]],
      [{ key: 'http_a' }, [{ headers: { A: '127.0.0.1' } }, {}], [200, 200]],
    ];
    for (const [attributes, asks, expected] of rows) {
      const { lab } = await open(t, attributes);
      assert.deepEqual(await statuses(lab, asks), expected, JSON.stringify(attributes));
    }
  });

  it('throttles as the documentation shows: three requests, one after the other', async (t) => {
    const { lab, clock } = await open(t, { burst: 1, rejected_code: 429 });
    for (let ask = 0; ask < 3; ask++) {
      const answer = lab.request('/get');
      await until(() => clock.timerCount === 1 || lab.seen.length === ask + 1);
      clock.pass(1000);
      assert.equal((await answer).status, 200);
    }
    const eager = await open(t, { burst: 0, rejected_code: 429 });
    assert.deepEqual(await statuses(eager.lab, [{}, {}, {}]), [200, 429, 429]);
  });

  it('counts each consumer at each address apart', async (t) => {
    const clock = new HandClock();
    const key = { key_type: 'var_combination', key: '$remote_addr $consumer_name' };
    const plugins = { 'key-auth': {}, 'limit-req': { rate: 1, burst: 0, rejected_code: 429, ...key } };
    const consumers = ['jane', 'john'].map((username) => ({
      username,
      plugins: { 'key-auth': { key: `${username}-key` } },
    }));
    const routes = [{ uri: '/*', plugins, upstream: { nodes: { $UPSTREAM: 1 } } }];
    const lab = await openLab(t, JSON.stringify({ consumers, routes }), { clock });
    const asks = ['jane', 'john', 'jane', 'john'].map((name) => ({ headers: { apikey: `${name}-key` } }));
    assert.deepEqual(await statuses(lab, asks), [200, 200, 429, 429]);
  });

  it('has the configured message, and forgets who leaves while waiting', async (t) => {
    const { lab, clock } = await open(t, { rate: 10, burst: 1, rejected_msg: 'slowly' });
    await lab.request('/get');
    const leaving = net.connect(lab.port, '127.0.0.1');
    leaving.on('error', () => {});
    leaving.write('GET /get HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => clock.timerCount === 1);
    const refused = await lab.request('/get');
    assert.deepEqual([refused.status, JSON.parse(refused.text)], [503, { error_msg: 'slowly' }]);
    leaving.resetAndDestroy();
    await until(() => clock.timerCount === 0);
    clock.pass(1000);
    assert.equal(lab.seen.length, 1);
  });
});

describe('a wrong configuration of limit-req', () => {
  const WRONG: [attributes: Attributes, path: string, message: RegExp][] = [
    [{ rate: 0, burst: 0, key: 'uri' }, 'rate', /0 must be more than 0/],
    [{ rate: 1, burst: -1, key: 'uri' }, 'burst', /minimum 0/],
    [{ rate: 1, burst: 1 }, '', /key/],
    [{ rate: 1, burst: 1, key: 'a $b' }, 'key', /names no variable/],
    [
      { rate: 1, burst: 51, key: 'uri' },
      'burst',
      /wait for 51 s: at most 50 s are possible, a burst of 50; or set nodelay/,
    ],
    [{ rate: 1, burst: 1, key: 'uri', rejected_msg: '' }, 'rejected_msg', /must not be empty/],
    [{ rate: 1, burst: 1, key: 'uri', ipv6_prefix: 129 }, 'ipv6_prefix', /maximum 128/],
  ];
  for (const [attributes, path, message] of WRONG) {
    it(JSON.stringify(attributes), () => {
      const found = problemsOf(routeWith({ 'limit-req': attributes }));
      assert.equal(found.length, 1, found.join('\n'));
      const [problem = ''] = found;
      assert.ok(problem.startsWith(`routes[0].plugins.limit-req${path === '' ? '' : `.${path}`}`), problem);
      assert.match(problem, message);
    });
  }

  it('a long queue is fine where nobody waits', () => {
    assert.deepEqual(problemsOf(routeWith({ 'limit-req': { rate: 1, burst: 500, key: 'uri', nodelay: true } })), []);
  });
});
