import assert from 'node:assert/strict';
import { it } from 'node:test';
import { definePlugin } from '../../src/sdk/index.ts';
import { HandClock, openLab, problemsOf, routeWith } from './lab.ts';

it('a lab shows both sides of a gateway that has plugins', async (t) => {
  const lab = await openLab(t, routeWith({ 'request-id': { header_name: 'X-Trace' } }));
  const answer = await lab.request('/echo?a=1', { method: 'POST', headers: { 'X-One': ['1', '2'] }, body: 'hello' });
  assert.equal(answer.status, 200);
  const { method, url, headers, body } = lab.lastSeen;
  assert.deepEqual([method, url, body], ['POST', '/echo?a=1', 'hello']);
  assert.equal(headers.find(([name]) => name === 'X-Trace')?.[1], answer.headers['x-trace']);
  assert.deepEqual(JSON.parse(answer.text), lab.lastSeen);
  assert.equal(lab.log[0]?.status, 200);
});

it('the upstream of a lab answers as the path says', async (t) => {
  const lab = await openLab(t, routeWith({}));
  assert.equal((await lab.request('/status/503')).status, 503);
  assert.equal((await lab.request('/headers?X-A=1&X-A=2')).headers['x-a'], '1, 2');
  assert.equal((await lab.request('/gzip')).headers['content-encoding'], 'gzip');
  assert.equal((await lab.request('/text?body=hi&type=text/html')).text, 'hi');
  assert.equal((await lab.request('/pieces?a&b&c')).text, 'abc');
  assert.equal((await lab.request('/large?bytes=300000')).body.length, 300_000);
  await assert.rejects(lab.request('/cut'));
  assert.match(await lab.raw('GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 200 /);
});

it('time passes in a lab as its test says', async (t) => {
  const clock = new HandClock('2026-05-01T00:00:00Z');
  const told = definePlugin({
    name: 'told',
    priority: 1,
    summary: 'Tells the time.',
    schema: { type: 'object' },
    create: (_config, host) => ({ access: () => ({ status: 200, body: `${host.clock.wall_ms()}` }) }),
  });
  const lab = await openLab(t, routeWith({ told: {} }), { clock, plugins: [told] });
  assert.equal((await lab.request('/')).text, String(Date.parse('2026-05-01T00:00:00Z')));
  clock.pass(60_000);
  assert.equal((await lab.request('/')).text, String(Date.parse('2026-05-01T00:01:00Z')));
});

it('a lab refuses a configuration with problems, and tells them', async (t) => {
  const text = routeWith({ 'key-auth': { header: 'a b' } });
  assert.match(problemsOf(text).join(), /^routes\[0\]\.plugins\.key-auth\.header: .*header name/);
  await assert.rejects(openLab(t, text), /header name/);
});

it('a lab puts another configuration in force', async (t) => {
  const lab = await openLab(t, routeWith({}));
  lab.reload(routeWith({ 'key-auth': {} }));
  assert.equal((await lab.request('/')).status, 401);
});
