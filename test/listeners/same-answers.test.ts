/** The same routes and plugins give the same answers, whichever way a client comes in by. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { PAIR } from '../certificate.ts';
import { openLab, type Lab } from '../plugins/lab.ts';
import { type Answer, type Ask, type Caller, SERVER_NAME, type Transport, TRANSPORTS } from './transports.ts';

const TO_ECHO = { nodes: { $UPSTREAM: 1 } };
const route = (id: string, uri: string, plugins: object, more: object = {}): object => ({
  id,
  uri,
  plugins,
  upstream: TO_ECHO,
  ...more,
});

const ROUTES = [
  route('plain', '/plain/*', {}, { methods: ['GET', 'HEAD', 'POST', 'PUT'] }),
  route('key', '/key', { 'key-auth': {}, 'request-id': { algorithm: 'uuid' } }),
  route('count', '/count', {
    'limit-count': { count: 2, time_window: 600, key: 'remote_addr', rejected_code: 429, rejected_msg: 'enough' },
  }),
  route('rewrite', '/rewrite/*', {
    'proxy-rewrite': {
      regex_uri: ['^/rewrite/(.*)', '/status/$1'],
      headers: { set: { 'X-Told': '$remote_addr $scheme $http_x_asked' }, remove: ['X-Gone'] },
    },
    'response-rewrite': { headers: { set: { 'X-From': '$remote_addr' } } },
  }),
  route('cors', '/cors', { cors: { allow_origins: 'https://app.example', allow_methods: 'GET,PUT' } }),
  route('moved', '/moved', { redirect: { uri: '/plain/x', ret_code: 302 } }),
  route('mock', '/mock', { mocking: { response_example: 'Client IP: $remote_addr', content_type: 'text/plain' } }),
  route('allowed', '/allowed', { 'ip-restriction': { whitelist: ['127.0.0.0/8', '192.0.2.0/24'] } }),
  route('denied', '/denied', { 'ip-restriction': { blacklist: ['203.0.113.0/24'] } }),
  route('by-address', '/by-address', {}, { remote_addrs: ['127.0.0.1', '192.0.2.44'] }),
  route('gzip', '/gzip', {}),
  route('bounded', '/bounded', { 'client-control': { max_body_size: 8 } }),
];

const ASKS: readonly Ask[] = [
  { path: '/plain/a?b=c', headers: { 'X-One': '1' } },
  { path: '/plain/head', method: 'HEAD' },
  { path: '/plain/post', method: 'POST', body: 'a body' },
  { path: '/plain/put', method: 'PUT', body: ['a ', 'body ', 'in pieces'] },
  { path: '/plain/x', method: 'DELETE' },
  { path: '/plain/../key' },
  { path: '/nowhere' },
  { path: '/key' },
  { path: '/key', headers: { apikey: 'wrong' } },
  { path: '/key', headers: { apikey: 'jacks-key' } },
  { path: '/count' },
  { path: '/count' },
  { path: '/count' },
  { path: '/rewrite/201', headers: { 'X-Asked': 'yes', 'X-Gone': '1' } },
  { path: '/rewrite/404' },
  { path: '/rewrite/503' },
  { path: '/cors', headers: { Origin: 'https://app.example' } },
  {
    path: '/cors',
    method: 'OPTIONS',
    headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PUT' },
  },
  { path: '/moved' },
  { path: '/mock' },
  { path: '/gzip', headers: { 'Accept-Encoding': 'gzip' } },
  { path: '/bounded', method: 'POST', body: 'too much of it' },
  { path: '/plain/large?bytes=300000' },
  { path: '/plain/%2e%2e/..%2fetc' },
];

interface Run {
  readonly lab: Lab;
  readonly caller: Caller;
}

async function open(t: TestContext, transport: Transport): Promise<Run> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-same-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const socket = path.join(folder, 'x.sock');
  const listener = transport.listener(socket);
  const isSecured = transport.scheme === 'https';
  const text = JSON.stringify({
    gateway: { https: isSecured ? [listener] : [] },
    routes: ROUTES,
    consumers: [{ username: 'jack', plugins: { 'key-auth': { key: 'jacks-key' } } }],
    ssls: [{ id: 'one', snis: [SERVER_NAME], ...PAIR }],
  });
  const lab = await openLab(t, text, isSecured ? {} : { listeners: [listener] });
  const [port = 0] = isSecured ? lab.tlsPorts : lab.morePorts;
  const caller = await transport.call({ port, path: socket });
  t.after(() => caller.close());
  return { lab, caller };
}

/** What depends on where a client is, and on when it asked, by what stands for it. */
function neutral(answer: Answer, { address, scheme }: Transport): Answer {
  const plain = (text: string): string =>
    text
      .replaceAll(address, '<client>')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
      .replaceAll(/"(x-forwarded-port|x-real-port)":"\d+"/gi, '"$1":"<port>"')
      .replaceAll(new RegExp(`(?<![a-z])${scheme}(?![a-z:])`, 'g'), '<scheme>')
      .replaceAll(/127\.0\.0\.1:\d+/g, '<upstream>');
  const headers = Object.entries(answer.headers).map(([name, value]) => {
    return [name, /^(?:x-exchange-id|x-ratelimit-reset)$/.test(name) ? '<varies>' : plain(value)] as const;
  });
  return { status: answer.status, headers: Object.fromEntries(headers.toSorted(byName)), body: body(answer, plain) };
}

