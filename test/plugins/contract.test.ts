/** What plugins may ask of an exchange beyond the usual, on a gateway between real sockets. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { definePlugin } from '../../src/sdk/index.ts';
import type { Exchange, Host, PhaseResult, PluginDefinition, PluginInstance, Upstream } from '../../src/sdk/index.ts';
import { EchoUpstream } from './echo-upstream.ts';
import { HandClock, openLab, problemsOf, routeWith } from './lab.ts';
import type { Lab, LabOptions } from './lab.ts';

type Making = (host: Host, config: Readonly<Record<string, unknown>>) => PluginInstance;
type More = Pick<PluginDefinition<object>, 'uses' | 'effects' | 'buffers' | 'streams'>;

/** A plugin `probe`, or of another name, that does what the test says. */
function probe(create: Making, more: More = {}, name = 'probe') {
  return definePlugin({
    name,
    priority: name === 'probe' ? 100 : 50,
    summary: 'Does what a test says.',
    schema: { type: 'object', additionalProperties: true, properties: {} },
    create: (config, host) => create(host, config),
    ...more,
  });
}

function openProbe(t: TestContext, create: Making, options: LabOptions = {}): Promise<Lab> {
  return openLab(t, routeWith({ probe: {} }), { ...options, plugins: [probe(create), ...(options.plugins ?? [])] });
}

const rewrite =
  (run: (exchange: Exchange) => PhaseResult): Making =>
  () => ({ rewrite: run });

/** Bodies of every size, with and without chunks; the largest come in many pieces. */
const BODIES: readonly (string | readonly string[])[] = [
  'short',
  'x'.repeat(300_000),
  ['one', 'two', 'three'],
  Array.from({ length: 50 }, (_, i) => `${i},`.repeat(2_000)),
];
const textOf = (body: string | readonly string[]): string => (typeof body === 'string' ? body : body.join(''));

for (const readPath of ['onread', 'data'] as const) {
  test(`a plugin reads the whole body, which goes on as it came (${readPath})`, async (t) => {
    const read: string[] = [];
    const lab = await openProbe(
      t,
      rewrite(async (exchange) => {
        const body = await exchange.request.readBody(1_000_000);
        read.push(body === null ? 'too long' : Buffer.from(body).toString());
        assert.equal(await exchange.request.readBody(1_000_000), body, 'and again');
      }),
      { readPath },
    );
    for (const body of BODIES) {
      const answer = await lab.request('/echo', { method: 'POST', body });
      assert.equal(answer.status, 200);
      assert.equal(lab.lastSeen.body, textOf(body));
      assert.equal(read.pop(), textOf(body));
    }
    await lab.request('/echo');
    assert.equal(read.pop(), '');
  });
}

test('a body that is longer than the plugin takes passes on as if nobody had asked', async (t) => {
  const read: (number | null)[] = [];
  const lab = await openProbe(
    t,
    rewrite(async (exchange) => {
      for (const most of [10, 1_000, 1_000_000]) read.push((await exchange.request.readBody(most))?.length ?? null);
    }),
  );
  for (const body of ['y'.repeat(5_000), ['y'.repeat(2_500), 'y'.repeat(2_500)]]) {
    await lab.request('/echo', { method: 'POST', body });
    assert.equal(lab.lastSeen.body, 'y'.repeat(5_000));
    assert.deepEqual(read.splice(0), [null, null, 5_000]);
  }
});

test('a body can be asked for late, by several plugins, and by a client that waits for leave to send it', async (t) => {
  const read: string[] = [];
  const reading: Making = () => ({
    async rewrite(exchange) {
      await exchange.delay(5);
      read.push(`rewrite ${(await exchange.request.readBody(100))?.length}`);
    },
    async beforeProxy(exchange) {
      read.push(`beforeProxy ${(await exchange.request.readBody(100))?.length}`);
    },
  });
  const lab = await openLab(t, routeWith({ probe: {}, other: {} }), {
    plugins: [probe(reading), probe(reading, {}, 'other')],
  });
  const socket = net.connect(lab.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
  const [interim] = (await once(socket, 'data')) as [Buffer];
  assert.match(interim.toString(), /^HTTP\/1\.1 100 /);
  socket.write('hello');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
  assert.deepEqual(read, ['rewrite 5', 'rewrite 5', 'beforeProxy 5', 'beforeProxy 5']);
  assert.equal(lab.lastSeen.body, 'hello');
});

test('a body that never becomes whole leaves nothing behind', async (t) => {
  let isOver = false;
  const lab = await openProbe(
    t,
    rewrite(async (exchange) => {
      exchange.onOver(() => (isOver = true));
      await exchange.request.readBody(100);
      assert.fail('the body came whole');
    }),
  );
  const socket = net.connect(lab.port, '127.0.0.1');
  socket.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf');
  while (lab.worker.counts.clients === 0) await new Promise((resolve) => setImmediate(resolve));
  socket.resetAndDestroy();
  while (!isOver) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lab.log[0]?.errorCode, 'client_closed');
});

