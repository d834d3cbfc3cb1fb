import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkRegex, compileRegex } from './regex.ts';

const matches: [pattern: string, text: string, expected: boolean][] = [
  ['', '', true],
  ['abc', 'xabcx', true],
  ['^abc$', 'xabc', false],
  ['China.*', 'in China now', true],
  ['[Dd]ev', 'Development', true],
  ['^[a-z]+$', 'key-1', false],
  ['^$', '', true],
  ['$^', '', true],
  ['^$', 'a', false],
  ['a|b|', '', true],
  ['^(a|ab)(c|bcd)$', 'abcd', true],
  ['a{2,3}b', 'aab', true],
  ['^a{2,3}$', 'aaaa', false],
  ['^a{2}$', 'aa', true],
  ['^(?:ab){2,}$', 'ababab', true],
  ['a{,2}', 'a{,2}', true],
  ['x{', 'x{', true],
  ['^\\d+\\.\\d+$', '12.5', true],
  ['^[^/]+$', 'a/b', false],
  ['^[\\w.-]+$', 'a.b-c_d', true],
  ['[[:alpha:]][[:^digit:]]', 'a1', false],
  ['[[:xdigit:]]{4}', 'xBEEFx', true],
  ['\\bfoo\\b', 'a foo b', true],
  ['\\bfoo\\b', 'afoo b', false],
  ['a\\Bb', 'ab', true],
  ['\\Aab\\z', 'ab', true],
  ['(?i)HELLO', 'hello', true],
  ['(?i:A)b', 'aB', false],
  ['x(?i)y|Z', 'z', true],
  ['(?-i)a', 'A', false],
  ['(?s)a.b', 'a\nb', true],
  ['a.b', 'a\nb', false],
  ['\\x41\\x{42}\\u0043', 'ABC', true],
  ['^\\u{1f600}', '\u{1f600}', false],
  ['^(?:\u{1f600})+$', '\u{1f600}\u{1f600}', true],
  ['^\u{1f600}+$', '\u{1f600}\u{1f600}', true],
  ['^[\u4f60-\u5000]$', '\u4f99', true],
  ['\\/a\\-b\\"\\_', '/a-b"_', true],
  ['[\\]\\\\^-]', ']', true],
  ['[a^]', '^', true],
  ['[+--]', ',', true],
  ['[\\b]', '\b', true],
  ['(?P<year>\\d{4})-(?<month>\\d\\d)', '2026-11', true],
];

