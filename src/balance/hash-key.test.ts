import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { HASH_VARIABLES, hashKeyVariables, parseHashKey, readHashKey, type HashKeySource } from './hash-key.ts';

function parsed(hashOn: unknown, key: unknown): HashKeySource {
  const { source, problems } = parseHashKey(hashOn, key);
  assert.deepEqual(problems, []);
  assert.ok(source !== null);
  return source;
}

describe('what is accepted', () => {
  const rows: readonly [unknown, unknown, HashKeySource][] = [
    [undefined, 'remote_addr', { kind: 'vars', name: 'remote_addr', variable: 'remote_addr' }],
    [null, 'uri', { kind: 'vars', name: 'uri', variable: 'uri' }],
    ['vars', 'arg_device-id_2', { kind: 'vars', name: 'arg_device-id_2', variable: 'arg_device-id_2' }],
    ['header', 'Content-Type', { kind: 'header', name: 'content-type', variable: 'http_content_type' }],
    ['cookie', 'Sid', { kind: 'cookie', name: 'Sid', variable: 'cookie_Sid' }],
    ['cookie', 'a.b', { kind: 'cookie', name: 'a.b', variable: 'cookie_a.b' }],
    ['consumer', undefined, { kind: 'consumer', name: '', variable: 'consumer_name' }],
    ['consumer', 'whatever', { kind: 'consumer', name: '', variable: 'consumer_name' }],
    [
      'vars_combinations',
      '$request_uri$remote_addr',
      { kind: 'vars_combinations', parts: [{ variable: 'request_uri' }, { variable: 'remote_addr' }] },
    ],
    [
      'vars_combinations',
      'v1:${http_x}y-$arg_a.',
      {
        kind: 'vars_combinations',
        parts: [{ text: 'v1:' }, { variable: 'http_x' }, { text: 'y-' }, { variable: 'arg_a' }, { text: '.' }],
      },
    ],
  ];
  for (const [hashOn, key, expected] of rows) {
    test(`hash_on ${inspect(hashOn)} with key ${inspect(key)}`, () => assert.deepEqual(parsed(hashOn, key), expected));
  }

  test('every documented variable', () => {
    for (const name of HASH_VARIABLES) assert.deepEqual(hashKeyVariables(parsed('vars', name)), [name]);
  });
});

describe('what is refused, with the remedy', () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const rows: readonly [unknown, unknown, string, string, RegExp][] = [
    ['headers', 'x', 'hash_on', 'unknown_value', /"headers" is unknown; use one of vars, header, cookie/],
    ['', 'x', 'hash_on', 'unknown_value', /use one of/],
    [3, 'x', 'hash_on', 'unknown_value', /hash_on 3 /],
    [cyclic, 'x', 'hash_on', 'unknown_value', /of a list/],
    ['vars', undefined, 'key', 'required', /"remote_addr"/],
    ['header', '', 'key', 'required', /name a header/],
    ['cookie', null, 'key', 'required', /name a cookie/],
    ['vars_combinations', undefined, 'key', 'required', /\$request_uri\$remote_addr/],
    ['vars', 7, 'key', 'wrong_type', /key 7 must be a string/],
    ['vars', { toJSON: null }, 'key', 'wrong_type', /of an object must be a string/],
    ['vars', '$remote_addr', 'key', 'unsupported', /leave out the "\$"/],
    ['vars', 'http_x_user', 'key', 'unsupported', /set hash_on to header and key to "x-user"/],
    ['vars', 'cookie_sid', 'key', 'unsupported', /set hash_on to cookie and key to "sid"/],
    ['vars', 'consumer_name', 'key', 'unsupported', /set hash_on to consumer/],
    ['vars', 'arg_', 'key', 'unsupported', /arg_NAME/],
    ['vars', 'remote_addr ', 'key', 'unsupported', /"remote_addr " cannot be hashed on/],
    ['header', 'x user', 'key', 'malformed', /names no header/],
    ['header', 'x:y', 'key', 'malformed', /letters, digits/],
    ['cookie', 'a=b', 'key', 'malformed', /names no cookie/],
    ['vars_combinations', 'remote_addr', 'key', 'malformed', /no variable/],
    ['vars_combinations', '$uri$', 'key', 'malformed', /"\$" at position 4/],
    ['vars_combinations', '$-x', 'key', 'malformed', /"\$" at position 0/],
    ['vars_combinations', '${uri', 'key', 'malformed', /begins no variable/],
    ['vars_combinations', '$$uri', 'key', 'malformed', /"\$" at position 0/],
  ];
  for (const [hashOn, key, path, code, message] of rows) {
    test(`hash_on ${inspect(hashOn)}, key ${inspect(key)}`, () => {
      const { source, problems } = parseHashKey(hashOn, key);
      assert.equal(source, null);
      assert.deepEqual(
        problems.map((problem) => [problem.path, problem.code]),
        [[path, code]],
      );
      assert.match(problems[0]!.message, message);
      assert.doesNotMatch(problems[0]!.message, /^[A-Z]|\.$/);
    });
  }

  test('a huge value is shown in part', () => {
    assert.ok(parseHashKey('vars', 'x'.repeat(1e6)).problems[0]!.message.length < 400);
  });
});

describe('reading', () => {
  const request: Readonly<Record<string, string>> = {
    remote_addr: '10.0.0.9',
    uri: '/a',
    arg_x: '1',
    arg_empty: '',
    http_x_user: 'jack',
    cookie_sid: 's',
    consumer_name: 'rose',
  };
  const rows: readonly [unknown, unknown, string][] = [
    ['vars', 'uri', '/a'],
    ['vars', 'arg_missing', '10.0.0.9'],
    ['vars', 'arg_empty', '10.0.0.9'],
    ['header', 'X-User', 'jack'],
    ['header', 'x-missing', '10.0.0.9'],
    ['cookie', 'sid', 's'],
    ['cookie', 'SID', '10.0.0.9'],
    ['consumer', undefined, 'rose'],
    ['vars_combinations', '$remote_addr$arg_x', '10.0.0.91'],
    ['vars_combinations', 'app:$uri:$arg_missing', 'app:/a:'],
    ['vars_combinations', 'app:$arg_missing$arg_empty', '10.0.0.9'],
  ];
  for (const [hashOn, key, expected] of rows) {
    test(`hash_on ${inspect(hashOn)}, key ${inspect(key)} gives ${expected}`, () => {
      assert.equal(
        readHashKey(parsed(hashOn, key), (name) => request[name]),
        expected,
      );
    });
  }

  test('a request without an address has an empty key rather than none', () => {
    assert.equal(
      readHashKey(parsed('consumer', undefined), () => undefined),
      '',
    );
  });

  test('the variables of a key are listed', () => {
    assert.deepEqual(hashKeyVariables(parsed('vars_combinations', '$uri-$http_x')), ['uri', 'http_x']);
    assert.deepEqual(hashKeyVariables(parsed('header', 'x-y')), ['http_x_y']);
  });
});
