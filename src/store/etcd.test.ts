import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../test/e2e/waiting.ts';
import { requireProgram } from '../../test/require-program.ts';
import { Etcd, type EtcdSettings } from '../../test/store/etcd.ts';
import { Secrets } from '../model/secrets.ts';
import { ApisixCipher } from './apisix-cipher.ts';
import { EtcdStore, type EtcdOptions } from './etcd.ts';
import { readSnapshot, writeSnapshot } from './etcd-snapshot.ts';
import { PLAIN } from './field-cipher.ts';
import { contentOf, Mirror, put, refuses, ROUTE } from './mirror.ts';
import { StoreError } from './store-error.ts';
import type { StoreParts } from './store.ts';
import { storeSuite } from './suite.ts';

const PARTS: StoreParts = {
  now_ms: () => Date.now(),
  schedule(delay_ms, callback) {
    const timer = setTimeout(callback, delay_ms);
    return () => clearTimeout(timer);
  },
  onFault: () => undefined,
};

/** One etcd for all tests that leave it running; each has a prefix of its own. */
const shared: { etcd: Promise<Etcd> | null; prefixes: number } = { etcd: null, prefixes: 0 };
after(async () => (await shared.etcd)?.end());

function sharedEtcd(t: TestContext): Promise<Etcd> | undefined {
  const program = requireProgram(t, 'etcd');
  if (program === undefined) return undefined;
  shared.etcd ??= Etcd.start({ program });
  return shared.etcd;
}

const newPrefix = (): string => `/apisix/test${shared.prefixes++}`;

async function open(
  t: TestContext,
  options: Partial<EtcdOptions> & Pick<EtcdOptions, 'endpoints'>,
): Promise<EtcdStore> {
  const store = await EtcdStore.open(
    {
      timeout_ms: 5_000,
      user: '',
      password: '',
      tls: { rejectUnauthorized: true },
      prefix: newPrefix(),
      cipher: PLAIN,
      snapshot: null,
      isFollowed: true,
      health_ms: 3_000,
      ...options,
    },
    PARTS,
  );
  t.after(() => store.close());
  return store;
}

storeSuite('etcd', Math.floor(Math.random() * 2 ** 31), async (t) => {
  const etcd = await sharedEtcd(t);
  if (etcd === undefined) return undefined;
  return { store: await open(t, { endpoints: [etcd.endpoint] }), pass: () => Promise.resolve() };
});

const ETCDCTL_ENV = { ...process.env, ETCDCTL_API: '3' };

/** What somebody else does to the same etcd. */
function etcdctl(t: TestContext, etcd: Etcd, ...args: string[]): string {
  const program = requireProgram(t, 'etcdctl');
  assert.ok(program !== undefined, 'etcdctl comes with etcd');
  return execFileSync(program, [`--endpoints=${etcd.endpoint}`, ...args], {
    env: ETCDCTL_ENV,
    stdio: 'pipe',
  }).toString();
}