const byName = ([one]: readonly [string, string], [other]: readonly [string, string]): number =>
  one < other ? -1 : one > other ? 1 : 0;

/** The echo tells what it was sent: framing and forwarding differ by protocol, and have tests of their own. */
function body({ body: text, headers }: Answer, plain: (text: string) => string): string {
  if (headers['content-encoding'] !== undefined) return `${headers['content-encoding']} of some bytes`;
  if (!text.startsWith('{')) return plain(text);
  const told = JSON.parse(text) as Record<string, unknown>;
  if (typeof told['request_id'] === 'string') told['request_id'] = '<varies>';
  if (!Array.isArray(told['headers'])) return plain(JSON.stringify(told));
  const fields = (told['headers'] as [string, string][])
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !/^(?:via|content-length|transfer-encoding|connection|te)$/.test(name))
    .map(([name, value]) => [name, name === 'x-forwarded-port' ? '<port>' : value] as const);
  return plain(JSON.stringify({ ...told, headers: fields.toSorted(byName) }));
}

async function answers(t: TestContext, transport: Transport): Promise<readonly [string, Answer][]> {
  const { caller } = await open(t, transport);
  const given: [string, Answer][] = [];
  for (const [i, ask] of ASKS.entries()) {
    given.push([`${i} ${ask.method ?? 'GET'} ${ask.path}`, neutral(await caller.ask(ask), transport)]);
  }
  return given;
}

describe('the same requests', () => {
  const [plain, ...others] = TRANSPORTS;
  if (plain === undefined) throw new Error('there is a transport');
  let expected: Promise<readonly [string, Answer][]> | null = null;

  test('over plain HTTP/1.1 get what the routes say', async (t) => {
    expected = answers(t, plain);
    const statuses = (await expected).map(([, { status }]) => status);
    const wanted = [
      200, 200, 200, 200, 404, 401, 404, 401, 401, 200, 200, 200, 429, 201, 404, 503, 200, 200, 302, 200, 200, 413,
    ];
    assert.deepEqual(statuses, [...wanted, 200, 400]);
  });

  for (const transport of others) {
    test(`over ${transport.name} get the same answers on one connection`, async (t) => {
      assert.ok(expected !== null);
      const given = new Map(await answers(t, transport));
      for (const [name, answer] of await expected) assert.deepEqual(given.get(name), answer, name);
    });
  }
});

describe('rules about addresses', () => {
  for (const transport of TRANSPORTS) {
    const isKnown = transport.address !== 'unix:';
    test(`see ${transport.address} over ${transport.name}`, async (t) => {
      const { lab, caller } = await open(t, transport);
      // Nobody is let in by a rule about addresses who has none.
      for (const [asked, isLetIn, refusal] of [
        ['/allowed', isKnown, 403],
        ['/denied', isKnown, 403],
        ['/by-address', isKnown, 404],
      ] as const) {
        assert.equal((await caller.ask({ path: asked })).status, isLetIn ? 200 : refusal, asked);
      }
      await caller.ask({ path: '/plain/x', headers: { 'X-Forwarded-For': '203.0.113.9' } });
      const fields = Object.fromEntries(lab.lastSeen.headers.map(([name, value]) => [name.toLowerCase(), value]));
      assert.equal(fields['x-real-ip'], transport.address);
      assert.equal(fields['x-forwarded-for'], `203.0.113.9, ${transport.address}`);
      assert.equal(fields['x-forwarded-proto'], transport.scheme);
    });
  }
});
