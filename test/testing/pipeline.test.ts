/** Plugins and their phases, on both transports. */
import assert from 'node:assert/strict';
import { definePlugin, type Exchange } from '../../src/sdk/index.ts';
import { ONE, routeTo, scenario } from './scenario.ts';

/** Says in which order phases run. */
const witness = definePlugin({
  name: 'witness',
  priority: 1,
  summary: 'Notes its phases.',
  schema: { type: 'object', properties: { wait_ms: { type: 'integer', default: 0 } } },
  create({ wait_ms }) {
    const note = (exchange: Exchange, phase: string): void => {
      exchange.setVariable('witnessed', `${exchange.variable('witnessed') ?? ''}${phase} `);
    };
    return {
      rewrite: (exchange) => note(exchange, 'rewrite'),
      async access(exchange) {
        await exchange.delay(wait_ms);
        note(exchange, 'access');
      },
      beforeProxy(exchange) {
        note(exchange, 'beforeProxy');
        exchange.request.setHeader('X-Witness', exchange.variable('witnessed') ?? '');
      },
      responseHead(exchange) {
        exchange.response.setHeader('X-Witness', `${exchange.variable('witnessed')}responseHead`);
        exchange.response.transformBody();
      },
      responseBody: (_exchange, piece) => Buffer.from(Buffer.from(piece).toString().toUpperCase()),
    };
  },
});

scenario(
  'phases run in their order, wait in virtual time, and see the body on its way',
  {
    config: routeTo(ONE, { witness: { wait_ms: 2500 } }),
    upstreams: { '10.0.0.1:80': { pieces: ['ab', 'cd'] } },
    options: { plugins: [witness] },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(answer.headers['x-witness'], 'rewrite access beforeProxy responseHead');
    assert.equal(answer.seen[0]?.headers['x-witness'], 'rewrite access beforeProxy');
    assert.equal(`${answer.body} ${answer.elapsed_ms}`, 'ABCD 2500');
  },
);

const CONSUMERS = {
  consumers: [
    {
      username: 'jack',
      plugins: { 'key-auth': { key: 'jacks' }, 'limit-count': { count: 1, time_window: 60, rejected_code: 429 } },
    },
    { username: 'jill', plugins: { 'key-auth': { key: 'jills' } } },
  ],
};

scenario(
  'a consumer is known by its key, and brings plugins of its own',
  { config: { ...routeTo(ONE, { 'key-auth': {} }), ...CONSUMERS } },
  async (ask) => {
    const asking = async (key: string) => ask('/', { headers: { apikey: key } });
    assert.equal(`${(await ask('/')).status} ${(await asking('wrong')).status}`, '401 401');
    const first = await asking('jacks');
    assert.equal(`${first.status} ${first.consumer?.username}`, '200 jack');
    assert.equal((await asking('jacks')).status, 429);
    assert.equal((await asking('jills')).status, 200);
    assert.equal((await asking('jills')).consumer?.username, 'jill');
  },
);

scenario(
  'paths, methods and headers are rewritten on their way to the upstream',
  {
    config: routeTo(ONE, {
      'proxy-rewrite': {
        regex_uri: ['^/old/(.*)', '/new/$1'],
        method: 'PUT',
        host: 'inner',
        headers: { set: { 'X-Set': 'a' }, remove: ['X-Gone'] },
      },
    }),
  },
  async (ask) => {
    const [seen] = (await ask('/old/x?y', { headers: { 'X-Gone': '1' } })).seen;
    assert.equal(
      `${seen?.method} ${seen?.target} ${seen?.headers['host']} ${seen?.headers['x-set']} ${seen?.headers['x-gone']}`,
      'PUT /new/x?y inner a undefined',
    );
  },
);

scenario(
  'answers are rewritten on their way to the client',
  {
    config: routeTo(ONE, {
      'response-rewrite': {
        status_code: 202,
        headers: { set: { 'X-Set': 'a' } },
        filters: [{ regex: 'cat', scope: 'global', replace: 'dog' }],
      },
    }),
    upstreams: { '10.0.0.1:80': { body: 'a cat and a cat' } },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(`${answer.status} ${answer.headers['x-set']} ${answer.body}`, '202 a a dog and a dog');
  },
);

scenario(
  'a plugin that answers itself keeps the upstream out of it',
  {
    config: routeTo(ONE, { mocking: { response_example: '{"a":1}', response_status: 203, delay: 2 }, cors: {} }),
    upstreams: { '10.0.0.1:80': 500 },
  },
  async (ask) => {
    const answer = await ask('/', { headers: { Origin: 'http://a.example' } });
    assert.equal(
      `${answer.status} ${answer.repliedBy} ${answer.seen.length} ${answer.elapsed_ms}`,
      '203 mocking 0 2000',
    );
    assert.equal(answer.headers['access-control-allow-origin'], '*');
  },
);

scenario(
  'a body is looked at before it goes on',
  { config: routeTo(ONE, { 'request-validation': { body_schema: { type: 'object', required: ['a'] } } }) },
  async (ask) => {
    assert.equal((await ask('/', { body: { b: 1 } })).status, 400);
    const answer = await ask('/', { body: { a: 1 } });
    assert.equal(`${answer.status} ${answer.seen[0]?.text}`, '200 {"a":1}');
  },
);

scenario(
  'a redirect names where to go',
  { config: routeTo(ONE, { redirect: { uri: '/there$request_uri', ret_code: 301 } }) },
  async (ask) => {
    const answer = await ask('/here');
    assert.equal(`${answer.status} ${answer.headers['location']}`, '301 /there/here');
  },
);

scenario(
  'traffic is split by weight and by rules',
  {
    config: routeTo(ONE, {
      'traffic-split': {
        rules: [
          {
            match: [{ vars: [['http_x-new', '==', '1']] }],
            weighted_upstreams: [{ upstream: { nodes: { '10.0.0.2:80': 1 } }, weight: 1 }],
          },
        ],
      },
    }),
    upstreams: { '10.0.0.1:80': { body: 'old' }, '10.0.0.2:80': { body: 'new' } },
  },
  async (ask) => {
    assert.equal((await ask('/', { headers: { 'X-New': '1' } })).body, 'new');
    assert.equal((await ask('/')).body, 'old');
  },
);

scenario(
  'a plugin that throws costs its own exchange, and is named',
  {
    config: {
      routes: [
        { id: 'bad', uri: '/bad', plugins: { broken: {} }, upstream: { nodes: ONE } },
        { id: 'good', uri: '/good', upstream: { nodes: ONE } },
      ],
    },
    options: {
      plugins: [
        definePlugin({
          name: 'broken',
          priority: 1,
          summary: 'Throws.',
          schema: { type: 'object' },
          create: () => ({
            access() {
              throw new Error('on purpose');
            },
          }),
        }),
      ],
    },
  },
  async (ask, gateway) => {
    const answer = await ask('/bad');
    assert.equal(`${answer.status} ${answer.errorCode}`, '500 plugin_failed');
    assert.equal((await ask('/good')).status, 200);
    assert.deepEqual(
      gateway.log.map(({ event, detail }) => `${event} ${String(detail['plugin'])} ${String(detail['phase'])}`),
      ['plugin_fault broken access'],
    );
  },
);
