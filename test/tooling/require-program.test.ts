import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { requireProgram } from '../require-program.ts';

/** Stands in for a test's context and records why it was skipped. */
function recorder(): { readonly reasons: string[]; skip(message?: string): void } {
  const reasons: string[] = [];
  return { reasons, skip: (message = '') => void reasons.push(message) };
}

test('a program on the PATH is found', () => {
  const t = recorder();
  const found = requireProgram(t, path.basename(process.execPath), { PATH: path.dirname(process.execPath) });
  assert.equal(found, process.execPath);
  assert.deepEqual(t.reasons, []);
});

test('a missing program skips the test and says so on a developer’s machine', () => {
  for (const env of [{ PATH: '' }, { PATH: '', CI: '' }, { PATH: '', CI: 'false' }]) {
    const t = recorder();
    assert.equal(requireProgram(t, 'no-such-program', env), undefined);
    assert.deepEqual(t.reasons, ['the program no-such-program is not installed (.ci/run names the package)']);
  }
});

test('a missing program fails the test under continuous integration', () => {
  const t = recorder();
  assert.throws(
    () => requireProgram(t, 'no-such-program', { PATH: '', CI: 'true' }),
    /no-such-program is not installed/,
  );
  assert.deepEqual(t.reasons, []);
});

test('a folder with the name of the program is not the program', () => {
  const t = recorder();
  requireProgram(t, path.basename(import.meta.dirname), { PATH: path.dirname(import.meta.dirname) });
  assert.equal(t.reasons.length, 1);
});
