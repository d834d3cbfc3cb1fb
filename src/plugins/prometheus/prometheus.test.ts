import assert from 'node:assert/strict';
import net from 'node:net';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import type { Lab } from '../../../test/plugins/lab.ts';
import { inertHost } from '../../compile/inert-host.ts';
import { MetricRegistry } from '../../observe/metrics.ts';
import type { Exchange, Counter, Histogram, Metrics, Outcome } from '../../sdk/index.ts';
import prometheus from './prometheus.ts';
import { SeriesMemory } from './series.ts';

/**
 * Of every series of a metric, as `label=value …` without empty labels and without matched_uri, its number; of a histogram
 * count and sum.
 */
type Numbers = Record<string, number | readonly [count: number, sum: number]>;

interface Measured {
  readonly lab: Lab;
  readonly clock: HandClock;
  series(metric: string): Numbers;
  /** Once so many exchanges are over. */
  logged(count: number): Promise<void>;
}

async function measure(t: TestContext, text: string): Promise<Measured> {
  const registry = new MetricRegistry({ now_ms: () => 0 });
  const clock = new HandClock();
  const hostFor = (owner: Parameters<typeof inertHost>[0]) => ({ ...inertHost(owner), clock, metrics: registry });
  const lab = await openLab(t, text, { hostFor, clock });
  return {
    lab,
    clock,
    series(metric) {
      const family = registry.collect().find(({ shape }) => shape.name === `apisix_${metric}`);
      assert.ok(family, `${metric} is there`);
      const { labels, type, buckets } = family.shape;
      const numbers: Numbers = {};
      for (const series of family.series) {
        const pairs = labels.map((label, i) => `${label}=${series.values[i]}`);
        const name = pairs.filter((pair) => !pair.endsWith('=') && !pair.startsWith('matched_uri')).join(' ');
        const counts = [...buckets, 0].map((_, place) => registry.read(series, place));
        const count = counts.reduce((all, one) => all + one, 0);
        numbers[name] = type === 'histogram' ? [count, registry.read(series, buckets.length + 1)] : count;
      }
      return numbers;
    },
    async logged(count) {
      while (lab.log.length < count) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const HTTP = 'request_type=traditional_http';

it('counts responses, bytes and latencies under the labels of APISIX', async (t) => {
  const { lab, series } = await measure(t, routeWith({ prometheus: {} }, { id: 'prometheus-route' }));
  const { body } = await lab.request('/get', { method: 'POST', body: 'hello' });
  await lab.request('/status/503');
  const { length } = (await lab.request('/get')).body;
  const ofRoute = `route=prometheus-route`;
  const first = `${ofRoute} node=127.0.0.1 ${HTTP} response_source=upstream`;
  assert.deepEqual(series('http_status'), { [`code=200 ${first}`]: 2, [`code=503 ${first}`]: 1 });
  const others = `${ofRoute} node=127.0.0.1 ${HTTP}`;
  assert.ok(Object.hasOwn(series('bandwidth'), `type=ingress ${others}`));
  assert.ok(Number(series('bandwidth')[`type=egress ${others}`]) > body.length + length);
  assert.deepEqual(series('http_latency'), {
    [`type=request ${others}`]: [3, 0],
    [`type=upstream ${others}`]: [3, 0],
    [`type=apisix ${others}`]: [3, 0],
  });
});

it('latencies are milliseconds: the whole request, the wait for its upstream, and the rest', async (t) => {
  const { lab, clock, series } = await measure(t, routeWith({ prometheus: {} }, { id: 7 }));
  const answer = lab.request('/slow');
  while (lab.upstream.waitingCount === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.pass(250);
  lab.upstream.release();
  await answer;
  const others = `route=7 node=127.0.0.1 ${HTTP}`;
  assert.deepEqual(series('http_latency'), {
    [`type=request ${others}`]: [1, 250],
    [`type=upstream ${others}`]: [1, 250],
    [`type=apisix ${others}`]: [1, 0],
  });
});

it('what the gateway answers itself has no node and no latency of an upstream', async (t) => {
  const { lab, series } = await measure(t, routeWith({ prometheus: {}, 'key-auth': {} }, { id: 7 }));
  assert.equal((await lab.request('/')).status, 401);
  assert.deepEqual(series('http_status'), {
    [`code=401 route=7 ${HTTP} response_source=apisix`]: 1,
  });
  assert.deepEqual(Object.keys(series('http_latency')).sort(), [
    `type=apisix route=7 ${HTTP}`,
    `type=request route=7 ${HTTP}`,
  ]);
});

it('an upstream that cannot be reached is the gateway’s answer, under the node that was tried', async (t) => {
  const route = routeWith({ prometheus: {} }, { id: 7, upstream: { nodes: { '127.0.0.1:1': 1 } } });
  const { lab, series } = await measure(t, route);
  assert.equal((await lab.request('/')).status, 502);
  assert.deepEqual(series('http_status'), {
    [`code=502 route=7 node=127.0.0.1 ${HTTP} response_source=apisix`]: 1,
  });
});

it('an answer that breaks off keeps the status and the source of its upstream', async (t) => {
  const { lab, series, logged } = await measure(t, routeWith({ prometheus: {} }, { id: 7 }));
  await assert.rejects(lab.request('/cut'));
  await logged(1);
  assert.deepEqual(series('http_status'), {
    [`code=200 route=7 node=127.0.0.1 ${HTTP} response_source=upstream`]: 1,
  });
});

it('a client that leaves before its answer counts as 499', async (t) => {
  const { lab, series, logged } = await measure(t, routeWith({ prometheus: {} }, { id: 7 }));
  const socket = net.connect({ host: '127.0.0.1', port: lab.port });
  socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  while (lab.upstream.waitingCount === 0) await new Promise((resolve) => setImmediate(resolve));
  socket.resetAndDestroy();
  await logged(1);
  assert.match(Object.keys(series('http_status')).join(), /^code=499 route=7 .*response_source=apisix$/);
});

it('every label of APISIX is there, in its order', () => {
  const told: unknown[] = [];
  const metrics: Metrics = {
    counter: (name, { labels }) => counterOf((...values) => void told.push([name, labels, values])),
    gauge: () => ({ set: () => assert.fail('there is no gauge') }),
    histogram: (name, { labels, buckets }) =>
      histogramOf((...values) => void told.push([name, labels, values, buckets[0], buckets.at(-1)])),
  };
  const owner = { plugin: 'prometheus', object: 'routes/1', configHash: '' };
  const instance = prometheus.create({ prefer_name: false } as never, { ...inertHost(owner), metrics }, undefined);
  const outcome: Outcome = {
    status: 204,
    bodyBytesSent: 10,
    bodyBytesReceived: 20,
    duration_ms: 40,
    upstream_ms: 45,
    node: '10.0.0.1:80',
    nodeHost: '10.0.0.1',
    attempts: 2,
    errorCode: '',
  };
  const route = { id: 'r', name: 'R', serviceId: 's', serviceName: 'S', uri: '/get', host: '*.example' };
  const consumer = { username: 'jack', groupId: '', labels: {}, customId: '' };
  instance.log?.({ route, outcome, consumer } as Exchange);

  const common = ['route', 'service', 'consumer', 'node', 'request_type', 'request_llm_model', 'llm_model'];
  const values = ['r', 's', 'jack', '10.0.0.1', 'traditional_http', '', ''];
  const ofStatus = ['code', 'route', 'matched_uri', 'matched_host', ...common.slice(1), 'response_source'];
  assert.deepEqual(told, [
    ['apisix_http_status', ofStatus, [1, '204', 'r', '/get', '*.example', ...values.slice(1), 'upstream']],
    ['apisix_http_latency', ['type', ...common], [40, 'request', ...values], 1, 60_000],
    // Attempts may overlap: what is left is never less than nothing.
    ['apisix_http_latency', ['type', ...common], [0, 'apisix', ...values], 1, 60_000],
    ['apisix_http_latency', ['type', ...common], [45, 'upstream', ...values], 1, 60_000],
    ['apisix_bandwidth', ['type', ...common], [20, 'ingress', ...values]],
    ['apisix_bandwidth', ['type', ...common], [10, 'egress', ...values]],
  ]);
});

const NAMED = `services:
  - id: s1
    name: shop
    plugins: { prometheus: { prefer_name: PREFER } }
    upstream: { nodes: { $UPSTREAM: 1 } }
routes:
  - { id: r1, name: carts, uri: /carts/*, service_id: s1 }
  - { id: r2, uri: /:other/x, service_id: s1, plugins: { key-auth: {} } }
consumers:
  - { username: jack, plugins: { key-auth: { key: jack-key } } }
gateway: { router: radixtree_uri_with_parameter }
`;

it('a route without service has the host that it is configured with as its service', async (t) => {
  const { lab, series } = await measure(
    t,
    routeWith({ prometheus: {} }, { id: 'r', hosts: ['a.example', '*.b.example'] }),
  );
  await lab.request('/', { headers: { Host: 'x.b.example' } });
  const end = `node=127.0.0.1 ${HTTP} response_source=upstream`;
  assert.deepEqual(series('http_status'), {
    [`code=200 route=r matched_host=*.b.example service=*.b.example ${end}`]: 1,
  });
});

for (const [prefer, route, service] of [
  ['false', 'r1', 's1'],
  ['true', 'carts', 'shop'],
] as const) {
  it(`prefer_name: ${prefer} labels a route as ${route} and its service as ${service}`, async (t) => {
    const { lab, series } = await measure(t, NAMED.replace('PREFER', prefer));
    await lab.request('/carts/1');
    await lab.request('/some/x', { headers: { apikey: 'jack-key' } });
    const end = `node=127.0.0.1 ${HTTP} response_source=upstream`;
    assert.deepEqual(series('http_status'), {
      [`code=200 route=${route} service=${service} ${end}`]: 1,
      // A route without a name keeps its id.
      [`code=200 route=r2 service=${service} consumer=jack ${end}`]: 1,
    });
  });
}

it('a request counts once where a global rule and its route both have the plugin', async (t) => {
  const rule = 'global_rules:\n  - id: 1\n    plugins: { prometheus: {} }\n';
  const { lab, series } = await measure(t, routeWith({ prometheus: {} }, { id: 7, uri: '/7' }) + rule);
  await lab.request('/7');
  await lab.request('/8');
  assert.deepEqual(series('http_status'), {
    [`code=200 route=7 node=127.0.0.1 ${HTTP} response_source=upstream`]: 1,
    [`code=404 ${HTTP} response_source=apisix`]: 1,
  });
});

it('a route that moves to another service counts there from then on', async (t) => {
  const text = `global_rules:
  - { id: 1, plugins: { prometheus: {} } }
services:
  - { id: before, upstream: { nodes: { $UPSTREAM: 1 } } }
  - { id: after, upstream: { nodes: { $UPSTREAM: 1 } } }
routes:
  - { id: 7, uri: /*, service_id: before }
`;
  const { lab, series } = await measure(t, text);
  await lab.request('/');
  lab.reload(text.replace('service_id: before', 'service_id: after'));
  await lab.request('/');
  const end = `node=127.0.0.1 ${HTTP} response_source=upstream`;
  assert.deepEqual(series('http_status'), {
    [`code=200 route=7 service=before ${end}`]: 1,
    [`code=200 route=7 service=after ${end}`]: 1,
  });
});

it('the series of many kinds of exchanges are kept within a bound, and none is confused with another', () => {
  const counts = new Map<string, number>();
  const responses = counterOf((amount, ...values) => void counts.set(values.join(), amount));
  const metered = { responses, latency: histogramOf(() => undefined), bytes: counterOf(() => undefined) };
  const memory = new SeriesMemory(metered, undefined, 100);
  let number = 0;
  for (let round = 0; round < 2; round++) {
    for (const status of [200, 404]) {
      for (const route of ['a', 'b', 'c']) {
        for (const consumer of ['', 'jack', 'jill']) {
          for (let node = 0; node < 10; node++) {
            const kind = { status, route, host: '', uri: `/${route}`, service: '', source: 'upstream' } as const;
            memory.find(kind, consumer, `10.0.0.${node}`).responses.add(++number);
            const name = `${status},${route},/${route},,,${consumer},10.0.0.${node},traditional_http,,,upstream`;
            assert.equal(counts.get(name), number);
            assert.ok(memory.size <= 100);
          }
        }
      }
    }
  }
  assert.equal(counts.size, 180);
});

it('disabled labels are empty, in the metrics that they are disabled for', async (t) => {
  const metadata = `plugin_metadata:
  - id: prometheus
    disabled_labels:
      http_status: [node, consumer, matched_uri, response_source]
      http_latency: [node, request_type]
`;
  const { lab, series } = await measure(t, metadata + routeWith({ prometheus: {} }, { id: 7 }));
  await lab.request('/');
  assert.deepEqual(series('http_status'), { [`code=200 route=7 ${HTTP}`]: 1 });
  assert.deepEqual(
    Object.keys(series('http_latency')).sort(),
    ['apisix', 'request', 'upstream'].map((type) => `type=${type} route=7`),
  );
  const ofBytes = `route=7 node=127.0.0.1 ${HTTP}`;
  assert.deepEqual(Object.keys(series('bandwidth')).sort(), [`type=egress ${ofBytes}`, `type=ingress ${ofBytes}`]);
});

it('whatever clients send makes no further series', async (t) => {
  const { lab, series } = await measure(t, routeWith({ prometheus: {} }, { id: 7 }));
  for (let i = 0; i < 20; i++) {
    const headers = { Host: `h${i}.example`, 'X-Forwarded-For': `10.0.0.${i}`, 'User-Agent': `u${i}"\\` };
    await lab.request(`/p${i}?q=${i}`, { method: i % 2 === 0 ? 'GET' : 'PURGE', headers });
  }
  assert.deepEqual(
    ['http_status', 'http_latency', 'bandwidth'].map((metric) => Object.keys(series(metric)).length),
    [1, 3, 2],
  );
});

const DISABLED = (labels: string): string =>
  `plugin_metadata:\n  - { id: prometheus, disabled_labels: { ${labels} } }\n`;

const FAULTY: [what: string, text: string, expected: RegExp][] = [
  ['an attribute that nobody knows', routeWith({ prometheus: { prefer_names: true } }), /prefer_names: .*prefer_name/],
  [
    'a name for a boolean',
    routeWith({ prometheus: { prefer_name: 'yes' } }),
    /prefer_name: .*write true without quotes/,
  ],
  [
    'a label without which a metric says nothing',
    DISABLED('http_status: [code]'),
    /http_status\[0\]: "code" is not one of/,
  ],
  ['the type of a latency', DISABLED('http_latency: [type]'), /http_latency\[0\]: "type" is not one of/],
  ['a label of another metric', DISABLED('bandwidth: [matched_uri]'), /bandwidth\[0\]: "matched_uri" is not one of/],
  ['a metric that is not there', DISABLED('llm_latency: [node]'), /disabled_labels\.llm_latency: unknown/],
];

for (const [what, text, expected] of FAULTY) {
  it(`${what} is refused with path and remedy`, () => {
    const problems = problemsOf(text);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of prometheus.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ prometheus: config })), []);
});

type Write = (amount: number, ...values: string[]) => void;

function counterOf(add: Write): Counter {
  return { add, series: (...values) => ({ add: (amount) => add(amount, ...values) }) };
}

function histogramOf(observe: Write): Histogram {
  return { observe, series: (...values) => ({ observe: (amount) => observe(amount, ...values) }) };
}