/** An etcd that one test may break. */
async function ownEtcd(t: TestContext, settings: Partial<EtcdSettings> = {}): Promise<Etcd | undefined> {
  const program = requireProgram(t, 'etcd');
  if (program === undefined) return undefined;
  const etcd = await Etcd.start({ program, ...settings });
  t.after(() => etcd.end());
  return etcd;
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gatewright-store-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const isLive = (mirror: Mirror) => (): boolean => mirror.statuses.at(-1)?.state === 'live';
const isNotLive = (mirror: Mirror) => (): boolean => mirror.statuses.at(-1)?.state !== 'live';

void test('etcd: objects stand where APISIX has them, and what else it keeps there is no object', async (t) => {
  const etcd = await sharedEtcd(t);
  if (etcd === undefined) return;
  const prefix = newPrefix();
  for (const kind of ['routes', 'upstreams', 'consumers']) etcdctl(t, etcd, 'put', `${prefix}/${kind}/`, 'init_dir');
  etcdctl(t, etcd, 'put', `${prefix}/plugins`, '[{"name":"cors"}]');
  etcdctl(t, etcd, 'put', `${prefix}/data_plane/server_info/1`, '{"boot_time":1}');
  etcdctl(t, etcd, 'put', `${prefix}/routes/odd`, 'init_dir');
  etcdctl(t, etcd, 'put', `${prefix}x/routes/1`, '{"uri":"/neighbour"}');
  etcdctl(t, etcd, 'put', `${prefix}/routes/1`, '{"id":"1","uri":"/theirs","create_time":5,"update_time":6}');
  const store = await open(t, { endpoints: [etcd.endpoint], prefix });
  const mirror = new Mirror();
  store.watch(mirror);
  await mirror.until(() => mirror.log.length === 1);
  assert.deepEqual([...mirror.objects.keys()], ['routes/1']);
  assert.deepEqual((await store.readAll('routes')).objects.length, 1);
  await store.write([
    put({ kind: 'credentials', id: 'jack/credentials/one' }, { plugins: {} }),
    put(ROUTE, { uri: '/ours' }),
  ]);
  const written = etcdctl(t, etcd, 'get', '--print-value-only', `${prefix}/routes/1`);
  assert.match(written, /^\{"uri":"\/ours","id":"1","create_time":5,"update_time":\d{10}\}\n$/);
  assert.match(etcdctl(t, etcd, 'get', `${prefix}/consumers/jack/credentials/one`), /"id":"one"/);
  etcdctl(t, etcd, 'put', `${prefix}/routes/2`, '{"uri":"/b"}');
  etcdctl(t, etcd, 'put', `${prefix}/routes/3`, 'not JSON');
  etcdctl(t, etcd, 'put', `${prefix}/routes/4`, '[]');
  etcdctl(t, etcd, 'put', `${prefix}/unknown/1`, 'x');
  etcdctl(t, etcd, 'del', `${prefix}/routes/1`);
  await mirror.until(() => mirror.objects.has('routes/4') && !mirror.objects.has('routes/1'));
  assert.deepEqual(mirror.objects.get('routes/2')?.value, { uri: '/b' });
  for (const name of ['routes/3', 'routes/4']) {
    assert.match(mirror.objects.get(name)?.problem?.message ?? '', /the value of routes\/\d is no JSON object/);
  }
});

void test('etcd: secrets are encrypted as APISIX does it, on the wire and in the local file', async (t) => {
  const etcd = await sharedEtcd(t);
  if (etcd === undefined) return;
  const where = folder(t);
  const secrets = new Secrets(() => undefined);
  const cipher = new ApisixCipher({ keyring: ['0123456789abcdef'], secrets, isKnown: () => false });
  const prefix = newPrefix();
  const snapshot = join(where, 'snapshot');
  const store = await open(t, { endpoints: [etcd.endpoint], prefix, cipher, snapshot });
  const jack = { kind: 'consumers', id: 'jack' } as const;
  const { revision } = await store.write([put(jack, { plugins: { 'key-auth': { key: 'auth-one' } } })]);
  assert.match(etcdctl(t, etcd, 'get', `${prefix}/consumers/jack`), /"key":"[A-Za-z0-9+/]{22}=="/);
  const mirror = new Mirror();
  store.watch(mirror);
  await mirror.reaches(revision);
  assert.deepEqual(mirror.objects.get('consumers/jack')?.value['plugins'], { 'key-auth': { key: 'auth-one' } });
  await store.close();
  assert.doesNotMatch(readFileSync(snapshot, 'utf8'), /auth-one/);
  assert.equal(statSync(snapshot).mode & 0o777, 0o600);
});

void test('etcd: two gateways see the changes of each other soon', async (t) => {
  const etcd = await sharedEtcd(t);
  if (etcd === undefined) return;
  const prefix = newPrefix();
  const [one, two] = [
    await open(t, { endpoints: [etcd.endpoint], prefix }),
    await open(t, { endpoints: [etcd.endpoint], prefix }),
  ];
  const mirror = new Mirror();
  two.watch(mirror);
  await mirror.until(() => mirror.log.length === 1);
  const times_ms: number[] = [];
  for (let i = 0; i < 200; i++) {
    const begun = performance.now();
    const { revision } = await one.write([put({ kind: 'routes', id: String(i % 10) }, { priority: i })]);
    await mirror.reaches(revision);
    times_ms.push(performance.now() - begun);
  }
  const sorted = times_ms.toSorted((a, b) => a - b);
  const median = sorted[100] ?? 0;
  t.diagnostic(
    `from the beginning of a write until the other has it: median ${median.toFixed(1)} ms, p99 ${(sorted[197] ?? 0).toFixed(1)} ms`,
  );
  assert.ok(median < 500, `${median} ms`);
  assert.deepEqual(mirror.content, contentOf((await one.readAll()).objects));
});

void test('etcd: killed and started again under writes, no accepted write is lost and none is half applied', async (t) => {
  const etcd = await ownEtcd(t);
  if (etcd === undefined) return;
  const prefix = newPrefix();
  const store = await open(t, { endpoints: [etcd.endpoint], prefix, timeout_ms: 2_000 });
  const mirror = new Mirror();
  let halves = 0;
  const noteHalves = (): void => {
    const [a, b] = [mirror.objects.get('routes/1'), mirror.objects.get('services/1')];
    if (a?.value['priority'] !== b?.value['priority']) halves++;
  };
  store.watch({
    onState: (state) => {
      mirror.onState(state);
      noteHalves();
    },
    onChanges: (changes) => {
      mirror.onChanges(changes);
      noteHalves();
    },
    onStatus: (status) => mirror.onStatus(status),
  });
  let [tried, accepted, unknown, refused] = [0, 0, 0, 0];
  const state = { isOver: false };
  const writer = (async () => {
    while (!state.isOver) {
      tried++;
      const value = { priority: tried };
      try {
        await store.write([put(ROUTE, value), put({ kind: 'services', id: '1' }, value)]);
        accepted = tried;
      } catch (error) {
        assert.ok(error instanceof StoreError && error.code === 'unavailable', String(error));
        if (error.isOutcomeUnknown) unknown++;
        else refused++;
        await delay(20);
      }
      const found = await store.get(ROUTE).catch(() => null);
      if (found !== null) assert.ok(Number(found.value['priority']) >= accepted, 'an accepted write is gone');
    }
  })();
  for (let round = 0; round < 3; round++) {
    const before = accepted;
    await mirror.until(() => accepted > before + 5);
    await delay(Math.random() * 30);
    await etcd.kill();
    await mirror.until(isNotLive(mirror));
    await etcd.restart();
    await mirror.until(isLive(mirror));
  }
  const last = accepted;
  await mirror.until(() => accepted > last);
  state.isOver = true;
  await writer;
  const { revision, objects } = await store.readAll();
  await mirror.reaches(revision);
  assert.deepEqual(mirror.content, contentOf(objects));
  assert.equal(halves, 0);
  const reasons = mirror.statuses.filter((status) => status.state === 'stale').map(({ reason }) => reason);
  assert.match(reasons[0] ?? '', /^etcd at http:\/\/127\.0\.0\.1:\d+: /);
  t.diagnostic(
    `${tried} writes: ${accepted} the last accepted, ${unknown} with an unknown outcome, ${refused} refused`,
  );
});

void test('etcd: with etcd unreachable a restart begins with the last good state, says so, and catches up', async (t) => {
  const etcd = await ownEtcd(t);
  if (etcd === undefined) return;
  const options = { endpoints: [etcd.endpoint], prefix: newPrefix(), snapshot: join(folder(t), 'snapshot') };
  const store = await open(t, options);
  const { revision } = await store.write([put(ROUTE, { uri: '/a' }), put({ kind: 'routes', id: '2' }, { uri: '/b' })]);
  const before = new Mirror();
  store.watch(before);
  await before.reaches(revision);
  await store.close();
  etcdctl(t, etcd, 'del', `${options.prefix}/routes/2`);
  await etcd.kill();

  const again = await open(t, options);
  assert.equal(again.status.state, 'stale');
  assert.match(again.status.reason, /ECONNREFUSED/);
  const mirror = new Mirror();
  again.watch(mirror);
  await mirror.until(() => mirror.log.length === 1);
  assert.equal(mirror.isStale, true);
  assert.deepEqual(mirror.content, before.content);
  await refuses('unavailable', again.write([put(ROUTE, {})]), /etcd at http.*ECONNREFUSED/);
  await refuses('unavailable', again.readAll());
  await etcd.restart();
  await mirror.until(() => isLive(mirror)() && !mirror.objects.has('routes/2'));
  assert.deepEqual(mirror.content, contentOf((await again.readAll()).objects));
  assert.deepEqual(mirror.log, ['state', '-routes/2'], 'it resumed where the snapshot ended');
});

void test('etcd: without a snapshot it waits, and a damaged or foreign one is not used', async (t) => {
  const where = folder(t);
  const faults: string[] = [];
  const parts = { ...PARTS, onFault: (error: unknown) => void faults.push((error as Error).message) };
  const path = join(where, 'snapshot');
  const readBack = (prefix: string): unknown => readSnapshot(path, prefix, parts.onFault);
  assert.equal(readBack('/apisix'), null);
  assert.deepEqual(faults, []);
  const known = {
    clusterId: '7',
    revision: 5,
    entries: [{ key: '/apisix/routes/1', value: '{}', created: 1, modified: 2 }],
  };
  writeSnapshot(path, '/apisix', known, parts.onFault);
  assert.deepEqual(readBack('/apisix'), known);
  assert.equal(readBack('/other'), null);
  const text = readFileSync(path, 'utf8');
  for (const damaged of [text.slice(0, -20), text.replace('routes', 'ROUTES'), '', 'x\n{}\n', '{}']) {
    writeFileSync(path, damaged);
    assert.equal(readBack('/apisix'), null);
  }
  assert.equal(faults.length, 6);
  for (const fault of faults) assert.match(fault, /^the last good state in .* is not used: /);
  writeSnapshot(join(where, 'none', 'x'), '/apisix', known, parts.onFault);
  assert.match(faults.at(-1) ?? '', /cannot keep the last good state/);
  const store = await open(t, { endpoints: ['http://127.0.0.1:1'], snapshot: path });
  assert.equal(store.status.state, 'waiting');
  const mirror = new Mirror();
  store.watch(mirror);
  await mirror.until(() => mirror.statuses.length > 0);
  assert.deepEqual(mirror.log, [], 'nothing is known, which is not the same as nothing being there');
});

void test('etcd: of several endpoints those that answer are used, and another one takes over', async (t) => {
  const [first, second] = [await ownEtcd(t), await sharedEtcd(t)];
  if (first === undefined || second === undefined) return;
  const store = await open(t, { endpoints: ['http://127.0.0.1:1', first.endpoint], prefix: '/apisix' });
  const mirror = new Mirror();
  store.watch(mirror);
  const { revision } = await store.write([put(ROUTE, { uri: '/a' })]);
  await mirror.reaches(revision);
  assert.equal(store.status.state, 'live');
  // Not a member of the same cluster: what it has counts all the same, as after a restoration elsewhere.
  const proxy = await open(t, { endpoints: [first.endpoint, second.endpoint], prefix: newPrefix() });
  const other = new Mirror();
  proxy.watch(other);
  await proxy.write([put(ROUTE, { uri: '/first' })]);
  await other.until(() => other.objects.size === 1);
  await first.kill();
  await other.until(() => other.objects.size === 0);
  assert.equal(other.log.at(-1), 'state');
  const next = await proxy.write([put(ROUTE, { uri: '/second' })]);
  await other.reaches(next.revision);
  assert.equal(other.objects.get('routes/1')?.value['uri'], '/second');
});

void test('etcd: a watch that was away so long that its past is compacted is told what is, and what is gone', async (t) => {
  const etcd = await ownEtcd(t);
  if (etcd === undefined) return;
  const options = { endpoints: [etcd.endpoint], prefix: newPrefix(), snapshot: join(folder(t), 'snapshot') };
  const store = await open(t, options);
  const { revision } = await store.write([put(ROUTE, { uri: '/a' }), put({ kind: 'routes', id: '2' }, { uri: '/b' })]);
  const before = new Mirror();
  store.watch(before);
  await before.reaches(revision);
  await store.close();
  etcdctl(t, etcd, 'del', `${options.prefix}/routes/2`);
  etcdctl(t, etcd, 'put', `${options.prefix}/routes/3`, '{}');
  etcdctl(t, etcd, 'compaction', String(revision + 2));
  const again = await open(t, options);
  const mirror = new Mirror();
  again.watch(mirror, revision);
  await mirror.until(() => mirror.log.length > 0);
  assert.deepEqual(mirror.log, ['-routes/2 routes/3']);
  assert.deepEqual(again.status.state, 'live');
});

void test('etcd: a machine that vanishes without a word is noticed', async (t) => {
  const etcd = await ownEtcd(t);
  if (etcd === undefined) return;
  const store = await open(t, { endpoints: [etcd.endpoint], timeout_ms: 500, health_ms: 200 });
  const mirror = new Mirror();
  store.watch(mirror);
  await mirror.until(isLive(mirror));
  etcd.pause();
  t.after(() => etcd.resume());
  await mirror.until(isNotLive(mirror));
  assert.match(mirror.statuses.at(-1)?.reason ?? '', /no answer within 500 ms/);
  const error = await refuses('unavailable', store.write([put(ROUTE, {})]));
  assert.equal(error.isOutcomeUnknown, false, 'the read before it failed');
  etcd.resume();
  await mirror.until(isLive(mirror));
  // It has half a second for each, and may just have been late.
  const writes = (): Promise<boolean> =>
    store.write([put(ROUTE, {})]).then(
      () => true,
      () => false,
    );
  await eventually(writes, () => `nothing is written: ${store.status.reason}`);
});

void test('etcd: its bounds are told in their own words', async (t) => {
  const etcd = await ownEtcd(t, { more: ['--quota-backend-bytes=200000', '--max-txn-ops=16'] });
  if (etcd === undefined) return;
  const store = await open(t, { endpoints: [etcd.endpoint] });
  const many = Array.from({ length: 17 }, (_, i) => put({ kind: 'routes', id: String(i) }, {}));
  await refuses('too_large', store.write(many), /too many operations.*--max-txn-ops/);
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 50; i++)
      await store.write([put({ kind: 'routes', id: `f${i}` }, { desc: 'x'.repeat(50_000) })]);
  };
  await refuses('full', fill(), /database space exceeded.*compact and defragment/);
  assert.equal(store.status.state, 'live');
  assert.ok((await store.readAll()).objects.length > 0);
});

