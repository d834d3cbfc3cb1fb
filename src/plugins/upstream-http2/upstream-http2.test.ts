import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PAIR } from '../../../test/certificate.ts';
import { openTo, routeTo } from '../../../test/http2/chosen.ts';
import { openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import { SpokenNode } from '../../../test/http2/spoken-node.ts';

describe('a node over TLS', () => {
  for (const [speech, version] of [
    ['both', '2.0'],
    ['h2', '2.0'],
    ['http1', '1.1'],
    ['mute', '1.1'],
  ] as const) {
    test(`that speaks ${speech} is spoken to in HTTP/${version}, on a connection that is kept`, async (t) => {
      const node = await SpokenNode.start(t, speech);
      const lab = await openTo(t, [node], {}, { logFormat: '$upstream_protocol $upstream_status' });
      for (const path of ['/a', '/b?c=d', '/d']) {
        const answer = await lab.request(path, { method: 'POST', body: 'hello' });
        assert.deepEqual([answer.status, answer.text], [200, `${version} hello`]);
      }
      assert.deepEqual(node.versions, [version, version, version]);
      assert.deepEqual(
        node.asked.map(({ url, host }) => [url, host]),
        ['/a', '/b?c=d', '/d'].map((url) => [url, 'a.example']),
      );
      assert.equal(node.connections, 1);
      assert.equal(lab.worker.counts.idleUpstreams, 1);
      assert.deepEqual(lab.lines, Array<string>(3).fill(`HTTP/${version} 200\n`));
      assert.deepEqual(lab.upstreamTlsFailed, []);
    });
  }

  test('carries a hundred requests at once on one connection of HTTP/2, the first ones of all among them', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const lab = await openTo(t, [node]);
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) => lab.request(`/${i}`, { method: 'POST', body: `${i}` })),
      );
      assert.deepEqual(
        answers.map(({ text }) => text),
        answers.map((_, i) => `2.0 ${i}`),
      );
    }
    assert.equal(node.connections, 1);
  });

  test('that speaks HTTP/1.1 gets a connection for each of the requests at once', async (t) => {
    const node = await SpokenNode.start(t, 'http1');
    const lab = await openTo(t, [node]);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => lab.request('/', { method: 'POST', body: `${i}` })),
    );
    assert.deepEqual(
      answers.map(({ text }) => text),
      answers.map((_, i) => `1.1 ${i}`),
    );
    assert.ok(node.connections <= 20, `${node.connections}`);
  });
});

describe('required: true', () => {
  for (const speech of ['http1', 'mute'] as const) {
    test(`refuses a node that speaks ${speech}, tries the next one, and says why`, async (t) => {
      const old = await SpokenNode.start(t, speech);
      const lab = await openTo(t, [old], { plugin: { required: true } });
      const answer = await lab.request('/', { method: 'POST', body: 'x' });
      assert.deepEqual([answer.status, (JSON.parse(answer.text) as { code: string }).code], [502, 'upstream_protocol']);
      assert.deepEqual(
        lab.upstreamTlsFailed.map(({ kind, reason }) => [kind, reason]),
        [['protocol', 'the node does not speak HTTP/2']],
      );
      assert.equal(old.asked.length, 0);
      const both = await SpokenNode.start(t, 'both');
      lab.reload(routeTo([old, both], { plugin: { required: true } }));
      for (let i = 0; i < 4; i++)
        assert.equal(
          (await lab.request('/', { method: 'POST', body: 'x' })).text,
          '2.0 x',
          'for any method: nothing was sent',
        );
    });
  }
});

describe('prior_knowledge: true', () => {
  test('speaks HTTP/2 in the clear, many requests on a connection, and other routes speak HTTP/1.1 to the same node', async (t) => {
    const node = await SpokenNode.start(t, 'clear');
    const upstream = { scheme: 'http', nodes: { [`127.0.0.1:${node.port}`]: 1 } };
    const lab = await openLab(t, routeWith({ 'upstream-http2': { prior_knowledge: true } }, { upstream }));
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) => lab.request('/', { method: 'POST', body: `${i}` })),
    );
    assert.deepEqual(
      answers.map(({ text }) => text),
      answers.map((_, i) => `2.0 ${i}`),
    );
    assert.equal(node.connections, 1);
    assert.equal(node.asked[0]?.host, 'app.example');
  });

  test('is an answer that cannot be read, where the node does not know it', async (t) => {
    const node = await SpokenNode.start(t, 'plain');
    const upstream = { scheme: 'http', nodes: { [`127.0.0.1:${node.port}`]: 1 } };
    const lab = await openLab(t, routeWith({ 'upstream-http2': { prior_knowledge: true } }, { upstream }));
    const { status, text } = await lab.request('/');
    assert.deepEqual([status, (JSON.parse(text) as { code: string }).code], [502, 'upstream_malformed']);
    assert.equal(node.asked.length, 0);
  });
});