test('another body goes out in the place of the one that came, framed by its length', async (t) => {
  const lab = await openProbe(t, () => ({
    async rewrite(exchange) {
      const { request } = exchange;
      if (request.path === '/read') {
        const body = await request.readBody(1_000_000);
        request.setBody(`<${body?.length}>`);
        assert.equal((await request.readBody(100))?.length, `<${body?.length}>`.length, 'as it is now');
      } else request.setBody(request.argument('body') ?? 'ü');
    },
    log: (exchange) => assert.throws(() => exchange.request.setBody('late')),
  }));
  const cases: [path: string, sent: string | readonly string[], seen: string][] = [
    ['/read', 'abc', '<3>'],
    ['/read', ['a', 'b', 'c'], '<3>'],
    ['/read', 'x'.repeat(200_000), '<200000>'],
    ['/set', ['dropped', 'x'.repeat(200_000)], 'ü'],
    ['/set?body=', 'dropped', ''],
    [`/set?body=${'long'.repeat(1_500)}`, '', 'long'.repeat(1_500)],
  ];
  for (const [path, body, seen] of cases) {
    assert.equal((await lab.request(path, { method: 'POST', body })).status, 200);
    assert.equal(lab.lastSeen.body, seen, path);
    const framing = lab.lastSeen.headers.filter(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
    assert.deepEqual(framing, [['Content-Length', String(Buffer.byteLength(seen))]]);
  }
});

test('the beginning of a body is kept while it passes on', async (t) => {
  const kept: string[] = [];
  const lab = await openProbe(t, () => ({
    rewrite: (exchange) => exchange.request.keepBody(7),
    log: (exchange) => void kept.push(Buffer.from(exchange.request.keptBody).toString()),
  }));
  for (const body of ['short', 'rather long', ['in', ' many', ' pieces'], ['x', 'y'.repeat(200_000)], '']) {
    await lab.request('/echo', { method: 'POST', body });
    assert.equal(lab.lastSeen.body, textOf(body));
    assert.equal(kept.pop(), textOf(body).slice(0, 7));
  }
});

test('a plugin sends an exchange to another upstream: by id, or to one of its own', async (t) => {
  const [first, second] = [await EchoUpstream.start(), await EchoUpstream.start()];
  t.after(() => [first, second].forEach((upstream) => upstream.close()));
  const splitting = probe(
    (host) => {
      const ways: Record<string, Upstream> = { '/named': host.upstream('named'), '/own': host.upstream('own') };
      assert.throws(() => host.upstream('other'), /probe: `uses` names nothing at "other"/);
      return {
        access(exchange) {
          const way = ways[exchange.request.path];
          if (way !== undefined) exchange.useUpstream(way);
          assert.throws(() => exchange.useUpstream({ key: 'upstreams/7' }), TypeError);
        },
        beforeProxy: (exchange) => assert.throws(() => exchange.useUpstream(host.upstream('own'))),
      };
    },
    {
      uses: (config) => {
        const { id, own } = config as { id: string; own: unknown };
        return {
          upstreams: [
            { path: 'named', id },
            { path: 'own', object: own },
          ],
        };
      },
    },
  );
  const textFor = (named: EchoUpstream): string =>
    JSON.stringify({
      upstreams: [{ id: '7', nodes: { [`127.0.0.1:${named.port}`]: 1 } }],
      routes: [
        {
          uri: '/*',
          upstream: { nodes: { $UPSTREAM: 1 } },
          plugins: { probe: { id: 7, own: { nodes: { [`127.0.0.1:${second.port}`]: 1 } } } },
        },
      ],
    });
  const lab = await openLab(t, textFor(first), { plugins: [splitting] });
  for (const path of ['/named', '/own', '/default']) assert.equal((await lab.request(path)).status, 200);
  assert.deepEqual(
    [first, second, lab.upstream].map(({ seen }) => seen.map(({ url }) => url)),
    [['/named'], ['/own'], ['/default']],
  );
  // The instance stays; what its upstream is may change all the same.
  lab.reload(textFor(second));
  await lab.request('/named');
  assert.deepEqual(
    second.seen.map(({ url }) => url),
    ['/own', '/named'],
  );
});

test('a route without an upstream may get one from its plugin, and is refused where that has none', async (t) => {
  const text = (own: string): string => `routes: [{ uri: /*, plugins: { probe: { own: ${own} } } }]`;
  const plugin = probe(
    (host) => ({
      access(exchange) {
        if (exchange.request.path === '/own') exchange.useUpstream(host.upstream('own'));
      },
    }),
    { uses: (config) => ({ upstreams: [{ path: 'own', object: (config as { own: unknown }).own }] }) },
  );
  const lab = await openLab(t, text('{ nodes: { $UPSTREAM: 1 } }'), { plugins: [plugin] });
  assert.equal((await lab.request('/own')).status, 200);
  assert.equal((await lab.request('/none')).status, 502);
  const wrong = problemsOf(text('{ type: roundrobbin, nodes: { "a:b": 1 } }'), [plugin]);
  assert.match(wrong.join('\n'), /^routes\[0\]\.plugins\.probe\.own\.type: .*roundrobin/m);
  const dangling = probe(() => ({}), { uses: () => ({ upstreams: [{ path: 'rules[0].upstream_id', id: 9 }] }) });
  assert.deepEqual(problemsOf('routes: [{ uri: /*, plugins: { probe: {} } }]', [dangling]), [
    'routes[0].plugins.probe.rules[0].upstream_id: there is no upstream with the id "9"',
  ]);
});

test('a plugin runs another one that its configuration names', async (t) => {
  const either = probe(
    (host) => {
      const plugins = [host.plugin('a'), host.plugin('b')];
      return {
        rewrite(exchange) {
          let last: PhaseResult = undefined;
          for (const plugin of plugins) {
            last = plugin.rewrite?.(exchange);
            if (last === undefined) return undefined;
          }
          return last;
        },
      };
    },
    {
      uses: (config) => ({
        plugins: Object.entries(config as Record<string, unknown>).map(([path, header]) => ({
          path,
          name: 'key-auth',
          config: { header },
        })),
      }),
    },
  );
  const consumers = 'consumers: [{ username: jack, plugins: { key-auth: { key: secret } } }]\n';
  const lab = await openLab(t, consumers + routeWith({ probe: { a: 'X-A', b: 'X-B' } }), { plugins: [either] });
  const statusWith = async (headers: Record<string, string>): Promise<number> =>
    (await lab.request('/', { headers })).status;
  assert.deepEqual(
    [await statusWith({ 'X-A': 'secret' }), await statusWith({ 'X-B': 'secret' }), await statusWith({ 'X-B': 'no' })],
    [200, 200, 401],
  );
  assert.deepEqual(problemsOf(routeWith({ probe: { a: 7 } }), [either]).length, 1);
  assert.match(
    problemsOf(routeWith({ probe: { a: 7 } }), [either]).join(),
    /^routes\[0\]\.plugins\.probe\.a\.header: /,
  );
  const unknown = probe(() => ({}), { uses: () => ({ plugins: [{ path: 'x', name: 'kee-auth', config: {} }] }) });
  assert.match(problemsOf(routeWith({ probe: {} }), [unknown]).join(), /probe\.x: .*"kee-auth".*"key-auth"\?/);
});

test('an exchange waits as long as a plugin says, by the clock, and not for a client that is gone', async (t) => {
  const clock = new HandClock();
  const over: string[] = [];
  const waiting: string[] = [];
  const lab = await openProbe(
    t,
    rewrite(async (exchange) => {
      const { path } = exchange.request;
      exchange.onOver(() => over.push(path));
      waiting.push(path);
      await exchange.delay(path === '/now' ? 0 : 1_000);
      assert.equal(exchange.isOver, path === '/left');
    }),
    { clock },
  );
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
  };
  assert.equal((await lab.request('/now')).status, 200);
  const late = lab.request('/late');
  await until(() => waiting.includes('/late'));
  clock.pass(999);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(over, ['/now']);
  clock.pass(1);
  assert.equal((await late).status, 200);
  const left = net.connect(lab.port, '127.0.0.1');
  left.write('GET /left HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => waiting.includes('/left'));
  left.resetAndDestroy();
  await until(() => over.includes('/left'));
  assert.deepEqual(over, ['/now', '/late', '/left']);
  assert.equal(lab.seen.length, 2, 'nothing was sent for a client that is gone');
});

test('who asked hears once that the exchange is over, however that came', async (t) => {
  const over: string[] = [];
  const lab = await openProbe(t, () => ({
    rewrite(exchange) {
      const { path } = exchange.request;
      exchange.onOver(() => over.push(`${path} ${exchange.outcome.status}`));
      return path === '/refused' ? { status: 403 } : undefined;
    },
    log(exchange) {
      assert.equal(exchange.isOver, true);
      exchange.onOver(() => over.push('at once'));
    },
  }));
  await lab.request('/fine');
  await lab.request('/refused');
  await assert.rejects(lab.request('/cut'));
  assert.deepEqual(
    over.splice(0).sort(),
    ['/cut 200', '/fine 200', '/refused 403', 'at once', 'at once', 'at once'].sort(),
  );
});

test('a variable that a plugin sets is seen by everybody from then on', async (t) => {
  const setting: Making = () => ({
    rewrite(exchange) {
      exchange.setVariable('tenant', exchange.request.argument('t') ?? '');
      exchange.setVariable('remote_addr', '10.0.0.7');
      assert.throws(() => exchange.setVariable('No Name', ''), TypeError);
      assert.throws(() => exchange.setVariable('tenant', 7 as never), TypeError);
    },
  });
  const showing: Making = () => ({
    access: (exchange) => ({ status: 200, body: `${exchange.variable('tenant')} ${exchange.variable('remote_addr')}` }),
  });
  const filter = { _meta: { filter: [['tenant', '==', 'acme']] } };
  const lab = await openLab(t, routeWith({ probe: {}, other: filter }), {
    plugins: [probe(setting), probe(showing, {}, 'other')],
  });
  assert.equal((await lab.request('/?t=acme')).text, 'acme 10.0.0.7');
  assert.notEqual((await lab.request('/?t=other')).text, 'other 10.0.0.7');
});

test('a whole response is transformed before its head goes out', async (t) => {
  const lab = await openProbe(t, () => ({
    responseHead: (exchange) => exchange.response.transformWholeBody(100_000),
    responseBody(exchange, whole, isLast) {
      assert.equal(isLast, true);
      exchange.response.setStatus(201);
      exchange.response.setHeader('X-Length', String(whole.length));
      return Buffer.from(Buffer.from(whole).toString().toUpperCase());
    },
  }));
  const pieces = await lab.request('/pieces?a&b&c');
  assert.deepEqual([pieces.status, pieces.text, pieces.headers['x-length']], [201, 'ABC', '3']);
  assert.deepEqual([pieces.headers['content-length'], pieces.headers['transfer-encoding']], ['3', undefined]);
  assert.equal((await lab.request('/large?bytes=99999')).text, 'X'.repeat(99_999));
  const tooLarge = await lab.request('/large?bytes=400000');
  assert.deepEqual([tooLarge.status, tooLarge.headers['x-gatewright-error']], [201, 'response_too_large']);
  assert.equal(lab.log.at(-1)?.errorCode, 'response_too_large');
  const head = await lab.request('/text?body=abc', { method: 'HEAD' });
  assert.deepEqual([head.status, head.text, head.headers['x-length']], [200, '', undefined]);
});

test('a response that a plugin breaks off is never taken for complete, and says why', async (t) => {
  let pieces = 0;
  const lab = await openProbe(t, () => ({
    responseHead(exchange) {
      if (exchange.request.query === 'whole') exchange.response.transformWholeBody(1_000);
      else exchange.response.transformBody();
    },
    responseBody(exchange, piece) {
      const { isFromUpstream } = exchange.response;
      if (isFromUpstream && (exchange.request.query !== 'late' || ++pieces > 3))
        exchange.response.breakOff('virus_found');
      assert.throws(() => exchange.response.breakOff('No Code'), TypeError);
      return piece;
    },
  }));
  await assert.rejects(lab.request('/large?late'));
  assert.deepEqual([lab.log[0]?.status, lab.log[0]?.errorCode], [200, 'virus_found']);
  // As long as nothing was sent, there is a better way to say it.
  for (const path of ['/large', '/text?whole']) {
    const answer = await lab.request(path);
    assert.deepEqual([answer.status, answer.headers['x-gatewright-error']], [502, 'virus_found']);
    assert.equal((JSON.parse(answer.text) as { code: string }).code, 'virus_found');
  }
});

test('a plugin asks another system before it lets a request through', async (t) => {
  const asked: (string | undefined)[] = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(request.headers['x-who'] === 'friend' ? 204 : 403).end();
  });
  t.after(() => server.close().closeAllConnections());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as net.AddressInfo;
  const asking: Making = (host) => {
    const client = host.connect('http', { timeout_ms: 5_000 });
    return {
      async access(exchange) {
        const { request } = exchange;
        const url = `http://127.0.0.1:${port}/ask${request.path}`;
        const { status } = await client.request({ url, headers: { 'X-Who': request.header('x-who') ?? '' } });
        return status === 204 ? undefined : { status, code: 'not_a_friend' };
      },
    };
  };
  const lab = await openLab(t, routeWith({ probe: {} }), { plugins: [probe(asking, { effects: ['network'] })] });
  assert.equal((await lab.request('/a', { headers: { 'X-Who': 'friend' } })).status, 200);
  assert.equal((await lab.request('/b', { headers: { 'X-Who': 'nobody' } })).status, 403);
  assert.deepEqual(asked, ['/ask/a', '/ask/b']);
  assert.match(problemsOf(routeWith({ probe: {} }), [probe(asking)]).join(), /probe.*effects: \['network'\]/);
});

