/** What the pipeline promises: a plugin's fault costs its own exchange, synchronous plugins cost no Promise, and nothing is shared. */
import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { expose, formatFor } from '../../src/observe/exposition.ts';
import { definePlugin } from '../../src/sdk/index.ts';
import type { AnyPlugin, Exchange, Host, PluginInstance } from '../../src/sdk/index.ts';
import { HandClock, type Lab, openLab, routeWith } from './lab.ts';

type Making = (host: Host, config: { readonly list: readonly string[] }) => PluginInstance;

function plugin(name: string, create: Making): AnyPlugin {
  return definePlugin({
    name,
    priority: 100,
    summary: 'Does what a test says.',
    schema: {
      type: 'object',
      properties: { list: { type: 'array', items: { type: 'string' }, default: ['a'] } },
    },
    create: (config, host) => create(host, config),
  });
}

/** Runs it for requests that ask for it, and for no others. */
const onDemand =
  (
    phase: 'rewrite' | 'access' | 'beforeProxy' | 'responseHead' | 'log',
    run: (exchange: Exchange) => unknown,
  ): Making =>
  () => ({ [phase]: (exchange: Exchange) => (exchange.request.query === 'bad' ? run(exchange) : undefined) });

function boom(): never {
  throw new Error('boom');
}

/** A good request beside the bad one, on its connection and afterwards, gets what it should. */
async function othersAreServed(lab: Lab): Promise<void> {
  assert.deepEqual(await Promise.all([1, 2, 3].map(async () => (await lab.request('/echo')).status)), [200, 200, 200]);
}

const faultsOf = (lab: Lab): string[] => lab.faults.splice(0).map(({ plugin, phase }) => `${plugin} ${phase}`);

