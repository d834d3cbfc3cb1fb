import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkExpression, compileExpression } from './expression.ts';
import type { VariableSource, VariableValue } from './variable-source.ts';

type Values = Readonly<Record<string, VariableValue>>;

/** Variables whose names begin with post_arg or graphql are in the body, the others are at hand. */
function sourceOf(values: Values, hasBody = true): VariableSource {
  const variable = (name: string): string | undefined => values[name] as string | undefined;
  return hasBody ? { variable, body: { value: (name) => values[name] } } : { variable };
}

const evaluate = (expression: unknown, values: Values = {}): boolean | undefined =>
  compileExpression(expression).evaluate(sourceOf(values));

const conditions: [condition: unknown[], value: VariableValue, expected: boolean][] = [
  [['arg_v', '==', 'v2'], 'v2', true],
  [['arg_v', '==', 'v2'], 'V2', false],
  [['arg_v', '==', 'v2'], undefined, false],
  [['arg_v', '==', 1], '1', true],
  [['arg_v', '==', 1], '1.0', true],
  [['arg_v', '==', 1], 'one', false],
  [['arg_v', '==', 0], '', false],
  [['arg_v', '==', '1'], '1.0', false],
  [['arg_v', '==', null], undefined, true],
  [['arg_v', '==', null], '', false],
  [['post_arg.v', '==', true], true, true],
  [['post_arg.v', '==', true], 'true', false],
  [['post_arg.v', '==', '5'], 5, false],
  [['post_arg.v', '==', 5], 5, true],
  [['post_arg.v', '==', 'a'], ['a'], false],
  [['arg_v', '~=', 'v2'], 'v1', true],
  [['arg_v', '~=', 'v2'], 'v2', false],
  [['arg_v', '~=', 'v2'], undefined, true],
  [['arg_ttl', '>', 3600], '3601', true],
  [['arg_ttl', '>', 3600], '3600', false],
  [['arg_ttl', '>', 3600], '900', false],
  [['arg_ttl', '>', '18'], '101', true],
  [['arg_ttl', '>', 3600], undefined, false],
  [['arg_ttl', '>', 3600], 'many', false],
  [['arg_ttl', '>', -1], '', false],
  [['arg_ttl', '>', -1], '0x10', false],
  [['arg_ttl', '>', 0], 'Infinity', false],
  [['arg_ttl', '>=', 3600], '3.6e3', true],
  [['arg_ttl', '<', 3600], ' 12 ', true],
  [['arg_ttl', '<', 3600], undefined, false],
  [['arg_id', '<=', '1000'], '204', true],
  [['arg_id', '<=', '1000'], '1000.5', false],
  [['post_arg.n', '<', 3], 2.5, true],
  [['arg_env', '~~', '[Dd]ev'], 'develop', true],
  [['arg_env', '~~', '[Dd]ev'], 'DEV', false],
  [['arg_env', '~~', '[Dd]ev'], undefined, false],
  [['arg_env', '~~', '^$'], '', true],
  [['arg_env', '~*', 'dev'], 'DEV', true],
  [['post_arg.n', '~~', '^4'], 42, true],
  [['post_arg.n', '~~', '.'], ['x'], false],
  [['arg_v', 'in', ['v1', 'v2']], 'v2', true],
  [['arg_v', 'in', ['v1', 'v2']], 'v3', false],
  [['arg_v', 'in', [1, 2]], '2.0', true],
  [['arg_v', 'in', []], 'v1', false],
  [['arg_v', 'in', ['v1']], undefined, false],
  [['graphql_root_fields', 'has', 'owner'], ['owner', 'repo'], true],
  [['graphql_root_fields', 'has', 'user'], ['owner', 'repo'], false],
  [['graphql_root_fields', 'has', 'owner'], 'owner', false],
  [['graphql_root_fields', 'has', 'owner'], undefined, false],
  [['arg_env', '!', '~~', '[Dd]ev'], 'prod', true],
  [['arg_env', '!', '~~', '[Dd]ev'], 'dev', false],
  [['arg_weight', '!', '>', 15], '12', true],
  [['arg_weight', '!', '>', 15], undefined, true],
  [['arg_v', '!', '==', 'v2'], undefined, true],
  [['arg_v', '!', 'in', ['v1']], 'v1', false],
  [['remote_addr', 'ipmatch', ['192.168.102.40', '192.168.3.0/24']], '192.168.3.9', true],
  [['remote_addr', 'ipmatch', ['192.168.102.40', '192.168.3.0/24']], '192.168.4.9', false],
  [['remote_addr', 'ipmatch', '10.0.0.0/8'], '10.1.2.3', true],
  [['remote_addr', 'ipmatch', ['::1']], undefined, false],
  [['remote_addr', '!', 'ipmatch', ['10.0.0.0/8']], '11.0.0.1', true],
  [['uri', '==', '/%61dmin'], '/admin', true],
  [['uri', '==', '/caf\u00e9'], '/caf%C3%A9', true],
  [['uri', 'in', ['/x', '/%7ejack']], '/~jack', true],
];

