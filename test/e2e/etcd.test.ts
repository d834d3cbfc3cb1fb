/** Gateways whose objects come from a real etcd: changes reach all of them, and etcd's absence nobody. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, it, type TestContext } from 'node:test';
import { Etcd } from '../store/etcd.ts';
import { requireProgram } from '../require-program.ts';
import { LAUNCHER, RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

const KEY = 'a-key-for-this-test';

/** What the gateways use ends after them: hooks of a test run in the order in which they were given. */
const used: { readonly etcds: Etcd[]; readonly folders: string[] } = { etcds: [], folders: [] };
after(async () => {
  await Promise.all(used.etcds.map((one) => one.end()));
  for (const made of used.folders) rmSync(made, { recursive: true, force: true });
});

async function etcd(t: TestContext): Promise<{ etcd: Etcd; ctl: (...args: string[]) => string } | undefined> {
  const [program, etcdctl] = [requireProgram(t, 'etcd'), requireProgram(t, 'etcdctl')];
  if (program === undefined || etcdctl === undefined) return undefined;
  const etcd = await Etcd.start({ program });
  used.etcds.push(etcd);
  const env = { ...process.env, ETCDCTL_API: '3' };
  const ctl = (...args: string[]): string =>
    execFileSync(etcdctl, [`--endpoints=${etcd.endpoint}`, ...args], { env, stdio: 'pipe' }).toString();
  return { etcd, ctl };
}

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'gatewright-etcd-'));
  used.folders.push(made);
  return made;
}

async function upstream(t: TestContext): Promise<Record<string, number>> {
  const server = http.createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { [`127.0.0.1:${(server.address() as { port: number }).port}`]: 1 };
}

async function start(t: TestContext, gateway: object): Promise<RunningGateway> {
  const running = await RunningGateway.start({ gateway: { workers: 1, ...gateway } });
  t.after(() => running[Symbol.asyncDispose]());
  return running;
}

const statusOf = async (gateway: RunningGateway, where: string): Promise<number> => {
  const response = await fetch(gateway.origin + where);
  await response.arrayBuffer();
  return response.status;
};

it('what one gateway accepts is soon served by the other one, and no request fails meanwhile', async (t) => {
  const found = await etcd(t);
  if (found === undefined) return;
  const where = folder();
  const nodes = await upstream(t);
  found.ctl('put', '/apisix/routes/', 'init_dir');
  found.ctl('put', '/apisix/upstreams/u', JSON.stringify({ id: 'u', type: 'roundrobin', nodes }));
  found.ctl('put', '/apisix/routes/steady', JSON.stringify({ id: 'steady', uri: '/steady', upstream_id: 'u' }));
  const storeOf = (name: string): object => ({
    type: 'etcd',
    hosts: [found.etcd.endpoint],
    snapshot: path.join(where, name),
    encryption: { keyring: ['0123456789abcdef'] },
  });
  const admin = { port: 0, keys: [{ name: 'root', key: KEY }] };
  const one = await start(t, { store: storeOf('one'), admin });
  const two = await start(t, { store: storeOf('two') });
  const port = /listening protocol=admin .*port=([0-9]+)/.exec(one.errorLog)?.[1] ?? '';
  const put = async (id: string, body: object): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${port}/apisix/admin/routes/${id}`, {
      method: 'PUT',
      headers: { 'X-API-KEY': KEY },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.status === 200 || response.status === 201, text);
  };
  const load = { isOver: false, statuses: new Map<number, number>() };
  const requests = (async () => {
    while (!load.isOver) {
      const status = await statusOf(two, '/steady');
      load.statuses.set(status, (load.statuses.get(status) ?? 0) + 1);
    }
  })();
  const changes = Number(process.env['CHANGES'] ?? 30);
  const times_ms: number[] = [];
  try {
    for (let i = 0; i < changes; i++) {
      const begun = performance.now();
      await put('moving', { uri: `/moving-${i}`, upstream_id: 'u' });
      await eventually(
        async () => (await statusOf(two, `/moving-${i}`)) === 200,
        () => `change ${i} does not arrive`,
      );
      times_ms.push(performance.now() - begun);
    }
  } finally {
    load.isOver = true;
    await requests;
  }
  const sorted = times_ms.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((changes - 1) * share)] ?? 0).toFixed(1);
  t.diagnostic(`from PUT at one gateway to its effect at another: median ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  assert.deepEqual([...load.statuses.keys()], [200]);
  // The one that took the change has its workers swap as the other one does: either may be first.
  await eventually(
    async () => (await statusOf(one, `/moving-${changes - 1}`)) === 200,
    () => 'the gateway that took the last change does not serve it',
  );
  const stored = found.ctl('get', '--print-value-only', '/apisix/routes/moving');
  assert.match(stored, /^\{"uri":"\/moving-\d+","upstream_id":"u","id":"moving","create_time":\d+,"update_time":\d+\}/);
});

