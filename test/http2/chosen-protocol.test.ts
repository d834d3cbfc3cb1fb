/** Nodes over TLS that choose between HTTP/2 and HTTP/1.1: what waits for the choice, what follows from it, and what changes it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { PAIR } from '../certificate.ts';
import { Http2Agent } from '../client/http2-agent.ts';
import { eventually } from '../e2e/waiting.ts';
import { freePort } from '../free-port.ts';
import type { Answer, Lab } from '../plugins/lab.ts';
import { acceptOf, frame, framesOf, KEY, TEXT } from '../websocket/frames.ts';
import { openTo, routeTo } from './chosen.ts';
import { Gate } from './gate.ts';
import { type Serve, type Speech, SpokenNode } from './spoken-node.ts';

const PROTOCOLS: readonly (readonly [speech: Speech, version: string])[] = [
  ['both', '2.0'],
  ['http1', '1.1'],
];

const many = <T>(count: number, one: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => one(index)));

const nothingLeft = (lab: Lab): Promise<void> =>
  eventually(
    () => lab.worker.counts.upstreams === 0,
    () => JSON.stringify(lab.worker.counts),
  );

/** As many requests at once, one after the other in each place, until `isOver`. @returns every answer */
async function load(lab: Lab, method: string, isOver: () => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  const body = method === 'POST' ? { body: 'x'.repeat(500) } : {};
  await many(8, async () => {
    while (!isOver()) answers.push(await lab.request('/', { method, ...body }));
  });
  return answers;
}

