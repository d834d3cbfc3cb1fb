import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS, readSettings } from './settings.ts';

test('a file without the key gateway has the documented defaults', () => {
  const { settings, problems } = readSettings(undefined);
  assert.deepEqual(problems, []);
  assert.deepEqual(settings, DEFAULT_SETTINGS);
  assert.deepEqual(settings.http, [{ address: '0.0.0.0', port: 9080, http2: false }]);
  assert.deepEqual(settings.control, { address: '127.0.0.1', port: 9090 });
  assert.equal(settings.controlExplicit, false);
  assert.equal(settings.access_log, false);
  assert.deepEqual(settings.limits, {
    line_bytes: 8192,
    head_bytes: 32768,
    fields: 100,
    body_bytes: 0,
    pipelined_bytes: 65536,
    connections: 0,
    concurrent_streams: 128,
    stream_window_bytes: 262_144,
    connection_window_bytes: 1_048_576,
    held_bytes: 268_435_456,
  });
  assert.deepEqual(settings.timeouts, {
    head_ms: 10_000,
    body_ms: 60_000,
    idle_ms: 60_000,
    send_ms: 180_000,
    linger_ms: 5_000,
    linger_total_ms: 30_000,
    tunnel_idle_ms: 300_000,
    tunnel_drain_ms: 10_000,
    drain_timeout_ms: 30_000,
    stall_ms: 5_000,
    control_stall_ms: 60_000,
    drain_delay_ms: 0,
  });
});

test('one attribute of a group leaves the others at their defaults', () => {
  const { settings, problems } = readSettings({ control: { port: 0 }, timeouts: { idle_ms: 1 }, access_log: {} });
  assert.deepEqual(problems, []);
  assert.deepEqual(settings.control, { address: '127.0.0.1', port: 0 });
  assert.equal(settings.controlExplicit, true);
  assert.equal(settings.timeouts.idle_ms, 1);
  assert.equal(settings.timeouts.head_ms, 10_000);
  assert.deepEqual(settings.access_log, { path: 'stdout', format: 'text' });
});

test('two listeners on port 0 do not collide, two on the same port do, the control port included', () => {
  const paths = (value: unknown): string[] => readSettings(value).problems.map(({ path, code }) => `${path} ${code}`);
  assert.deepEqual(paths({ http: [{ port: 0 }, { port: 0 }] }), []);
  assert.deepEqual(paths({ http: [{ port: 1 }, { address: '127.0.0.1', port: 1 }] }), []);
  assert.deepEqual(paths({ http: [{ port: 1 }, { port: 1 }] }), ['gateway.http[1] duplicate']);
  assert.deepEqual(paths({ http: [{ address: '127.0.0.1', port: 9090 }] }), ['gateway.control duplicate']);
});

test('a worker that recovers above the delay at which it is overloaded is refused', () => {
  const { problems } = readSettings({ load_shedding: { delay_ms: 20 } });
  assert.deepEqual(
    problems.map(({ path, code }) => `${path} ${code}`),
    ['gateway.load_shedding.recover_delay_ms invalid_value'],
  );
});

test('metrics are off unless asked for, and have an address, a port and a path of their own', () => {
  assert.equal(readSettings(undefined).settings.metrics, false);
  assert.equal(readSettings({ metrics: false }).settings.metrics, false);
  const { settings, problems } = readSettings({ metrics: {} });
  assert.deepEqual(problems, []);
  assert.deepEqual(settings.metrics, { address: '127.0.0.1', port: 9091, path: '/apisix/prometheus/metrics' });
  const cases: readonly [object, string][] = [
    [{ metrics: { address: 'localhost' } }, 'gateway.metrics.address invalid_value'],
    [{ metrics: { address: '127.0.0.1', port: 9090 } }, 'gateway.metrics duplicate'],
    [{ metrics: { path: 'metrics' } }, 'gateway.metrics.path invalid_value'],
    [{ metrics: { path: '/metrics?x' } }, 'gateway.metrics.path invalid_value'],
  ];
  for (const [value, problem] of cases) {
    const found = readSettings(value).problems.map(({ path, code }) => `${path} ${code}`);
    assert.deepEqual(found, [problem], JSON.stringify(value));
  }
});

test('what is said of a store fits its type', () => {
  const paths = (value: unknown): string[] => readSettings(value).problems.map(({ path, code }) => `${path} ${code}`);
  assert.equal(readSettings(undefined).settings.admin, false);
  assert.deepEqual(paths({ admin: {} }), []);
  assert.deepEqual(paths({ admin: { enabled: false } }), []);
  assert.deepEqual(paths({ admin: {}, store: { type: 'embedded', path: 'a.db' } }), []);
  assert.deepEqual(paths({ store: { path: 'a.db' } }), ['gateway.store.path conflict']);
});

test('who is let in without a key, and with which, is checked before the start', () => {
  const admin = (value: object): string[] => {
    const { problems } = readSettings({ admin: value, store: { type: 'embedded' } });
    return problems.map(({ path, code }) => `${path.slice('gateway.admin.'.length)} ${code}`);
  };
  const key = { name: 'root', key: 'long-enough-key' };
  assert.deepEqual(admin({ allow_anonymous: true }), []);
  assert.deepEqual(admin({ allow_anonymous: true, address: '::1' }), []);
  assert.deepEqual(admin({ allow_anonymous: true, address: '0.0.0.0' }), ['allow_anonymous conflict']);
  assert.deepEqual(admin({ allow_anonymous: true, keys: [key] }), ['allow_anonymous conflict']);
  assert.deepEqual(admin({ address: '0.0.0.0', keys: [key] }), []);
  assert.deepEqual(admin({ keys: [key, { ...key, role: 'viewer' }] }), [
    'keys[1].key duplicate',
    'keys[1].name duplicate',
  ]);
  assert.deepEqual(admin({ keys: [{ name: 'a', key: 'short' }] }), ['keys[0].key wrong_length']);
  assert.deepEqual(admin({ allow: ['10.0.0.0/8', '10.0.0.0/33', 'x'] }), [
    'allow[1] invalid_value',
    'allow[2] invalid_value',
  ]);
  assert.deepEqual(admin({ port: 9090 }), [' duplicate']);
});

test('name servers are addresses, with a port or not', () => {
  const servers = ['10.0.0.1', '127.0.0.1:8600', '::1', '[2001:db8::1]:53', '[::1]'];
  assert.deepEqual(readSettings({ dns: { servers } }).problems, []);
  for (const server of [
    'ns.test',
    '10.0.0.1:0',
    '10.0.0.1:70000',
    '10.0.0:53',
    '[10.0.0.1]:53',
    '::1]:53',
    '10.0.0.1:53:53',
  ]) {
    const found = readSettings({ dns: { servers: [server] } }).problems.map(({ path }) => path);
    assert.deepEqual(found, ['gateway.dns.servers[0]'], server);
  }
  const { problems } = readSettings({ dns: { min_ttl_ms: 5_000, max_ttl_ms: 1_000 } });
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['gateway.dns.max_ttl_ms'],
  );
});
