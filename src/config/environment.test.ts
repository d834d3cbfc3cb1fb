import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redact, referencedVariables, substitute } from './environment.ts';
import { parseDocument } from './document.ts';

const cases: readonly [text: string, env: Record<string, string>, expected: string][] = [
  ['a: ${{X}}', { X: '1' }, 'a: 1'],
  ['a: ${{ X }}', { X: '1' }, 'a: 1'],
  ['a: ${{X:=d}}', {}, 'a: d'],
  ['a: ${{X:=}}', {}, 'a: '],
  ['a: ${{X:=d}}', { X: '' }, 'a: '],
  ['a: ${{X}}-${{Y}}', { X: '1', Y: '2' }, 'a: 1-2'],
  ['"${{X}}": 1', { X: 'k' }, '"k": 1'],
  ['# ${{X}}', {}, '# '],
  ['a: ${X}', {}, 'a: ${X}'],
  ['a: "${{X}}"', { X: 'q"\\\n' }, 'a: "q\\"\\\\\\n"'],
  ["a: '${{X}}'", { X: "it's" }, "a: 'it''s'"],
  ["a: it's ${{X}}", { X: '"' }, 'a: it\'s "'],
];

test('variables are substituted in the text; quotes around them keep a value the scalar it stands in', () => {
  for (const [text, env, expected] of cases) {
    const { text: actual, problems } = substitute(text, env);
    assert.deepEqual([actual, problems], [expected, []], text);
  }
});

test('whatever a quoted value holds, it cannot add attributes', () => {
  const hostile = ['", admin: "true', "', admin: 'true", '\n  admin: true', '\\', '"', '}}', '#', '\u2028', '\t'];
  for (const value of hostile) {
    for (const quotes of ['"', "'"]) {
      const { text, problems } = substitute(`a: ${quotes}\${{X}}${quotes}\nb: 1`, { X: value });
      if (problems.length > 0) continue;
      assert.deepEqual(parseDocument(text, 'yaml').value, { a: value, b: 1 }, `${quotes} ${JSON.stringify(value)}`);
    }
  }
});

test('what is unset, or breaks the line, is a problem with its line', () => {
  const { problems } = substitute('a: 1\nb: ${{X}}\nc: ${{Y}}', { Y: 'two\nlines' });
  assert.deepEqual(
    problems.map(({ line, code }) => [line, code]),
    [
      [2, 'environment'],
      [3, 'environment'],
    ],
  );
  assert.ok(!JSON.stringify(problems).includes('two'));
});

test('a problem names the variable instead of what it holds', () => {
  const { redactions } = substitute('a: "${{TOKEN}}"\nb: ${{PORT}}', { TOKEN: 'abc"def', PORT: '7' });
  const shown = redact(
    { path: 'a["abc\\"def"]', value: 'abc"def', code: 'invalid_value', message: '"abc\\"def" is wrong' },
    redactions,
  );
  assert.ok(!/abc|def/.test(JSON.stringify(shown)), JSON.stringify(shown));
  assert.ok(shown.message.includes('${{TOKEN}}'));
  const port = redact(
    { path: 'b', value: 7, code: 'out_of_range', message: '7 is less than the minimum 17' },
    redactions,
  );
  assert.equal(port.value, undefined);
});

test('each variable that a text refers to is named once', () => {
  assert.deepEqual(referencedVariables('${{A}} ${{B:=x}} ${{A}} ${C}'), ['A', 'B']);
});
