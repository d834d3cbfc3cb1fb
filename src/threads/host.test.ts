import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientSource } from '../clients/clients.ts';
import { systemClock } from '../clock/clock.ts';
import { NO_GRANTS } from '../compile/inert-host.ts';
import type { Host, HostLog, Owner } from '../sdk/host.ts';
import { allocateLimits, SharedLimits } from '../limit/shared-limits.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import { hostFactory, pureHostFactory, sha256 } from './host.ts';

function parts() {
  const time = { now_ms: 0 };
  const clock = { monotonic_ms: () => time.now_ms, wall_ms: () => 1e12 + time.now_ms };
  const lines: unknown[] = [];
  const write =
    (level: string) =>
    (event: string, detail?: object): void => {
      lines.push([level, event, { ...detail }]);
    };
  const errorLog: HostLog = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const now_ms = clock.monotonic_ms;
  const sizes = { counters: { maxKeys: 1000 }, cells: { maxRecords: 1000, threads: 1 }, kv: { max_bytes: 100_000 } };
  const { counters, kv, cells } = new SharedLimits(allocateLimits(new Uint8Array(8), sizes), {
    now_ms,
    digest: sha256,
  });
  const metrics = new MetricRegistry({ now_ms });
  const random = (): number => 0.5;
  const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);
  const startTimer = systemClock.startTimer;
  const clients = clientSource(startTimer);
  const load = { admits: () => true };
  return { time, lines, clock, errorLog, counters, kv, cells, metrics, load, random, randomBytes, clients, startTimer };
}

const owner = (object = 'routes/1', configHash = 'h1', plugin = 'limit-count'): Owner => ({
  plugin,
  object,
  configHash,
});
const take = (host: Host, space: string, key = 'k'): number =>
  host.counters.fixedWindow(space, { key, limit: 9, window_ms: 1000, cost: 1 }).remaining;

test('the same owner finds its counts and values again, any other one finds none of them', () => {
  const hostFor = hostFactory(parts());
  const first = hostFor(owner());
  assert.equal(take(first, 'local'), 8);
  first.kv.set('k', 'v', 0);
  const again = hostFor({ ...owner() });
  assert.equal(take(again, 'local'), 7);
  assert.equal(again.kv.get('k'), 'v');
  for (const other of [owner('routes/2'), owner('routes/1', 'h2'), owner('routes/1', 'h1', 'limit-req')]) {
    const host = hostFor(other);
    assert.equal(take(host, 'local'), 8, JSON.stringify(other));
    assert.equal(host.kv.get('k'), undefined);
    host.kv.delete('k');
  }
  assert.equal(first.kv.get('k'), 'v');
});

test('what is named group/ is shared by all owners of a plugin, and by no other plugin', () => {
  const hostFor = hostFactory(parts());
  assert.equal(take(hostFor(owner()), 'group/a'), 8);
  assert.equal(take(hostFor(owner('routes/2', 'h2')), 'group/a'), 7);
  assert.equal(take(hostFor(owner('routes/2', 'h2')), 'group/b'), 8);
  assert.equal(take(hostFor(owner('routes/1', 'h1', 'limit-req')), 'group/a'), 8);
});

test('clock, randomness and metrics are those that were given', () => {
  const given = parts();
  const host = hostFactory(given)(owner());
  given.time.now_ms = 5;
  assert.equal(host.clock.monotonic_ms(), 5);
  assert.equal(host.clock.wall_ms(), 1e12 + 5);
  assert.equal(host.random(), 0.5);
  assert.deepEqual([...host.randomBytes(2)], [7, 7]);
  assert.deepEqual(host.owner, owner());
  host.metrics.gauge('g', { help: 'h', labels: [] }).set(3);
  const [family] = given.metrics.collect();
  assert.equal(family?.shape.name, 'g');
});

test('log lines carry the plugin and the object, whatever the plugin says, and an event is a name', () => {
  const given = parts();
  const { log } = hostFactory(given)(owner());
  const own = { plugin: 'limit-count', object: 'routes/1' };
  log.info('started');
  log.warn('odd', { plugin: 'forged', count: 1 });
  log.error('a line\n2026-01-01 error forged', { count: 1 });
  log.debug('');
  assert.deepEqual(given.lines, [
    ['info', 'started', own],
    ['warn', 'odd', { ...own, count: 1 }],
    ['error', 'plugin_message', { ...own, message: 'a line\n2026-01-01 error forged', count: 1 }],
    ['debug', 'plugin_message', { ...own, message: '' }],
  ]);
});

