import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import keyAuth from '../plugins/key-auth/key-auth.ts';
import { requireProgram } from '../../test/require-program.ts';
import { Secrets } from '../model/secrets.ts';
import { EmbeddedStore } from './embedded.ts';
import { GcmCipher, type SealingKey, sealingKey } from './gcm-cipher.ts';
import { loadKeys } from './key-file.ts';
import { contentOf, Mirror, put, refuses, ROUTE } from './mirror.ts';
import { StoreError } from './store-error.ts';
import { storeSuite } from './suite.ts';
import { VirtualParts } from './virtual-parts.ts';

const SECRETS = new Secrets((name) => (name === 'key-auth' ? keyAuth : undefined));
const CREDENTIAL = { plugins: { 'key-auth': { key: 'a-secret-of-jack' } } };
const JACK = { kind: 'credentials', id: 'jack/credentials/one' } as const;

const newKey = (): SealingKey => sealingKey(randomBytes(32));
const KEY = newKey();

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gatewright-store-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Opening {
  readonly keys?: readonly [SealingKey, ...SealingKey[]];
  readonly max_bytes?: number;
  readonly parts?: VirtualParts;
}

function open(t: TestContext, path: string, opening: Opening = {}): EmbeddedStore {
  const { keys = [KEY], max_bytes = 1e9, parts = new VirtualParts() } = opening;
  const cipher = new GcmCipher(SECRETS, keys);
  const knownKeyIds = keys.map(({ id }) => id);
  const store = new EmbeddedStore({ path, max_bytes, cipher, keyId: keys[0].id, knownKeyIds }, parts);
  t.after(() => store.close());
  return store;
}

storeSuite('embedded', Math.floor(Math.random() * 2 ** 31), async (t) => {
  const parts = new VirtualParts();
  return { store: open(t, join(folder(t), 'store.db'), { parts }), pass: async (ms) => parts.pass(ms) };
});

void test('embedded: everything is there again after a restart, and a watch resumes across it', async (t) => {
  const path = join(folder(t), 'store.db');
  const store = open(t, path);
  const first = await store.write([
    put(ROUTE, { uri: '/a' }),
    put({ kind: 'routes', id: '2' }, {}),
    put(JACK, CREDENTIAL),
  ]);
  await store.write([{ op: 'delete', kind: 'routes', id: '2' }]);
  const before = await store.readAll();
  await store.close();
  const again = open(t, path);
  assert.deepEqual(await again.readAll(), before);
  const mirror = new Mirror();
  again.watch(mirror, first.revision);
  await mirror.reaches(before.revision);
  assert.deepEqual(mirror.log, ['-routes/2']);
});

void test('embedded: the file and what SQLite puts beside it are for their owner alone', async (t) => {
  const where = folder(t);
  const path = join(where, 'store.db');
  writeFileSync(path, '', { mode: 0o644 });
  await open(t, path).write([put(ROUTE, {})]);
  const files = readdirSync(where);
  assert.deepEqual(files.toSorted(), ['store.db', 'store.db-shm', 'store.db-wal']);
  for (const file of files) assert.equal(statSync(join(where, file)).mode & 0o777, 0o600, file);
});

void test('embedded: no secret stands in the file, neither while it is open nor after it was deleted', async (t) => {
  const where = folder(t);
  const path = join(where, 'store.db');
  const store = open(t, path);
  const everything = (): string =>
    readdirSync(where)
      .map((file) => readFileSync(join(where, file), 'latin1'))
      .join('');
  await store.write([
    put(JACK, CREDENTIAL),
    put({ kind: 'routes', id: 'r' }, { plugins: { nobody: { a: 'hidden-too' } } }),
  ]);
  assert.deepEqual((await store.get(JACK))?.value['plugins'], CREDENTIAL.plugins);
  assert.match(everything(), /gatewright:aes-256-gcm:/);
  assert.doesNotMatch(everything(), /a-secret-of-jack|hidden-too/);
  await store.write([{ op: 'delete', ...JACK }]);
  await store.close();
  assert.doesNotMatch(everything(), /a-secret-of-jack|hidden-too/);
});

void test('embedded: with a new first key all secrets are sealed anew, and the old key may go', async (t) => {
  const path = join(folder(t), 'store.db');
  const store = open(t, path);
  await store.write([put(JACK, CREDENTIAL)]);
  const before = await store.readAll();
  await store.close();
  const next = newKey();
  assert.throws(
    () => open(t, path, { keys: [next] }),
    (error) =>
      error instanceof StoreError && /encrypted with the key "[0-9a-f]{12}", which is not among/.test(error.message),
  );
  const rotated = open(t, path, { keys: [next, KEY] });
  assert.deepEqual(await rotated.readAll(), before);
  await rotated.close();
  assert.deepEqual(await open(t, path, { keys: [next] }).readAll(), before);
});

