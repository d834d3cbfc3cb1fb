/** Variables as APISIX's page on them (apisix-variable.md) and nginx's documentation describe them, in templates and in conditions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testGateway } from '../../src/testing/index.ts';

const TOLD = {
  'X-Balancer': '$balancer_ip:$balancer_port',
  'X-Unresolved': '$upstream_unresolved_host',
  'X-Upstream': '$upstream_http_x_mark',
  'X-Content': '$content_type $content_length',
  'X-Request': '$request|$document_uri',
};

test('templates tell the address of the node, the name that it was made of, and what was asked and answered', async () => {
  const upstream = { nodes: { 'web.example:8080': 1 } };
  const route = { id: 'r', uri: '/*', plugins: { 'response-rewrite': { headers: { set: TOLD } } }, upstream };
  await using gateway = await testGateway(
    { routes: [route] },
    { names: { 'web.example': ['192.0.2.7'] }, upstreams: { '*': { status: 201, headers: { 'X-Mark': 'm' } } } },
  );
  const headers = { 'Content-Type': 'text/plain' };
  const answer = await gateway.request('/a/../b?c=1', { method: 'PUT', headers, body: 'four' });
  assert.equal(answer.status, 201);
  assert.deepEqual(
    Object.keys(TOLD).map((name) => answer.headers[name.toLowerCase()]),
    ['192.0.2.7:8080', 'web.example', 'm', 'text/plain 4', 'PUT /a/../b?c=1 HTTP/1.1|/b'],
  );
});

test('routes go by the type of the body', async () => {
  const vars = [['content_type', '~~', '^application/json']];
  await using gateway = await testGateway({
    routes: [{ id: 'r', uri: '/*', vars, upstream: { nodes: { '10.0.0.1:80': 1 } } }],
  });
  const statusOf = async (type: string): Promise<number> =>
    (await gateway.request('/', { method: 'POST', headers: { 'Content-Type': type }, body: '{}' })).status;
  assert.deepEqual([await statusOf('application/json'), await statusOf('text/plain')], [200, 404]);
});
