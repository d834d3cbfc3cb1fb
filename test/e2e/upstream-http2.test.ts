/** The example of docs/http2.md in a gateway as its users run it: requests in HTTP/2, probes in HTTP/1.1, log and metrics. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { load } from 'js-yaml';
import { SpokenNode } from '../http2/spoken-node.ts';
import { requireProgram } from '../require-program.ts';
import { Certificates } from '../tls/certificates.ts';
import { ask } from './client.ts';
import { RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../docs/http2.md'), 'utf8');

interface Example {
  readonly routes: readonly [
    { readonly plugins: object; readonly upstream: { readonly nodes: Record<string, number> } },
  ];
}

/** The first example that has the plugin. */
function example(): Example {
  const text = PAGE.split('```').find((block) => block.startsWith('yaml\n') && block.includes('upstream-http2'));
  assert.ok(text !== undefined, 'the page has an example');
  return load(text.slice(5)) as Example;
}

const CHECKS = {
  active: {
    type: 'https',
    host: 'catalogue.internal',
    timeout: 5,
    healthy: { interval: 1, successes: 1 },
    unhealthy: { interval: 1, tcp_failures: 1 },
  },
};

test('the example speaks HTTP/2 to nodes that do, beside probes in HTTP/1.1, and says so', async (t) => {
  if (requireProgram(t, 'openssl') === undefined) return;
  const files = new Certificates();
  t.after(() => files.remove());
  const pair = files.selfSigned('catalogue.internal');
  const nodes = [
    await SpokenNode.start(t, 'both', { tls: pair }),
    await SpokenNode.start(t, 'h2', { tls: pair }),
  ] as const;
  const old = await SpokenNode.start(t, 'http1', { tls: pair });
  const [route] = example().routes;
  assert.equal(Object.keys(route.upstream.nodes).length, 2);
  const routeTo = (ports: readonly number[], more: object = {}): object => ({
    ...route,
    upstream: { ...route.upstream, nodes: Object.fromEntries(ports.map((port) => [`127.0.0.1:${port}`, 1])) },
    ...more,
  });
  const checked = routeTo([nodes[0].port], { id: 'checked', uri: '/checked' }) as { readonly upstream: object };
  const document = {
    gateway: {
      metrics: { address: '127.0.0.1', port: 0 },
      upstream_tls: { trusted_certificates: ['authority.pem'] },
      access_log: { format: '$uri $upstream_protocol $status' },
    },
    routes: [
      routeTo(nodes.map(({ port }) => port)),
      { ...checked, upstream: { ...checked.upstream, checks: CHECKS } },
      routeTo([old.port], { id: 'strict', uri: '/strict', plugins: { 'upstream-http2': { required: true } } }),
    ],
  };
  await using gateway = await RunningGateway.start(document, { files: { 'authority.pem': pair.cert } });
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(gateway.port, { path: '/catalogue/x' })));
  for (const { status } of answers) assert.equal(status, 200);
  for (const { asked } of nodes) {
    const requests = asked.filter(({ url }) => url === '/catalogue/x');
    assert.deepEqual(new Set(requests.map(({ version }) => version)), new Set(['2.0']));
  }
  await eventually(
    () => gateway.stdout.includes('/catalogue/x HTTP/2.0 200\n'),
    () => gateway.stdout,
  );

  // Probes go on by themselves, requests share what is there.
  await eventually(
    () => nodes[0].asked.filter(({ url, version }) => url === '/' && version === '1.1').length >= 2,
    () => 'no probe came',
  );
  assert.equal((await ask(gateway.port, { path: '/checked' })).status, 200);
  assert.equal(nodes[0].asked.findLast(({ url }) => url === '/checked')?.version, '2.0');
  nodes[0].stop();
  await gateway.logged(/node_down .*upstream=routes\/checked/);

  const refused = await ask(gateway.port, { path: '/strict' });
  assert.equal(refused.status, 502);
  await gateway.logged(/upstream_tls_failed .*reason="the node does not speak HTTP\/2"/);
  await gateway.measured(/gatewright_upstream_tls_failed_total\{kind="protocol"\} 1/);
});