for (const [condition, value, expected] of conditions) {
  const name = String(condition[0]);
  test(`${JSON.stringify(condition)} is ${expected} for ${JSON.stringify(value) ?? 'no value'}`, () => {
    assert.deepEqual(checkExpression([condition]), []);
    assert.equal(evaluate([condition], { [name]: value }), expected);
  });
}

test('header variables go by the name that nginx gives them', () => {
  assert.equal(evaluate([['http_User-Agent', '==', 'x']], { http_user_agent: 'x' }), true);
  assert.equal(evaluate([['cookie_Device-Id', '==', 'x']], { 'cookie_Device-Id': 'x' }), true);
});

const [yes, no] = [
  ['arg_a', '==', '1'],
  ['arg_a', '==', '2'],
];
const combined: [expression: unknown, expected: boolean][] = [
  [[], true],
  [[yes], true],
  [[yes, no], false],
  [[yes, yes], true],
  [['AND', yes, no], false],
  [['OR', no, yes], true],
  [['OR', no, no], false],
  [['!AND', yes, no], true],
  [['!AND', yes, yes], false],
  [['!OR', no, no], true],
  [['!OR', yes, no], false],
  [['AND', yes, ['OR', no, yes]], true],
  [['!AND', yes, ['OR', no, ['arg_b', '!', '>', 15]]], false],
  [[yes, ['!OR', no, ['AND', yes, no]]], true],
  [['AND', yes], true],
];

for (const [expression, expected] of combined) {
  test(`${JSON.stringify(expression)} is ${expected} where arg_a is 1`, () => {
    assert.deepEqual(checkExpression(expression), []);
    assert.equal(evaluate(expression, { arg_a: '1' }), expected);
  });
}

const body = ['post_arg.name', '==', 'xyz'];
const undecided: [expression: unknown, expected: boolean | undefined][] = [
  [[body], undefined],
  [[yes, body], undefined],
  [[no, body], false],
  [[body, no], false],
  [['OR', body, yes], true],
  [['OR', body, no], undefined],
  [['!OR', yes, body], false],
  [['!AND', body, no], true],
  [[['post_arg_name', '!', '==', 'x']], undefined],
  [[['graphql_name', '==', 'x']], undefined],
];

for (const [expression, expected] of undecided) {
  test(`without the body ${JSON.stringify(expression)} is ${expected ?? 'undecided'} where arg_a is 1`, () => {
    const compiled = compileExpression(expression);
    assert.equal(compiled.needsBody, true);
    assert.equal(compiled.evaluate(sourceOf({ arg_a: '1' }, false)), expected);
  });
}

test('an expression on other variables needs no body', () => {
  assert.equal(compileExpression([yes]).needsBody, false);
});

