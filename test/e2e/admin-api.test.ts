/** The Admin API of a running gateway: what it accepts is served, at once and after a restart. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it, type TestContext } from 'node:test';
import { RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';
import { PAIR } from '../certificate.ts';

const KEY = 'a-key-for-this-test';

function store(t: TestContext): { readonly folder: string; readonly settings: object } {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-store-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return { folder, settings: { type: 'embedded', path: path.join(folder, 'objects.db') } };
}

async function start(t: TestContext, gateway: object): Promise<{ gateway: RunningGateway; admin: string }> {
  const running = await RunningGateway.start({ gateway: { workers: 2, ...gateway } });
  t.after(() => running[Symbol.asyncDispose]());
  const port = /listening protocol=admin .*port=([0-9]+)/.exec(running.errorLog)?.[1] ?? '';
  return { gateway: running, admin: `http://127.0.0.1:${port}/apisix/admin` };
}

const ask = async (
  url: string,
  method: string,
  body?: object,
  key = KEY,
): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(url, {
    method,
    headers: { 'X-API-KEY': key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
};

async function upstream(t: TestContext): Promise<number> {
  const server = http.createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

it('what is written with wait=true is served by every worker when the answer comes, and after a restart', async (t) => {
  const { settings } = store(t);
  const configured = { store: settings, admin: { port: 0, keys: [{ name: 'root', key: KEY }] } };
  const node = { nodes: { [`127.0.0.1:${await upstream(t)}`]: 1 } };
  const first = await start(t, configured);
  const get = async (gateway: RunningGateway, where: string) => (await fetch(gateway.origin + where)).status;
  assert.equal(await get(first.gateway, '/a'), 404);
  assert.equal(
    (await ask(`${first.admin}/routes/steady?wait=true`, 'PUT', { uri: '/steady', upstream: node })).status,
    201,
  );
  let isOver = false;
  const traffic = Array.from({ length: 4 }, async () => {
    const statuses = new Set<number>();
    while (!isOver) statuses.add(await get(first.gateway, '/steady'));
    return [...statuses];
  });
  for (let i = 0; i < 5; i++) {
    const { status } = await ask(`${first.admin}/routes/r?wait=true`, 'PUT', { uri: `/only-${i}`, upstream: node });
    assert.equal(status, i === 0 ? 201 : 200);
    // Connections are spread over the workers: each of them has swapped.
    const statuses = await Promise.all(Array.from({ length: 8 }, () => get(first.gateway, `/only-${i}`)));
    assert.deepEqual(new Set(statuses), new Set([200]));
    if (i > 0) assert.equal(await get(first.gateway, `/only-${i - 1}`), 404);
  }
  isOver = true;
  assert.deepEqual(await Promise.all(traffic), [[200], [200], [200], [200]], 'no change costs a request');
  assert.equal((await ask(`${first.admin}/routes/bad`, 'PUT', { uri: '/x', upstream_id: 'nowhere' })).status, 400);
  await first.gateway.stop();
  assert.match(first.gateway.stderr, /"caller":"root".*"object":"routes\/r"/, 'the audit log');
  const second = await start(t, configured);
  assert.equal(await get(second.gateway, '/only-4'), 200);
  assert.equal((await ask(`${second.admin}/routes/r?wait=true`, 'DELETE')).status, 200);
  assert.equal(await get(second.gateway, '/only-4'), 404);
});

it('without keys one is made, printed once, and kept for its owner alone', async (t) => {
  const { settings, folder } = store(t);
  const key_file = path.join(folder, 'admin.key');
  const configured = { store: settings, admin: { port: 0, key_file, audit_log: path.join(folder, 'audit.log') } };
  const first = await start(t, configured);
  const key = readFileSync(key_file, 'utf8').trim();
  await eventually(
    () => first.gateway.stderr.includes(`made a key for the Admin API, kept in ${key_file}: ${key}\n`),
    () => first.gateway.stderr,
  );
  assert.equal(statSync(key_file).mode & 0o777, 0o600);
  assert.equal((await ask(`${first.admin}/routes`, 'GET', undefined, 'wrong')).status, 401);
  assert.equal(
    (
      await ask(
        `${first.admin}/consumers`,
        'PUT',
        { username: 'jack', plugins: { 'key-auth': { key: 'hunter2-hunter2' } } },
        key,
      )
    ).status,
    201,
  );
  renameSync(path.join(folder, 'audit.log'), path.join(folder, 'audit.log.1'));
  first.gateway.signal('SIGUSR2');
  await eventually(
    () => existsSync(path.join(folder, 'audit.log')),
    () => 'the audit log was not opened anew',
  );
  assert.equal((await ask(`${first.admin}/protos/1`, 'PUT', { content: 'x' }, key)).status, 201);
  await first.gateway.stop();
  assert.match(readFileSync(path.join(folder, 'audit.log'), 'utf8'), /"object":"protos\/1"/);
  const audit = readFileSync(path.join(folder, 'audit.log.1'), 'utf8').trim().split('\n');
  assert.equal(audit.length, 1);
  const { caller, object, action } = JSON.parse(audit[0] ?? '') as Record<string, unknown>;
  assert.deepEqual([caller, object, action], ['first', 'consumers/jack', 'create']);
  assert.ok(!audit[0]?.includes('hunter2'));
  assert.ok(!readFileSync(path.join(folder, 'objects.db')).includes('hunter2'), 'encrypted at rest');
  const second = await start(t, configured);
  assert.equal((await ask(`${second.admin}/consumers/jack`, 'GET', undefined, key)).status, 200);
  assert.ok(!second.gateway.stderr.includes(key));
});

it('objects of a configuration file are shown as they stand there now, and not changed', async (t) => {
  const admin = { port: 0, keys: [{ name: 'root', key: KEY }] };
  const routes = [
    { id: 'r', uri: '/a', plugins: {} },
    { uri: '/nameless', plugins: {} },
  ];
  const running = await RunningGateway.start({ gateway: { workers: 1, admin }, routes });
  t.after(() => running[Symbol.asyncDispose]());
  const port = /listening protocol=admin .*port=([0-9]+)/.exec(running.errorLog)?.[1] ?? '';
  const at = `http://127.0.0.1:${port}/apisix/admin/routes`;
  const { body } = await ask(at, 'GET');
  assert.equal((body as { total: number }).total, 2);
  const refused = await ask(`${at}/r`, 'PUT', { uri: '/b', plugins: {} });
  assert.equal(refused.status, 403);
  assert.match(
    (refused.body as { error_msg: string }).error_msg,
    /objects come from .*gatewright\.json: change them there/,
  );
  const free = { address: '127.0.0.1', port: 0 };
  const changed = {
    gateway: { http: [free], control: free, workers: 1, admin },
    routes: [{ id: 'r', uri: '/b', plugins: {} }],
  };
  writeFileSync(path.join(running.folder, 'gatewright.json'), JSON.stringify(changed));
  await eventually(
    async () => JSON.stringify((await ask(`${at}/r`, 'GET')).body).includes('"uri":"/b"'),
    () => 'the change is not shown',
  );
});

it('objects whose engine comes later are kept, and are no fault', async (t) => {
  const { settings } = store(t);
  const { gateway, admin } = await start(t, {
    store: settings,
    admin: { port: 0, keys: [{ name: 'root', key: KEY }] },
  });
  const ssl = { ...PAIR, snis: ['a.example'] };
  assert.equal((await ask(`${admin}/ssls/1?wait=true`, 'PUT', ssl)).status, 201);
  assert.equal((await ask(`${admin}/protos/1?wait=true`, 'PUT', { content: 'syntax = "proto3";' })).status, 201);
  assert.doesNotMatch(gateway.errorLog, /configuration_problem/);
});

it('a start that cannot have its key file fails, with the reason', async (t) => {
  const { settings, folder } = store(t);
  const gateway = { store: settings, admin: { port: 0, key_file: folder } };
  await assert.rejects(RunningGateway.start({ gateway }), /gateway\.admin\.key_file: EISDIR/);
});
