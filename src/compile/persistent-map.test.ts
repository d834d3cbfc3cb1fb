import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { PersistentMap } from './persistent-map.ts';

test('every version of a map that was edited at random is what a Map of its own would be', (t) => {
  const seed = Math.floor(performance.timeOrigin) % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const draw = (most: number): number => Math.floor(random() * most);
  const versions: { map: PersistentMap<number>; model: Map<string, number> }[] = [
    { map: PersistentMap.empty(), model: new Map() },
  ];
  for (let round = 0; round < 200; round++) {
    const base = versions[draw(versions.length)];
    if (base === undefined) continue;
    const edit = base.map.edit();
    const model = new Map(base.model);
    const most = round % 10 === 0 ? 2_000 : 20;
    for (let i = draw(most); i >= 0; i--) {
      const key = `routes/${draw(3_000)}`;
      const value = draw(4) === 0 ? undefined : draw(1_000);
      edit.set(key, value);
      if (value === undefined) model.delete(key);
      else model.set(key, value);
      assert.equal(edit.get(key), value);
    }
    versions.push({ map: edit.done(), model });
  }
  for (const { map, model } of versions) {
    assert.equal(map.size, model.size);
    assert.deepEqual(new Map(map), model);
    for (const [key, value] of model) assert.equal(map.get(key), value);
    assert.equal(map.get('routes/none'), undefined);
  }
  for (let i = 0; i < 100; i++) {
    const one = versions[draw(versions.length)];
    const other = versions[draw(versions.length)];
    if (one === undefined || other === undefined) continue;
    const found = [...one.map.differences(other.map)];
    const keys = new Set([...one.model.keys(), ...other.model.keys()]);
    const expected = [...keys].filter((key) => one.model.get(key) !== other.model.get(key));
    assert.deepEqual(found.map(([key]) => key).sort(), expected.sort());
    for (const [key, here, there] of found) assert.deepEqual([here, there], [one.model.get(key), other.model.get(key)]);
  }
});
