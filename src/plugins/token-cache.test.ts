import assert from 'node:assert/strict';
import { it } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { TokenCache } from './token-cache.ts';

const always = <T>(value: T) => ({ from_ms: -Infinity, until_ms: Infinity, value });

it('a token is found within its time only, and as a whole only', () => {
  const cache = new TokenCache<string>(10);
  cache.keep('abc', { from_ms: 10, until_ms: 20, value: 'x' });
  assert.deepEqual([cache.find('abc', 10), cache.find('abc', 19)], ['x', 'x']);
  assert.deepEqual(
    [cache.find('ab', 15), cache.find('abcd', 15), cache.find('ABC', 15)],
    [undefined, undefined, undefined],
  );
  assert.equal(cache.find('abc', 20), undefined);
  assert.equal(cache.find('abc', 15), undefined, 'forgotten');
  cache.keep('abc', { from_ms: 10, until_ms: 20, value: 'y' });
  assert.equal(cache.find('abc', 9), undefined);
});

it('what is used stays, what is not goes, and there is never more than the bound', () => {
  const seed = 11;
  const random = seededRandom(seed);
  const cache = new TokenCache<number>(20);
  cache.keep('used', always(-1));
  for (let i = 0; i < 2_000; i++) {
    assert.equal(cache.find('used', 0), -1, `step ${i}`);
    const token = `t${Math.floor(random() * 100)}`;
    const found = cache.find(token, 0);
    if (found === undefined) cache.keep(token, always(i));
    else assert.ok(found < i);
    assert.ok(cache.size <= 20, `${cache.size}`);
  }
});

it('nothing is kept with a bound of 0, nor are enormous tokens', () => {
  const none = new TokenCache<number>(0);
  none.keep('a', always(1));
  assert.equal(none.find('a', 0), undefined);
  const cache = new TokenCache<number>(10);
  cache.keep('a'.repeat(5_000), always(1));
  assert.equal(cache.size, 0);
});
