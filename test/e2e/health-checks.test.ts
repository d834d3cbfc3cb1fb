/** Health checks in a gateway as its users run it: who gets traffic, what the Control API, the metrics and the log say. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ask } from './client.ts';
import { routeTo, RunningGateway } from './gateway.ts';
import { Load } from './load.ts';
import { NodeProcess } from './node-process.ts';
import { eventually } from './waiting.ts';

/** A node whose probes and whose traffic are answered as a test wants it. */
class MoodyNode {
  readonly server: http.Server;
  port = 0;
  probeStatus = 200;
  trafficStatus = 200;
  probes = 0;
  requests = 0;

  private constructor() {
    this.server = http.createServer((request, response) => {
      if (request.url === '/status') {
        this.probes++;
        response.writeHead(this.probeStatus).end();
      } else {
        this.requests++;
        response.writeHead(this.trafficStatus).end(String(this.port));
      }
    });
  }

  static async start(t: TestContext): Promise<MoodyNode> {
    const node = new MoodyNode();
    node.server.listen(0, '127.0.0.1');
    await once(node.server, 'listening');
    node.port = (node.server.address() as AddressInfo).port;
    t.after(() => {
      node.server.close();
      node.server.closeAllConnections();
    });
    return node;
  }
}

const ACTIVE = {
  http_path: '/status',
  timeout: 5,
  healthy: { interval: 1, successes: 1 },
  unhealthy: { interval: 1, http_failures: 1, tcp_failures: 1, http_statuses: [500, 503] },
};

interface Health {
  readonly name: string;
  readonly nodes: readonly {
    readonly port: number;
    readonly status: string;
    readonly counter: { readonly http_failure: number };
  }[];
}

async function healthOf(gateway: RunningGateway, target = '/v1/healthcheck/routes/everything'): Promise<Health> {
  const response = await fetch(`http://127.0.0.1:${gateway.statusPort}${target}`);
  assert.equal(response.status, 200);
  return (await response.json()) as Health;
}

async function statusOf(gateway: RunningGateway, node: MoodyNode): Promise<string> {
  return (await healthOf(gateway)).nodes.find(({ port }) => port === node.port)?.status ?? 'absent';
}

