/** TLS to upstreams in a gateway as its users run it: authorities from a file, probes that show a certificate, log and metrics. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { requireProgram } from '../require-program.ts';
import { type Authority, Certificates, type Pair } from '../tls/certificates.ts';
import { SecuredNode } from '../tls/secured-node.ts';
import { ask } from './client.ts';
import { RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

let files: Certificates;
let authority: Authority;
let clients: Authority;

before((t) => {
  if (requireProgram(t as TestContext, 'openssl') === undefined) return;
  files = new Certificates();
  authority = files.selfSigned('node authority');
  clients = files.selfSigned('client authority');
});

after(() => files.remove());

const CHECKS = {
  active: {
    type: 'https',
    host: 'node.test',
    timeout: 5,
    healthy: { interval: 1, successes: 1 },
    unhealthy: { interval: 1, tcp_failures: 1 },
  },
};

/** Traffic alone tells, and one fault is enough. */
const BY_TRAFFIC = {
  active: { type: 'tcp', timeout: 5, healthy: { interval: 60 }, unhealthy: { interval: 60 } },
  passive: { type: 'tcp', unhealthy: { tcp_failures: 1 } },
};

test('requests and probes know the node and show what they have, and have what changes at once', async (t) => {
  const asking = { ca: clients.cert, requestCert: true, rejectUnauthorized: true };
  const good = await SecuredNode.start(t, { ...authority.issue('node.test'), ...asking });
  const bad = await SecuredNode.start(t, { ...files.selfSigned('node.test'), ...asking });
  const documentWith = (pair: Pair): object => ({
    routes: [
      ...[
        { id: 'named', uri: '/named', pass_host: 'pass' },
        { id: 'wrong', uri: '/wrong', pass_host: 'rewrite', upstream_host: 'wrong.test' },
      ].map(({ id, uri, ...host }) => ({
        id,
        uri,
        upstream: {
          scheme: 'https',
          ...host,
          nodes: { [good.authority]: 1 },
          tls: { client_cert_id: 'mine' },
          checks: BY_TRAFFIC,
        },
      })),
      {
        id: 'unchecked',
        uri: '/bad',
        upstream: {
          scheme: 'https',
          pass_host: 'rewrite',
          upstream_host: 'node.test',
          nodes: { [bad.authority]: 1 },
          tls: { client_cert_id: 'mine' },
        },
      },
      {
        id: 'everything',
        uri: '/*',
        upstream: {
          scheme: 'https',
          pass_host: 'rewrite',
          upstream_host: 'node.test',
          nodes: { [good.authority]: 1, [bad.authority]: 1 },
          tls: { client_cert_id: 'mine' },
          checks: CHECKS,
        },
      },
    ],
    ssls: [{ id: 'mine', type: 'client', ...pair }],
  });
  const gatewaySettings = {
    metrics: { address: '127.0.0.1', port: 0 },
    upstream_tls: { trusted_certificates: ['authority.pem'] },
  };
  await using gateway = await RunningGateway.start(
    { gateway: gatewaySettings, ...documentWith(clients.issue('first')) },
    { files: { 'authority.pem': `of the nodes:\n${authority.cert}` } },
  );
  for (let i = 0; i < 4; i++) assert.equal((await ask(gateway.port, { path: '/' })).status, 200);
  assert.equal((await ask(gateway.port, { path: '/bad' })).status, 502);
  // A certificate that is not for a name says something about the node only where the gateway chose the name.
  assert.equal((await ask(gateway.port, { path: '/named' })).status, 502);
  assert.equal((await ask(gateway.port, { path: '/wrong' })).status, 502);
  await gateway.logged(/node_down upstream=routes\/wrong .*found_by=traffic/);
  assert.doesNotMatch(gateway.errorLog, /node_down upstream=routes\/named/);
  await gateway.logged(/node_down .*node=127\.0\.0\.1:\d+ found_by=probe reason=DEPTH_ZERO_SELF_SIGNED_CERT/);
  await gateway.logged(/upstream_tls_failed node=127\.0\.0\.1:\d+ name=node\.test reason="self-signed certificate"/);
  assert.equal((await ask(gateway.port, { path: '/' })).status, 200);
  await gateway.measured(/gatewright_upstream_tls_failed_total\{kind="certificate"\} [1-9]/);
  assert.ok(good.connections.every(({ client }) => client === 'first'));
  // Another certificate, for requests and probes alike.
  const file = path.join(gateway.folder, 'gatewright.json');
  const document = JSON.parse(readFileSync(file, 'utf8')) as object;
  const before = good.connections.length;
  writeFileSync(file, JSON.stringify({ ...document, ...documentWith(clients.issue('second')) }));
  const news = (): string[] =>
    good.connections.slice(before).flatMap(({ client, paths }) => paths.map((at) => `${client} ${at}`));
  await eventually(
    async () => {
      await ask(gateway.port, { path: '/request' });
      return news().includes('second /request') && news().includes('second /');
    },
    () => JSON.stringify(news()),
  );
  assert.deepEqual(
    bad.connections.flatMap(({ paths }) => paths),
    [],
  );
});