it('while etcd is away everything is served, also after a restart, and what happened meanwhile arrives later', async (t) => {
  const found = await etcd(t);
  if (found === undefined) return;
  const nodes = await upstream(t);
  const route = (id: string): string => JSON.stringify({ id, uri: `/${id}`, upstream: { type: 'roundrobin', nodes } });
  found.ctl('put', '/apisix/routes/a', route('a'));
  found.ctl('put', '/apisix/routes/b', route('b'));
  const store = {
    type: 'etcd',
    hosts: [found.etcd.endpoint],
    encryption: 'off',
    snapshot: path.join(folder(), 'snapshot'),
    timeout_ms: 1000,
    health_ms: 500,
  };
  const readiness = async (gateway: RunningGateway): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${gateway.statusPort}/status/ready`)).json();
  const first = await start(t, { store });
  assert.equal(await statusOf(first, '/a'), 200);
  assert.deepEqual(await readiness(first), { status: 'ok' });
  await found.etcd.kill();
  await first.logged(/ warn +store_not_live state=stale reason="etcd at http/);
  assert.equal(await statusOf(first, '/a'), 200);
  await first.stop();

  const metrics = { port: 0 };
  const second = await start(t, { store, metrics });
  await second.logged(/ warn +store_not_live state=stale/);
  assert.equal(await statusOf(second, '/a'), 200);
  assert.equal(await statusOf(second, '/b'), 200);
  const { store: remark } = (await readiness(second)) as { store?: { state?: string; since?: string } };
  assert.equal(remark?.state, 'stale');
  assert.ok(Math.abs(Date.parse(remark?.since ?? '') - Date.now()) < 60_000);
  await second.measured(/^gatewright_store_live 0$/m);

  await found.etcd.restart();
  found.ctl('del', '/apisix/routes/b');
  found.ctl('put', '/apisix/routes/c', route('c'));
  await eventually(
    async () => (await statusOf(second, '/c')) === 200 && (await statusOf(second, '/b')) === 404,
    () => second.errorLog,
  );
  await second.logged(/ info +store_live/);
  assert.deepEqual(await readiness(second), { status: 'ok' });
  await second.measured(/^gatewright_store_live 1$/m);
});

it('started without etcd and without a last good state, it waits, says so, and can be stopped', async (t) => {
  const where = folder();
  const file = path.join(where, 'gatewright.json');
  const store = { type: 'etcd', hosts: ['http://127.0.0.1:1'], encryption: 'off' };
  writeFileSync(file, JSON.stringify({ gateway: { http: [{ address: '127.0.0.1', port: 0 }], store } }));
  const child = spawn(LAUNCHER, ['run', '-c', file], { stdio: ['ignore', 'inherit', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  await eventually(
    () => / warn +store_not_live state=waiting reason="etcd at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/.test(told),
    () => told,
  );
  assert.doesNotMatch(told, /listening/);
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
});

it('whose first objects are not fit to be served is not ready until they are', async (t) => {
  const found = await etcd(t);
  if (found === undefined) return;
  const nodes = await upstream(t);
  found.ctl('put', '/apisix/routes/r', JSON.stringify({ uri: 'no path', upstream: { nodes } }));
  const file = path.join(folder(), 'gatewright.json');
  const free = { address: '127.0.0.1', port: 0 };
  const store = { type: 'etcd', hosts: [found.etcd.endpoint], encryption: 'off', snapshot: false };
  writeFileSync(file, JSON.stringify({ gateway: { http: [free], control: free, workers: 1, store } }));
  const child = spawn(LAUNCHER, ['run', '-c', file], { stdio: ['ignore', 'inherit', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  const portOf = (protocol: string): string =>
    new RegExp(`listening protocol=${protocol} .*port=([0-9]+)`).exec(told)?.[1] ?? '';
  await eventually(
    () => portOf('control') !== '' && portOf('http') !== '',
    () => told,
  );
  const ready = (): Promise<Response> => fetch(`http://127.0.0.1:${portOf('control')}/status/ready`);
  const refused = await ready();
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /no state of the store is fit to be served yet/);
  assert.match(told, /error +configuration_problem problem="\/apisix\/routes\/r\.uri: /);
  found.ctl('put', '/apisix/routes/r', JSON.stringify({ uri: '/r', upstream: { type: 'roundrobin', nodes } }));
  await eventually(
    async () => (await ready()).status === 200,
    () => told,
  );
  assert.equal((await fetch(`http://127.0.0.1:${portOf('http')}/r`)).status, 200);
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  await ended;
});
