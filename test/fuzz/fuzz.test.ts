import assert from 'node:assert/strict';
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { bytesOf, notationOf } from '../parsers/corpus.ts';
import { Inputs } from './input.ts';
import { fuzz, writeFinding } from './loop.ts';
import { minimise } from './minimise.ts';

const SEED = 20_260_802;
const INPUTS = 800;

describe('fuzzing', () => {
  it(`finds nothing in ${INPUTS} inputs of seed ${SEED}`, async () => {
    const report = await fuzz({ seed: SEED, from: 0, mayGoOn: (index) => index < INPUTS, onInput: () => {} });
    const told = report.findings.map(
      ({ index, problem, bytes }) => `input ${index}: ${problem} in ${notationOf(bytes)}`,
    );
    assert.deepEqual(told, []);
    assert.equal(report.inputs, INPUTS);
  });

  it('makes the same input of the same seed and number, and another one of others', () => {
    const first = new Inputs(1).input(7);
    assert.deepEqual(new Inputs(1).input(7), first);
    assert.notDeepEqual(new Inputs(1).input(8), first);
    assert.notDeepEqual(new Inputs(2).input(7), first);
  });

  it('takes away from a failing input what does not matter', async () => {
    const fails = (bytes: Buffer): Promise<boolean> => Promise.resolve(bytes.includes('ab') && bytes.includes('\0'));
    const small = await minimise(Buffer.from('xx\0xxxxxxxxabxxx'), fails, 1_000);
    assert.equal(notationOf(small), '\\x00ab');
  });

  it('writes a finding so that it can be repeated and read', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-fuzz-'));
    try {
      const file = writeFinding(folder, 3, {
        index: 5,
        problem: 'head: wrong\nvery',
        bytes: Buffer.from('GET /\r\n\0'),
      });
      const text = readFileSync(file, 'utf8');
      assert.match(text, /^# npm run fuzz -- --seed 3 --from 5 --count 1\n# head: wrong\n# very\n== /);
      const line = /^\| (.*)$/m.exec(text)?.[1] ?? '';
      assert.equal(bytesOf(line).toString(), 'GET /\r\n\0');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