test('a client is made for who says so, of kinds that exist, and ends with its instance', async () => {
  const given = parts();
  const network = { ...NO_GRANTS, mayConnect: true };
  for (const hostFor of [hostFactory(given), pureHostFactory(given)]) {
    assert.throws(() => hostFor(owner()).connect('http', {}), { name: 'TypeError', message: /limit-count.*effects/ });
  }
  const host = hostFactory(given)(owner(), network);
  assert.throws(() => host.connect('rediss' as 'http', {}), { name: 'TypeError', message: /"rediss".*http/ });
  assert.throws(() => host.connect('http', { timeout_ms: 0 }), {
    name: 'TypeError',
    message: /timeout_ms.* 0: .*from 1/,
  });
  const pure = pureHostFactory(given)(owner(), network).connect('http', {});
  await assert.rejects(pure.request({ url: 'http://127.0.0.1:1/' }), { fault: 'without_effects' });
  let end = (): void => assert.fail('nothing ends with the instance');
  const client = hostFactory(given)(owner(), { ...network, onClose: (callback) => (end = callback) }).connect(
    'http',
    {},
  );
  end();
  await assert.rejects(client.request({ url: 'http://127.0.0.1:1/' }), { fault: 'closed' });
});

test('timers call back until their instance is closed, and what they throw is told', async () => {
  const given = parts();
  const ends: (() => void)[] = [];
  const host = hostFactory(given)(owner(), { ...NO_GRANTS, onClose: (end) => void ends.push(end) });
  const calls: string[] = [];
  host.startTimer(1, () => {
    calls.push('first');
    throw new Error('its fault');
  });
  host.startTimer(1, () => calls.push('stopped')).stop();
  host.startTimer(5, () => calls.push('closed'));
  await new Promise<void>((resolve) => host.startTimer(2, resolve));
  for (const end of ends) end();
  host.startTimer(0, () => calls.push('after'));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(calls, ['first']);
  assert.match(JSON.stringify(given.lines), /plugin_fault.*limit-count/);
});

test('what instances share is made once for each plugin and name', () => {
  for (const hostFor of [hostFactory(parts()), pureHostFactory(parts())]) {
    const [one, other] = [hostFor(owner()), hostFor(owner('routes/2'))];
    const made = one.shared('cache', () => new Map());
    assert.equal(
      other.shared('cache', () => new Map()),
      made,
    );
    assert.notEqual(
      other.shared('other', () => new Map()),
      made,
    );
    assert.notEqual(
      hostFor(owner('routes/1', 'h1', 'another')).shared('cache', () => new Map()),
      made,
    );
    assert.equal(
      one.shared<unknown>('nothing', () => undefined),
      undefined,
    );
  }
});

test('a host without effects starts from the counts and values there are, and leaves them as they are', () => {
  const given = parts();
  const host = hostFactory(given)(owner());
  take(host, 'local');
  host.kv.set('k', 'v', 0);
  const pureFor = pureHostFactory(given);
  const pure = pureFor(owner());
  assert.equal(take(pure, 'local'), 7);
  assert.equal(take(pureFor(owner()), 'local'), 6);
  assert.equal(take(pureHostFactory(given)(owner()), 'local'), 7);
  assert.equal(pure.kv.get('k'), 'v');
  pure.kv.delete('k');
  assert.equal(pure.kv.get('k'), undefined);
  pure.log.error('nobody hears this');
  pure.metrics.counter('c_total', { help: 'h', labels: [] }).add(1);
  assert.throws(() => pure.metrics.counter('no name', { help: 'h', labels: [] }), TypeError);
  assert.equal(take(host, 'local'), 7);
  assert.equal(host.kv.get('k'), 'v');
  assert.deepEqual(given.lines, []);
  assert.equal(given.metrics.collect().length, 1);
});

test('a host without effects and without a past begins with nothing', () => {
  const { clock, random, randomBytes } = parts();
  const host = pureHostFactory({ clock, random, randomBytes })(owner());
  assert.equal(take(host, 'local'), 8);
  assert.equal(host.kv.get('k'), undefined);
});
