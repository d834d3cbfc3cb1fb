import assert from 'node:assert/strict';
import net from 'node:net';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith, type Answer, type Lab } from '../../../test/plugins/lab.ts';
import { nodeServer, nodesOf, type NodeServer } from '../../../test/plugins/node-servers.ts';
import { expose } from '../../observe/exposition.ts';
import bulkhead from './bulkhead.ts';

const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
};

const codeOf = ({ status, headers }: Answer): string => `${status} ${headers['x-gatewright-error'] ?? ''}`.trim();

/** Sends requests until that many wait at the upstream. */
async function occupy(lab: Lab, count: number): Promise<Promise<Answer>[]> {
  const answers = Array.from({ length: count }, () => lab.request('/slow'));
  await until(() => lab.upstream.waitingCount === count);
  return answers;
}

it('as many as allowed are served at a time, the next is refused at once with a reason', async (t) => {
  const lab = await openLab(t, routeWith({ bulkhead: { max_concurrent: 2, retry_after_s: 4 } }));
  const answers = await occupy(lab, 2);
  const refused = await lab.request('/');
  assert.equal(codeOf(refused), '503 upstream_full');
  assert.equal(refused.headers['retry-after'], '4');
  assert.equal(lab.seen.length, 2);
  lab.upstream.release();
  assert.deepEqual((await Promise.all(answers)).map(codeOf), ['200', '200']);
  assert.equal(codeOf(await lab.request('/')), '200');
  assert.match(
    [...expose(lab.metrics, 'text')].join(''),
    /^gatewright_bulkhead_refused_total\{object="routes\/[^"]*",reason="upstream_full"\} 1$/m,
  );
});

it('who may wait is served as soon as a place is free, in turn', async (t) => {
  const lab = await openLab(
    t,
    routeWith({ bulkhead: { max_concurrent: 1, max_pending: 2, pending_timeout_ms: 30_000 } }),
  );
  const [first] = await occupy(lab, 1);
  const second = lab.request('/second', { method: 'POST', body: 'a body that waits' });
  await until(() => lab.worker.requestCount === 2);
  const third = lab.request('/third');
  await until(() => lab.worker.requestCount === 3);
  assert.equal(codeOf(await lab.request('/fourth')), '503 upstream_full');
  lab.upstream.release();
  assert.deepEqual(
    (await Promise.all([first, second, third])).map((answer) => codeOf(answer!)),
    ['200', '200', '200'],
  );
  assert.deepEqual(
    lab.seen.map(({ url, body }) => `${url} ${body}`.trim()),
    ['/slow', '/second a body that waits', '/third'],
  );
});

it('who waits longer than the time is refused, and who leaves frees the place in the line', async (t) => {
  const lab = await openLab(t, routeWith({ bulkhead: { max_concurrent: 1, max_pending: 1, pending_timeout_ms: 300 } }));
  const [first] = await occupy(lab, 1);
  assert.equal(codeOf(await lab.request('/')), '503 upstream_pending_timeout');
  const socket = net.connect({ host: '127.0.0.1', port: lab.port });
  socket.write('GET /left HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => lab.worker.requestCount === 3);
  socket.resetAndDestroy();
  await until(() => lab.log.some(({ target }) => target === '/left'));
  const waiting = lab.request('/waiting');
  await until(() => lab.worker.requestCount === 4);
  lab.upstream.release();
  assert.deepEqual([codeOf(await first!), codeOf(await waiting)], ['200', '200']);
  assert.ok(!lab.seen.some(({ url }) => url === '/left'));
});

it('a place is freed however the exchange ends', async (t) => {
  const lab = await openLab(t, routeWith({ bulkhead: { max_concurrent: 1 } }));
  for (const path of ['/status/500', '/cut', '/large?bytes=100000']) {
    await lab.request(path).catch(() => undefined);
    await until(() => lab.log.some(({ target }) => target === path));
    assert.equal(codeOf(await lab.request('/')), '200', `after ${path}`);
  }
  const socket = net.connect({ host: '127.0.0.1', port: lab.port });
  socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => lab.upstream.waitingCount === 1);
  socket.resetAndDestroy();
  await until(() => lab.log.some(({ target }) => target === '/slow'));
  assert.equal(codeOf(await lab.request('/')), '200');
});

it('routes to one upstream share its places, those to another have theirs', async (t) => {
  const plugins = { bulkhead: { max_concurrent: 1 } };
  const lab = await openLab(
    t,
    `upstreams: [{ id: u, nodes: { $UPSTREAM: 1 } }]
routes:
  - ${JSON.stringify({ id: 'one', uri: '/slow', upstream_id: 'u', plugins })}
  - ${JSON.stringify({ id: 'two', uri: '/two', upstream_id: 'u', plugins })}
  - ${JSON.stringify({ id: 'own', uri: '/own', upstream: { nodes: { $UPSTREAM: 1 } }, plugins })}
`,
  );
  const [first] = await occupy(lab, 1);
  assert.equal(codeOf(await lab.request('/two')), '503 upstream_full');
  assert.equal(codeOf(await lab.request('/own')), '200');
  lab.upstream.release();
  await first;
});

it('a node with as many connections as allowed is left out, and without any other the answer is 503', async (t) => {
  const held: (() => void)[] = [];
  const slow: NodeServer['answer'] = (_, response) => void held.push(() => response.end());
  const nodes = [await nodeServer(t, slow), await nodeServer(t, slow)];
  const route = { uri: '/*', plugins: { bulkhead: { max_connections: 2 } }, upstream: { nodes: nodesOf(nodes) } };
  const lab = await openLab(t, `routes: [${JSON.stringify(route)}]`);
  const answers = Array.from({ length: 4 }, () => lab.request('/'));
  await until(() => held.length === 4);
  assert.deepEqual(
    nodes.map(({ seen }) => seen.length),
    [2, 2],
  );
  assert.equal(codeOf(await lab.request('/')), '503 connections_full');
  for (const answer of held.splice(0)) answer();
  assert.ok((await Promise.all(answers)).every(({ status }) => status === 200));
  for (const node of nodes) node.answer = (_, response) => response.end();
  assert.equal(codeOf(await lab.request('/')), '200');
});

it('beside a global rule with the plugin each counts for itself, and gives back what it took', async (t) => {
  const rules = [{ id: 'all', plugins: { bulkhead: { max_concurrent: 3, max_connections: 2 } } }];
  const lab = await openLab(
    t,
    `global_rules: ${JSON.stringify(rules)}\n${routeWith({ bulkhead: { max_concurrent: 2, max_connections: 2 } })}`,
  );
  for (let i = 0; i < 5; i++) assert.equal(codeOf(await lab.request('/')), '200', `request ${i + 1}`);
  const answers = await occupy(lab, 2);
  assert.equal(codeOf(await lab.request('/')), '503 upstream_full');
  lab.upstream.release();
  assert.deepEqual((await Promise.all(answers)).map(codeOf), ['200', '200']);
});

for (const [attributes, expected] of [
  [{}, /write "max_concurrent", "max_connections", or both/],
  [{ max_connections: 1, max_pending: 1 }, /max_pending: nobody waits without "max_concurrent"/],
  [{ max_concurrent: 0 }, /max_concurrent: 0 is less than/],
  [{ max_concurrent: 1, pending_timeout_ms: 60_000 }, /pending_timeout_ms: 60000 is more than/],
  [{ max_concurrent: 1.5 }, /max_concurrent/],
] as const) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ bulkhead: attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of bulkhead.examples ?? []) assert.deepEqual(problemsOf(routeWith({ bulkhead: config })), []);
});