function becomes(gateway: RunningGateway, node: MoodyNode, status: string): Promise<void> {
  return eventually(
    async () => (await statusOf(gateway, node)) === status,
    () => `node ${node.port} did not become ${status}: ${gateway.errorLog}`,
  );
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

function edit(gateway: RunningGateway, change: (document: { routes: { upstream: object }[] }) => void): void {
  const file = path.join(gateway.folder, 'gatewright.json');
  const document = JSON.parse(readFileSync(file, 'utf8')) as { routes: { upstream: object }[] };
  change(document);
  writeFileSync(file, JSON.stringify(document));
}

// They wait for intervals of a second and more: together.
describe('health checks', { concurrency: 2 }, () => {
  it('a node whose probes fail leaves, and returns when they succeed; API, metrics and log say so', async (t) => {
    const [good, bad] = [await MoodyNode.start(t), await MoodyNode.start(t)];
    const free = { address: '127.0.0.1', port: 0 };
    await using gateway = await RunningGateway.start({
      gateway: { metrics: free },
      routes: [routeTo([good.port, bad.port], { checks: { active: ACTIVE } })],
    });
    assert.deepEqual(await answers(gateway, 10), { [good.port]: 5, [bad.port]: 5 });
    bad.probeStatus = 500;
    await becomes(gateway, bad, 'unhealthy');
    assert.deepEqual(await answers(gateway, 10), { [good.port]: 10 });
    await gateway.logged(
      new RegExp(
        `warn +node_down upstream=routes/everything node=127\\.0\\.0\\.1:${bad.port} found_by=probe reason="GET /status gave 500"`,
      ),
    );
    const line = (port: number, value: number): RegExp =>
      new RegExp(
        `^apisix_upstream_status\\{name="/apisix/routes/everything",ip="127\\.0\\.0\\.1",port="${port}"\\} ${value}$`,
        'm',
      );
    await gateway.measured(line(good.port, 1), line(bad.port, 0));
    const all = (await healthOf(gateway, '/v1/healthcheck')) as unknown as Health[];
    assert.deepEqual(
      all.map(({ name }) => name),
      ['/apisix/routes/everything'],
    );
    bad.probeStatus = 200;
    await becomes(gateway, bad, 'healthy');
    assert.deepEqual(await answers(gateway, 10), { [good.port]: 5, [bad.port]: 5 });
    await gateway.logged(/info +node_up .*found_by=probe/);
  });

  it('an edit of something else keeps a node down, an edit of the checks begins anew', async (t) => {
    const [good, bad] = [await MoodyNode.start(t), await MoodyNode.start(t)];
    bad.probeStatus = 503;
    await using gateway = await RunningGateway.start({
      routes: [routeTo([good.port, bad.port], { checks: { active: ACTIVE } })],
    });
    await becomes(gateway, bad, 'unhealthy');
    edit(gateway, ({ routes }) => Object.assign(routes[0]!.upstream, { retries: 7 }));
    await gateway.logged(/serving revision=2/);
    assert.equal(await statusOf(gateway, bad), 'unhealthy');
    assert.deepEqual(await answers(gateway, 4), { [good.port]: 4 });
    edit(gateway, ({ routes }) =>
      Object.assign(routes[0]!.upstream, { checks: { active: { ...ACTIVE, http_path: '/' } } }),
    );
    await gateway.logged(/serving revision=3/);
    assert.equal(await statusOf(gateway, bad), 'healthy');
    const { probes } = bad;
    edit(gateway, ({ routes }) => Object.assign(routes[0]!.upstream, { checks: undefined }));
    await gateway.logged(/serving revision=4/);
    const response = await fetch(`http://127.0.0.1:${gateway.statusPort}/v1/healthcheck/routes/everything`);
    assert.equal(response.status, 404);
    assert.ok(bad.probes - probes <= 1, 'what has no checks is not probed');
  });

  it('failures of real traffic take a node out, and probes bring it back', async (t) => {
    const [good, bad] = [await MoodyNode.start(t), await MoodyNode.start(t)];
    const passive = { unhealthy: { http_failures: 3, http_statuses: [500] }, healthy: { successes: 1 } };
    // Passive checks decide first: the probe that finds everything well comes after ten seconds, or sooner where it is down.
    const active = { ...ACTIVE, healthy: { interval: 10, successes: 1 } };
    await using gateway = await RunningGateway.start({
      routes: [routeTo([good.port, bad.port], { checks: { active, passive } })],
    });
    // The first requests may come before anybody counts.
    await becomes(gateway, bad, 'healthy');
    // Its probes say the same from now on: one that succeeded would bring it back before all are answered.
    bad.trafficStatus = bad.probeStatus = 500;
    const { [good.port]: served, 500: failed } = await answers(gateway, 40);
    assert.equal(failed, 3, 'three in a row, and no more');
    assert.equal(served, 37);
    await gateway.logged(/node_down .*found_by=traffic/);
    bad.trafficStatus = bad.probeStatus = 200;
    await becomes(gateway, bad, 'healthy');
    assert.deepEqual(await answers(gateway, 10), { [good.port]: 5, [bad.port]: 5 });
  });

  for (const [policy, expected] of [
    ['use_all', '200'],
    ['refuse', '503'],
  ] as const) {
    it(`where all nodes are down, ${policy} gives ${expected}`, async (t) => {
      const [one, other] = [await MoodyNode.start(t), await MoodyNode.start(t)];
      one.probeStatus = other.probeStatus = 500;
      await using gateway = await RunningGateway.start({
        gateway: { health: { all_down: policy } },
        routes: [routeTo([one.port, other.port], { checks: { active: ACTIVE } })],
      });
      await becomes(gateway, one, 'unhealthy');
      await becomes(gateway, other, 'unhealthy');
      const { status, body } = await ask(gateway.port, { path: '/' });
      assert.equal(String(status), expected, body.toString());
      if (policy === 'refuse') assert.equal((JSON.parse(body.toString()) as { code: string }).code, 'no_node');
    });
  }

  it('a node that is killed and comes back under load costs no request, and few attempts', async (t) => {
    await using first = await NodeProcess.start();
    await using second = await NodeProcess.start();
    const checks = { active: { ...ACTIVE, type: 'tcp' }, passive: { type: 'tcp', unhealthy: { tcp_failures: 2 } } };
    await using gateway = await RunningGateway.start({
      gateway: { access_log: { path: 'access.log', format: 'json' } },
      routes: [routeTo([first.port, second.port], { checks })],
    });
    await using load = new Load(gateway.port, 16);
    await load.more(500);
    await second.kill();
    await gateway.logged(new RegExp(`node_down .*node=127\\.0\\.0\\.1:${second.port}`));
    await load.more(500);
    await second.start();
    await load.sees(new RegExp(` ${second.pid}$`));
    const { answered, failed } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
    await gateway.stop();
    const attempts = gateway
      .lines('access.log')
      .map((line) => (JSON.parse(line) as { upstream_addr: string[] }).upstream_addr);
    const retried = attempts.filter((tried) => tried.length > 1).length;
    t.diagnostic(`${answered[200]} answered, ${retried} of them after a retry`);
    assert.ok(retried < 200, `${retried}: a node that is known to be down is not tried`);
  });
});