for (const [pattern, text, expected] of matches.filter(([pattern]) => !pattern.includes('u{'))) {
  test(`/${pattern}/ ${expected ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
    assert.equal(checkRegex(pattern), null);
    const regex = compileRegex(pattern);
    assert.equal(regex.test(text), expected);
    assert.equal(regex.exec(text) !== null, expected);
  });
}

const refused: [pattern: string, message: RegExp][] = [
  ['(a', /a group is not closed: add "\)"/],
  ['a)', /closes no group/],
  ['[a', /"\[" is not closed/],
  ['[]a]', /followed by "\]"/],
  ['[z-a]', /wrong way round/],
  ['[a-\\d]', /ends with a class/],
  ['[[:letter:]]', /there is no class/],
  ['*a', /repeats nothing/],
  ['a**', /repeats a repetition/],
  ['{2}', /repeats nothing/],
  ['a{3,2}', /wrong way round/],
  ['a{2000}', /more than 1000 times/],
  ['(?:a{1000}){1000}', /more than 3000 steps/],
  ['a++', /possessive "\+\+" is not supported: write "\+"/],
  ['(a)\\1', /back reference "\\1" is not supported/],
  ['\\k<a>', /back reference/],
  ['(?=a)', /lookaround is not supported.*rewrite the pattern without it/],
  ['(?<!a)', /lookaround/],
  ['(?>a)', /not supported/],
  ['(?m)^a', /the flag "m" is not supported/],
  ['(*UTF8)a', /control verb/],
  ['\\p{L}', /the escape "\\p" is not supported/],
  ['\\Ga', /the escape "\\G"/],
  ['a\\', /ends with a backslash/],
  ['\\u{1f600}', /the escape "\\u" is not supported/],
  ['\\x{1f600}', /beyond U\+FFFF/],
  ['[\u{1f600}]', /beyond U\+FFFF/],
  ['(?<a>x)(?<a>y)', /two groups are named "a"/],
  ['('.repeat(60) + ')'.repeat(60), /nested deeper than 50/],
  ['()'.repeat(101), /more than 100 groups: begin some with "\(\?:"/],
  ['a'.repeat(5000), /at most 4096 are allowed/],
];

for (const [pattern, message] of refused) {
  test(`/${pattern.slice(0, 30)}/ is refused: ${message.source}`, () => {
    assert.match(checkRegex(pattern) ?? '', message);
    assert.throws(() => compileRegex(pattern), TypeError);
  });
}

test('groups hold what a backtracking engine would put into them', () => {
  const match = compileRegex('^/iresty/(?P<first>.*)/(.*)$').exec('/iresty/hello/big/world');
  assert.deepEqual(match?.groups, ['/iresty/hello/big/world', 'hello/big', 'world']);
  assert.equal(match?.names.get('first'), 1);
  assert.deepEqual(compileRegex('(a)|(b)').exec('xb')?.groups, ['b', undefined, 'b']);
  assert.deepEqual(compileRegex('a+?').exec('caab')?.groups, ['a']);
  const second = compileRegex('o.').exec('foo bor', 3);
  assert.deepEqual([second?.index, second?.end], [5, 7]);
});

test('patterns that make a backtracking engine explode take linear time', { timeout: 10_000 }, () => {
  const cases: [pattern: string, end: string, expected: boolean][] = [
    ['(a+)+$', '!', false],
    ['^(a|a)*$', '!', false],
    ['(.*)*x', '!', false],
    ['.*.*.*.*=', '!', false],
    ['(?:a?){30}a{30}b', '!', false],
    ['(a*)*b', 'b', true],
    ['\\b(a+)+\\b!', '!', true],
  ];
  for (const [pattern, end, expected] of cases) {
    const text = 'a'.repeat(20_000) + end;
    assert.equal(compileRegex(pattern).test(text), expected, pattern);
    assert.equal(compileRegex(pattern).exec(text) !== null, expected, pattern);
  }
});

test('a text that needs more states than are kept is still judged correctly', () => {
  const regex = compileRegex('a.{12}b$');
  const native = /a.{12}b$/;
  let seed = 20_261_121;
  for (let round = 0; round < 200; round++) {
    let text = '';
    for (let i = 0; i < 120; i++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      text += seed >>> 31 === 0 ? 'a' : 'b';
    }
    assert.equal(regex.test(text), native.test(text), text);
  }
});

const atom = fc.oneof(
  fc.constantFrom('a', 'b', 'A', 'ab', '.', '\\w', '\\D', '[ab]', '[^a]', '[a-cX]', '\\.', '1', '\u00e9', '\u03c3'),
  fc.constantFrom('^', '$', '\\b', '\\B', ''),
);
const pattern = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    atom,
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
    fc.array(tie('node'), { minLength: 2, maxLength: 3 }).map((options) => `(?:${options.join('|')})`),
    fc
      .tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,3}', '{2,}', '*?', '+?', '??'))
      .map(([body, quantifier]) => `(?:${body})${quantifier}`),
    tie('node').map((body) => `(${body})`),
  ),
})).node;
const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', 'A', 'B', 'X', '1', '.', '\n', ' ', '\u00e9', '\u00c9', '\u03c2', '\u03a3'),
  maxLength: 10,
});

test('any pattern matches the texts that it matches in JavaScript, in the same place', () => {
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 6 }), fc.boolean(), (source, texts, ignoreCase) => {
      const native = new RegExp(source, ignoreCase ? 'i' : '');
      const regex = compileRegex(source, { ignoreCase });
      for (const each of texts) {
        const expected = native.exec(each);
        assert.equal(regex.test(each), expected !== null, `/${source}/ on ${JSON.stringify(each)}`);
        assert.equal(regex.exec(each)?.index, expected?.index, `/${source}/ on ${JSON.stringify(each)}`);
      }
    }),
    { numRuns: 4000 },
  );
});

test('groups without repetition hold what they hold in JavaScript', () => {
  const flat = fc.array(
    fc.tuple(
      fc.constantFrom('(', '(?:', ''),
      fc.constantFrom('a', '.', 'a|ab', 'b*', 'a+?', '[^b]*'),
      fc.constantFrom('a', '', 'b?'),
    ),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(flat, text, (parts, each) => {
      const source = parts
        .map(([open, body, after]) => (open === '' ? body.replaceAll('|', '') : `${open}${body})`) + after)
        .join('');
      const expected = new RegExp(source).exec(each);
      assert.deepEqual(compileRegex(source).exec(each)?.groups, expected === null ? undefined : [...expected], source);
    }),
    { numRuns: 2000 },
  );
});

test('checking never throws, and what it passes compiles', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'ab\\()[]{}*+?|^$.-,1:<=!Pi'.split('')), maxLength: 14 }),
      (source) => {
        const problem = checkRegex(source);
        if (problem === null) compileRegex(source).test('ab1');
        else assert.match(problem, /\(at character \d+\)|lower its/);
      },
    ),
    { numRuns: 5000 },
  );
});
