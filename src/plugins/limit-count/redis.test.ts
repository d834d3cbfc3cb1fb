import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { RedisServer } from '../../../test/limit/redis.ts';
import { eventually } from '../../../test/e2e/waiting.ts';
import { openLab } from '../../../test/plugins/lab.ts';
import type { Lab } from '../../../test/plugins/lab.ts';
import { requireProgram } from '../../../test/require-program.ts';

type Attributes = Readonly<Record<string, unknown>>;

const UPSTREAM = { nodes: { $UPSTREAM: 1 } };

async function serverFor(t: TestContext, lines: readonly string[] = []): Promise<RedisServer | null> {
  const program = requireProgram(t, 'redis-server');
  if (program === undefined) return null;
  const server = await RedisServer.start(program, lines);
  t.after(() => server.end());
  return server;
}

async function open(t: TestContext, server: RedisServer, attributes: Attributes, plugin = 'limit-count'): Promise<Lab> {
  const base: Record<string, Attributes> = {
    'limit-count': { count: 3, time_window: 600, rejected_code: 429 },
    'limit-req': { rate: 0.01, burst: 2, nodelay: true, key: 'remote_addr', rejected_code: 429 },
    'limit-token-bucket': { rate: 0.01, capacity: 3 },
    'limit-conn': { conn: 1, burst: 0, default_conn_delay: 1, rejected_code: 429 },
  };
  const redis = { policy: 'redis', redis_host: '127.0.0.1', redis_port: server.port, redis_timeout: 2000 };
  const plugins = { [plugin]: { ...base[plugin], ...redis, ...attributes } };
  return openLab(t, JSON.stringify({ routes: [{ id: 'r', uri: '/*', plugins, upstream: UPSTREAM }] }));
}

async function statuses(labs: readonly Lab[], count: number): Promise<number[]> {
  const seen: number[] = [];
  for (let ask = 0; ask < count; ask++) seen.push((await labs[ask % labs.length]!.request('/get')).status);
  return seen;
}

describe('a limit in Redis', () => {
  for (const plugin of ['limit-count', 'limit-req', 'limit-token-bucket']) {
    it(`is one limit for two gateways: ${plugin}`, async (t) => {
      const server = await serverFor(t);
      if (server === null) return;
      const labs = [await open(t, server, {}, plugin), await open(t, server, {}, plugin)];
      assert.deepEqual(await statuses(labs, 5), [200, 200, 200, 429, 429]);
    });
  }

  it('has the headers of a limit in the gateway', async (t) => {
    const server = await serverFor(t);
    if (server === null) return;
    const lab = await open(t, server, { count: 1, window_type: 'sliding' });
    const [first, second] = [await lab.request('/get'), await lab.request('/get')];
    assert.deepEqual([first.headers['x-ratelimit-limit'], first.headers['x-ratelimit-remaining']], ['1', '0']);
    assert.deepEqual([second.status, second.headers['x-ratelimit-remaining']], [429, '0']);
    assert.ok(Number(second.headers['retry-after']) > 0);
  });

  it('stops at the first rule that refuses, and the later ones count nothing', async (t) => {
    const server = await serverFor(t);
    if (server === null) return;
    const rules = [1, 5].map((count) => ({ count, time_window: 600, key: '$remote_addr' }));
    const lab = await open(t, server, { count: undefined, time_window: undefined, rules });
    const first = await lab.request('/get');
    assert.deepEqual([first.headers['x-1-ratelimit-remaining'], first.headers['x-2-ratelimit-remaining']], ['0', '4']);
    assert.deepEqual(await statuses([lab], 3), [429, 429, 429]);
    const counts = server.ask('--scan').split('\n').toSorted();
    assert.equal(counts.length, 2);
    for (const key of counts) assert.match(server.ask('GET', key), /^\S+ 1 0 0$/);
  });

  it('gives the places of limit-conn, which are free after each exchange', async (t) => {
    const server = await serverFor(t);
    if (server === null) return;
    const labs = [await open(t, server, {}, 'limit-conn'), await open(t, server, {}, 'limit-conn')];
    const [first, second] = labs as [Lab, Lab];
    const slow = first.request('/slow');
    await eventually(
      () => first.upstream.waitingCount === 1,
      () => 'the request does not arrive',
    );
    assert.equal((await second.request('/get')).status, 429);
    first.upstream.release();
    assert.equal((await slow).status, 200);
    await eventually(
      async () => (await second.request('/get')).status === 200,
      () => 'the place is not free',
    );
    await eventually(
      () => server.ask('DBSIZE') === '0',
      () => 'a place is left behind',
    );
  });
});