describe('while a handshake lasts', () => {
  for (const [speech, version] of PROTOCOLS) {
    test(`requests wait with what is there of their bodies, and are whole for a node that chooses HTTP/${version}`, async (t) => {
      const node = await SpokenNode.start(t, speech);
      const gate = await Gate.start(t, node.port);
      const lab = await openTo(t, [gate]);
      const bodies = ['', 'short', ['in', 'several', 'chunks'], 'x'.repeat(3_000_000)];
      const answers = many(bodies.length, (i) => lab.request('/', { method: 'POST', body: bodies[i] ?? '' }));
      await eventually(
        () => lab.worker.counts.clients === bodies.length,
        () => 'the clients are there',
      );
      gate.open();
      const texts = (await answers).map(({ text }) => text);
      assert.deepEqual(
        texts,
        bodies.map((body) => `${version} ${typeof body === 'string' ? body : body.join('')}`),
      );
      assert.equal(node.connections, speech === 'both' ? 1 : gate.accepted);
    });

    test(`who expects leave to send a body gets it where the node chooses HTTP/${version}`, async (t) => {
      const node = await SpokenNode.start(t, speech);
      const lab = await openTo(t, [node]);
      for (let i = 0; i < 2; i++) {
        const head =
          'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n';
        const socket = net.connect({ port: lab.port, host: '127.0.0.1' });
        let text = '';
        socket.on('data', (bytes: Buffer) => {
          if (text === '' && bytes.toString().startsWith('HTTP/1.1 100 ')) socket.write('hello');
          text += bytes.toString();
        });
        socket.write(head);
        await once(socket, 'close');
        assert.match(text, new RegExp(`^HTTP/1\\.1 100 [^]*HTTP/1\\.1 200 [^]*${version} hello`));
      }
    });
  }

  test('clients that leave cost the others nothing, and the last of them takes the connection along', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const gate = await Gate.start(t, node.port);
    const lab = await openTo(t, [gate]);
    const sockets = Array.from({ length: 4 }, () => {
      const socket = net.connect({ port: lab.port, host: '127.0.0.1' }).on('error', () => undefined);
      socket.write('POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe');
      return socket;
    });
    await eventually(
      () => lab.worker.counts.clients === 4 && gate.accepted === 1,
      () => 'the clients are there',
    );
    const staying = lab.request('/stays');
    await eventually(
      () => lab.worker.counts.clients === 5,
      () => 'one more',
    );
    for (const socket of sockets) socket.resetAndDestroy();
    await eventually(
      () => lab.log.length === 4,
      () => 'the clients are gone',
    );
    assert.deepEqual(new Set(lab.log.map(({ errorCode }) => errorCode)), new Set(['client_closed']));
    gate.open();
    assert.equal((await staying).text, '2.0 ');
    assert.deepEqual(
      node.asked.map(({ url }) => url),
      ['/stays'],
    );

    const second = await Gate.start(t, node.port);
    lab.reload(routeTo([second]));
    const alone = net.connect({ port: lab.port, host: '127.0.0.1' }).on('error', () => undefined);
    alone.write('GET /alone HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(
      () => second.accepted === 1 && lab.worker.counts.upstreams === 2,
      () => 'the handshake began',
    );
    alone.resetAndDestroy();
    await eventually(
      () => lab.worker.counts.upstreams === 1,
      () => 'nobody wants the connection, and it is still there',
    );
  });

  test('the time to connect counts, and the next node serves: for any method', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const gate = await Gate.start(t, node.port);
    const lab = await openTo(t, [gate], { upstream: { timeout: { connect: 0.2, send: 60, read: 60 } } });
    const { status, text } = await lab.request('/', { method: 'POST', body: 'x' });
    assert.deepEqual([status, (JSON.parse(text) as { code: string }).code], [504, 'upstream_connect_timeout']);
    await nothingLeft(lab);
    lab.reload(routeTo([gate, node], { upstream: { timeout: { connect: 0.2, send: 60, read: 60 } } }));
    const answers = await many(6, () => lab.request('/', { method: 'POST', body: 'x'.repeat(100_000) }));
    for (const answer of answers) assert.equal(answer.status, 200);
  });

  test('a node that is not there, or is somebody else, is passed over by all who wait', async (t) => {
    const dead = await freePort();
    const lab = await openTo(t, [{ port: dead }]);
    const refused = await many(5, () => lab.request('/', { method: 'POST', body: 'x' }));
    assert.deepEqual(new Set(refused.map(({ status }) => status)), new Set([502]));
    assert.equal(lab.log.at(-1)?.errorCode, 'upstream_refused');
    const node = await SpokenNode.start(t, 'both');
    lab.reload(routeTo([node], { upstream: { upstream_host: 'b.example' } }));
    assert.equal((await lab.request('/')).status, 502);
    assert.equal(lab.log.at(-1)?.errorCode, 'upstream_certificate');
    assert.deepEqual(
      lab.upstreamTlsFailed.map(({ kind }) => kind),
      ['certificate'],
    );
    lab.reload(routeTo([node, { port: dead }]));
    const served = await many(6, () => lab.request('/', { method: 'POST', body: 'x' }));
    assert.deepEqual(
      served.map(({ text }) => text),
      served.map(() => '2.0 x'),
    );
  });
});

