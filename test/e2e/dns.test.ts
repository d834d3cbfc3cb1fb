/** Names of upstream nodes in a gateway as its users run it, with a name server of the test's own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DnsServer } from '../dns-server.ts';
import { ask } from './client.ts';
import { RunningGateway } from './gateway.ts';
import { Load } from './load.ts';
import { eventually } from './waiting.ts';

/** A node on an address of this machine, which says where it is. */
async function startNode(t: TestContext, address: string, port = 0): Promise<number> {
  const server = http.createServer((request, response) => response.end(`${address} ${request.headers.host}`));
  server.listen(port, address);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

function gatewayFor(server: DnsServer, upstream: object, gateway: object = {}): Promise<RunningGateway> {
  const dns = { servers: [server.address], min_ttl_ms: 200 };
  return RunningGateway.start({
    gateway: { dns, access_log: { path: 'access.log', format: 'json' }, ...gateway },
    routes: [{ id: 'named', uri: '/*', upstream: { pass_host: 'node', ...upstream } }],
  });
}

async function answers(gateway: RunningGateway, requests: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let i = 0; i < requests; i++) {
    const { status, body } = await ask(gateway.port, { path: `/${i}` });
    const by = status === 200 ? body.toString() : String(status);
    seen[by] = (seen[by] ?? 0) + 1;
  }
  return seen;
}

