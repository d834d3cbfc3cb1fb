import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadFirstKey } from './first-key.ts';

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'gatewright-key-'));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

test('a random key is made once, for its owner alone', (t) => {
  const file = path.join(folder(t), 'admin.key');
  const first = loadFirstKey(file);
  assert.equal(first.isNew, true);
  assert.match(first.key, /^[\w-]{32}$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(readFileSync(file, 'utf8'), `${first.key}\n`);
  assert.deepEqual(loadFirstKey(file), { key: first.key, isNew: false });
  assert.notEqual(loadFirstKey(`${file}.other`).key, first.key);
});

test('a file that others can read, or that holds no key, is refused with the remedy', (t) => {
  const file = path.join(folder(t), 'admin.key');
  const { key } = loadFirstKey(file);
  chmodSync(file, 0o640);
  assert.throws(
    () => loadFirstKey(file),
    (error: Error) => /chmod 600/.test(error.message) && !error.message.includes(key),
  );
  chmodSync(file, 0o600);
  for (const text of ['', 'short', 'with a space in it']) {
    writeFileSync(file, text);
    assert.throws(() => loadFirstKey(file), /holds no key/);
  }
  assert.throws(() => loadFirstKey(path.join(file, 'below')), /ENOTDIR/);
});
