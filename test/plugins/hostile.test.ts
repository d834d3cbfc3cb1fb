/** Eight plugins on one route, and requests that are meant to do harm. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../fuzz/random.ts';
import { openLab, routeWith, type Lab } from './lab.ts';

/** Values of clients stand wherever a configuration can put them. */
const VALUES = '$arg_who|$http_user_agent|$http_x_user|$cookie_c|$http_origin|$request_uri';
const PLUGINS = {
  'request-id': {},
  'key-auth': { hide_credentials: true },
  'limit-count': { count: 1_000_000, time_window: 60, key_type: 'var_combination', key: '$http_x_user $remote_addr' },
  'proxy-rewrite': { headers: { set: { 'X-Told': VALUES } } },
  'response-rewrite': { headers: { set: { 'X-Echo': VALUES } } },
  cors: { allow_origins: '**', allow_methods: '**', allow_headers: '**', allow_credential: true },
  'ip-restriction': { whitelist: ['127.0.0.0/8'] },
  prometheus: {},
};
const CONFIGURATION = `consumers:
  - { username: jack, plugins: { key-auth: { key: jack-key } } }
plugin_metadata:
  - { id: key-auth, damping: { failures: 0 } }
${routeWith(PLUGINS)}`;

const ask = (lab: Lab, lines: readonly string[], target = '/?apikey=jack-key'): Promise<string> =>
  lab.raw([`GET ${target} HTTP/1.1`, ...lines, 'Connection: close', '', ''].join('\r\n'));

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
const fieldsOf = (answer: string): string[][] =>
  answer
    .slice(0, answer.indexOf('\r\n\r\n'))
    .split('\r\n')
    .slice(1)
    .map((line) => /^([^:]+): ?(.*)$/s.exec(line)?.slice(1) ?? [line, '']);

const HOST = 'Host: app.example';
const IDENTITY = ['x-consumer-username', 'x-credential-identifier', 'x-consumer-custom-id'];

describe('what no plugin gets to see', () => {
  const many = Array.from({ length: 120 }, (_, i) => `X-${i}: 1`);
  const REFUSED: readonly (readonly [what: string, lines: readonly string[], status: number, target?: string])[] = [
    ['a port of Host that is none', ['Host: app.example:b'], 400],
    ['a port of Host that is too high', ['Host: app.example:65536'], 400],
    ['a Host with half a bracket', ['Host: [::1'], 400],
    ['a Host with an address that is none', ['Host: [::1::]'], 400],
    ['a Host with a user', ['Host: jack@app.example'], 400],
    ['two Hosts', [HOST, 'Host: evil.example'], 400],
    ['two Hosts that agree', [HOST, HOST], 400],
    ['an empty name', [HOST, ': 1'], 400],
    ['a name with a space', [HOST, 'X-User : 1'], 400],
    ['a bare line feed in a value', [HOST, 'X-User: a\nX-Admin: 1'], 400],
    ['a bare carriage return in a value', [HOST, 'X-User: a\rX-Admin: 1'], 400],
    ['NUL in a value', [HOST, 'X-User: a\0b'], 400],
    ['a folded value', [HOST, 'X-User: a', ' b'], 400],
    ['an enormous value', [HOST, `X-User: ${'x'.repeat(9_000)}`], 431],
    ['an enormous section', [HOST, ...Array.from({ length: 9 }, (_, i) => `X-${i}: ${'x'.repeat(4_000)}`)], 431],
    ['too many fields', [HOST, ...many], 431],
    ['an enormous target', [HOST], 414, `/${'x'.repeat(9_000)}`],
    ['a target with a line break', [HOST], 400, '/\n'],
  ];
  it('is refused before them, and the upstream hears nothing', async (t) => {
    const lab = await openLab(t, CONFIGURATION);
    for (const [what, lines, status, target] of REFUSED) {
      await t.test(what, async () => {
        assert.equal(statusOf(await ask(lab, lines, target)), status);
        assert.equal(lab.seen.length, 0);
      });
    }
  });
});

it('whatever a client claims about its way and about itself, the upstream is told what the gateway saw', async (t) => {
  const lab = await openLab(t, CONFIGURATION);
  const FORGED: readonly (readonly string[])[] = [
    ['X-Forwarded-For: 10.0.0.1', 'X-Real-IP: 10.0.0.1', 'Forwarded: for=10.0.0.1;host=evil.example;proto=https'],
    ['X-Forwarded-For: 999.1.1.1, ][, 1.2.3.4:99999', 'X-Real-IP: [::1'],
    ['X-Forwarded-Proto: https, http', 'X-Forwarded-Host: evil.example:x', 'X-Forwarded-Port: 99999'],
    ['X-Forwarded-Proto: javascript', 'X-Forwarded-Proto: https', 'X-Forwarded-Port: -1', 'X-Forwarded-Port: 0x50'],
    ['X-REAL-ip: 10.0.0.1', 'x-real-IP: 10.0.0.2', 'x-forwarded-HOST: evil.example'],
    ['X-Consumer-Username: root', 'x-consumer-USERNAME: root', 'X-Credential-Identifier: 1', 'X-Consumer-Custom-Id: 1'],
    [`X-Forwarded-For: ${'10.0.0.1, '.repeat(600)}10.0.0.1`],
  ];
  for (const lines of FORGED) {
    assert.equal(statusOf(await ask(lab, [HOST, ...lines])), 200, lines.join());
    const told = (name: string): string[] =>
      lab.lastSeen.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
    assert.deepEqual(told('x-real-ip'), ['127.0.0.1']);
    assert.deepEqual(told('x-forwarded-proto'), ['http']);
    assert.deepEqual(told('x-forwarded-host'), ['app.example']);
    assert.deepEqual(told('x-forwarded-port'), [String(lab.port)]);
    assert.deepEqual(told('forwarded'), []);
    assert.equal(told('x-forwarded-for').join(', ').split(', ').at(-1), '127.0.0.1');
    assert.deepEqual(IDENTITY.map(told), [['jack'], [], []]);
  }
});