const faults: [expression: unknown, path: string, message: RegExp][] = [
  ['x', '', /is a list of conditions, not "x"/],
  [{}, '', /not an object/],
  [['arg_a', '==', '1'], '', /put the one on "arg_a" into brackets of its own/],
  [['AND'], '', /AND joins conditions, and none follows/],
  [['and', yes], '', /put the one on "and" into brackets/],
  [[yes, 'x'], '[1]', /written \[variable, operator, value\], not "x"/],
  [[[]], '[0]', /not a list/],
  [[[yes, yes]], '[0]', /begins with AND, OR, !AND or !OR/],
  [[['OR', yes, ['AND']]], '[0][2]', /AND joins conditions/],
  [[[1, '==', '1']], '[0][0]', /name of a variable, not 1/],
  [[['', '==', '1']], '[0][0]', /name of a variable/],
  [[['arg_a', '===', '1']], '[0][1]', /"===" is no operator: use one of == ~= >/],
  [[['arg_a', 'toString', '1']], '[0][1]', /is no operator/],
  [[['arg_a', '!', '1']], '[0][2]', /"1" is no operator/],
  [[['arg_a', '==']], '[0]', /has 3 members, .* and not 2/],
  [[['arg_a', '==', '1', '2']], '[0]', /has 3 members/],
  [[['arg_a', '!', '==', '1', '2']], '[0]', /has 4 members/],
  [[['arg_a', '==', ['1']]], '[0][2]', /"==" takes one value, and a list is none: for several use "in"/],
  [[['arg_a', '>', 'v2']], '[0][2]', /">" compares numbers, and "v2" is none/],
  [[['arg_a', '!', '<', null]], '[0][3]', /"<" compares numbers, and null is none/],
  [[['arg_a', 'in', 'v2']], '[0][2]', /"in" takes a list, and "v2" is none: put it into brackets/],
  [[['arg_a', 'in', [{}]]], '[0][2]', /member 0 is an object/],
  [[['arg_a', '~~', '(a']], '[0][2]', /"~~" takes a regular expression: "\(a": a group is not closed/],
  [[['arg_a', '~*', 5]], '[0][2]', /5 is no string/],
  [[['arg_a', 'ipmatch', ['10.0.0.0/40']]], '[0][2]', /must be a number from 0 to 32/],
  [[['arg_a', 'ipmatch', []]], '[0][2]', /the list is empty/],
  [[['arg_a', 'ipmatch', [7]]], '[0][2]', /7 is no address/],
  [[['graphql_user', '==', 'x']], '[0][0]', /there is no variable "graphql_user": use graphql_operation/],
  [[['post_arg.', '==', 'x']], '[0][0]', /names nothing in a body/],
  [[['post_arg.a..b', '==', 'x']], '[0][0]', /names nothing in a body/],
  [[['post_arg.a[?(@.b)]', '==', 'x']], '[0][0]', /names nothing in a body/],
];

for (const [expression, path, message] of faults) {
  test(`${JSON.stringify(expression)} is refused at "${path}": ${message.source}`, () => {
    const problems = checkExpression(expression);
    assert.equal(problems.length, 1);
    assert.equal(problems[0]?.path, path);
    assert.match(problems[0]?.message ?? '', message);
    assert.throws(() => compileExpression(expression), TypeError);
  });
}

test('all problems are reported at once', () => {
  const paths = checkExpression([
    ['arg_a', '==='],
    ['arg_b', '>', 'x'],
    ['OR', yes, ['c']],
  ]).map(({ path }) => path);
  assert.deepEqual(paths, ['[0][1]', '[1][2]', '[2][2][1]']);
});

test('conditions nested without end are refused', () => {
  let expression: unknown[] = yes;
  for (let i = 0; i < 10_000; i++) expression = ['AND', expression];
  assert.match(checkExpression(expression)[0]?.message ?? '', /nested deeper than 32/);
});

test('whatever a configuration holds is judged without an exception, and what passes evaluates without one', () => {
  const scalar = fc.constantFrom<unknown>(
    'arg_a',
    'post_arg.a',
    'AND',
    '!OR',
    '!',
    '==',
    '>',
    'in',
    '~~',
    'has',
    'a(',
    '1',
    1,
    null,
    true,
  );
  const value = fc.letrec((tie) => ({
    node: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('node'), { maxLength: 4 })),
  })).node;
  fc.assert(
    fc.property(value, fc.boolean(), (expression, hasBody) => {
      if (checkExpression(expression).length > 0) assert.throws(() => compileExpression(expression), TypeError);
      else compileExpression(expression).evaluate(sourceOf({ arg_a: '1', 'post_arg.a': ['x'] }, hasBody));
    }),
    { numRuns: 3000 },
  );
});
