import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith, type Ask } from '../../../test/plugins/lab.ts';
import { clientOf, parseAddress } from './client-address.ts';
import realIp from './real-ip.ts';

/** Tells the address in a response field, as the documented examples do. */
const SHOWN = { 'response-rewrite': { headers: { remote_addr: '$remote_addr', remote_port: '$remote_port' } } };
const with_ = (attributes: object): string => routeWith({ 'real-ip': attributes, ...SHOWN });
const FROM_LOOPBACK = { trusted_addresses: ['127.0.0.0/24'] };

const CASES: [attributes: object, path: string, ask: Ask, address: string, port?: string][] = [
  [{ source: 'arg_realip', ...FROM_LOOPBACK }, '/get?realip=1.2.3.4:9080', {}, '1.2.3.4', '9080'],
  [{ source: 'arg_realip', ...FROM_LOOPBACK }, '/get?realip=[2001:db8::1]:80', {}, '2001:db8::1', '80'],
  [{ source: 'arg_realip', ...FROM_LOOPBACK }, '/get?realip=2001:db8::1', {}, '2001:db8::1'],
  [
    { source: 'http_x_forwarded_for', ...FROM_LOOPBACK },
    '/get',
    { headers: { 'X-Forwarded-For': '10.26.3.19' } },
    '10.26.3.19',
  ],
  [
    { source: 'http_x_forwarded_for', recursive: true, trusted_addresses: ['192.128.0.0/16', '127.0.0.1/32'] },
    '/get',
    { headers: { 'X-Forwarded-For': '127.0.0.2, 192.128.1.1, 127.0.0.1' } },
    '127.0.0.2',
  ],
  [
    { source: 'http_x_forwarded_for', ...FROM_LOOPBACK },
    '/get',
    { headers: { 'X-Forwarded-For': '1.1.1.1, 2.2.2.2' } },
    '2.2.2.2',
  ],
  [
    { source: 'http_x_forwarded_for', ...FROM_LOOPBACK },
    '/get',
    { headers: { 'X-Forwarded-For': ['1.1.1.1', '2.2.2.2'] } },
    '2.2.2.2',
  ],
  [{ source: 'arg_realip', ...FROM_LOOPBACK }, '/get?realip=nobody', {}, '127.0.0.1'],
  [{ source: 'arg_realip', ...FROM_LOOPBACK }, '/get', {}, '127.0.0.1'],
  [{ source: 'arg_realip', ...FROM_LOOPBACK }, '/get?realip=1.2.3.4', { from: '127.0.1.1' }, '127.0.1.1'],
  [{ source: 'arg_realip' }, '/get?realip=1.2.3.4', {}, '127.0.0.1'],
];

for (const [attributes, path, ask, address, port] of CASES) {
  it(`${JSON.stringify(attributes)} takes ${address} of ${path} ${JSON.stringify(ask)}`, async (t) => {
    const lab = await openLab(t, with_(attributes));
    const answer = await lab.request(path, ask);
    assert.equal(answer.headers['remote_addr'], address);
    if (port !== undefined) assert.equal(answer.headers['remote_port'], port);
  });
}

it('limits, restrictions and the upstream get the client, and the chain names the proxy', async (t) => {
  const plugins = {
    'real-ip': { source: 'http_x_forwarded_for', ...FROM_LOOPBACK },
    'ip-restriction': { blacklist: ['6.6.6.6'] },
  };
  const lab = await openLab(t, routeWith(plugins));
  const from = (address: string): Ask => ({ headers: { 'X-Forwarded-For': address } });
  assert.equal((await lab.request('/', from('6.6.6.6'))).status, 403);
  assert.equal((await lab.request('/', from('5.5.5.5'))).status, 200);
  const fields = Object.fromEntries(lab.lastSeen.headers.map(([name, value]) => [name.toLowerCase(), value]));
  assert.equal(fields['x-real-ip'], '5.5.5.5');
  assert.equal(fields['x-forwarded-for'], '5.5.5.5, 127.0.0.1');
});

it('what is known of one request of a connection is not said of the next', async (t) => {
  const lab = await openLab(t, routeWith({ 'real-ip': { source: 'arg_ip', ...FROM_LOOPBACK } }));
  await lab.raw(
    'GET /?ip=5.5.5.5 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /?ip=7.7.7.7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  );
  const told = lab.seen.map(({ headers }) => headers.find(([name]) => name.toLowerCase() === 'x-real-ip')?.[1]);
  assert.deepEqual(told, ['5.5.5.5', '127.0.0.1', '7.7.7.7']);
});

it('without addresses of its own the trusted ones of the gateway count', async (t) => {
  const lab = await openLab(t, `gateway: { trusted_addresses: [127.0.0.0/8] }\n${with_({ source: 'http_x_real_ip' })}`);
  assert.equal((await lab.request('/', { headers: { 'X-Real-IP': '9.9.9.9' } })).headers['remote_addr'], '9.9.9.9');
});

it('addresses are read with and without ports, and nothing else passes for one', () => {
  for (const [text, expected] of [
    ['1.2.3.4', '1.2.3.4 '],
    ['1.2.3.4:80', '1.2.3.4 80'],
    ['[::1]', '::1 '],
    ['::1', '::1 '],
    ['1.2.3.4:99999', null],
    ['1.2.3', null],
    ['', null],
    ['[::1', null],
    ['fe80::1%eth0', null],
    ['1.2.3.4 5', null],
  ] as const) {
    const parsed = parseAddress(text);
    assert.equal(parsed === null ? null : `${parsed.address} ${parsed.port}`, expected, text);
  }
  assert.equal(clientOf('junk, 1.1.1.1', null)?.address, '1.1.1.1');
  assert.equal(clientOf('1.1.1.1, junk', null), null);
});

const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /source/],
  [{ source: 'a b' }, /source.*names no variable/],
  [{ source: 'arg_a', trusted_addresses: ['nobody'] }, /trusted_addresses\[0\]: "nobody" is no address/],
  [{ source: 'arg_a', recursive: true }, /recursive: needs "trusted_addresses"/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'real-ip': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of realIp.examples ?? []) assert.deepEqual(problemsOf(routeWith({ 'real-ip': config })), []);
});
