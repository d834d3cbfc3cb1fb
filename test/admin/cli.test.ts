/** The verbs that change a running gateway, against a real Admin API. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { FailedError, type Io, UsageError } from '../../src/cli/arguments.ts';
import { apply } from '../../src/cli/apply.ts';
import { remove } from '../../src/cli/delete.ts';
import { dump } from '../../src/cli/dump.ts';
import { get } from '../../src/cli/get.ts';
import { put } from '../../src/cli/put.ts';
import { makeCertificates } from './certificates.ts';
import { ADMIN_KEY, startLab, VIEWER_KEY } from './lab.ts';

type Verb = (args: readonly string[], io: Io) => number | Promise<number>;

interface Desk {
  /** Runs a verb; with a key of its own if it is given. */
  run(verb: Verb, args: readonly string[], key?: string): Promise<{ code: number; stdout: string; stderr: string }>;
  write(name: string, text: string): void;
}

function desk(t: TestContext, server: string): Desk {
  const cwd = mkdtempSync(path.join(tmpdir(), 'gatewright-cli-'));
  t.after(() => rmSync(cwd, { recursive: true }));
  return {
    async run(verb, args, key = ADMIN_KEY) {
      let stdout = '';
      let stderr = '';
      const code = await verb(args, {
        stdout: (text) => (stdout += text),
        stderr: (text) => (stderr += text),
        env: { GATEWRIGHT_ADMIN: server, GATEWRIGHT_ADMIN_KEY: key, NODE: '127.0.0.1:1980' },
        cwd,
      });
      return { code, stdout, stderr };
    },
    write: (name, text) => writeFileSync(path.join(cwd, name), text),
  };
}

async function start(t: TestContext) {
  const lab = await startLab(t);
  return { lab, ...desk(t, `http://127.0.0.1:${lab.port}`) };
}

const fails = (pattern: RegExp) => (error: unknown) => error instanceof FailedError && pattern.test(error.message);
const misused = (pattern: RegExp) => (error: unknown) => error instanceof UsageError && pattern.test(error.message);

test('an object is put, shown and deleted', async (t) => {
  const { run, write } = await start(t);
  write('route.yaml', 'uri: /a\nname: first\nupstream:\n  nodes:\n    "127.0.0.1:1980": 1\n');
  assert.deepEqual(await run(put, ['route', '1', '-f', 'route.yaml']), {
    code: 0,
    stdout: 'created routes/1\n',
    stderr: '',
  });
  assert.equal((await run(put, ['routes', '1', '-f', 'route.yaml'])).stdout, 'updated routes/1\n');
  const list = (await run(get, ['routes'])).stdout.split('\n');
  assert.match(list[0] ?? '', /^ID {2}NAME {3}URI {2}HOST {2}METHODS {2}TO {14}PLUGINS {2}CHANGED$/);
  assert.match(list[1] ?? '', /^1 {3}first {2}\/a {3}- {5}- {8}127\.0\.0\.1:1980 {2}- {8}2025-06-15T/);
  assert.match((await run(get, ['route', '1'])).stdout, /^uri: \/a\nname: first\n/);
  const json: unknown = JSON.parse((await run(get, ['route', '1', '--json'])).stdout);
  assert.equal((json as { uri: string }).uri, '/a');
  assert.equal((JSON.parse((await run(get, ['routes', '--json', '--name', 'fir'])).stdout) as unknown[]).length, 1);
  assert.equal((JSON.parse((await run(get, ['routes', '--json', '--label', 'x'])).stdout) as unknown[]).length, 0);
  assert.equal((await run(remove, ['routes', '1'])).stdout, 'deleted routes/1\n');
  await assert.rejects(run(get, ['route', '1']), fails(/^404: Key not found$/));
  await assert.rejects(run(remove, ['route', '1']), fails(/^404/));
});

test('credentials and secrets have their places', async (t) => {
  const { run, write } = await start(t);
  write('jack.yaml', 'username: jack\n');
  write('key.yaml', 'plugins: { key-auth: { key: the-key-of-jack } }\n');
  write('vault.json', '{"uri": "http://v", "prefix": "kv", "token": "t"}');
  await run(put, ['consumer', 'jack', '-f', 'jack.yaml']);
  assert.equal(
    (await run(put, ['credential', 'jack/credentials/1', '-f', 'key.yaml'])).stdout,
    'created credentials/jack/credentials/1\n',
  );
  assert.match((await run(get, ['credentials', 'jack'])).stdout, /^1 {3}- {5}key-auth /m);
  assert.match((await run(get, ['credentials', 'jack/credentials/1'], VIEWER_KEY)).stdout, /key: '\*\*\*'/);
  assert.equal((await run(put, ['secret', 'vault/1', '-f', 'vault.json'])).code, 0);
  await assert.rejects(run(get, ['credentials']), misused(/belong to a consumer/));
});

test('mistakes of the command line and of the file are told apart, with the reason', async (t) => {
  const { run, write } = await start(t);
  write('bad.yaml', 'uri: 7\nupsteam: {}\n');
  write('broken.yaml', 'uri: [\n');
  await assert.rejects(
    run(put, ['route', '1', '-f', 'bad.yaml']),
    fails(/^400: .*uri: expected a string.*upsteam: unknown attribute "upsteam", did you mean/),
  );
  await assert.rejects(run(put, ['route', '1', '-f', 'broken.yaml']), fails(/^broken\.yaml:\d+: /));
  await assert.rejects(run(put, ['route', '1', '-f', 'none.yaml']), misused(/ENOENT/));
  await assert.rejects(run(get, ['rout']), misused(/there is no kind "rout", did you mean "route"/));
  await assert.rejects(run(get, []), misused(/expected KIND \[ID\], found nothing/));
  await assert.rejects(run(remove, ['routes', 'a b']), misused(/"a b" is no id/));
  await assert.rejects(run(get, ['routes', '--key', 'x']), misused(/--key/));
  await assert.rejects(run(get, ['routes'], ''), fails(/^401: failed to check token; name the key with --key-file/));
  await assert.rejects(run(get, ['routes', '-s', 'nowhere']), misused(/is no URL/));
  await assert.rejects(
    run(get, ['routes', '-s', 'http://127.0.0.1:1']),
    fails(/^cannot reach http:\/\/127\.0\.0\.1:1: /),
  );
});

