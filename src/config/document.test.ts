import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocument } from './document.ts';

test('every place has a line, an absent one that of the nearest place above it', () => {
  const text = [
    '# first',
    'routes:',
    '  - id: a',
    '    uri: /a',
    '  - upstream:',
    '      nodes:',
    '        "h:80": 1',
    'x: {',
    ' y: [1,',
    '  2] }',
  ].join('\n');
  const { lineOf, value } = parseDocument(text, 'yaml');
  assert.ok(value);
  const cases: readonly [string, number | undefined][] = [
    ['routes', 2],
    ['routes[0]', 3],
    ['routes[0].uri', 4],
    ['routes[0].missing.deeper', 3],
    ['routes[1].upstream.nodes["h:80"]', 7],
    ['routes[7]', 2],
    ['x.y[1]', 10],
    ['nowhere', undefined],
    ['', undefined],
  ];
  for (const [path, line] of cases) assert.equal(lineOf(path), line, path);
});

test('broken documents are refused with their line', () => {
  const cases: readonly [string, 'yaml' | 'json', number | undefined][] = [
    ['a: 1\n b: 2', 'yaml', 2],
    ['a: 1\na: 2', 'yaml', 2],
    ['a: [1', 'yaml', 1],
    ['a: *nobody', 'yaml', 1],
    ['a: !!js/function x', 'yaml', 1],
    ['{\n"a": 1,\n}', 'json', 3],
    ['{"a": 1, "a": 2}', 'json', 1],
    ['a: 1\n---\nb: 1', 'yaml', undefined],
  ];
  for (const [text, format, line] of cases) {
    const { value, problems } = parseDocument(text, format);
    assert.equal(value, null, text);
    assert.deepEqual(
      problems.map((problem) => problem.line),
      [line],
      text,
    );
  }
});

test('scalars are read as YAML 1.2 reads them', () => {
  const { value } = parseDocument('[yes, no, on, off, true, 010, 1_000, 2001-01-01, ~, 1.5, 0x1f, "1"]', 'yaml');
  assert.deepEqual(value, ['yes', 'no', 'on', 'off', true, 10, '1_000', '2001-01-01', null, 1.5, 31, '1']);
});

test('documents that explode are refused in bounded time', () => {
  const bomb = [
    'a0: &a0 [x, x]',
    ...Array.from({ length: 60 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`),
  ].join('\n');
  const cases: readonly [string, string][] = [
    [bomb, 'too_large'],
    ['a: &a [*a]', 'too_large'],
    ['['.repeat(100_000), 'syntax'],
    [`${'{a: '.repeat(5_000)}`, 'syntax'],
    [
      `a: &a {${Array.from({ length: 200 }, (_, i) => `k${i}: 1`).join(', ')}}\nb: [${'{ <<: *a }, '.repeat(20_000)}]`,
      'syntax',
    ],
  ];
  for (const [text, code] of cases) {
    const { problems } = parseDocument(text, 'yaml');
    assert.deepEqual(
      problems.map((problem) => problem.code),
      [code],
      text.slice(0, 40),
    );
  }
});

test('40,000 routes may share one block', () => {
  const { problems } = parseDocument(
    `u: &u { retries: 1 }\nroutes:\n${'- { upstream: *u, <<: *u }\n'.repeat(40_000)}`,
    'yaml',
  );
  assert.deepEqual(problems, []);
});

test('no text makes it throw', () => {
  for (const text of [
    '',
    '\0',
    '\ufeff',
    '%YAML 9.9',
    '---',
    '...',
    '&',
    '*',
    '!',
    '|',
    '>',
    '?',
    ': ',
    '- - -',
    '\t',
    '\u2028',
  ]) {
    for (const format of ['yaml', 'json'] as const) assert.ok(parseDocument(text, format));
  }
});
