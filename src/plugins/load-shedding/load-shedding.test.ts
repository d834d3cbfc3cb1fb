import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith, type Lab } from '../../../test/plugins/lab.ts';
import { expose } from '../../observe/exposition.ts';
import loadShedding from './load-shedding.ts';

let now_ms = 0;

/** Lets the lab's worker have that much to do for some seconds, while requests of those priorities come. */
function press(lab: Lab, seconds: number, delay_ms: number, ...priorities: readonly number[]): void {
  for (let sample = 0; sample < seconds * 4; sample++) {
    for (const priority of priorities) lab.load.admits(priority);
    lab.load.note({ delay_ms, memory_share: 0.1 }, (now_ms += 250));
  }
}

it('refuses the lowest priority under load with 503, a reason and when to come again, and serves the highest', async (t) => {
  const route = (path: string, priority: number): object => ({
    uri: path,
    plugins: { 'load-shedding': { priority, retry_after_s: 7 } },
    upstream: { nodes: { $UPSTREAM: 1 } },
  });
  const lab = await openLab(t, `routes: ${JSON.stringify([route('/low', 1), route('/high', 9)])}`);
  press(lab, 1, 0, 1);
  press(lab, 4, 80, 1);
  const refused = await lab.request('/low');
  assert.deepEqual(
    [refused.status, refused.headers['retry-after'], refused.headers['x-gatewright-error']],
    [503, '7', 'overloaded'],
  );
  assert.equal((JSON.parse(refused.text) as { code: string }).code, 'overloaded');
  assert.equal(lab.seen.length, 0);
  assert.equal((await lab.request('/high')).status, 200);
  press(lab, 10, 5, 1);
  assert.equal((await lab.request('/low')).status, 200);
});

it('serves all without load, and leaves routes alone that do not have it', async (t) => {
  const lab = await openLab(
    t,
    `routes:
  - { uri: /shed, plugins: { load-shedding: { priority: 0 } }, upstream: { nodes: { $UPSTREAM: 1 } } }
  - { uri: /free, upstream: { nodes: { $UPSTREAM: 1 } } }
`,
  );
  assert.equal((await lab.request('/shed')).status, 200);
  press(lab, 1, 0, 0);
  press(lab, 5, 500, 0);
  assert.equal((await lab.request('/shed')).status, 503);
  assert.equal((await lab.request('/free')).status, 200);
});

it("a consumer's priority goes before that of its route and service", async (t) => {
  const lab = await openLab(
    t,
    `services:
  - { id: s, plugins: { load-shedding: { priority: 2 } }, upstream: { nodes: { $UPSTREAM: 1 } } }
routes:
  - { uri: /*, service_id: s, plugins: { key-auth: {} } }
consumers:
  - username: gold
    plugins: { key-auth: { key: gold-key }, load-shedding: { priority: 8 } }
  - username: free
    plugins: { key-auth: { key: free-key } }
`,
  );
  press(lab, 1, 0, 2);
  press(lab, 4, 80, 2);
  assert.equal((await lab.request('/', { headers: { apikey: 'free-key' } })).status, 503);
  assert.equal((await lab.request('/', { headers: { apikey: 'gold-key' } })).status, 200);
});

it('the priority of a route goes before that of a global rule', async (t) => {
  const lab = await openLab(
    t,
    `global_rules:
  - { id: 1, plugins: { load-shedding: { priority: 3 } } }
routes:
  - { uri: /*, plugins: { load-shedding: { priority: 9 } }, upstream: { nodes: { $UPSTREAM: 1 } } }
`,
  );
  press(lab, 1, 0, 3);
  press(lab, 4, 80, 3);
  assert.equal((await lab.request('/')).status, 200);
});

it('a global rule sheds on every route, and counts what it refused', async (t) => {
  const lab = await openLab(
    t,
    `global_rules:
  - { id: 1, plugins: { load-shedding: { priority: 3 } } }
routes:
  - { uri: /*, upstream: { nodes: { $UPSTREAM: 1 } } }
`,
  );
  press(lab, 1, 0, 3);
  press(lab, 4, 80, 3);
  for (let i = 0; i < 3; i++) assert.equal((await lab.request('/')).status, 503);
  const metrics = [...expose(lab.metrics, 'text')].join('');
  assert.match(metrics, /^gatewright_shed_total\{object="global_rules\/1",priority="3"\} 3$/m);
});

for (const [attributes, expected] of [
  [{ priority: 10 }, /priority: 10 is more than/],
  [{ priority: -1 }, /priority: -1 is less than/],
  [{ priority: 1.5 }, /priority/],
  [{ retry_after_s: 0 }, /retry_after_s: 0 is less than/],
] as const) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'load-shedding': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of loadShedding.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'load-shedding': config })), []);
});
