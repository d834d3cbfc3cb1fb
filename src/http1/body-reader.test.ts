import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BodyReader } from './body-reader.ts';

const BYTES = Buffer.from('0123456789');

it('a length ends the body, and what follows is not consumed', () => {
  const reader = new BodyReader();
  reader.beginLength(7);
  assert.equal(reader.scan(BYTES, 0, 5), 5);
  assert.deepEqual(
    [reader.runStart, reader.runEnd, reader.isDone, reader.remaining, reader.dataBytes],
    [0, 5, false, 2, 5],
  );
  assert.equal(reader.scan(BYTES, 5, 10), 7);
  assert.deepEqual(
    [reader.runStart, reader.runEnd, reader.isDone, reader.remaining, reader.dataBytes],
    [5, 7, true, 0, 7],
  );
});

it('a length of zero is done before any byte, and consumes none', () => {
  const reader = new BodyReader();
  reader.beginLength(0);
  assert.equal(reader.isDone, true);
  assert.equal(reader.scan(BYTES, 3, 10), 3);
  assert.deepEqual([reader.runStart, reader.runEnd, reader.isDone], [3, 3, true]);
});

it('a body until the end of the connection takes everything and is never done by itself', () => {
  const reader = new BodyReader();
  reader.beginUntilClose();
  for (let k = 1; k <= 3; k++) {
    assert.equal(reader.scan(BYTES, 0, 10), 10);
    assert.deepEqual([reader.runStart, reader.runEnd, reader.isDone, reader.dataBytes], [0, 10, false, 10 * k]);
  }
});

it('a reader that is begun anew remembers nothing of the message before', () => {
  const reader = new BodyReader();
  const chunked = Buffer.from('2\r\nab\r\n0\r\n\r\n');
  for (let k = 0; k < 2; k++) {
    reader.beginChunked('data');
    assert.deepEqual([reader.isChunked, reader.isDone, reader.dataBytes, reader.remaining], [true, false, 0, 0]);
    assert.equal(reader.scan(chunked, 0, chunked.length), chunked.length);
    assert.deepEqual([reader.isDone, reader.dataBytes], [true, 2]);
    reader.beginChunked('coding');
    assert.equal(reader.scan(chunked, 0, 4), 4);
    reader.beginLength(3);
    assert.deepEqual([reader.isChunked, reader.isDone, reader.dataBytes, reader.remaining], [false, false, 0, 3]);
    assert.equal(reader.scan(BYTES, 0, 10), 3);
  }
});

it('a malformed coding is told', () => {
  const reader = new BodyReader();
  reader.beginChunked('coding');
  assert.equal(reader.scan(Buffer.from('x\r\n'), 0, 3), -1);
});
