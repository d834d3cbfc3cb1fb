import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { it, type TestContext } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith, type Lab } from '../../../test/plugins/lab.ts';
import { answering, nodeServer, nodesOf, type NodeServer } from '../../../test/plugins/node-servers.ts';
import { expose } from '../../observe/exposition.ts';
import circuitBreaker from './circuit-breaker.ts';

interface Course {
  readonly lab: Lab;
  readonly clock: HandClock;
  readonly nodes: readonly NodeServer[];
}

async function course(t: TestContext, count: number, attributes: object, upstream: object = {}): Promise<Course> {
  const nodes = await Promise.all(Array.from({ length: count }, () => nodeServer(t)));
  const clock = new HandClock();
  const route = {
    id: 'r',
    uri: '/*',
    plugins: { 'circuit-breaker': attributes },
    upstream: { nodes: nodesOf(nodes), ...upstream },
  };
  return { lab: await openLab(t, `routes: [${JSON.stringify(route)}]`, { clock }), clock, nodes };
}

async function statuses(lab: Lab, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push((await lab.request('/')).status);
  return all;
}

const seenBy = (nodes: readonly NodeServer[]): number[] => nodes.map(({ seen }) => seen.splice(0).length);

it('a node that fails in a row is left out, and the others get all', async (t) => {
  const { lab, nodes } = await course(t, 3, { consecutive_failures: 3 });
  nodes[1]!.answer = answering(503);
  await statuses(lab, 9);
  assert.deepEqual(seenBy(nodes), [3, 3, 3]);
  assert.deepEqual(await statuses(lab, 8), Array(8).fill(200));
  assert.deepEqual(seenBy(nodes), [4, 0, 4]);
  assert.equal(lab.hostLog[0]?.event, 'circuit_open');
  assert.equal(lab.hostLog[0]?.detail['node'], nodes[1]!.authority);
});

it('beside a global rule with the plugin, the probe of each decides about its own circuit', async (t) => {
  const node = await nodeServer(t);
  const clock = new HandClock();
  const plugins = {
    'circuit-breaker': { consecutive_failures: 2, half_open_successes: 2, open_ms: 1_000 },
  };
  const document = {
    global_rules: [{ id: 'all', plugins }],
    routes: [{ id: 'r', uri: '/*', plugins, upstream: { nodes: nodesOf([node]) } }],
  };
  const lab = await openLab(t, JSON.stringify(document), { clock });
  node.answer = answering(500);
  assert.deepEqual(await statuses(lab, 3), [500, 500, 503]);
  node.answer = answering(204);
  clock.pass(1_000);
  assert.deepEqual(await statuses(lab, 3), [204, 204, 204]);
  assert.deepEqual(
    lab.hostLog.map(({ event }) => event),
    ['circuit_open', 'circuit_open', 'circuit_closed', 'circuit_closed'],
  );
});

it('after its time one probe at a time passes; good ones close the circuit', async (t) => {
  const { lab, nodes, clock } = await course(t, 2, { consecutive_failures: 2, half_open_successes: 2, open_ms: 1_000 });
  nodes[0]!.answer = answering(500);
  await statuses(lab, 4);
  seenBy(nodes);
  nodes[0]!.answer = answering(204);
  clock.pass(999);
  await statuses(lab, 4);
  assert.deepEqual(seenBy(nodes), [0, 4]);
  clock.pass(1);
  await statuses(lab, 8);
  const [first = 0] = seenBy(nodes);
  assert.ok(first >= 3, `${first} requests`);
  assert.deepEqual(
    lab.hostLog.map(({ event }) => event),
    ['circuit_open', 'circuit_closed'],
  );
  const metrics = [...expose(lab.metrics, 'text')].join('');
  for (const to of ['open', 'closed']) {
    assert.ok(
      metrics.includes(
        `gatewright_circuit_changes_total{object="routes/r",node="${nodes[0]!.authority}",to="${to}"} 1`,
      ),
      metrics,
    );
  }
});

it('of many requests at once no more than the bound are probes', async (t) => {
  const { lab, nodes, clock } = await course(t, 2, { consecutive_failures: 1, half_open_calls: 2, open_ms: 1_000 });
  nodes[0]!.answer = answering(500);
  await statuses(lab, 2);
  seenBy(nodes);
  const waiting: (() => void)[] = [];
  nodes[0]!.answer = (_, response) => void waiting.push(() => response.end('well'));
  clock.pass(1_000);
  const answers = Array.from({ length: 20 }, () => lab.request('/'));
  while (nodes[1]!.seen.length + waiting.length < 20) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.equal(waiting.length, 2);
  for (const answer of waiting) answer();
  assert.ok((await Promise.all(answers)).every(({ status }) => status === 200));
});