describe('connections', () => {
  test('are as many as the node’s bound of requests at once asks for, also for the first requests of all', async (t) => {
    const waiting: (() => void)[] = [];
    let most = 0;
    let now = 0;
    const serve: Serve = (_request, response) => {
      most = Math.max(most, ++now);
      waiting.push(() => {
        now--;
        (response as http.ServerResponse).end('ok');
      });
    };
    const node = await SpokenNode.start(t, 'h2', { settings: { maxConcurrentStreams: 10 }, serve });
    const lab = await openTo(t, [node]);
    for (let round = 0; round < 2; round++) {
      const answers = many(60, (i) => lab.request(`/${i}`, { method: 'POST', body: `${i}` }));
      await eventually(
        () => now === 60,
        () => `${now} of 60 requests came`,
      );
      for (const answer of waiting.splice(0)) answer();
      for (const { status } of await answers) assert.equal(status, 200);
    }
    assert.equal(most, 60);
    assert.ok(node.connections >= 6 && node.connections <= 9, `${node.connections}`);
  });

  test('of HTTP/2 give back what they wrote, however long they last', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const lab = await openTo(t, [node]);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    t.after(() => agent.destroy());
    const ask = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const request = http.get({ port: lab.port, host: '127.0.0.1', agent }, (response) => {
          response.resume().on('end', resolve);
        });
        request.on('error', reject);
      });
    await many(2, ask);
    const before = process.memoryUsage().arrayBuffers;
    await many(2, async () => {
      for (let i = 0; i < 400; i++) await ask();
    });
    const more = process.memoryUsage().arrayBuffers - before;
    assert.equal(node.connections, 1);
    // 64 KiB for each turn of the event loop, if it were kept.
    assert.ok(more < 8_000_000, `${more} bytes more`);
  });

  test('are shared by clients of both versions', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const lab = await openTo(t, [node]);
    const answers = await many(20, (i) =>
      lab.request('/', { method: 'POST', body: 'x', agent: i % 2 === 0 ? new Http2Agent() : new http.Agent() }),
    );
    for (const { status, text } of answers) assert.deepEqual([status, text], [200, '2.0 x']);
    assert.equal(node.connections, 1);
  });

  test('end after so many requests', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const lab = await openTo(t, [node], { upstream: { keepalive_pool: { size: 5, idle_timeout: 60, requests: 3 } } });
    for (let i = 0; i < 7; i++) assert.equal((await lab.request('/')).status, 200);
    assert.equal(node.connections, 3);
    const answers = await many(9, () => lab.request('/'));
    for (const { status } of answers) assert.equal(status, 200);
    assert.ok(node.connections <= 7, `${node.connections}`);
  });

  test('without a request are kept as far as the pool is to hold them', async (t) => {
    const waiting: (() => void)[] = [];
    const serve: Serve = (_request, response) => {
      waiting.push(() => (response as http.ServerResponse).end('ok'));
    };
    const node = await SpokenNode.start(t, 'h2', { settings: { maxConcurrentStreams: 1 }, serve });
    const lab = await openTo(t, [node], {
      upstream: { keepalive_pool: { size: 2, idle_timeout: 60, requests: 1000 } },
    });
    const answers = many(5, () => lab.request('/'));
    await eventually(
      () => waiting.length === 5,
      () => `${waiting.length} of 5 requests came`,
    );
    assert.equal(lab.worker.counts.upstreams, 5);
    for (const answer of waiting.splice(0)) answer();
    for (const { status } of await answers) assert.equal(status, 200);
    await eventually(
      () => lab.worker.counts.upstreams === 2 && lab.worker.counts.idleUpstreams === 2,
      () => JSON.stringify(lab.worker.counts),
    );
  });

  test('are apart by the name that is asked for', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const lab = await openTo(t, [node], { upstream: { pass_host: 'pass', tls: { verify: false } } });
    for (const host of ['a.example', 'b.example', 'a.example', 'b.example'])
      assert.equal((await lab.request('/', { headers: { Host: host } })).status, 200);
    assert.deepEqual(
      node.asked.map(({ host, connection }) => [host, connection]),
      [
        ['a.example', 1],
        ['b.example', 2],
        ['a.example', 1],
        ['b.example', 2],
      ],
    );
  });

  test('show the client’s certificate in HTTP/2, too', async (t) => {
    const tls = { requestCert: true, rejectUnauthorized: true, ca: [PAIR.cert] };
    const node = await SpokenNode.start(t, 'both', { tls });
    const lab = await openTo(t, [node], { upstream: { tls: { client_cert: PAIR.cert, client_key: PAIR.key } } });
    assert.equal((await lab.request('/', { method: 'POST', body: 'x' })).text, '2.0 x');
    lab.reload(routeTo([node]));
    assert.equal((await lab.request('/')).status, 502);
  });

  test('with the PROXY protocol speak HTTP/1.1 for one request', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const heads: string[] = [];
    const server = net.createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        const end = bytes.indexOf('\r\n') + 2;
        heads.push(bytes.subarray(0, end).toString());
        const inner = net.connect({ port: node.port, host: '127.0.0.1' });
        inner.write(bytes.subarray(end));
        socket.pipe(inner).pipe(socket);
        inner.on('error', () => undefined);
      });
      socket.on('error', () => undefined);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const lab = await openTo(t, [{ port }], { plugins: { 'upstream-proxy-protocol': {} } });
    for (let i = 0; i < 2; i++) assert.equal((await lab.request('/', { method: 'POST', body: 'x' })).text, '1.1 x');
    assert.equal(heads.length, 2);
    for (const head of heads) assert.match(head, /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n$/);
  });
});