const FILE = `
upstreams:
  - id: u
    nodes: { "\${{NODE}}": 1 }
services:
  - { id: s, upstream_id: u }
routes:
  - { id: r, uri: /a, service_id: s }
consumers:
  - username: jack
  - id: jack/credentials/1
    plugins: { key-auth: { key: the-key-of-jack } }
`;

test('apply makes the gateway have what the file says, and no more of its own', async (t) => {
  const { lab, run, write } = await start(t);
  await lab.put('/routes/other', { uri: '/other', plugins: {} });
  write('all.yaml', FILE);
  const planned = await run(apply, ['all.yaml', '--dry-run']);
  assert.match(planned.stdout, /^\+ create upstreams\/u\n\+ create services\/s\n\+ create consumers\/jack\n/);
  assert.match(planned.stdout, /\n5 changes would be made: 5 created, 0 updated, 0 deleted, 0 unchanged\n$/);
  assert.equal(lab.audit.length, 1, 'nothing was written');
  assert.match((await run(apply, ['all.yaml'])).stdout, /5 changes were made: 5 created/);
  assert.match((await run(apply, ['all.yaml'])).stdout, /^0 changes were made: .* 5 unchanged\n$/);
  const { body } = await lab.ask('/upstreams/u');
  const { value } = body as { value: { nodes: object; labels: object } };
  assert.deepEqual([value.nodes, value.labels], [{ '127.0.0.1:1980': 1 }, { 'managed-by': 'gatewright-apply' }]);
  write('less.yaml', FILE.replace('uri: /a', 'uri: /b').replace(/consumers:[\s\S]*/, ''));
  assert.equal(
    (await run(apply, ['less.yaml'])).stdout,
    '~ update routes/r (uri)\n- delete consumers/jack\n2 changes were made: 0 created, 1 updated, 1 deleted, 2 unchanged\n',
  );
  assert.equal((await lab.ask('/routes/other')).status, 200, 'what others own stays');
  const json = JSON.parse((await run(apply, ['less.yaml', '--json'])).stdout) as Record<string, unknown>;
  assert.deepEqual(json, { dry_run: false, changes: [], unchanged: 3 });
});

test('apply refuses what others own, and a file with mistakes, before the first change', async (t) => {
  const { lab, run, write } = await start(t);
  await lab.put('/upstreams/u', { nodes: { 'a:1': 1 } });
  write('all.yaml', FILE);
  await assert.rejects(
    run(apply, ['all.yaml']),
    fails(/belong to others, and nothing was changed: upstreams\/u \(nobody\); --adopt/),
  );
  write('bad.yaml', FILE.replace('/a', 'no-slash').replace('service_id: s', 'service_id: nowhere'));
  await assert.rejects(run(apply, ['bad.yaml']), fails(/routes\[0\]: uri: .*service_id: there is no service/));
  write('unset.yaml', FILE.replace('NODE', 'UNSET_VARIABLE'));
  await assert.rejects(run(apply, ['unset.yaml']), fails(/UNSET_VARIABLE/));
  write('strange.yaml', 'cows: []\n');
  await assert.rejects(run(apply, ['strange.yaml']), fails(/cows: unknown key "cows"/));
  assert.equal(lab.audit.length, 1);
  assert.match((await run(apply, ['all.yaml', '--adopt'])).stdout, /~ update upstreams\/u \(labels, nodes\)/);
});

test('a dump is a file that apply takes, and says when secrets are hidden from the key', async (t) => {
  const first = await start(t);
  first.write('all.yaml', FILE);
  await first.run(apply, ['all.yaml']);
  const { stdout, stderr } = await first.run(dump, []);
  assert.equal(stderr, '');
  const second = await start(t);
  second.write('dump.yaml', stdout);
  assert.match((await second.run(apply, ['dump.yaml'])).stdout, /5 created/);
  assert.deepEqual((await second.run(dump, [])).stdout, stdout);
  assert.deepEqual(Object.keys(JSON.parse((await second.run(dump, ['--json'])).stdout) as object).toSorted(), [
    'consumers',
    'routes',
    'services',
    'upstreams',
  ]);
  const hidden = await second.run(dump, [], VIEWER_KEY);
  assert.ok(!hidden.stdout.includes('the-key-of-jack'));
  assert.match(hidden.stderr, /secrets are hidden/);
});

test('the verbs speak TLS, with a certificate of their own where one is asked for', async (t) => {
  const made = makeCertificates(t);
  if (made === null) return;
  const { folder, ca, server } = made;
  const lab = await startLab(t, { server: { tls: { ...server, clientCa: ca } } });
  const { run } = desk(t, `https://127.0.0.1:${lab.port}`);
  const trust = ['--ca', path.join(folder, 'ca.pem')];
  const identity = ['--cert', path.join(folder, 'client.pem'), '--cert-key', path.join(folder, 'client.key')];
  assert.equal((await run(get, ['routes', ...trust, ...identity])).code, 0);
  await assert.rejects(run(get, ['routes', ...identity]), fails(/certificate/));
  await assert.rejects(run(get, ['routes', ...trust]), FailedError);
});
