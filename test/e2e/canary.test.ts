/** A new release that gets more and more of the traffic, by the Admin API, under load: as a platform does it. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type net from 'node:net';
import { once } from 'node:events';
import { it, type TestContext } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RunningGateway } from './gateway.ts';
import { Load } from './load.ts';

const KEY = 'a-key-for-this-test';
const CLIENTS = 8;
/** Requests that a share is judged by. */
const JUDGED = 2_000;

class Release {
  served = 0;
  readonly node: object;

  private constructor(server: http.Server) {
    this.node = { [`127.0.0.1:${(server.address() as net.AddressInfo).port}`]: 1 };
    server.on('request', (_, response) => {
      this.served++;
      response.end('served');
    });
  }

  static async start(t: TestContext): Promise<Release> {
    const server = http.createServer();
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Release(server);
  }
}

it('a canary grows from 5 to 25, 50 and 100 % by the Admin API, and is taken back at once, without a lost request', async (t) => {
  const [stable, canary] = [await Release.start(t), await Release.start(t)];
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-canary-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = { type: 'embedded', path: path.join(folder, 'objects.db') };
  const admin = { port: 0, keys: [{ name: 'root', key: KEY }] };
  await using gateway = await RunningGateway.start({ gateway: { workers: 2, store, admin } });
  const port = /listening protocol=admin .*port=([0-9]+)/.exec(gateway.errorLog)?.[1] ?? '';

  /** Resolves when every worker serves it. */
  async function give(percent: number): Promise<void> {
    const weighted_upstreams = [{ upstream: { nodes: canary.node }, weight: percent }, { weight: 100 - percent }];
    const plugins = { 'traffic-split': { rules: [{ weighted_upstreams }] } };
    const response = await fetch(`http://127.0.0.1:${port}/apisix/admin/routes/shop?wait=true`, {
      method: 'PUT',
      headers: { 'X-API-KEY': KEY },
      body: JSON.stringify({ uri: '/*', plugins, upstream: { nodes: stable.node } }),
    });
    assert.ok(response.ok, await response.text());
  }

  await give(0);
  await using load = new Load(gateway.port, CLIENTS);
  for (const percent of [5, 25, 50, 100]) {
    await give(percent);
    // Those that were under way belong to the share before.
    await load.turnover();
    const [before, old] = [canary.served, stable.served];
    await load.more(JUDGED);
    const served = canary.served - before;
    const share = (100 * served) / (served + stable.served - old);
    assert.ok(Math.abs(share - percent) <= 1, `${share} % where ${percent} % were wanted`);
  }
  await give(0);
  await load.turnover();
  const taken = canary.served;
  await load.more(JUDGED);
  assert.equal(canary.served, taken, 'nobody meets it any more');
  const { answered, failed } = await load.stop();
  assert.deepEqual([failed, Object.keys(answered)], [[], ['200']]);
  assert.equal(stable.served + canary.served, answered[200], 'each request reached one of them, once');
});