void test('etcd: a user with a password, whose token may end at any time', async (t) => {
  const etcd = await ownEtcd(t, { more: ['--auth-token-ttl=1'] });
  if (etcd === undefined) return;
  for (const command of [
    'user add root:rootpw',
    'role add root',
    'user grant-role root root',
    'role add gateway',
    'role grant-permission gateway --prefix=true readwrite /apisix/',
    'user add gw:gwpw',
    'user grant-role gw gateway',
    'auth enable',
  ]) {
    etcdctl(t, etcd, ...command.split(' '));
  }
  const options = { endpoints: [etcd.endpoint], user: 'gw', password: 'gwpw', prefix: '/apisix' };
  const store = await open(t, options);
  const mirror = new Mirror();
  store.watch(mirror);
  await store.write([put(ROUTE, { uri: '/a' })]);
  await etcd.kill();
  await etcd.restart();
  await mirror.until(isLive(mirror));
  // Tokens do not outlive etcd: it asks for a new one by itself.
  const { revision } = await store.write([put(ROUTE, { uri: '/b' })]);
  await mirror.reaches(revision);

  const wrong = await open(t, { ...options, password: 'guess' });
  assert.equal(wrong.status.state, 'waiting');
  assert.match(wrong.status.reason, /does not take the user "gw": .*(?:authentication failed|invalid user)/);
  assert.doesNotMatch(wrong.status.reason, /guess/);
  const elsewhere = await open(t, { ...options, prefix: '/other' });
  assert.equal(elsewhere.status.state, 'waiting');
  await refuses('unavailable', elsewhere.write([put(ROUTE, {})]), /permission denied: the user lacks a role/);
  const nobody = await open(t, { ...options, user: '', password: '' });
  assert.equal(nobody.status.state, 'waiting');
});

