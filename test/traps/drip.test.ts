import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type net from 'node:net';
import { test } from 'node:test';
import { TimerWheel } from '../../src/clock/timer-wheel.ts';
import { DEFAULT_SETTINGS } from '../../src/config/settings.ts';
import { ServerConnection } from '../../src/http1/server-connection.ts';
import type { RequestSink } from '../../src/http1/server-settings.ts';
import { inLab } from './lab.ts';
import { answering, ok } from './scripted-upstream.ts';
import { valueOf } from './message.ts';

test(
  'a head and a body that come in single bytes are a request like any other',
  inLab({ upstreams: [answering((r) => ok(`${valueOf(r, 'X-Long')?.length} ${r.body.toString()}`))] }, async (lab) => {
    const client = await lab.connect();
    const request = `PUT / HTTP/1.1\r\nHost: a\r\nX-Long: ${'l'.repeat(1_500)}\r\nContent-Length: 4\r\n\r\nbody`;
    for (let round = 0; round < 2; round++) {
      for (const byte of request) {
        client.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal((await client.receive('response')).body.toString(), '1500 body');
    }
  }),
);

const IGNORING: RequestSink = {
  onRequestStart: () => {},
  onRequestBody: () => {},
  onRequestFault: () => {},
  onClientGone: () => {},
  onClientWritable: () => {},
};

/** CPU time to read a head of that many bytes, one by one, without any socket in between; −1 if it was not understood. */
function costOf(length: number): number {
  const { limits, timeouts } = DEFAULT_SETTINGS;
  let requests = 0;
  const connection = new ServerConnection(Object.assign(new EventEmitter(), {}) as unknown as net.Socket, {
    limits: { ...limits, head_bytes: 1_000_000, line_bytes: 1_000_000 },
    timeouts,
    wheel: new TimerWheel(50, () => {}),
    handler: {
      onRequest: () => {
        requests++;
        return IGNORING;
      },
      onBadRequest: () => {},
      onClosed: () => {},
      onException: () => {},
    },
  });
  const head = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(length)}\r\n\r\n`);
  const before = process.cpuUsage();
  for (let at = 0; at < head.length; at++) connection.onBytes(head, at, at + 1);
  const { user, system } = process.cpuUsage(before);
  return requests === 1 ? user + system : -1;
}

test('dripped heads cost what their length does, and not its square', () => {
  const best = (length: number): number => Math.min(...Array.from({ length: 5 }, () => costOf(length)));
  costOf(50_000);
  const short = best(50_000);
  const long = best(400_000);
  assert.ok(short > 0 && long > 0);
  // Eight times the length: eight times the cost, where parsing at every byte would make it 64.
  assert.ok(long < short * 24, `${short} µs for 50 KB, ${long} µs for 400 KB`);
});