test('a plugin that needs a body whole is refused beside one that wants it passed on as it comes', () => {
  const streaming = probe(() => ({}), { streams: (config) => ('now' in config ? 'request' : null) });
  const buffering = (buffers: 'request' | 'response' | 'both') => probe(() => ({}), { buffers }, 'other');
  const service = (config: string): string =>
    `services: [{ id: 1, plugins: { probe: ${config} } }]\n${routeWith({ other: {} }, { service_id: 1 })}`;
  for (const bodies of ['request', 'both'] as const) {
    assert.match(
      problemsOf(service('{ now: 1 }'), [streaming, buffering(bodies)]).join(),
      /^routes\[0\]\.plugins\.other: .*"other" may need the whole body.*"probe"/,
    );
  }
  assert.deepEqual(problemsOf(service('{}'), [streaming, buffering('both')]), []);
  assert.deepEqual(problemsOf(service('{ now: 1 }'), [streaming, buffering('response')]), []);
  const off = service('{ now: 1 }').replace('"other":{}', '"other":{"_meta":{"disable":true}}');
  assert.deepEqual(problemsOf(off, [streaming, buffering('both')]), []);
});

test('a reply streams at the pace of its client, through the response phases, to old clients too', async (t) => {
  let most = 0;
  let returned = 0;
  async function* count(pieces: number, bytes: number): AsyncGenerator<Uint8Array> {
    try {
      for (let i = 0; i < pieces; i++) {
        most = Math.max(most, i);
        yield Buffer.alloc(bytes, 97 + (i % 26));
        if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      returned++;
    }
  }
  const lab = await openProbe(t, () => ({
    access({ request }) {
      const body = count(Number(request.argument('pieces')), Number(request.argument('bytes')));
      return { status: 200, headers: { 'Content-Type': 'text/event-stream' }, body };
    },
    responseHead(exchange) {
      const { query } = exchange.request;
      if (query.includes('upper')) exchange.response.transformBody();
      if (query.includes('whole')) exchange.response.transformWholeBody(1_000);
      if (query.includes('other')) exchange.response.replaceBody('other');
    },
    responseBody: (_exchange, piece) => Buffer.from(Buffer.from(piece).toString().toUpperCase()),
  }));
  const plain = await lab.request('/?pieces=3&bytes=2');
  assert.deepEqual([plain.text, plain.headers['transfer-encoding']], ['aabbcc', 'chunked']);
  assert.equal(plain.headers['content-type'], 'text/event-stream');
  assert.equal((await lab.request('/?pieces=3&bytes=2&upper')).text, 'AABBCC');
  const whole = await lab.request('/?pieces=3&bytes=2&whole');
  assert.deepEqual([whole.text, whole.headers['content-length']], ['AABBCC', '6']);
  assert.equal((await lab.request('/?pieces=3&bytes=2&other')).text, 'other');
  assert.equal((await lab.request('/?pieces=0&bytes=0')).text, '');
  assert.equal((await lab.request('/?pieces=200&bytes=50000')).body.length, 10_000_000);
  const head = await lab.request('/?pieces=3&bytes=2', { method: 'HEAD' });
  assert.deepEqual([head.status, head.text], [200, '']);
  assert.match(await lab.raw('GET /?pieces=2&bytes=1 HTTP/1.0\r\nHost: a\r\n\r\n'), /^(?!.*chunked)[^]*\r\n\r\nab$/);
  assert.equal(lab.log.at(-1)?.status, 200);

  // One that takes nothing holds the source back, and one that leaves ends it.
  most = 0;
  returned = 0;
  const socket = net.connect(lab.port, '127.0.0.1').pause();
  socket.write('GET /?pieces=100000&bytes=100000 HTTP/1.1\r\nHost: a\r\n\r\n');
  for (let before = -1; before !== most || most === 0;) {
    before = most;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(most < 2_000, `${most} pieces were made for a client that takes none`);
  socket.resetAndDestroy();
  while (returned === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lab.log.at(-1)?.errorCode, 'client_closed');
});

test('a streamed reply that fails is an error before its first piece, and visibly cut after it', async (t) => {
  async function* failing(after: number): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < after; i++) yield Buffer.from('piece');
    await Promise.resolve();
    throw new Error('the source failed');
  }
  const lab = await openProbe(t, () => ({
    access: ({ request }) => ({ status: 200, body: failing(Number(request.argument('after'))) }),
  }));
  const answer = await lab.request('/?after=0');
  assert.deepEqual([answer.status, answer.headers['x-gatewright-error']], [500, 'plugin_failed']);
  await assert.rejects(lab.request('/?after=2'));
  assert.equal(lab.log.at(-1)?.errorCode, 'plugin_failed');
  assert.deepEqual(
    lab.faults.splice(0).map(({ plugin, phase }) => `${plugin} ${phase}`),
    ['probe body', 'probe body'],
  );
});