describe('names of nodes', { concurrency: 2 }, () => {
  it('the first request waits for the addresses, and all of them serve, by their name', async (t) => {
    const port = await startNode(t, '127.0.0.2');
    await startNode(t, '127.0.0.3', port);
    await using server = await DnsServer.start();
    server.host('api.test', '127.0.0.3', '127.0.0.2');
    await using gateway = await gatewayFor(server, { nodes: { [`api.test:${port}`]: 1 } });
    const seen = await answers(gateway, 10);
    assert.equal(seen[`127.0.0.2 api.test:${port}`], 5, JSON.stringify(seen));
    assert.equal(seen[`127.0.0.3 api.test:${port}`], 5);
    await gateway.stop();
    for (const line of gateway.lines('access.log')) {
      const { upstream_addr } = JSON.parse(line) as { upstream_addr: string[] };
      assert.match(upstream_addr.join(), new RegExp(`^127\\.0\\.0\\.[23]:${port}$`));
    }
  });

  it('a changed record moves the traffic, and costs no request', async (t) => {
    const port = await startNode(t, '127.0.0.2');
    await startNode(t, '127.0.0.3', port);
    await using server = await DnsServer.start();
    server.host('api.test', '127.0.0.2');
    await using gateway = await gatewayFor(server, { nodes: { [`api.test:${port}`]: 1 } });
    await using load = new Load(gateway.port, 16);
    await load.sees(/^127\.0\.0\.2 /);
    for (const address of ['127.0.0.3', '127.0.0.2', '127.0.0.3']) {
      server.host('api.test', address);
      await load.sees(new RegExp(`^${address} `));
      await load.more(200);
    }
    // Each worker has been told, whichever is asked: the old one is asked no more.
    await eventually(
      async () => Object.keys(await answers(gateway, 5)).join() === `127.0.0.3 api.test:${port}`,
      () => 'the old address is still asked',
    );
    const { answered, failed } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
    assert.deepEqual(Object.keys(await answers(gateway, 5)), [`127.0.0.3 api.test:${port}`]);
  });

  it('the last good answer serves while the name server fails, is silent, or has forgotten the name', async (t) => {
    const port = await startNode(t, '127.0.0.2');
    await using server = await DnsServer.start();
    server.host('api.test', '127.0.0.2');
    await using gateway = await gatewayFor(server, { nodes: { [`api.test:${port}`]: 1 } });
    await using load = new Load(gateway.port, 8);
    await load.more(20);
    server.mood = 'fails';
    await gateway.logged(/warn +name_not_resolved name=api\.test .*serves="the last answer"/);
    server.mood = 'silent';
    await load.more(200);
    server.forget('api.test');
    server.mood = 'answers';
    await load.more(200);
    server.host('api.test', '127.0.0.2');
    await gateway.logged(/info +name_resolved name=api\.test/);
    const { failed, answered } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
  });

  it('a name that nobody knows is answered with 502, and served once it is known', async (t) => {
    const port = await startNode(t, '127.0.0.2');
    await using server = await DnsServer.start();
    await using gateway = await gatewayFor(server, { nodes: { [`api.test:${port}`]: 1 } });
    const { status, body } = await ask(gateway.port, { path: '/' });
    assert.equal(status, 502);
    assert.equal((JSON.parse(body.toString()) as { code: string }).code, 'upstream_unresolved');
    server.host('api.test', '127.0.0.2');
    await eventually(
      async () => (await ask(gateway.port, { path: '/' })).status === 200,
      () => `it was not resolved: ${gateway.errorLog}`,
    );
  });

  it('a client that leaves while its request waits for a name leaves nothing behind', async (t) => {
    await using server = await DnsServer.start();
    server.mood = 'silent';
    const port = await startNode(t, '127.0.0.2');
    await using gateway = await gatewayFor(server, { nodes: { [`api.test:${port}`]: 1 } });
    await assert.rejects(ask(gateway.port, { path: '/', agent: impatientAgent() }), /socket hang up|ECONNRESET/);
    server.mood = 'answers';
    server.host('api.test', '127.0.0.2');
    await eventually(
      async () => (await ask(gateway.port, { path: '/' })).status === 200,
      () => 'it was not resolved',
    );
    await gateway.stop();
    const statuses = gateway.lines('access.log').map((line) => (JSON.parse(line) as { status: number }).status);
    assert.equal(statuses.filter((status) => status === 499).length, 1, statuses.join(' '));
  });

  it('nodes that a change of the configuration brings are resolved before their first request fails', async (t) => {
    const port = await startNode(t, '127.0.0.2');
    await using server = await DnsServer.start();
    for (let i = 0; i < 5; i++) server.host(`api${i}.test`, '127.0.0.2');
    await using gateway = await gatewayFor(server, { nodes: { [`api0.test:${port}`]: 1 } });
    await using load = new Load(gateway.port, 8);
    const file = path.join(gateway.folder, 'gatewright.json');
    for (let i = 1; i < 5; i++) {
      writeFileSync(file, readFileSync(file, 'utf8').replace(`api${i - 1}.test`, `api${i}.test`));
      await load.sees(new RegExp(` api${i}\\.test:`));
    }
    const { failed, answered } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
  });

  it('a service is found by its SRV records, or else by its addresses', async (t) => {
    const port = await startNode(t, '127.0.0.2');
    const standby = await startNode(t, '127.0.0.3');
    await using server = await DnsServer.start();
    server.host('one.test', '127.0.0.2');
    server.host('two.test', '127.0.0.3');
    server.service(
      'api.service.test',
      { target: 'one.test', port, priority: 10, weight: 5 },
      { target: 'two.test', port: standby, priority: 20, weight: 5 },
    );
    await using gateway = await gatewayFor(server, { discovery_type: 'dns', service_name: 'api.service.test' });
    assert.deepEqual(await answers(gateway, 6), { [`127.0.0.2 127.0.0.2:${port}`]: 6 });
    server.service('api.service.test', { target: 'two.test', port: standby, priority: 20, weight: 5 });
    await eventually(
      async () => Object.hasOwn(await answers(gateway, 1), `127.0.0.3 127.0.0.3:${standby}`),
      () => 'the change was not seen',
    );
    await using other = await gatewayFor(server, { discovery_type: 'dns', service_name: `one.test:${port}` });
    assert.deepEqual(await answers(other, 3), { [`127.0.0.2 127.0.0.2:${port}`]: 3 });
  });

  it('each address of a name is checked and left out by itself', async (t) => {
    const port = await startNode(t, '127.0.0.2');
    await using server = await DnsServer.start();
    server.host('api.test', '127.0.0.2', '127.0.0.9');
    const active = { type: 'tcp', unhealthy: { tcp_failures: 1 } };
    await using gateway = await gatewayFor(server, { nodes: { [`api.test:${port}`]: 1 }, checks: { active } });
    await gateway.logged(new RegExp(`node_down upstream=routes/named node=127\\.0\\.0\\.9:${port} `));
    const response = await fetch(`http://127.0.0.1:${gateway.statusPort}/v1/healthcheck/routes/named`);
    const { nodes } = (await response.json()) as { nodes: { hostname: string; ip: string; status: string }[] };
    assert.deepEqual(
      nodes.map(({ hostname, ip, status }) => `${hostname} ${ip} ${status}`),
      ['api.test 127.0.0.2 healthy', 'api.test 127.0.0.9 unhealthy'],
    );
    assert.deepEqual(await answers(gateway, 6), { [`127.0.0.2 api.test:${port}`]: 6 });
  });

  it('each address of a name has a circuit of its own', async (t) => {
    const port = await startNode(t, '127.0.0.2');
    await using server = await DnsServer.start();
    server.host('api.test', '127.0.0.2', '127.0.0.9');
    const dns = { servers: [server.address] };
    await using gateway = await RunningGateway.start({
      gateway: { dns },
      routes: [
        {
          id: 'named',
          uri: '/*',
          plugins: { 'circuit-breaker': { consecutive_failures: 2, open_ms: 60_000 } },
          upstream: { pass_host: 'node', nodes: { [`api.test:${port}`]: 1 } },
        },
      ],
    });
    // What fails on one address is served by the other, before its circuit opens and after.
    assert.deepEqual(await answers(gateway, 20), { [`127.0.0.2 api.test:${port}`]: 20 });
    await gateway.logged(new RegExp(`circuit_open .*node=127\\.0\\.0\\.9:${port}`));
    assert.doesNotMatch(gateway.errorLog, /circuit_open .*node=127\.0\.0\.2/);
  });
});

/** Its connections are reset after a moment, whatever they wait for: a client that only ends its side would still get its answer. */
function impatientAgent(): http.Agent {
  const agent = new http.Agent();
  const { createConnection } = agent;
  agent.createConnection = (options, callback) => {
    const socket = createConnection.call(agent, options, callback);
    setTimeout(() => (socket as Socket).resetAndDestroy(), 300);
    return socket;
  };
  return agent;
}
