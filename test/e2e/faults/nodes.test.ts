/** Nodes that fail in every way there is, under load: what each request met is known, and nothing is left behind. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { routeTo, RunningGateway } from '../gateway.ts';
import { Load } from '../load.ts';
import { NodeProcess } from '../node-process.ts';
import { eventually } from '../waiting.ts';
import { ACCESS_LOG, assertAccounts, assertNoLeak, descriptorsOf, errorsOf, exchangesOf } from './accounts.ts';
import { FaultyNode, type Mood } from './faulty-node.ts';

const CLIENTS = 32;

/** Quick to decide, so that the tests are. */
const UPSTREAM = {
  timeout: { connect: 1, send: 1, read: 1 },
  keepalive_pool: { idle_timeout: 1 },
  checks: {
    active: {
      http_path: '/probe',
      timeout: 1,
      healthy: { interval: 1, successes: 1 },
      unhealthy: { interval: 1, http_failures: 1, tcp_failures: 1, timeouts: 1 },
    },
    passive: { healthy: { successes: 0 }, unhealthy: { tcp_failures: 2, timeouts: 2, http_failures: 0 } },
  },
};

interface Case {
  readonly mood: Mood;
  readonly is: string;
  /** Of a GET. */
  readonly statuses: readonly number[];
  /** Why the gateway answered itself, for each request that met the mood and was not tried again. */
  readonly error?: string;
}

const CASES: readonly Case[] = [
  { mood: 'resets', is: 'resets its connections', statuses: [200] },
  { mood: 'closes', is: 'closes its connections', statuses: [200] },
  { mood: 'silent', is: 'does not answer', statuses: [200] },
  { mood: 'slow', is: 'answers too late', statuses: [200] },
  // Bytes of an answer came: nobody knows what they mean, so the request is not sent twice.
  { mood: 'garbage', is: 'answers garbage', statuses: [200, 502], error: 'upstream_malformed' },
];

describe('one of three nodes', () => {
  for (const { mood, is, statuses, error } of CASES) {
    it(`${is}: it leaves, it returns, and every request is accounted for`, async (t) => {
      await using nodes = await ThreeNodes.start();
      const [, second] = nodes.all;
      await using gateway = await RunningGateway.start({
        gateway: { access_log: ACCESS_LOG },
        routes: [routeTo(nodes.ports, UPSTREAM)],
      });
      const before = descriptorsOf(gateway);
      await using load = new Load(gateway.port, CLIENTS);
      await load.more(300);
      second.mood = mood;
      await gateway.logged(new RegExp(`node_down .*node=127\\.0\\.0\\.1:${second.port} `));
      await load.more(300);
      second.mood = 'fine';
      await gateway.logged(new RegExp(`node_up .*node=127\\.0\\.0\\.1:${second.port} `));
      await load.sees(new RegExp(`^port ${second.port}$`));
      const account = await load.stop();
      await assertNoLeak(gateway, before, 0);
      await gateway.stop();
      assertAccounts(gateway, account, statuses);
      assert.ok(second.count(mood) > 0, 'the node was met in its mood');
      const errors = errorsOf(gateway);
      if (error === undefined) assert.deepEqual(errors, {});
      else assert.deepEqual(errors, { [error]: second.count(mood) });
      const retried = exchangesOf(gateway).filter(({ upstream_addr }) => upstream_addr.length > 1).length;
      t.diagnostic(
        `${JSON.stringify(account.answered)}, ${second.count(mood)} met the fault, ${retried} were tried again`,
      );
    });
  }

  it('ends in the middle of its answers: exactly those are broken off, and none is passed off as whole', async (t) => {
    await using nodes = await ThreeNodes.start();
    const [, second] = nodes.all;
    await using gateway = await RunningGateway.start({
      gateway: { access_log: ACCESS_LOG },
      routes: [routeTo(nodes.ports, UPSTREAM)],
    });
    await using load = new Load(gateway.port, CLIENTS);
    await load.more(300);
    second.mood = 'cut';
    await gateway.logged(new RegExp(`node_down .*node=127\\.0\\.0\\.1:${second.port} `));
    second.mood = 'fine';
    const { answered, failed } = await load.stop();
    await gateway.stop();
    assert.deepEqual(Object.keys(answered), ['200']);
    assert.equal(failed.length, second.count('cut'));
    assert.deepEqual(errorsOf(gateway), { upstream_reset: failed.length });
    t.diagnostic(`${answered[200]} whole, ${failed.length} broken off`);
  });

  it('is stopped and goes on later: what waited for it is asked elsewhere', async (t) => {
    await using first = await NodeProcess.start();
    await using second = await NodeProcess.start();
    await using third = await NodeProcess.start();
    await using gateway = await RunningGateway.start({
      gateway: { access_log: ACCESS_LOG },
      routes: [routeTo([first.port, second.port, third.port], UPSTREAM)],
    });
    await using load = new Load(gateway.port, CLIENTS);
    await load.more(300);
    second.signal('SIGSTOP');
    await gateway.logged(new RegExp(`node_down .*node=127\\.0\\.0\\.1:${second.port} `));
    await load.more(300);
    second.signal('SIGCONT');
    await gateway.logged(new RegExp(`node_up .*node=127\\.0\\.0\\.1:${second.port} `));
    await load.sees(new RegExp(` ${second.pid}$`));
    const account = await load.stop();
    await gateway.stop();
    assertAccounts(gateway, account, [200]);
    const retried = exchangesOf(gateway).filter(({ upstream_addr }) => upstream_addr.length > 1);
    assert.ok(retried.length > 0);
    assert.ok(retried.every(({ upstream_addr }) => upstream_addr[0] === `127.0.0.1:${second.port}`));
    t.diagnostic(`${account.answered[200]} answered, ${retried.length} of them after a retry`);
  });

  it('closes idle connections whenever it likes: no GET notices', async (t) => {
    await using nodes = await ThreeNodes.start();
    for (const node of nodes.all) node.mood = 'closes_idle';
    await using gateway = await RunningGateway.start({
      gateway: { access_log: ACCESS_LOG },
      routes: [routeTo(nodes.ports)],
    });
    await using load = new Load(gateway.port, CLIENTS);
    await load.more(4_000);
    const account = await load.stop();
    await gateway.stop();
    assertAccounts(gateway, account, [200]);
    const again = exchangesOf(gateway).filter(({ upstream_addr }) => upstream_addr.length > 1).length;
    t.diagnostic(`${account.answered[200]} answered, ${again} of them on a second connection`);
    assert.ok(again > 0, 'some connection had gone just as it was used');
  });
});

class ThreeNodes implements AsyncDisposable {
  readonly all: readonly [FaultyNode, FaultyNode, FaultyNode];

  private constructor(all: readonly [FaultyNode, FaultyNode, FaultyNode]) {
    this.all = all;
  }

  static async start(): Promise<ThreeNodes> {
    return new ThreeNodes([await FaultyNode.start(), await FaultyNode.start(), await FaultyNode.start()]);
  }

  get ports(): number[] {
    return this.all.map(({ port }) => port);
  }

  /** Fails if the gateway left connections open. */
  async [Symbol.asyncDispose](): Promise<void> {
    const open = (): number => this.all.reduce((sum, { connections }) => sum + connections, 0);
    await eventually(
      () => open() === 0,
      () => `${open()} connections of a gateway that has ended`,
    );
    for (const node of this.all) await node[Symbol.asyncDispose]();
  }
}
