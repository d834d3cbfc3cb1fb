import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { render } from './render.ts';

const folder = new URL('cases/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.in.yaml'))
  .map((name) => name.slice(0, -'.in.yaml'.length));

test('there are at least 100 golden cases, and no output without its input', () => {
  assert.ok(names.length >= 100, `${names.length} cases`);
  const outputs = readdirSync(folder).filter((name) => name.endsWith('.out.json'));
  assert.deepEqual(outputs.map((name) => name.slice(0, -'.out.json'.length)).toSorted(), names.toSorted());
});

for (const name of names) {
  test(`golden: ${name.replaceAll('-', ' ')}`, () => {
    const expected = readFileSync(new URL(`${name}.out.json`, folder), 'utf8');
    assert.equal(render(readFileSync(new URL(`${name}.in.yaml`, folder), 'utf8')), expected);
  });
}
