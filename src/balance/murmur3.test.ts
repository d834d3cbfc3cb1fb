import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur3 } from './murmur3.ts';
import { Seeded } from './scenario.ts';

/** Values of the reference implementation for the bytes of the text, as they are widely published. */
const VECTORS: readonly [string, number, number][] = [
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['', 0xffffffff, 0x81f16f39],
  ['\0\0\0\0', 0, 0x2362f9de],
  ['\0\0\0', 0, 0x85f0b427],
  ['\0\0', 0, 0x30f4c306],
  ['\0', 0, 0x514e28b7],
  ['\xff\xff\xff\xff', 0, 0x76293b50],
  ['!Ce\x87', 0, 0xf55b516b],
  ['!Ce\x87', 0x5082edee, 0x2362f9de],
  ['!Ce', 0, 0x7e4a8634],
  ['!C', 0, 0xa0f7b07a],
  ['!', 0, 0x72661cf4],
  ['aaaa', 0x9747b28c, 0x5a97808a],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['abc', 0, 0xb3dd93fa],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
];

for (const [text, seed, expected] of VECTORS) {
  test(`murmur3 of ${JSON.stringify(text)} with seed ${seed} is the published value`, () => {
    assert.equal(murmur3(text, seed) >>> 0, expected);
  });
}

test('a text beyond latin1 is hashed as its UTF-16 code units, low byte first', () => {
  for (const text of ['Ā', '日本', 'aĀb', 'user-ü-日', '😀😀😀', `${'x'.repeat(9)}日`]) {
    const bytes = Buffer.from(text, 'utf16le').toString('latin1');
    assert.equal(murmur3(text, 7), murmur3(bytes, 7), text);
  }
});

test('each bit of the input changes each bit of the hash about every second time', () => {
  const random = new Seeded(1);
  const flips = new Array<number>(32).fill(0);
  const trials = 20_000;
  for (let trial = 0; trial < trials; trial++) {
    const units = Array.from({ length: random.whole(1, 24) }, () => random.whole(0, 255));
    const before = murmur3(String.fromCharCode(...units), 3);
    units[random.whole(0, units.length - 1)]! ^= 1 << random.whole(0, 7);
    const changed = before ^ murmur3(String.fromCharCode(...units), 3);
    for (let bit = 0; bit < 32; bit++) flips[bit]! += (changed >>> bit) & 1;
  }
  // Five standard deviations of a fair coin thrown 20,000 times.
  for (const [bit, count] of flips.entries()) {
    assert.ok(Math.abs(count - trials / 2) < 5 * Math.sqrt(trials / 4), `bit ${bit} flipped ${count} times`);
  }
});
