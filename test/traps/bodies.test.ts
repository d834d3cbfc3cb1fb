import assert from 'node:assert/strict';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { CompiledRoute } from '../../src/compile/snapshot.ts';
import { newAgent } from '../client/speaking.ts';
import { inLab } from './lab.ts';

/** Node's own HTTP stands on both sides: it shares no code with the gateway. */

const SIZES = [0, 1, 2_048, 65_536, 1_048_576, 20_971_520];
const SEED = 20_260_801;

function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** No two stretches of it are alike: a doubled or swapped piece changes the hash. */
const CONTENT = Buffer.alloc(SIZES.at(-1) ?? 0);
for (let at = 0, state = SEED; at < CONTENT.length; at += 4) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  CONTENT.writeUInt32LE(state, at);
}

const hashOf = (size: number): string => createHash('sha256').update(CONTENT.subarray(0, size)).digest('hex');

/** Writes that much of the content in pieces of any size, as fast as they are taken. */
async function pour(
  into: http.ClientRequest | http.ServerResponse,
  size: number,
  random: (below: number) => number,
): Promise<void> {
  for (let at = 0; at < size && !into.destroyed;) {
    const end = Math.min(size, at + 1 + random([700, 5_000, 70_000, 400_000][random(4)] ?? 1));
    if (!into.write(CONTENT.subarray(at, end))) await once(into, 'drain');
    at = end;
  }
  into.end();
}

/** Reads to the end, with pauses if `isSlow`. */
async function drain(from: http.IncomingMessage, isSlow: boolean): Promise<{ hash: string; bytes: number }> {
  const hash: Hash = createHash('sha256');
  let bytes = 0;
  let since = 0;
  for await (const piece of from as AsyncIterable<Buffer>) {
    hash.update(piece);
    bytes += piece.length;
    since += piece.length;
    if (isSlow && since > 500_000) {
      since = 0;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  return { hash: hash.digest('hex'), bytes };
}

interface Plan {
  readonly size: number;
  readonly isChunked: boolean;
  readonly isUpstreamSlow: boolean;
  readonly isClientSlow: boolean;
}

/** Answers with the hash of what it got in a field, and with as much content, framed in the same way. */
async function startUpstream(plan: Plan): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    void drain(request, plan.isUpstreamSlow).then(({ hash }) => {
      response.setHeader('X-Hash', hash);
      if (!plan.isChunked) response.setHeader('Content-Length', plan.size);
      return pour(response, plan.size, generator(SEED + plan.size));
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function send(
  port: number,
  plan: Plan,
  agent: http.Agent,
  target = '/',
): Promise<{ sent: string; hash: string; bytes: number }> {
  const headers = plan.isChunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': plan.size };
  const request = http.request({ host: '127.0.0.1', port, path: target, method: 'POST', headers, agent });
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
  await pour(request, plan.size, generator(SEED - plan.size));
  const [response] = await answered;
  return { sent: String(response.headers['x-hash']), ...(await drain(response, plan.isClientSlow)) };
}

async function check(plan: Plan): Promise<void> {
  const upstream = await startUpstream(plan);
  const { port } = upstream.address() as AddressInfo;
  try {
    await inLab({ ports: [port] }, async (lab) => {
      const agent = newAgent({ keepAlive: true, maxSockets: 1 });
      // Twice on one connection: what is left over of the first would be found in the second.
      for (let round = 0; round < (plan.size > 2_000_000 ? 1 : 2); round++) {
        const got = await send(lab.port, plan, agent);
        assert.equal(got.sent, hashOf(plan.size), `what the upstream got (seed ${SEED})`);
        assert.equal(got.bytes, plan.size);
        assert.equal(got.hash, hashOf(plan.size), `what the client got (seed ${SEED})`);
      }
      agent.destroy();
      upstream.closeIdleConnections();
    })();
  } finally {
    upstream.closeAllConnections();
    upstream.close();
  }
}

for (const size of SIZES) {
  for (const isChunked of [false, true]) {
    test(`${size} bytes arrive as they were sent, in both directions, ${isChunked ? 'chunked' : 'by Content-Length'}`, () =>
      check({ size, isChunked, isUpstreamSlow: false, isClientSlow: false }));
  }
}

for (const isChunked of [false, true]) {
  for (const [name, isUpstreamSlow, isClientSlow] of [
    ['an upstream', true, false],
    ['a client', false, true],
  ] as const) {
    test(`8 MB arrive as they were sent where ${name} is slow, ${isChunked ? 'chunked' : 'by Content-Length'}`, () =>
      check({ size: 8_000_000, isChunked, isUpstreamSlow, isClientSlow }));
  }
}

test('ten clients at once, each slow in its own way, get what was sent to them', async () => {
  const plans = Array.from({ length: 10 }, (_, k) => ({
    size: 2_000_000 + k * 300_001,
    isChunked: k % 2 === 0,
    isUpstreamSlow: k % 3 === 0,
    isClientSlow: k % 3 !== 0,
  }));
  const upstreams = await Promise.all(plans.map(startUpstream));
  const ports = upstreams.map((upstream) => (upstream.address() as AddressInfo).port);
  try {
    // One gateway, and so one set of buffers, for all of them.
    const find = ({ path }: { path: string }, route: CompiledRoute): CompiledRoute => {
      const k = Number(path.slice(1));
      const { upstream } = route;
      return upstream === null
        ? route
        : { ...route, upstream: { ...upstream, key: path, nodes: [upstream.nodes[k]!] } };
    };
    await inLab({ ports, find }, async (lab) => {
      const agent = newAgent();
      const all = plans.map(async (plan, k) => {
        const got = await send(lab.port, plan, agent, `/${k}`);
        assert.equal(got.sent, hashOf(plan.size));
        assert.equal(got.hash, hashOf(plan.size));
      });
      await Promise.all(all);
      agent.destroy();
      for (const upstream of upstreams) upstream.closeIdleConnections();
    })();
  } finally {
    for (const upstream of upstreams) {
      upstream.closeAllConnections();
      upstream.close();
    }
  }
});
