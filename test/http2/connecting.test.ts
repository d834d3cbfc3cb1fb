/** Requests that wait for one connection together: how long each of them does, and what that is counted as. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, test } from 'node:test';
import { eventually } from '../e2e/waiting.ts';
import { openTo } from './chosen.ts';
import { Gate } from './gate.ts';
import { SpokenNode } from './spoken-node.ts';

const WAYS = [
  ['HTTP/2 is required', { required: true }],
  ['the node chooses', {}],
] as const;

const codeOf = (text: string): string => (JSON.parse(text) as { code: string }).code;

for (const [what, plugin] of WAYS) {
  describe(`where ${what},`, () => {
    test('who comes later does not put off the end of the time to connect', async (t) => {
      const node = await SpokenNode.start(t, 'both');
      const gate = await Gate.start(t, node.port);
      const timeout = { connect: 0.5, send: 60, read: 60 };
      const lab = await openTo(t, [gate], { plugin, upstream: { timeout } });
      const first = lab.request('/');
      let isOver = false;
      void first.then(() => (isOver = true));
      const others = [];
      while (!isOver && others.length < 50) {
        others.push(lab.request('/'));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.ok(isOver, 'the first one was answered while others kept coming');
      for (const { status, text } of [await first, ...(await Promise.all(others))])
        assert.deepEqual([status, codeOf(text)], [504, 'upstream_connect_timeout']);
    });

    test('each waits for as long as its own route says', async (t) => {
      const node = await SpokenNode.start(t, 'both');
      const gate = await Gate.start(t, node.port);
      const lab = await openTo(t, [gate], {
        plugin,
        upstream: { timeout: { connect: 60, send: 60, read: 60 } },
        plugins: { 'traffic-split': hasty(gate.port) },
      });
      const patient = lab.request('/', { method: 'POST', body: 'x'.repeat(100_000) });
      await eventually(
        () => gate.accepted === 1,
        () => 'a connection is being made',
      );
      const { status, text } = await lab.request('/', { method: 'POST', body: 'x', headers: { hasty: '1' } });
      assert.deepEqual([status, codeOf(text)], [504, 'upstream_connect_timeout']);
      gate.open();
      assert.equal((await patient).text, `2.0 ${'x'.repeat(100_000)}`);
      assert.equal((await lab.request('/')).status, 200);
      assert.equal(node.asked.length, 2, 'nobody was asked what was given up');
    });

    test('a node that ends the connection within the handshake is told of as that', async (t) => {
      const sockets = new Set<net.Socket>();
      const node = net.createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket.on('error', () => undefined));
        socket.once('data', () => socket.end());
      });
      await once(node.listen(0, '127.0.0.1'), 'listening');
      t.after(() => {
        node.close();
        for (const socket of sockets) socket.destroy();
      });
      const lab = await openTo(t, [node.address() as net.AddressInfo], { plugin });
      const { status, text } = await lab.request('/', { method: 'POST', body: 'x' });
      assert.deepEqual([status, codeOf(text)], [502, 'upstream_handshake']);
      assert.equal(lab.upstreamTlsFailed[0]?.kind, 'handshake');
    });

    test('the time to send begins with the connection', async (t) => {
      const node = await SpokenNode.start(t, 'both');
      const gate = await Gate.start(t, node.port);
      const lab = await openTo(t, [gate], { plugin, upstream: { timeout: { connect: 60, send: 1, read: 60 } } });
      const answers = Array.from({ length: 3 }, () => lab.request('/', { method: 'POST', body: 'x'.repeat(300_000) }));
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      gate.open();
      for (const { status, text } of await Promise.all(answers))
        assert.deepEqual([status, text.length], [200, 300_004], text.slice(0, 100));
    });
  });
}

/** To the same node, with less time to connect, for those who say so. */
function hasty(port: number): object {
  const upstream = {
    scheme: 'https',
    pass_host: 'rewrite',
    upstream_host: 'a.example',
    timeout: { connect: 0.3, send: 60, read: 60 },
    nodes: { [`127.0.0.1:${port}`]: 1 },
  };
  return {
    rules: [{ match: [{ vars: [['http_hasty', '==', '1']] }], weighted_upstreams: [{ upstream, weight: 1 }] }],
  };
}