void test('etcd: over TLS, with certificates on both sides, and never with the wrong ones', async (t) => {
  const openssl = requireProgram(t, 'openssl');
  if (openssl === undefined) return;
  const where = folder(t);
  const file = (name: string): string => join(where, name);
  const run = (command: string): void => void execFileSync(openssl, command.split(' '), { cwd: where, stdio: 'pipe' });
  run('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca');
  run(
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -days 2 -subj /CN=other',
  );
  for (const [name, san] of [
    ['server', 'DNS:etcd.test'],
    ['client', 'DNS:client.test'],
  ] as const) {
    run(
      `req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name}`,
    );
    writeFileSync(file('ext'), `subjectAltName=${san}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    run(`x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out ${name}.pem`);
  }
  const etcd = await ownEtcd(t, { tls: { cert: file('server.pem'), key: file('server.key'), ca: file('ca.pem') } });
  if (etcd === undefined) return;
  const read = (name: string): string => readFileSync(file(name), 'utf8');
  const good = {
    ca: read('ca.pem'),
    cert: read('client.pem'),
    key: read('client.key'),
    servername: 'etcd.test',
    rejectUnauthorized: true,
  };
  const store = await open(t, { endpoints: [etcd.endpoint], tls: good });
  assert.equal(store.status.state, 'live');
  const mirror = new Mirror();
  store.watch(mirror);
  const { revision } = await store.write([put(ROUTE, { uri: '/a' })]);
  await mirror.reaches(revision);
  const { servername: _, ...unnamed } = good;
  const bad: readonly [EtcdOptions['tls'], RegExp][] = [
    [{ ...good, ca: read('other.pem') }, /unable to verify|self.signed|certificate/],
    [unnamed, /IP: 127\.0\.0\.1 is not in the cert's list/],
    [
      { ca: good.ca, servername: good.servername, rejectUnauthorized: true },
      /certificate required|bad certificate|ECONNRESET|socket hang up/,
    ],
    [{ ...good, cert: read('other.pem'), key: read('other.key') }, /./],
  ];
  for (const [tls, reason] of bad) {
    const refused = await open(t, { endpoints: [etcd.endpoint], tls });
    assert.equal(refused.status.state, 'waiting');
    assert.match(refused.status.reason, reason);
  }
  const blind = await open(t, {
    endpoints: [etcd.endpoint],
    tls: { ...unnamed, ca: read('other.pem'), rejectUnauthorized: false },
  });
  assert.equal(blind.status.state, 'live');
});

void test('etcd: whatever answers in its place is told from it, and nothing it says is taken for objects', async (t) => {
  const answers: ((response: ServerResponse) => void)[] = [
    (response) => response.end('<html>'),
    (response) => response.end('null'),
    (response) => response.writeHead(404).end('404 page not found'),
    (response) => response.writeHead(503).end('{"error":"no leader","code":14}'),
    (response) => response.destroy(),
    (response) => void response.writeHead(200).write('{"header":'),
  ];
  for (const [index, answer] of answers.entries()) {
    const server = createServer((_, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const store = await open(t, { endpoints: [`http://127.0.0.1:${port}`], timeout_ms: 200 });
    assert.equal(store.status.state, 'waiting', String(index));
    assert.match(store.status.reason, /^etcd at http:/);
    await refuses('unavailable', store.readAll());
  }
});

void test('etcd: a write whose answer does not come may have been carried out, and the error says so', async (t) => {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    request.on('end', () => {
      if (body.includes('"compare"')) response.destroy();
      else response.end('{"header":{"revision":"5"},"responses":[]}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const options = { endpoints: [`http://127.0.0.1:${port}`, 'http://127.0.0.1:1'], isFollowed: false };
  const store = await open(t, options);
  const error = await refuses('unavailable', store.write([put(ROUTE, {})]), /whether it was carried out is not known/);
  assert.equal(error.isOutcomeUnknown, true);
  assert.throws(() => store.watch(new Mirror()), /without following/);
});

void test('etcd: one whose watch never begins is not waited for', async (t) => {
  const server = createServer((request, response) => {
    // As a proxy in front of etcd does that knows no streams.
    if (request.url !== '/v3/watch') response.end('{"header":{"revision":"5","cluster_id":"1"}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const store = await open(t, { endpoints: [`http://127.0.0.1:${port}`], health_ms: 100 });
  assert.equal(store.status.state, 'stale');
  assert.match(store.status.reason, /it answers, but its watch does not begin/);
});
