import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteQueue, flat } from './bytes.ts';

/** A small linear congruential generator: the same seed gives the same run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

for (const seed of [1, 2, 3, 4]) {
  test(`a queue that is filled, emptied and half put back holds what a plain string would (seed ${seed})`, () => {
    const below = generator(seed);
    const queue = new ByteQueue();
    let model = '';
    for (let step = 0; step < 1_500; step++) {
      if (below(3) > 0) {
        const piece = Buffer.from(Array.from({ length: 2 + below(below(10) === 0 ? 5_000 : 40) }, () => below(256)));
        const start = below(piece.length);
        queue.append(piece, start, piece.length);
        model += piece.toString('latin1', start);
      } else {
        const taken = queue.take();
        assert.equal(taken.toString('latin1'), model);
        assert.equal(queue.length, 0);
        const start = below(taken.length + 1);
        if (below(8) > 0) queue.putBack(taken, start, taken.length);
        model = queue.length === 0 ? '' : model.slice(start);
      }
      assert.equal(queue.length, model.length);
      assert.equal(queue.peek().toString('latin1'), model);
    }
  });
}

test('what was taken is not written to by what is appended later', () => {
  const queue = new ByteQueue();
  queue.append(Buffer.from('first'), 0, 5);
  const taken = queue.take();
  queue.append(Buffer.from('other'), 0, 5);
  assert.equal(taken.toString(), 'first');
  assert.equal(queue.peek().toString(), 'other');
});

test('flat text is the same text', () => {
  const text = ['', 'a', 'é\xff', 'x'.repeat(5_000)].reduce((all, part) => `${all}${part}\r\n`, 'begin');
  assert.equal(flat(text), text);
  assert.equal(flat(''), '');
});
