import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ensureMigration } from './migrate-requests.ts';

test('the setting is left alone where it is on or not there, set where it is off, and asked for where that fails', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-sysctl-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const lines: string[] = [];
  const write = (event: string): void => void lines.push(event);
  const log = { debug: write, info: write, warn: write, error: write };
  const file = path.join(folder, 'tcp_migrate_req');
  ensureMigration(log, file);
  writeFileSync(file, '1\n');
  ensureMigration(log, file);
  assert.deepEqual(lines, []);
  writeFileSync(file, '0\n');
  ensureMigration(log, file);
  assert.deepEqual([lines, readFileSync(file, 'utf8')], [['tcp_migrate_req_set'], '1\n']);
  // Nobody can write this one, whoever runs the test.
  ensureMigration(log, '/proc/self/stat');
  assert.deepEqual(lines, ['tcp_migrate_req_set', 'tcp_migrate_req_off']);
});
