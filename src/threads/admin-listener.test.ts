import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../clock/clock.ts';
import { readSettings } from '../config/settings.ts';
import { ErrorLog } from '../observe/error-log.ts';
import { openDestination, type Destination } from '../observe/destination.ts';
import { MemoryStore } from '../store/memory.ts';
import { VirtualParts } from '../store/virtual-parts.ts';
import { startAdmin } from './admin-listener.ts';
import { schedule } from './logs.ts';
import { StartError } from './start-error.ts';

/** Starts the listener with these settings; what it says on standard error is collected. */
function desk(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-listener-'));
  const said: string[] = [];
  const stream: Destination = {
    name: 'stderr',
    isTerminal: false,
    canRecover: false,
    write(bytes, done) {
      said.push(bytes.toString());
      queueMicrotask(() => done(null, bytes.length));
    },
    reopen: () => undefined,
    close: () => undefined,
  };
  const errorLog = new ErrorLog({
    destination: openDestination(path.join(folder, 'error.log')),
    level: 'info',
    clock: systemClock,
    schedule,
  });
  t.after(async () => {
    await errorLog.close();
    rmSync(folder, { recursive: true });
  });
  const start = async (admin: object) => {
    const { settings, problems } = readSettings({ admin: { port: 0, ...admin } });
    assert.deepEqual(problems, []);
    const store = new MemoryStore(new VirtualParts());
    const listener = await startAdmin({
      settings,
      store,
      plugins: new Map(),
      folder,
      clock: systemClock,
      errorLog,
      streams: { destination: () => stream },
      isServed: async () => true,
      onFault: (error) => assert.ifError(error),
    });
    t.after(() => listener?.close());
    return listener;
  };
  return { folder, said, start };
}

test('nothing listens where nothing is asked for', async (t) => {
  assert.equal(await desk(t).start({ enabled: false }), null);
});

test('a key is made where none is configured, and said once', async (t) => {
  const { folder, said, start } = desk(t);
  const listener = await start({});
  const key = readFileSync(path.join(folder, 'gatewright-admin.key'), 'utf8').trim();
  assert.deepEqual(said, [
    `gatewright: made a key for the Admin API, kept in ${folder}/gatewright-admin.key: ${key}\n`,
  ]);
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`http://127.0.0.1:${listener?.port}/apisix/admin/routes`, { headers })).status;
  assert.deepEqual([await ask({ 'X-API-KEY': key }), await ask({})], [200, 401]);
  await start({});
  assert.equal(said.length, 1);
});

test('files that cannot be used are told with the attribute that names them', async (t) => {
  const { folder, start } = desk(t);
  writeFileSync(path.join(folder, 'no-pem'), 'this is no PEM');
  const keys = [{ name: 'root', key: 'long-enough-key' }];
  const cases: readonly (readonly [admin: object, message: RegExp])[] = [
    [{ key_file: '.' }, /^gateway\.admin\.key_file: EISDIR/],
    [{ keys, tls: { cert: 'none.pem', key: 'none.key' } }, /^gateway\.admin\.tls\.cert: ENOENT/],
    [{ keys, tls: { cert: 'no-pem', key: 'no-pem' } }, /^gateway\.admin\.tls: .*PEM/],
    [
      { keys, tls: { cert: 'no-pem', key: 'no-pem', client_ca: 'none.pem' } },
      /^gateway\.admin\.tls\.client_ca: ENOENT/,
    ],
    [{ keys, audit_log: 'no/such/audit.log' }, /^gateway\.admin\.audit_log: cannot open/],
  ];
  for (const [admin, message] of cases) {
    await assert.rejects(start(admin), (error: unknown) => error instanceof StartError && message.test(error.message));
  }
});
