import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { CounterTable } from './counter-table.ts';
import { SpaceCounters } from './space-counters.ts';

test('views share counts exactly where their names of a space are equal, however many spaces they use', () => {
  const table = new CounterTable(CounterTable.allocate({ maxKeys: 1000 }, new Uint8Array(8)), {
    now_ms: () => 0,
    digest: (bytes) => hash('sha256', bytes, 'buffer'),
  });
  const one = new SpaceCounters(table, (space) => `one ${space}`);
  const twin = new SpaceCounters(table, (space) => `one ${space}`);
  const other = new SpaceCounters(table, (space) => `other ${space}`);
  const query = { key: 'k', limit: 5, window_ms: 1000, cost: 1 };
  for (let space = 0; space < 400; space++) {
    assert.equal(one.fixedWindow(`s${space}`, query).remaining, 4);
    assert.equal(twin.fixedWindow(`s${space}`, query).remaining, 3);
    assert.equal(other.fixedWindow(`s${space}`, query).remaining, 4);
  }
  assert.equal(one.fixedWindow('s0', query).remaining, 2);
  assert.equal(one.slidingWindow('s0', query).remaining, 4);
});