describe('a node that changes', () => {
  /** Two nodes, one of which comes back with another protocol while requests go on. */
  async function restart(t: TestContext, method: string, from: Speech, to: Speech): Promise<void> {
    const steady = await SpokenNode.start(t, from);
    // Nobody else gets it while the node is away.
    const port = await freePort();
    const first = await SpokenNode.start(t, from, { port });
    const lab = await openTo(t, [steady, first]);
    let isOver = false;
    const answers = load(lab, method, () => isOver);
    await eventually(
      () => first.asked.length > 20,
      () => 'requests go there',
    );
    await first.drain();
    const second = await SpokenNode.start(t, to, { port });
    await eventually(
      () => second.asked.length > 20,
      () => 'requests go there again',
    );
    isOver = true;
    const failed = (await answers).filter(({ status }) => status !== 200);
    assert.deepEqual(
      failed.map(({ status, text }) => [status, text]),
      [],
    );
    const version = to === 'http1' ? '1.1' : '2.0';
    assert.deepEqual(new Set(second.versions), new Set([version]));
  }

  test('from HTTP/2 to HTTP/1.1 loses no request, whatever the method', async (t) => {
    for (const method of ['GET', 'POST']) await restart(t, method, 'both', 'http1');
  });

  test('from HTTP/1.1 to HTTP/2 loses no idempotent request', async (t) => {
    await restart(t, 'GET', 'http1', 'both');
  });

  test('its connections by GOAWAY, again and again, loses no request', async (t) => {
    let served = 0;
    const serve: Serve = (request, response) => {
      request.resume();
      if (++served % 50 === 0 && 'stream' in request) request.stream.session?.close();
      request.on('end', () => setImmediate(() => (response as http.ServerResponse).end('ok')));
    };
    const node = await SpokenNode.start(t, 'h2', { serve });
    const lab = await openTo(t, [node]);
    const answers = await load(lab, 'POST', () => served >= 1_500);
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200).map(({ text }) => text),
      [],
    );
    assert.ok(node.connections >= 10, `${node.connections}`);
    assert.equal(served >= answers.length, true, 'what was not looked at was sent again, and nothing else');
    assert.equal(served, answers.length, 'nothing was done twice');
  });
});

describe('WebSocket', () => {
  for (const plugin of [{}, { required: true }]) {
    test(`goes by a connection of HTTP/1.1 with ${JSON.stringify(plugin)}, while requests share one of HTTP/2`, async (t) => {
      const node = await SpokenNode.start(t, 'both');
      node.onUpgrade((request, socket) => {
        const key = request.headers['sec-websocket-key'] ?? '';
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
        );
        socket.pipe(socket);
      });
      const lab = await openTo(t, [node], { plugin, route: { enable_websocket: true } });
      assert.equal((await lab.request('/', { method: 'POST', body: 'x' })).text, '2.0 x');
      const headers = {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': KEY,
      };
      const request = http.get({ port: lab.port, host: '127.0.0.1', headers });
      const [response, socket] = (await once(request, 'upgrade')) as [http.IncomingMessage, net.Socket];
      assert.equal(response.statusCode, 101);
      socket.write(frame(TEXT, Buffer.from('hello'), { masked: true }));
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      assert.equal(framesOf(bytes)[0]?.payload.toString(), 'hello');
      assert.equal((await lab.request('/', { method: 'POST', body: 'y' })).text, '2.0 y');
      assert.equal(node.connections, 2);
      socket.destroy();
    });
  }
});