describe('without Redis', () => {
  async function isRefused(lab: Lab): Promise<void> {
    const before = performance.now();
    const answers = await Promise.all(Array.from({ length: 10 }, () => lab.request('/get')));
    const spent_ms = performance.now() - before;
    for (const { status, headers, text } of answers) {
      assert.equal(status, 503);
      assert.equal(headers['x-gatewright-error'], 'limit_unavailable');
      assert.deepEqual(JSON.parse(text), { error_msg: 'the limit cannot be determined at present' });
    }
    // The timeout is 300 ms; the machine may be busy.
    assert.ok(spent_ms < 20_000, `${spent_ms} ms`);
  }

  it('requests are refused until it is back: killed, restarted, stopped, continued', async (t) => {
    const server = await serverFor(t);
    if (server === null) return;
    const lab = await open(t, server, { count: 1000, redis_timeout: 300 });
    const works = (): Promise<void> =>
      eventually(
        async () => (await lab.request('/get')).status === 200,
        () => 'the limit does not come back',
      );
    await works();
    await server.kill();
    await isRefused(lab);
    await server.run();
    await works();
    server.pause();
    await isRefused(lab);
    server.resume();
    await works();
    const faults = lab.hostLog.filter(({ event }) => event === 'limit_unavailable');
    assert.ok(faults.length >= 1 && faults.length < 5, 'the log is not flooded');
    assert.equal(faults[0]?.detail['outcome'], 'requests are refused');
  });

  it('requests pass with allow_degradation, for each plugin', async (t) => {
    const server = await serverFor(t);
    if (server === null) return;
    await server.kill();
    for (const plugin of ['limit-count', 'limit-req', 'limit-conn', 'limit-token-bucket']) {
      const lab = await open(t, server, { allow_degradation: true, redis_timeout: 300 }, plugin);
      assert.deepEqual(await statuses([lab], 5), [200, 200, 200, 200, 200], plugin);
    }
  });

  it('a server that is full refuses, and counts on where there is room', async (t) => {
    const server = await serverFor(t);
    if (server === null) return;
    const lab = await open(t, server, { count: 1000 });
    assert.equal((await lab.request('/get')).status, 200);
    server.ask('CONFIG', 'SET', 'maxmemory', '1');
    assert.equal((await lab.request('/get')).status, 503);
    assert.match(String(lab.hostLog.at(-1)?.detail['reason']), /OOM/);
    server.ask('CONFIG', 'SET', 'maxmemory', '0');
    assert.equal((await lab.request('/get')).status, 200);
  });

  it('a key that holds something else is no limit', async (t) => {
    const server = await serverFor(t);
    if (server === null) return;
    const lab = await open(t, server, { count: 1000 });
    await lab.request('/get');
    server.ask('SET', server.ask('--scan'), 'unlimited');
    assert.equal((await lab.request('/get')).status, 503);
  });
});

describe('access to Redis', () => {
  it('with a user of its ACL, who needs few rights; without, requests are refused', async (t) => {
    const server = await serverFor(t, [
      'user default off',
      'user gate on >secret ~gatewright:* +@connection +info +eval +evalsha +get +set +time +zremrangebyscore +zcard +zadd +zrem +pexpire',
    ]);
    if (server === null) return;
    const login = { redis_username: 'gate', redis_password: 'secret' };
    for (const plugin of ['limit-count', 'limit-conn', 'limit-req']) {
      const lab = await open(t, server, login, plugin);
      assert.equal((await lab.request('/get')).status, 200, plugin);
    }
    for (const wrong of [{}, { ...login, redis_password: 'wrong' }]) {
      const lab = await open(t, server, wrong);
      assert.equal((await lab.request('/get')).status, 503);
      assert.doesNotMatch(JSON.stringify(lab.hostLog), /secret|wrong/);
    }
  });

  it('over TLS, verified or not', async (t) => {
    if (requireProgram(t, 'openssl') === undefined) return;
    const folder = mkdtempSync(join(tmpdir(), 'gatewright-tls-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const self = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', [...self, '-keyout', key, '-out', cert, '-subj', '/CN=localhost'], { stdio: 'ignore' });
    const server = await serverFor(t, [
      'tls-port $PORT',
      `tls-cert-file ${cert}`,
      `tls-key-file ${key}`,
      `tls-ca-cert-file ${cert}`,
      'tls-auth-clients no',
    ]);
    if (server === null) return;
    const trusting = await open(t, server, { redis_ssl: true });
    assert.deepEqual(await statuses([trusting], 4), [200, 200, 200, 429]);
    const verifying = await open(t, server, { redis_ssl: true, redis_ssl_verify: true });
    assert.equal((await verifying.request('/get')).status, 503);
    assert.equal(verifying.hostLog.at(-1)?.detail['fault'], 'tls');
    const plain = await open(t, server, {});
    assert.equal((await plain.request('/get')).status, 503);
  });
});
