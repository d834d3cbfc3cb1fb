import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readWhole } from './read-whole.ts';

let folder: string;
before(() => (folder = mkdtempSync(path.join(tmpdir(), 'gatewright-read-'))));
after(() => rmSync(folder, { recursive: true }));

function pipe(name: string): string {
  const file = path.join(folder, name);
  assert.equal(spawnSync('mkfifo', [file]).status, 0);
  return file;
}

test('a file is read to its end, if it is not too large', async () => {
  const file = path.join(folder, 'file');
  const bytes = Buffer.alloc(700_000, 'a line\n');
  writeFileSync(file, bytes);
  assert.deepEqual(await readWhole(file, bytes.length), bytes);
  await assert.rejects(readWhole(file, bytes.length - 1), /^Error: it has more than 699999 bytes$/);
  writeFileSync(file, '');
  assert.deepEqual(await readWhole(file, 1), Buffer.alloc(0));
});

test('a pipe that nobody writes into is empty, and holds up nobody', async () => {
  assert.deepEqual(await readWhole(pipe('unused'), 100), Buffer.alloc(0));
});

async function length(file: string, most_bytes: number): Promise<unknown> {
  try {
    return (await readWhole(file, most_bytes)).length;
  } catch (error) {
    return (error as Error).message;
  }
}

test('of a pipe everything is read that is written into it, if it is not too much', async () => {
  for (const [name, most_bytes] of [
    ['whole', 100_000],
    ['too-much', 99_999],
  ] as const) {
    const file = pipe(name);
    const writer = await open(file, 'r+');
    const outcome = length(file, most_bytes);
    await writer.write(Buffer.alloc(50_000));
    await writer.write(Buffer.alloc(50_000));
    await writer.close();
    assert.equal(await outcome, most_bytes === 100_000 ? 100_000 : 'it has more than 99999 bytes');
  }
});

test('devices have no end, and folders and missing files nothing to be read', async () => {
  await assert.rejects(readWhole('/dev/zero', 100), /^Error: it is a device$/);
  await assert.rejects(readWhole(folder, 1_000_000), /EISDIR/);
  await assert.rejects(readWhole(path.join(folder, 'missing'), 100), /ENOENT/);
});