test('a plugin learns which host of the route matched', async (t) => {
  const lab = await openLab(t, routeWith({ probe: {} }, { hosts: ['app.example', '*.example', '*.b.example'] }), {
    plugins: [probe(() => ({ access: ({ route }) => ({ status: 200, body: `<${route.host}>` }) }))],
  });
  const hostOf = async (host: string): Promise<string> => (await lab.request('/', { headers: { Host: host } })).text;
  assert.deepEqual(
    [await hostOf('app.example'), await hostOf('x.example'), await hostOf('a.b.example')],
    ['<app.example>', '<*.example>', '<*.b.example>'],
  );
});

test('the id that a plugin gives a request is the one in error bodies; none that breaks them is taken', async (t) => {
  const lab = await openProbe(
    t,
    rewrite((exchange) => {
      assert.equal(exchange.requestId, exchange.id);
      for (const id of ['', 'a b', 'a\nb', 'ü', 'x'.repeat(257)])
        assert.throws(() => exchange.setRequestId(id), TypeError);
      exchange.setRequestId('mine-7"');
      assert.equal(exchange.variable('apisix_request_id'), 'mine-7"');
      assert.equal(exchange.variable('exchange_id'), exchange.id);
      throw new Error('and then it fails');
    }),
  );
  const { text } = await lab.request('/');
  assert.equal((JSON.parse(text) as { request_id: string }).request_id, 'mine-7"');
  lab.faults.length = 0;
});