void test('embedded: a secret that was changed or moved to another object is not used', async (t) => {
  const path = join(folder(t), 'store.db');
  const store = open(t, path);
  const jill = { kind: 'credentials', id: 'jill/credentials/one' } as const;
  await store.write([put(JACK, CREDENTIAL), put(jill, { plugins: { 'key-auth': { key: 'hers' } } }), put(ROUTE, {})]);
  await store.close();
  const raw = new DatabaseSync(path);
  raw.exec(`UPDATE objects SET value = (SELECT value FROM objects WHERE id = '${jill.id}') WHERE id = '${JACK.id}'`);
  raw.exec(`UPDATE objects SET value = 'half a' WHERE id = '1'`);
  raw.close();
  const again = open(t, path);
  const moved = await again.get(JACK);
  assert.deepEqual(moved?.value, {});
  assert.match(moved?.problem?.message ?? '', /^plugins\.key-auth\.key is not what was encrypted there/);
  assert.match((await again.get(ROUTE))?.problem?.message ?? '', /the text of routes\/1 is not valid JSON/);
  assert.equal((await again.get(jill))?.problem, undefined);
  const unlocked = open(t, path, { keys: [newKey(), KEY] });
  assert.match((await unlocked.get(ROUTE))?.problem?.message ?? '', /not valid JSON/);
});

void test('embedded: what only looks encrypted is a text like any other', async (t) => {
  const store = open(t, join(folder(t), 'store.db'));
  const odd = { desc: 'gatewright:aes-256-gcm:0:AAAA', plugins: { 'key-auth': { key: 'gatewright:aes-256-gcm:' } } };
  await store.write([put({ kind: 'consumers', id: 'odd' }, odd)]);
  const { desc, plugins } = (await store.get({ kind: 'consumers', id: 'odd' }))?.value ?? {};
  assert.deepEqual({ desc, plugins }, odd);
});

void test('embedded: a file without room refuses the write and serves on', async (t) => {
  const store = open(t, join(folder(t), 'store.db'), { max_bytes: 100_000 });
  await store.write([put(ROUTE, { uri: '/a' })]);
  const mirror = new Mirror();
  store.watch(mirror);
  const before = await store.readAll();
  const large = put({ kind: 'routes', id: 'large' }, { desc: 'x'.repeat(200_000) });
  await refuses('full', store.write([put(ROUTE, { uri: '/changed' }), large]), /no room for the write/);
  assert.deepEqual(await store.readAll(), before);
  const { revision } = await store.write([put(ROUTE, { uri: '/b' })]);
  await mirror.reaches(revision);
  assert.equal(mirror.objects.get('routes/1')?.value['uri'], '/b');
});

void test('embedded: files that are no store of ours are left alone', (t) => {
  const where = folder(t);
  const text = join(where, 'text');
  writeFileSync(text, 'not a database, but long enough to be taken for one\n'.repeat(50));
  const other = join(where, 'other.db');
  const foreign = new DatabaseSync(other);
  foreign.exec('CREATE TABLE mine (a)');
  foreign.close();
  const newer = join(where, 'newer.db');
  void open(t, newer).close();
  const changed = new DatabaseSync(newer);
  changed.exec('PRAGMA user_version = 2');
  changed.close();
  const cases: readonly [string, RegExp][] = [
    [text, /is damaged, or no store/],
    [other, /is a database of something else/],
    [newer, /has format 2, this version reads 1/],
    [join(where, 'nowhere', 'store.db'), /cannot open .*no such file or directory/],
    [where, /cannot open/],
  ];
  for (const [path, message] of cases) {
    assert.throws(
      () => open(t, path),
      (error) => error instanceof StoreError && message.test(error.message),
      path,
    );
  }
});

void test('embedded: two processes with one file see each other, and neither loses what the other wrote', async (t) => {
  const path = join(folder(t), 'store.db');
  const parts = new VirtualParts();
  const [one, two] = [open(t, path, { parts }), open(t, path)];
  const mirror = new Mirror();
  one.watch(mirror);
  await mirror.until(() => mirror.log.length === 1);
  const { revision } = await two.write([put(ROUTE, { uri: '/theirs' }, { ttl_s: 60 })]);
  await one.write([put({ kind: 'routes', id: '2' }, {})]);
  await two.write([put({ kind: 'routes', id: '3' }, {})]);
  parts.pass(100);
  await mirror.reaches(revision + 2);
  assert.deepEqual(mirror.content, contentOf((await two.readAll()).objects));
  await refuses('conflict', one.write([put(ROUTE, {}, { expect: 'absent' })]));
  parts.pass(60_000);
  await mirror.until(() => !mirror.objects.has('routes/1'));
});

void test('embedded: while another process holds the lock, a write is refused in bounded time and nothing else suffers', async (t) => {
  const path = join(folder(t), 'store.db');
  const store = open(t, path);
  const other = new DatabaseSync(path);
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  await refuses('unavailable', store.write([put(ROUTE, {})]), /another process keeps .* locked/);
  assert.deepEqual((await store.readAll()).objects, []);
  other.exec('ROLLBACK');
  await store.write([put(ROUTE, {})]);
});

