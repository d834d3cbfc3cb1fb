import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { StoreSettings } from '../config/store-settings.ts';
import { put, refuses } from './mirror.ts';
import { openStore } from './open-store.ts';
import { StoreError } from './store-error.ts';
import type { Store } from './store.ts';
import { VirtualParts } from './virtual-parts.ts';

const JACK = { kind: 'consumers', id: 'jack' } as const;
const SECRET = { plugins: { mine: { token: 'hush-hush' } } };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gatewright-open-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function open(t: TestContext, where: string, settings: StoreSettings): Promise<Store> {
  const store = await openStore({ settings, folder: where, pluginNamed: () => undefined, parts: new VirtualParts() });
  assert.ok(store !== null);
  t.after(() => store.close());
  return store;
}

void test('the configuration file needs no opening', async () => {
  const parts = new VirtualParts();
  assert.equal(await openStore({ settings: { type: 'file' }, folder: '/', pluginNamed: () => undefined, parts }), null);
});

void test('an embedded store stands beside the configuration file, with its key, and is found again', async (t) => {
  const where = folder(t);
  const store = await open(t, where, { type: 'embedded' });
  await store.write([put(JACK, SECRET)]);
  await store.close();
  assert.deepEqual(readdirSync(where).toSorted(), ['gatewright.db', 'gatewright.db.key']);
  assert.doesNotMatch(readFileSync(join(where, 'gatewright.db'), 'latin1'), /hush-hush/);
  const again = await open(t, where, { type: 'embedded' });
  assert.deepEqual((await again.get(JACK))?.value['plugins'], SECRET.plugins);
  await again.close();
  rmSync(join(where, 'gatewright.db.key'));
  const lost = open(t, where, { type: 'embedded' });
  await refuses('unavailable', lost, /is encrypted with the key "[0-9a-f]{12}", which is not among those configured/);
});

void test('keys that are configured are used instead of a file', async (t) => {
  const where = folder(t);
  const key = Buffer.alloc(32, 5).toString('base64');
  const store = await open(t, where, { type: 'embedded', path: 'other.db', keys: [key], max_bytes: 1_048_576 });
  await store.write([put(JACK, SECRET)]);
  await store.close();
  assert.deepEqual(readdirSync(where), ['other.db']);
  writeFileSync(join(where, 'k'), `${key}\n`, { mode: 0o600 });
  const again = await open(t, where, { type: 'embedded', path: 'other.db', key_file: 'k' });
  assert.deepEqual((await again.get(JACK))?.value['plugins'], SECRET.plugins);
});

void test('an etcd that cannot be reached is no obstacle to opening its store', async (t) => {
  const where = folder(t);
  const settings: StoreSettings = {
    type: 'etcd',
    hosts: ['http://127.0.0.1:1'],
    encryption: { keyring: ['0123456789abcdef'] },
  };
  const store = await open(t, where, settings);
  assert.equal(store.status.state, 'waiting');
  assert.match(store.status.reason, /etcd at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/);
});

void test('files for TLS that cannot be used are named', async (t) => {
  const where = folder(t);
  writeFileSync(join(where, 'text'), 'no certificate');
  const hosts = ['https://127.0.0.1:1'];
  const cases: readonly [StoreSettings, RegExp][] = [
    [{ type: 'etcd', hosts, encryption: 'off', tls: { ca: 'none' } }, /tls\.ca: cannot use .*none: ENOENT/],
    [{ type: 'etcd', hosts, encryption: 'off', tls: { cert: 'text', key: 'text' } }, /tls\.cert: .*it is no PEM file/],
  ];
  for (const [settings, message] of cases) {
    await assert.rejects(
      open(t, where, settings),
      (error) => error instanceof StoreError && message.test(error.message),
    );
  }
});