it('a probe is over with the head of its answer: a stream keeps no other waiting', async (t) => {
  const { lab, nodes, clock } = await course(t, 1, { consecutive_failures: 1, half_open_successes: 2, open_ms: 1_000 });
  nodes[0]!.answer = answering(500);
  assert.deepEqual(await statuses(lab, 2), [500, 503]);
  const streams: (() => void)[] = [];
  nodes[0]!.answer = (_, response) => {
    response.flushHeaders();
    streams.push(() => response.end());
  };
  clock.pass(1_000);
  const endless = lab.request('/');
  while (streams.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  nodes[0]!.answer = answering(204);
  const seen: number[] = [];
  for (let i = 0; i < 50 && !seen.includes(204); i++) seen.push(...(await statuses(lab, 1)));
  assert.ok(seen.includes(204), seen.join());
  assert.equal(lab.hostLog.at(-1)?.event, 'circuit_closed');
  for (const end of streams) end();
  assert.equal((await endless).status, 200);
});

it('a failed probe opens it for twice as long', async (t) => {
  const { lab, nodes, clock } = await course(t, 2, { consecutive_failures: 1, open_ms: 1_000, max_open_ms: 3_000 });
  nodes[0]!.answer = answering(500);
  for (const pause_ms of [1_000, 2_000, 3_000, 3_000]) {
    await statuses(lab, 2);
    assert.deepEqual(seenBy(nodes), [1, 1]);
    clock.pass(pause_ms - 1);
    await statuses(lab, 2);
    assert.deepEqual(seenBy(nodes), [0, 2]);
    clock.pass(1);
  }
});

it('where all circuits are open the answer is 503 with a reason and the time until the first probe', async (t) => {
  const { lab, nodes, clock } = await course(t, 2, { consecutive_failures: 1, open_ms: 2_500 });
  for (const node of nodes) node.answer = answering(502);
  assert.deepEqual(await statuses(lab, 3), [502, 502, 503]);
  clock.pass(1_000);
  const refused = await lab.request('/');
  assert.deepEqual([refused.headers['retry-after'], refused.headers['x-gatewright-error']], ['2', 'circuit_open']);
  assert.deepEqual(seenBy(nodes), [1, 1]);
  assert.match(
    [...expose(lab.metrics, 'text')].join(''),
    /^gatewright_circuit_refused_total\{object="routes\/r"\} 2$/m,
  );
});

it('a share of failures opens it once there are enough calls', async (t) => {
  const { lab, nodes } = await course(t, 1, { consecutive_failures: 0, min_calls: 10, failure_percent: 30 });
  let count = 0;
  nodes[0]!.answer = (request, response) => answering(count++ % 3 === 2 ? 500 : 200)(request, response);
  assert.deepEqual(await statuses(lab, 11), [200, 200, 500, 200, 200, 500, 200, 200, 500, 200, 503]);
});

it('slow answers open it, measured to their heads', async (t) => {
  const { lab, nodes, clock } = await course(t, 1, { slow_ms: 500, slow_percent: 50, min_calls: 4 });
  nodes[0]!.answer = (_, response) => {
    clock.pass(501);
    response.end();
  };
  assert.deepEqual(await statuses(lab, 5), [200, 200, 200, 200, 503]);
});

it('a body that takes its time is not slow', async (t) => {
  const { lab, nodes, clock } = await course(t, 1, { slow_ms: 500, slow_percent: 10, min_calls: 1 });
  let goOn = (): void => assert.fail('the node was not asked');
  nodes[0]!.answer = (_, response) => {
    response.write('begin');
    goOn = () => {
      clock.pass(10_000);
      response.end('end');
    };
  };
  for (let i = 0; i < 4; i++) {
    const request = http.get({ host: '127.0.0.1', port: lab.port, path: '/', agent: false });
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    // Its head has come, so the gateway has it.
    goOn();
    assert.equal(answer.statusCode, 200);
    await answer.resume().toArray();
  }
});

it('a node that nobody reaches, that breaks off, or that is left without an answer in time, fails', async (t) => {
  for (const answer of [
    (request) => request.socket.destroy(),
    (request, response) => {
      response.writeHead(200, { 'Content-Length': 9 });
      response.write('half', () => request.socket.destroy());
    },
  ] as NodeServer['answer'][]) {
    const { lab, nodes } = await course(t, 1, { consecutive_failures: 0, min_calls: 2 });
    nodes[0]!.answer = answer;
    for (let i = 0; i < 2; i++) await lab.request('/').catch(() => undefined);
    assert.deepEqual(await statuses(lab, 1), [503]);
  }
  const gone = await course(t, 2, { consecutive_failures: 1 });
  await gone.nodes[0]!.close();
  assert.deepEqual(await statuses(gone.lab, 6), Array(6).fill(200), 'retries go elsewhere');
  assert.deepEqual(
    gone.lab.hostLog.map(({ event }) => event),
    ['circuit_open'],
  );
});

it('statuses of its own are failures, others are not', async (t) => {
  const { lab, nodes } = await course(t, 1, { consecutive_failures: 2, failure_statuses: [429] });
  nodes[0]!.answer = answering(500);
  assert.deepEqual(await statuses(lab, 3), [500, 500, 500]);
  nodes[0]!.answer = answering(429);
  assert.deepEqual(await statuses(lab, 3), [429, 429, 503]);
});

it('an edit elsewhere keeps the circuits', async (t) => {
  const { lab, nodes } = await course(t, 1, { consecutive_failures: 1 });
  nodes[0]!.answer = answering(500);
  const route = (plugins: object): string =>
    `routes: [${JSON.stringify({ id: 'r', uri: '/*', plugins, upstream: { nodes: nodesOf(nodes) } })}]`;
  assert.deepEqual(await statuses(lab, 2), [500, 503]);
  lab.reload(route({ 'circuit-breaker': { consecutive_failures: 1 }, 'request-id': {} }));
  assert.deepEqual(await statuses(lab, 1), [503]);
});

for (const [attributes, expected] of [
  [{ open_ms: 5_000, max_open_ms: 1_000 }, /max_open_ms: 1000 is less than open_ms, 5000/],
  [{ failure_percent: 0 }, /failure_percent: 0 is less than/],
  [{ failure_percent: 101 }, /failure_percent: 101 is more than/],
  [{ failure_statuses: [200] }, /failure_statuses\[0\]: 200 is less than/],
  [{ half_open_calls: 0 }, /half_open_calls: 0 is less than/],
  [{ window_ms: 1 }, /window_ms: 1 is less than/],
] as const) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'circuit-breaker': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of circuitBreaker.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'circuit-breaker': config })), []);
});