describe('a plugin that misbehaves harms its own exchange only, and is named', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const nonsense: [name: string, value: unknown][] = [
    ['null', null],
    ['a number', 7],
    ['a text', 'nonsense'],
    ['true', true],
    ['an object without a status', {}],
    ['a status that is none', { status: 99 }],
    ['a status that is a text', { status: '200' }],
    ['an interim status', { status: 101 }],
    ['a list', [200]],
    ['a function', () => undefined],
    ['a header that breaks the head', { status: 200, headers: { 'X-A': 'a\r\nX-B: b' } }],
    ['a header that frames', { status: 200, headers: { 'Transfer-Encoding': 'chunked' } }],
    ['a header that is no text', { status: 200, headers: { 'X-A': 7 } }],
    ['a code that breaks the head', { status: 400, code: 'a\r\nb' }],
    ['a body that is no JSON', { status: 200, body: circular }],
    ['a body that is a big integer', { status: 200, body: { n: 7n } }],
  ];
  const failing = async (t: TestContext, making: Making): Promise<Lab> =>
    openLab(t, routeWith({ bad: {} }), { plugins: [plugin('bad', making)] });
  const isRefused = async (lab: Lab): Promise<void> => {
    const { status, headers, text } = await lab.request('/echo?bad');
    assert.deepEqual([status, headers['x-gatewright-error']], [500, 'plugin_failed']);
    assert.doesNotMatch(text, /boom|TypeError|at /, 'nothing internal reaches a client');
    await othersAreServed(lab);
  };

  for (const phase of ['rewrite', 'access', 'beforeProxy'] as const) {
    it(`throws, at once or later: ${phase}`, async (t) => {
      for (const run of [boom, async () => boom()]) {
        const lab = await failing(t, onDemand(phase, run));
        await isRefused(lab);
        assert.deepEqual(faultsOf(lab), [`bad ${phase}`]);
        assert.equal(
          lab.seen.some(({ url }) => url.includes('bad')),
          false,
          'it fails closed',
        );
      }
    });
  }

  it('throws once the response is there', async (t) => {
    const lab = await failing(t, onDemand('responseHead', boom));
    await isRefused(lab);
    // Its part in the error that is sent instead fails, too.
    assert.deepEqual(faultsOf(lab), ['bad responseHead', 'bad responseHead']);
  });

  it('throws in the middle of a body', async (t) => {
    const lab = await failing(t, () => ({
      responseHead: (exchange) => exchange.response.transformBody(),
      responseBody(exchange, piece, isLast) {
        if (exchange.request.query === 'bad' && isLast) boom();
        return piece;
      },
    }));
    await assert.rejects(lab.request('/large?bad'));
    assert.deepEqual(faultsOf(lab), ['bad responseBody']);
    await othersAreServed(lab);
  });

  it('throws when all is over', async (t) => {
    const lab = await failing(t, onDemand('log', boom));
    assert.equal((await lab.request('/echo?bad')).status, 200);
    await othersAreServed(lab);
    assert.deepEqual(faultsOf(lab), ['bad log']);
  });

  for (const [name, value] of nonsense) {
    it(`returns ${name}, at once or later`, async (t) => {
      for (const run of [() => value, async () => value]) {
        const lab = await failing(t, onDemand('access', run));
        await isRefused(lab);
        assert.equal(faultsOf(lab).length, 1);
      }
    });
  }

  it('never answers', async (t) => {
    const clock = new HandClock();
    let isWaiting = false;
    const never = (): Promise<void> => {
      isWaiting = true;
      return new Promise(() => {});
    };
    const lab = await openLab(t, routeWith({ bad: {} }), {
      clock,
      plugins: [plugin('bad', onDemand('access', never))],
    });
    const answer = lab.request('/echo?bad');
    while (!isWaiting) await new Promise((resolve) => setImmediate(resolve));
    await othersAreServed(lab);
    clock.pass(60_200);
    assert.equal((await answer).status, 500);
    assert.deepEqual(faultsOf(lab), ['bad access']);
  });

  it('changes its configuration', async (t) => {
    const seen: string[][] = [];
    const lab = await failing(t, (_host, config) => ({
      access({ request }) {
        seen.push([...config.list]);
        if (request.query === 'bad') (config.list as string[]).push('b');
      },
    }));
    await isRefused(lab);
    assert.deepEqual(new Set(seen.map((list) => list.join())), new Set(['a']));
    assert.deepEqual(faultsOf(lab), ['bad access']);
  });

  it('keeps the exchange, and reads and changes it later, under load', async (t) => {
    const kept: Exchange[] = [];
    const wrong: string[] = [];
    let late = 0;
    const lab = await failing(t, () => ({
      access(exchange) {
        kept.push(exchange);
        setTimeout(() => {
          late++;
          const { request } = exchange;
          const own = request.argument('n');
          const read = [request.header('x-n'), request.path.slice(6), exchange.variable('arg_n')];
          if (read.some((value) => value !== own)) wrong.push(`${own}: ${read.join()}`);
          for (const change of [() => request.setHeader('X-N', 'other'), () => exchange.response.setStatus(500)]) {
            assert.throws(change);
          }
        }, 50).unref();
      },
    }));
    await Promise.all(
      Array.from({ length: 40 }, async (_, client) => {
        for (let i = 0; i < 10; i++) {
          const n = String(client * 100 + i);
          const answer = await lab.request(`/echo/${n}?n=${n}`, { headers: { 'X-N': n } });
          const { headers } = JSON.parse(answer.text) as { headers: [string, string][] };
          assert.equal(headers.find(([name]) => name.toLowerCase() === 'x-n')?.[1], n);
        }
      }),
    );
    while (late < 400) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual([kept.length, wrong], [400, []]);
  });
});

