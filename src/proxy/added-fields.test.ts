import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddedFields, NameMemo } from './added-fields.ts';

test('a value that is set again and again stays the same line', () => {
  const names = new NameMemo();
  for (let k = 0; k < 20; k++) {
    const fields = new AddedFields();
    fields.set(names.fieldOf('X-Name', 'Zoë ☺', ''));
    assert.equal(fields.text(), `X-Name: ${Buffer.from('Zoë ☺').toString('latin1')}\r\n`);
    assert.equal(fields.first('x-name'), Buffer.from('Zoë ☺').toString('latin1'));
  }
});

test('each spelling of a name, and each value, has a line of its own', () => {
  const names = new NameMemo();
  const fields = new AddedFields();
  for (const [name, value] of [
    ['X-One', 'a'],
    ['x-one', 'a'],
    ['X-One', 'b'],
    ['X-One', ''],
    ['X-Two', 'a'],
    ['X-One', 'a'],
  ] as const)
    fields.add(names.fieldOf(name, value, ''));
  assert.equal(fields.text(), 'X-One: a\r\nx-one: a\r\nX-One: b\r\nX-One: \r\nX-Two: a\r\nX-One: a\r\n');
  fields.set(names.fieldOf('X-ONE', 'c', ''));
  assert.equal(fields.text(), 'X-Two: a\r\nX-ONE: c\r\n');
  fields.remove('x-one');
  assert.deepEqual([fields.text(), fields.has('x-one'), fields.has('x-two')], ['X-Two: a\r\n', true, true]);
});

test('a value that would break the head is refused each time, also after a good one', () => {
  const names = new NameMemo();
  for (let k = 0; k < 3; k++) {
    assert.throws(() => names.fieldOf('X-One', 'a\r\nX-Two: b', ''), /control character/);
    assert.throws(() => names.fieldOf('X-One', 'a\r\nX-Two: b', 'a'), /control character/);
    assert.equal(names.fieldOf('X-One', 'a', 'a').line, 'X-One: a\r\n');
    assert.equal(names.fieldOf('X-One', 'a', '').line, 'X-One: a\r\n');
    assert.throws(() => names.fieldOf('Content-Length', '1', '1'), /frames the message/);
    assert.throws(() => names.fieldOf('X One', '1', '1'), /no header name/);
  }
});

test('more names than are remembered cost no field', () => {
  const names = new NameMemo();
  for (let k = 0; k < 5_000; k++) assert.equal(names.fieldOf(`X-${k % 1_500}`, 'v', '').line, `X-${k % 1_500}: v\r\n`);
});
