import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compileJsonPath, jsonPathFault } from './json-path.ts';

const ROOT = {
  a: { b: [1, { c: 'x' }], 'odd name': 2, "it's": 3 },
  groups: ['r'],
  list: [{ groups: ['s'] }, { groups: { groups: 't' } }],
};

const RIGHT: [path: string, values: unknown[]][] = [
  ['$', [ROOT]],
  ['$.a.b[0]', [1]],
  ['$.a.b[1].c', ['x']],
  ['$.a["odd name"]', [2]],
  ["$['a']['it\\'s']", [3]],
  ['$.a.b[*]', [1, { c: 'x' }]],
  ['$.list.*.groups', [['s'], { groups: 't' }]],
  ['$..groups', [['r'], ['s'], { groups: 't' }, 't']],
  ['$..c', ['x']],
  ['$..b[0]', [1]],
  ['$.a.b[2]', []],
  ['$.nothing.at.all', []],
  ['$.a.b.c', []],
  ['$.__proto__', []],
  ['$.groups.length', []],
];
for (const [path, values] of RIGHT) {
  it(`${path} leads to ${JSON.stringify(values)}`, () => {
    assert.equal(jsonPathFault(path), null);
    assert.deepEqual(compileJsonPath(path)(ROOT), values);
  });
}

for (const path of [
  '',
  'a',
  '$a',
  '$.',
  '$..',
  '$[',
  '$[1',
  '$[-1]',
  '$[1:2]',
  '$[?(@.a)]',
  '$.a b',
  '$[a]',
  "$['a]",
  '$...a',
]) {
  it(`${JSON.stringify(path)} is no path`, () => {
    assert.match(jsonPathFault(path) ?? '', /is no path that is supported/);
    assert.throws(() => compileJsonPath(path), TypeError);
  });
}

it('what takes too long to look through gives nothing at all', () => {
  let deep: unknown = { x: 1 };
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.equal(compileJsonPath('$..x')(deep), null);
  const wide = Array.from({ length: 10_000 }, () => ({ x: 1 }));
  assert.equal(compileJsonPath('$..x')(wide), null);
  assert.equal(compileJsonPath('$[*].x')(wide), null);
  assert.equal(compileJsonPath('$[*].x')(wide.slice(0, 1_000))?.length, 1_000);
});
