import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { inLab, eventually } from './lab.ts';
import { answering, manual, ok } from './scripted-upstream.ts';
import { settled } from './settled.ts';

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

test(
  'pipelined requests go out one after the other and are answered in their order',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write([0, 1, 2, 3].map((k) => get(`/${k}`)).join(''));
    const upstream = await lab.node.connection(0);
    for (let k = 0; k < 4; k++) {
      assert.equal((await upstream.receive('request')).startLine, `GET /${k} HTTP/1.1`);
      assert.equal(upstream.text, '', 'no request goes out before the one before it was answered');
      upstream.write(ok(`answer ${k}`));
      assert.equal((await client.receive('response')).body.toString(), `answer ${k}`);
    }
    assert.equal(lab.node.connections.length, 1);
  }),
);

test(
  '10,000 pipelined requests are answered in their order and without recursion',
  inLab(
    {
      upstreams: [answering((request) => ok(request.startLine))],
      find: ({ path }, route) => (path.startsWith('/upstream') ? route : undefined),
    },
    async (lab) => {
      const client = await lab.connect();
      const count = 10_000;
      // Most are answered by the gateway itself, within the very call that parsed them.
      const isForwarded = (k: number): boolean => k % 50 === 0;
      const requests = Array.from({ length: count }, (_, k) => get(isForwarded(k) ? `/upstream/${k}` : '/none'));
      const sent = client.writeAll(Buffer.from(requests.join('')));
      for (let k = 0; k < count; k++) {
        const answer = await client.receive('response');
        assert.equal(answer.status, isForwarded(k) ? 200 : 404, `answer ${k}`);
        if (isForwarded(k)) assert.equal(answer.body.toString(), `GET /upstream/${k} HTTP/1.1`);
      }
      await sent;
      assert.equal(client.end, 'open');
    },
  ),
);

test(
  'what a client sends ahead of its answers is bounded: then it is paused, and goes on when they are given',
  inLab(
    {
      upstreams: [manual],
      settings: { limits: { pipelined_bytes: 16_384 } },
      upstream: { keepalive: { size: 1, idle_ms: 60_000, requests: 0 } },
    },
    async (lab) => {
      const client = await lab.connect();
      const padding = `X-Padding: ${'p'.repeat(7_000)}\r\n`.repeat(3);
      const count = 800;
      const answered = 200;
      const request = (k: number): string => `GET /${k} HTTP/1.1\r\nHost: a\r\n${padding}\r\n`;
      const before = process.memoryUsage().arrayBuffers;
      const sent = client.writeAll(Buffer.from(Array.from({ length: count }, (_, k) => request(k)).join('')));
      const upstream = await lab.node.connection(0);
      await upstream.receive('request');
      // The kernel holds what the gateway does not read, until the client cannot send either.
      let written = -1;
      await eventually(
        () => {
          const isStuck = client.socket.bytesWritten - client.socket.writableLength === written;
          written = client.socket.bytesWritten - client.socket.writableLength;
          return isStuck && client.socket.writableLength > 0;
        },
        () => 'the client can send as much as it likes',
      );
      // Of this test's own 16 MB nothing was allocated after `before` but one Buffer.
      const grown = process.memoryUsage().arrayBuffers - before - count * request(0).length;
      assert.ok(grown < 4_000_000, `${grown} bytes were kept`);
      for (let k = 0; k < answered; k++) {
        if (k > 0) assert.match((await upstream.receive('request')).startLine, new RegExp(`^GET /${k} `));
        upstream.write(ok(''));
        assert.equal((await client.receive('response')).status, 200);
      }
      assert.ok(client.socket.bytesWritten > written, 'the client was let go on');
      client.reset();
      await sent;
      // Who is paused is not seen to leave, until there is something to tell it.
      upstream.write(ok(''));
    },
  ),
);

/** More than the kernel keeps of one connection on both of its sides. */
const KERNEL_BYTES = 24_000_000;

for (const { name, path, body, count } of [
  { name: 'answers of 100 KB from an upstream', path: '/upstream', body: 'x'.repeat(100_000), count: 600 },
  {
    name: "the gateway's own short answers",
    path: '/none',
    body: '{"error_msg":"404 Route Not Found"}\n',
    count: 120_000,
  },
]) {
  test(
    `a client that pipelines without reading gets no further answers once it is behind: ${name}`,
    inLab(
      {
        upstreams: [answering(ok(body))],
        find: (request, route) => (request.path === '/upstream' ? route : undefined),
      },
      async (lab) => {
        const client = await lab.connect();
        client.socket.pause();
        const sent = client.writeAll(Buffer.from(get(path).repeat(count)));
        const answered = await settled(() => lab.log.length);
        assert.ok(answered > 0 && answered * (body.length + 150) < KERNEL_BYTES, `${answered} answers were made`);
        assert.ok(answered < count, 'the client did not fall behind');
        client.isDropping = true;
        client.socket.resume();
        await sent;
        await lab.logged(count);
        const bytes = await settled(() => client.receivedBytes);
        assert.ok(bytes > count * body.length);
        client.write('GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        assert.equal(await client.whenOver(), 'fin');
      },
    ),
  );
}

test(
  'pipelined uploads, longer than what is kept ahead, reach the upstream whole and in their order',
  inLab(
    {
      upstreams: [
        answering((request) => ok(`${request.startLine} ${createHash('sha256').update(request.body).digest('hex')}`)),
      ],
      settings: { limits: { pipelined_bytes: 20_000 } },
    },
    async (lab) => {
      const bodies = Array.from({ length: 8 }, (_, k) => Buffer.alloc(k % 3 === 0 ? 50 : 300_000 + k, `body ${k}`));
      const messages = bodies.flatMap((body, k) => {
        if (k % 2 === 0)
          return [Buffer.from(`PUT /${k} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`), body];
        const head = `PUT /${k} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)};e\r\n`;
        return [Buffer.from(head), body, Buffer.from('\r\n0\r\nX: y\r\n\r\n')];
      });
      const client = await lab.connect();
      const sent = client.writeAll(Buffer.concat(messages));
      for (const [k, body] of bodies.entries()) {
        const answer = await client.receive('response');
        const hash = createHash('sha256').update(body).digest('hex');
        assert.equal(answer.body.toString(), `PUT /${k} HTTP/1.1 ${hash}`);
      }
      await sent;
      assert.equal(lab.node.connections.length, 1);
    },
  ),
);