function writer(path: string, max_bytes = '1e9', before: readonly string[] = []): ChildProcess {
  const file = fileURLToPath(new URL('../../test/store/embedded-writer.ts', import.meta.url));
  const command = [...before, process.execPath, file, path, max_bytes];
  return spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
}

interface Told {
  readonly accepted?: number;
  readonly refused?: string;
  readonly message?: string;
  readonly read?: number;
}

function listen(child: ChildProcess, onTold: (told: Told) => void): Promise<void> {
  assert.ok(child.stdout);
  createInterface({ input: child.stdout }).on('line', (line) => onTold(JSON.parse(line) as Told));
  return new Promise((resolve) => void child.on('close', () => resolve()));
}

function openWritten(t: TestContext, path: string): EmbeddedStore {
  return open(t, path, { keys: loadKeys(`${path}.key`).keys });
}

void test('embedded: killed at random moments, it loses no accepted write and has none half applied', async (t) => {
  const path = join(folder(t), 'store.db');
  let accepted = 0;
  for (let round = 0; round < 6; round++) {
    const child = writer(path);
    const enough = accepted + 1 + Math.floor(Math.random() * 60);
    let isKilled = false;
    const ended = listen(child, (told) => {
      accepted = told.accepted ?? accepted;
      // Somewhere in the writes that follow.
      if (accepted >= enough && !isKilled)
        isKilled = setTimeout(() => child.kill('SIGKILL'), Math.random() * 4) !== null;
    });
    await ended;
    const store = openWritten(t, path);
    const [one, two] = [await store.get(ROUTE_ONE), await store.get({ kind: 'services', id: 'two' })];
    const found = Number(one?.value['priority']);
    assert.ok(found >= accepted, `accepted ${accepted}, found ${found}`);
    assert.ok(found <= accepted + 1, 'nothing comes from nowhere');
    assert.equal(two?.value['priority'], found, 'both or none');
    assert.equal(one?.modifiedRevision, (await store.readAll()).revision);
    await store.close();
    accepted = found;
  }
  assert.ok(accepted > 6);
});

const ROUTE_ONE = { kind: 'routes', id: 'one' } as const;

void test('embedded: when the system takes no more bytes, the write is refused and what was accepted is read on', async (t) => {
  const path = join(folder(t), 'store.db');
  const tellings: Told[] = [];
  // In blocks of 512 bytes: the file of a real disk that is full in the middle of a write.
  await listen(writer(path, '1e9', ['sh', '-c', 'ulimit -f 900; exec "$@"', 'sh']), (told) => tellings.push(told));
  const last = tellings.at(-1);
  const accepted = tellings.filter((told) => told.accepted !== undefined).length;
  assert.ok(accepted > 0);
  assert.equal(last?.refused, 'unavailable');
  assert.equal(last?.read, accepted);
  assert.equal((await openWritten(t, path).get(ROUTE_ONE))?.value['priority'], accepted);
});

void test('embedded: on a disk that is full, the write is refused and what was accepted is read on', async (t) => {
  const unshare = requireProgram(t, 'unshare');
  if (unshare === undefined) return;
  const where = folder(t);
  const tellings: Told[] = [];
  // A disk of its own, that goes with the process. Not every container lets one be made.
  const mount = `mount -t tmpfs -o size=400k none "${where}" || exit 77; exec "$@"`;
  const child = writer(join(where, 'store.db'), '1e9', [unshare, '-rm', 'sh', '-c', mount, 'sh']);
  await listen(child, (told) => tellings.push(told));
  if (tellings.length === 0 && child.exitCode !== 0) return t.diagnostic('no disk can be made here');
  const last = tellings.at(-1);
  assert.equal(last?.refused, 'full');
  assert.ok(tellings.length > 1);
  assert.equal(last?.read, tellings.length - 1);
});

void test('embedded: the key file is made once, for its owner alone, and refused where others can reach it', (t) => {
  const path = join(folder(t), 'key');
  const made = loadKeys(path);
  assert.equal(made.isNew, true);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const read = loadKeys(path);
  assert.deepEqual(read, { keys: made.keys, isNew: false });
  const second = randomBytes(32).toString('base64');
  writeFileSync(path, `# newest first\n${second}\n\n${readFileSync(path, 'utf8')}`);
  assert.deepEqual(
    loadKeys(path).keys.map(({ id }) => id),
    [sealingKey(Buffer.from(second, 'base64')).id, made.keys[0].id],
  );
  chmodSync(path, 0o640);
  assert.throws(() => loadKeys(path), /has mode 640, others can reach it: chmod 600/);
  chmodSync(path, 0o600);
  for (const [text, message] of [
    ['', /has no key/],
    [`${second}\nshort\n`, /line 2 of the key file .* is no key: write 32 bytes in base64/],
    [`${'A'.repeat(44)}\n`, /line 1/],
  ] as const) {
    writeFileSync(path, text);
    assert.throws(() => loadKeys(path), message);
  }
  assert.throws(() => loadKeys(join(path, 'below')), /cannot use the key file/);
});