describe('a chain of synchronous plugins', () => {
  const ALL = {
    'request-id': {},
    cors: {},
    'ip-restriction': { whitelist: ['127.0.0.0/8'] },
    'key-auth': {},
    'proxy-rewrite': { headers: { set: { 'X-Set': '1' } } },
    'limit-count': { count: 1_000_000, time_window: 60, key: 'remote_addr' },
    'response-rewrite': { headers: { set: { 'X-Rewritten': '1' } } },
    prometheus: {},
  };

  /** How many Promises come into being while 100 requests are answered, none of them by the test itself. */
  async function promisesOf(t: TestContext, plugins: object, more: readonly AnyPlugin[] = []): Promise<number> {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    });
    t.after(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as net.AddressInfo;
    const consumers = 'consumers: [{ username: jack, plugins: { key-auth: { key: secret } } }]\n';
    const text = consumers + routeWith({ ...plugins }, { upstream: { nodes: { [`127.0.0.1:${port}`]: 1 } } });
    const lab = await openLab(t, text, { plugins: more });
    const request = 'GET /a HTTP/1.1\r\nHost: a\r\napikey: secret\r\nOrigin: http://b.example\r\n\r\n';
    let count = 0;
    const hook = createHook({
      init(_id, type) {
        if (type === 'PROMISE') count++;
      },
    });
    return new Promise((resolve) => {
      const socket = net.connect(lab.port, '127.0.0.1');
      let answers = 0;
      socket.on('data', (bytes) => {
        assert.match(bytes.toString('latin1'), /^HTTP\/1\.1 200 /);
        // The first ones make what is made once.
        if (answers === 20) hook.enable();
        if (++answers < 120) {
          socket.write(request);
          return;
        }
        hook.disable();
        socket.destroy();
        resolve(count);
      });
      socket.write(request);
    });
  }

  it('allocates no Promise, with all eight plugins', async (t) => {
    assert.equal(await promisesOf(t, ALL), 0);
  });

  it('would be caught if it did', async (t) => {
    const waiting = plugin('bad', () => ({ access: async () => undefined }));
    assert.ok((await promisesOf(t, { bad: {} }, [waiting])) >= 100);
  });
});

describe('two pipelines in one process', () => {
  const TEXT = `consumers: [{ username: jack, plugins: { key-auth: { key: KEY } } }]
${routeWith({ 'key-auth': {}, 'limit-count': { count: 2, time_window: 60, group: 'g' }, prometheus: {}, 'request-id': {}, keeper: {} })}`;
  const keeper = plugin('keeper', (host) => {
    let made = 0;
    return {
      rewrite(exchange) {
        const seen = Number(host.kv.get('group/seen') ?? '0') + 1;
        host.kv.set('group/seen', String(seen), 0);
        exchange.request.setHeader('X-Seen', `${seen} ${++made}`);
      },
    };
  });

  it('share nothing but code: counts, values, consumers, metrics, instances', async (t) => {
    const labs = [
      await openLab(t, TEXT.replace('KEY', 'first'), { plugins: [keeper] }),
      await openLab(t, TEXT.replace('KEY', 'second'), { plugins: [keeper] }),
    ] as const;
    const [first, second] = labs;
    const ask = async (lab: Lab, key: string): Promise<number> =>
      (await lab.request('/echo', { headers: { apikey: key } })).status;
    // What one counts, the other does not see, in whatever order they are asked.
    assert.deepEqual(
      [await ask(first, 'first'), await ask(first, 'first'), await ask(first, 'first')],
      [200, 200, 503],
    );
    assert.deepEqual(
      [await ask(second, 'second'), await ask(second, 'first'), await ask(first, 'second')],
      [200, 401, 401],
    );
    const seen = second.lastSeen.headers.find(([name]) => name === 'X-Seen')?.[1];
    assert.equal(seen, '1 1');
    const counted = labs.map((lab) =>
      /apisix_http_status\{code="503"/.test([...expose(lab.metrics, formatFor(undefined))].join('')),
    );
    assert.deepEqual(counted, [true, false]);
    // The end of one is not the end of the other.
    first.worker.abort();
    assert.equal(await ask(second, 'second'), 200);
  });
});