describe('a configuration', () => {
  const CONFLICTS: readonly (readonly [scheme: string, plugin: object, problem: RegExp | null])[] = [
    ['https', {}, null],
    ['https', { required: true }, null],
    ['http', { prior_knowledge: true }, null],
    ['https', { prior_knowledge: true }, /^routes\[0\]\.plugins\.upstream-http2\.prior_knowledge: .*"required": true$/],
    ['http', {}, /^routes\[0\]\.plugins\.upstream-http2: .*"prior_knowledge": true/],
    ['http', { required: true }, /^routes\[0\]\.plugins\.upstream-http2\.required: .*"prior_knowledge": true/],
    ['grpc', {}, /^routes\[0\]\.plugins\.upstream-http2: .*"grpc", which is HTTP\/2 already: leave the plugin out$/],
    ['grpcs', { required: true }, /^routes\[0\]\.plugins\.upstream-http2: .*"grpcs"/],
  ];
  for (const [scheme, plugin, problem] of CONFLICTS) {
    test(`with ${JSON.stringify(plugin)} beside the scheme ${scheme} is ${problem === null ? 'fine' : 'refused'}`, () => {
      const upstream = { scheme, nodes: { $UPSTREAM: 1 } };
      const problems = problemsOf(routeWith({ 'upstream-http2': plugin }, { upstream }));
      if (problem === null) assert.deepEqual(problems, []);
      else {
        assert.equal(problems.length, 1, problems.join('\n'));
        assert.match(problems[0] ?? '', problem);
      }
    });
  }

  test('is fine where the plugin is switched off, where traffic-split brings other upstreams, and where nobody stands beside it', () => {
    const upstream = { scheme: 'http', nodes: { $UPSTREAM: 1 } };
    const off = routeWith({ 'upstream-http2': { _meta: { disable: true } } }, { upstream });
    const rules = [{ weighted_upstreams: [{ upstream: { ...upstream, scheme: 'https' } }] }];
    const split = routeWith({ 'upstream-http2': {}, 'traffic-split': { rules } }, { upstream });
    const global = `global_rules: [{ id: 1, plugins: { upstream-http2: {} } }]\n${routeWith({}, { upstream })}`;
    for (const text of [off, split, global]) assert.deepEqual(problemsOf(text), []);
  });
});

describe('beside other features', () => {
  test('a global rule serves the routes that it can, and leaves the others as they are', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const clear = await SpokenNode.start(t, 'clear');
    const named = { pass_host: 'rewrite', upstream_host: 'a.example' };
    const routes = [
      { uri: '/tls', upstream: { scheme: 'https', ...named, nodes: { [`127.0.0.1:${node.port}`]: 1 } } },
      { uri: '/grpc', upstream: { scheme: 'grpc', nodes: { [`127.0.0.1:${clear.port}`]: 1 } } },
      { uri: '/plain', upstream: { nodes: { $UPSTREAM: 1 } } },
    ];
    const text = JSON.stringify({ global_rules: [{ id: 1, plugins: { 'upstream-http2': {} } }], routes });
    const lab = await openLab(t, text, { authorities: [PAIR.cert] });
    for (const path of ['/tls', '/grpc', '/plain']) assert.equal((await lab.request(path)).status, 200, path);
    assert.deepEqual([node.versions, clear.versions, lab.seen.length], [['2.0'], ['2.0'], 1]);
  });

  test('a route without the plugin goes on in HTTP/1.1 to the same node, on connections of its own', async (t) => {
    const node = await SpokenNode.start(t, 'both');
    const upstream = {
      scheme: 'https',
      pass_host: 'rewrite',
      upstream_host: 'a.example',
      nodes: { [`127.0.0.1:${node.port}`]: 1 },
    };
    const routes = [
      { uri: '/new', plugins: { 'upstream-http2': {} }, upstream_id: 1 },
      { uri: '/old', upstream_id: 1 },
    ];
    const text = JSON.stringify({ upstreams: [{ id: 1, ...upstream }], routes });
    const lab = await openLab(t, text, { authorities: [PAIR.cert] });
    for (const path of ['/new', '/old', '/new', '/old']) assert.equal((await lab.request(path)).status, 200);
    assert.deepEqual(node.versions, ['2.0', '1.1', '2.0', '1.1']);
    assert.equal(node.connections, 2);
  });
});
