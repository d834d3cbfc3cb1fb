import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { definePlugin } from '../../sdk/index.ts';
import { HandClock, openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import type { Answer, Lab, LabOptions } from '../../../test/plugins/lab.ts';
import { eventually } from '../../../test/e2e/waiting.ts';

const until = (isTrue: () => boolean | Promise<boolean>): Promise<void> => eventually(isTrue, () => isTrue.toString());

type Attributes = Readonly<Record<string, unknown>>;

async function open(t: TestContext, attributes: Attributes, options: LabOptions = {}, more: Attributes = {}) {
  const clock = new HandClock();
  const limit = { conn: 1, burst: 0, default_conn_delay: 0.1, rejected_code: 429, ...attributes };
  const text = routeWith({ 'limit-conn': limit, ...more });
  return { lab: await openLab(t, text, { clock, ...options }), clock };
}

/** Sends a request that stays under way until the upstream is released. */
async function hold(lab: Lab, headers: Readonly<Record<string, string>> = {}): Promise<{ answer: Promise<Answer> }> {
  const before = lab.upstream.waitingCount;
  const answer = lab.request('/slow', { headers });
  // Where the test ends first, nobody waits for it.
  answer.catch(() => {});
  await until(() => lab.upstream.waitingCount > before);
  return { answer };
}

/** A client that can leave by a reset; a FIN alone means that nothing more is sent. */
function askRaw(lab: Lab, path: string): net.Socket {
  const socket = net.connect(lab.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return socket;
}

async function isFree(lab: Lab): Promise<void> {
  await until(async () => (await lab.request('/get')).status === 200);
}

describe('limit-conn', () => {
  it('refuses what is beyond conn and burst, for each address', async (t) => {
    const { lab } = await open(t, { conn: 2 });
    const held = [await hold(lab), await hold(lab)];
    const refused = await lab.request('/get');
    assert.equal(refused.status, 429);
    assert.deepEqual(JSON.parse(refused.text), { error_msg: 'too many requests are under way at the same time' });
    assert.equal(lab.log.at(-1)?.errorCode, 'limit_conn');
    assert.equal((await lab.request('/get', { from: '127.0.0.2' })).status, 200);
    lab.upstream.release();
    for (const { answer } of held) assert.equal((await answer).status, 200);
    await isFree(lab);
  });

  it('delays those within the burst, the longer the more there are', async (t) => {
    const { lab, clock } = await open(t, { burst: 2 });
    await hold(lab);
    const second = lab.request('/second');
    await until(() => clock.timerCount === 1);
    const third = lab.request('/third');
    await until(() => clock.timerCount === 2);
    assert.equal((await lab.request('/fourth')).status, 429);
    clock.pass(99);
    assert.equal(lab.seen.length, 1);
    clock.pass(1);
    assert.equal((await second).status, 200);
    assert.equal(clock.timerCount, 1);
    clock.pass(100);
    assert.equal((await third).status, 200);
    lab.upstream.release();
  });

  it('delays all of them for the same time with only_use_default_delay', async (t) => {
    const { lab, clock } = await open(t, { burst: 2, only_use_default_delay: true });
    await hold(lab);
    const both = [lab.request('/second'), lab.request('/third')];
    await until(() => clock.timerCount === 2);
    clock.pass(100);
    for (const answer of await Promise.all(both)) assert.equal(answer.status, 200);
    lab.upstream.release();
  });

  it('counts each rule by its own key, and skips those without one', async (t) => {
    const rules = [
      { conn: 1, burst: 0, key: '$http_user' },
      { conn: '${http_most ?? 2}', burst: 0, key: '$http_company' },
    ];
    const { lab } = await open(t, { conn: undefined, burst: undefined, rules });
    const ask = async (headers: Readonly<Record<string, string>>) => (await lab.request('/get', { headers })).status;
    await hold(lab, { User: 'a', Company: 'x' });
    assert.equal(await ask({ User: 'a' }), 429);
    assert.equal(await ask({ User: 'b' }), 200);
    assert.equal(await ask({}), 200);
    await hold(lab, { User: 'b', Company: 'x' });
    assert.equal(await ask({ User: 'c', Company: 'x' }), 429);
    assert.equal(await ask({ User: 'c', Company: 'x', Most: '3' }), 200);
    assert.equal(await ask({ User: 'c', Company: 'y' }), 200);
    assert.equal(await ask({ User: 'c', Company: 'x', Most: 'many' }), 500);
    lab.upstream.release();
  });
});

describe('the examples of the documentation', () => {
  /** Requests that are all under way at once: how many of them were answered by the upstream, and how many were refused. */
  async function atOnce(lab: Lab, clock: HandClock, requests: number, headers: Readonly<Record<string, string>>) {
    let refused = 0;
    const all = Array.from({ length: requests }, async () => {
      const { status } = await lab.request('/slow', { headers });
      if (status === 429) refused++;
      return status;
    });
    await until(() => refused + lab.upstream.waitingCount + clock.timerCount === requests);
    clock.pass(10_000);
    await until(() => refused + lab.upstream.waitingCount === requests);
    const passed = lab.upstream.waitingCount;
    lab.upstream.release();
    assert.equal((await Promise.all(all)).filter((status) => status === 200).length, passed);
    return [passed, refused];
  }

  it('five requests at once where two and a burst of one are allowed', async (t) => {
    const { lab, clock } = await open(t, { conn: 2, burst: 1, key_type: 'var', key: 'remote_addr', policy: 'local' });
    assert.deepEqual(await atOnce(lab, clock, 5, {}), [3, 2]);
  });

  it('rules for subscriptions and trials', async (t) => {
    const rules = [
      { key: '${http_x_subscription_id}', conn: '${http_x_custom_conn ?? 5}', burst: 1 },
      { key: '${http_x_trial_id}', conn: 1, burst: 1 },
    ];
    const { lab, clock } = await open(t, { conn: undefined, burst: undefined, rules });
    const subscribed = { 'X-Subscription-ID': 'sub-123456789' };
    const ROWS: [requests: number, headers: Readonly<Record<string, string>>, expected: number[]][] = [
      [7, subscribed, [6, 1]],
      [5, { ...subscribed, 'X-Custom-Conn': '1' }, [2, 3]],
      [5, { 'X-Trial-ID': 'trial-123456789' }, [2, 3]],
    ];
    for (const [requests, headers, expected] of ROWS) {
      assert.deepEqual(await atOnce(lab, clock, requests, headers), expected, JSON.stringify(headers));
      // Exchanges are over a moment after their last byte has come.
      await until(async () => (await lab.request('/get', { headers })).status === 200);
    }
  });
});

describe('a place is free again', () => {
  it('after an answer, also on the same connection', async (t) => {
    const { lab } = await open(t, {});
    const text = await lab.raw(
      'GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 2);
  });

  it('after the client has gone, before and while the upstream answers', async (t) => {
    const { lab } = await open(t, {});
    for (const path of ['/slow', '/large?bytes=100000000']) {
      const socket = askRaw(lab, path);
      await until(() => lab.seen.at(-1)?.url === path);
      assert.equal((await lab.request('/get')).status, 429);
      socket.resetAndDestroy();
      await isFree(lab);
    }
  });

  it('after the client has gone while it was delayed', async (t) => {
    const { lab, clock } = await open(t, { burst: 1 });
    await hold(lab);
    const delayed = askRaw(lab, '/second');
    await until(() => clock.timerCount === 1);
    assert.equal((await lab.request('/get')).status, 429);
    delayed.resetAndDestroy();
    await until(() => clock.timerCount === 0);
    const again = lab.request('/third');
    await until(() => clock.timerCount === 1);
    clock.pass(100);
    assert.equal((await again).status, 200);
    lab.upstream.release();
  });

  it('after the upstream broke off, and where it cannot be reached', async (t) => {
    const { lab } = await open(t, {});
    await assert.rejects(lab.request('/cut'));
    await isFree(lab);
    const nowhere = { uri: '/*', plugins: { 'limit-conn': { conn: 1, burst: 0, default_conn_delay: 1 } } };
    const upstream = { nodes: { '127.0.0.1:1': 1, '127.0.0.2:1': 1 }, retries: 1 };
    lab.reload(JSON.stringify({ routes: [{ ...nowhere, upstream }] }));
    for (let ask = 0; ask < 3; ask++) assert.equal((await lab.request('/get')).status, 502);
  });

  it('after another plugin answered, failed, or never ended', async (t) => {
    const refusing = definePlugin({
      name: 'a-later-one',
      priority: 1,
      summary: 'Fails in each way.',
      schema: { type: 'object', properties: {} },
      create: () => ({
        access({ request }) {
          if (request.path === '/throw') throw new Error('on purpose');
          if (request.path === '/reject') return Promise.reject(new Error('on purpose'));
          if (request.path === '/refuse') return { status: 403 };
          return undefined;
        },
      }),
    });
    const { lab } = await open(t, {}, { plugins: [refusing] }, { 'a-later-one': {} });
    for (const [path, status] of [
      ['/refuse', 403],
      ['/throw', 500],
      ['/reject', 500],
    ] as const) {
      for (let ask = 0; ask < 3; ask++) assert.equal((await lab.request(path)).status, status, path);
    }
    assert.equal((await lab.request('/get')).status, 200);
    assert.equal(lab.faults.splice(0).length, 6);
  });

  it('after a later limit refused', async (t) => {
    const { lab } = await open(t, {}, {}, { 'limit-count': { count: 1, time_window: 60, rejected_code: 418 } });
    assert.equal((await lab.request('/get')).status, 200);
    for (let ask = 0; ask < 3; ask++) assert.equal((await lab.request('/get')).status, 418);
  });
});

describe('a wrong configuration of limit-conn', () => {
  const rule = { conn: 1, burst: 0, key: '$remote_addr' };
  const base = { default_conn_delay: 1 };
  const WRONG: [attributes: Attributes, ...problems: [path: string, message: RegExp][]][] = [
    [base, ['conn', /"conn" is needed/], ['burst', /"burst" is needed/]],
    [{ conn: 1, burst: 1 }, ['', /default_conn_delay/]],
    [{ conn: 1, burst: 1, default_conn_delay: 0 }, ['default_conn_delay', /0/]],
    [{ ...base, conn: 0, burst: -1 }, ['conn', /minimum 1/], ['burst', /minimum 0/]],
    [
      { ...base, conn: '0', burst: 'x' },
      ['conn', /whole number above 0/],
      ['burst', /"x" is neither a whole number from 0 on/],
    ],
    [{ ...base, rules: [rule], conn: 1 }, ['conn', /does not go with "rules"/]],
    [{ ...base, rules: [rule], key: 'uri' }, ['key', /do not go with "rules"/]],
    [{ ...base, rules: [{ ...rule, key: 'uri' }] }, ['rules[0].key', /holds no variable/]],
    [{ ...base, rules: [] }, ['rules', /must not be empty/]],
  ];
  for (const [attributes, ...expected] of WRONG) {
    it(JSON.stringify(attributes), () => {
      const found: string[] = problemsOf(routeWith({ 'limit-conn': attributes }));
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [index, [path, message]] of expected.entries()) {
        const problem = found[index] ?? '';
        assert.ok(problem.startsWith(`routes[0].plugins.limit-conn${path === '' ? '' : `.${path}`}`), problem);
        assert.match(problem, message);
      }
    });
  }

  it('a burst of none may be a variable too', () => {
    const attributes = { ...base, conn: '$http_conn', burst: '${http_burst ?? 0}' };
    assert.deepEqual(problemsOf(routeWith({ 'limit-conn': attributes })), []);
  });
});

it('the documented example: three connections of WebSocket are open, the fourth is refused, until one of them ends', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const clients: WebSocket[] = [];
  t.after(() => {
    for (const client of [...clients, ...server.clients]) client.terminate();
    server.close();
  });
  server.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(data.toString())));
  await once(server, 'listening');
  const node = `127.0.0.1:${(server.address() as { readonly port: number }).port}`;
  const limit = { conn: 2, burst: 1, default_conn_delay: 0.1, key_type: 'var', key: 'remote_addr', rejected_code: 429 };
  const route = { id: 'ws-route', uri: '/.ws', enable_websocket: true, upstream: { nodes: { [node]: 1 } } };
  const lab = await openLab(
    t,
    JSON.stringify({ routes: [{ ...route, plugins: { 'limit-conn': { ...limit, policy: 'local' } } }] }),
  );
  const open = async (): Promise<WebSocket> => {
    const client = new WebSocket(`ws://127.0.0.1:${lab.port}/.ws`);
    client.on('error', () => undefined);
    clients.push(client);
    await once(client, 'open');
    return client;
  };
  const refusedWith = async (): Promise<number> => {
    const client = new WebSocket(`ws://127.0.0.1:${lab.port}/.ws`);
    client.on('error', () => undefined);
    const [, response] = (await once(client, 'unexpected-response')) as [unknown, { readonly statusCode: number }];
    client.terminate();
    return response.statusCode;
  };
  const [first] = [await open(), await open(), await open()];
  first.send('hello');
  assert.equal(String((await once(first, 'message'))[0]), 'hello');
  assert.deepEqual([await refusedWith(), await refusedWith()], [429, 429]);
  const closed = once(first, 'close');
  first.close();
  await closed;
  // A place is free when the exchange is over, which both ends have to say.
  await eventually(
    () =>
      open().then(
        () => true,
        () => false,
      ),
    () => 'the place is not free',
  );
  assert.equal(await refusedWith(), 429);
});