const PIECES = [
  '%0d%0aX-Injected: 1',
  '%0d%0a%0d%0aHTTP/1.1 200 OK',
  '%00',
  '%zz',
  '%',
  '%C0%AF',
  '%25',
  '\t',
  ' ',
  '"',
  '\\',
  ',',
  ';',
  '\u00ff',
  '\u00c3\u00a9',
  '127.0.0.1',
  '::1',
  '[::1]:99999',
  'null',
  'unknown',
  'for=1.2.3.4',
  '$remote_addr',

  '${http_apikey}',
  '$1',
  '__proto__',
  'constructor',
  'x'.repeat(2_000),
  '*',
  '**',
  '..',
  '../',
  '//',
  'jack-key',
  '0',
  '-1',

  '1e9',
  'https://a.example',
  'https://a.example:99999',
  'PUT',
  'x-a, x-b',
  '#',
  '?',
  '&',
  '=',
  '<script>',
  '{}',
  '[]',
];
const NAMES = [
  'Origin',
  'Access-Control-Request-Method',
  'Access-Control-Request-Headers',
  'X-Forwarded-For',
  'X-Forwarded-Host',

  'X-Forwarded-Port',
  'X-Forwarded-Proto',
  'X-Real-IP',
  'Forwarded',
  'X-Request-Id',
  'X-User',
  'Cookie',
  'User-Agent',
  'X-Consumer-Username',
  'Range',
  'X-Told',
  'X-Echo',
  'Via',
  'X-RateLimit-Remaining',
  'Vary',
  'apikey',
];

it('requests of random pieces get one whole answer, without a field that nobody configured', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const text = (): string => Array.from({ length: Math.floor(random() * 4) }, () => pick(PIECES)).join('');
  const lab = await openLab(t, CONFIGURATION);
  const statuses = new Map<number, number>();
  const injected = /^x-injected/i;
  for (let step = 0; step < 400; step++) {
    const lines = Array.from({ length: Math.floor(random() * 8) }, () => `${pick(NAMES)}: ${text()}`);
    const argument = encodeURIComponent(text()).replaceAll('%25', random() < 0.5 ? '%' : '%25');
    const target = `/a?who=${argument}&apikey=${random() < 0.8 ? 'jack-key' : argument}`;
    const method = random() < 0.2 ? 'OPTIONS' : 'GET';
    const before = lab.seen.length;
    const head = [`${method} ${target} HTTP/1.1`, HOST, ...lines, 'Connection: close', '', ''].join('\r\n');
    const where = `seed ${seed}, step ${step}: ${JSON.stringify(head.slice(0, 3_000))}`;
    const answer = await lab.raw(head);
    const status = statusOf(answer);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    assert.ok([200, 206, 400, 401, 416].includes(status), `${status}, ${where}`);
    const fields = fieldsOf(answer);
    for (const [name = '', value = ''] of fields) {
      assert.match(name, /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, where);
      assert.doesNotMatch(name, injected, where);
      assert.doesNotMatch(value, /[\x00-\x08\x0a-\x1f\x7f]/, where);
    }
    const count = (wanted: string): number => fields.filter(([name = '']) => name.toLowerCase() === wanted).length;
    assert.ok(count('content-length') + count('transfer-encoding') === 1, where);
    if (status === 400) continue;
    assert.equal(count('x-request-id'), 1, where);
    assert.ok(count('access-control-allow-origin') <= 1, where);
    const seen = lab.seen.slice(before);
    assert.ok(seen.length <= 1, where);
    for (const { headers } of seen) {
      const told = (name: string): string[] =>
        headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
      assert.deepEqual(
        [told('x-real-ip'), told('x-consumer-username'), told('apikey')],
        [['127.0.0.1'], ['jack'], []],
        where,
      );
      assert.equal(told('x-told').length, 1, where);
      assert.ok(!headers.some(([name]) => injected.test(name)), where);
    }
  }
  for (const status of [200, 401])
    assert.ok((statuses.get(status) ?? 0) > 20, `${[...statuses].join(' ')}, seed ${seed}`);
});
