import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { createAjv } from '../model/validate.ts';
import { publishSchema } from '../model/publish.ts';
import { parseDocument } from '../config/document.ts';
import { testFileSchema } from '../testing/cases/case-schema.ts';
import { EXIT, type Io, UsageError } from './arguments.ts';
import { test as run } from './test.ts';

const CONFIG = `routes:
  - id: limited
    uri: /limited
    plugins:
      limit-count: { count: 2, time_window: 60, rejected_code: 429 }
    upstream: { nodes: { "10.0.0.1:80": 1 } }
  - id: keyed
    uri: /keyed/*
    plugins: { key-auth: {} }
    upstream: { nodes: { "10.0.0.2:80": 1 } }
consumers:
  - username: jack
    plugins: { key-auth: { key: "\${{JACK_KEY}}" } }
`;

const GOOD = `env: { JACK_KEY: secret }
upstreams:
  10.0.0.1:80: { status: 200, json: { hello: world, more: [1, 2] } }
  10.0.0.2:80: 204
tests:
  - name: a third request within a minute is refused
    steps:
      - request: GET /limited
        times: 2
        expect: { status: 200, json: { hello: world }, attempts: ["10.0.0.1:80 200"] }
      - request: GET /limited
        expect: { status: 429, replied_by: limit-count, limits: { limit-count: { remaining: 0 } }, upstream: null }
      - advance: 60s
      - request: GET /limited
        expect: { status: 200, route: limited, headers: { X-RateLimit-Remaining: 1, server: true, x-none: null } }
  - name: a caller with the key <key> gets <status>
    each:
      - { key: secret, status: 204, consumer: jack }
      - { key: wrong, status: 401, consumer: null }
    request: { path: /keyed/x, headers: { apikey: <key> } }
    expect: { status: <status>, consumer: <consumer> }
`;

/** A folder with these files, and what the verb prints there. */
function project(t: TestContext, files: Readonly<Record<string, string>>) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'gatewright-test-'));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  for (const [name, text] of Object.entries({ 'gatewright.yaml': CONFIG, ...files })) {
    mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true });
    writeFileSync(path.join(cwd, name), text);
  }
  const printed: string[] = [];
  const io: Io = {
    stdout: (text) => void printed.push(text),
    stderr: (text) => void printed.push(text),
    env: {},
    cwd,
  };
  return {
    cwd,
    async run(...args: string[]) {
      printed.length = 0;
      const code = await run(args, io);
      return { code, text: printed.join('') };
    },
  };
}

/** What took how long says nothing here. */
const timeless = (text: string): string => text.replaceAll(/\d+\.\d{3}/g, 'T');

test('tests that pass are listed, and the exit code says so', async (t) => {
  const { code, text } = await project(t, { 'gatewright.test.yaml': GOOD }).run();
  assert.equal(
    timeless(text),
    `gatewright.test.yaml
  ✔ a third request within a minute is refused
  ✔ a caller with the key secret gets 204
  ✔ a caller with the key wrong gets 401

3 tests: 3 passed, 0 failed (T s)
`,
  );
  assert.equal(code, EXIT.fine);
});

test('a wrong expectation is told with what was expected, what came, where it stands, and why the answer came', async (t) => {
  const bad = `tests:
  - name: wrong
    request: { path: /limited, method: POST, body: ping }
    expect:
      status: 201
      headers: { server: { matches: "^nginx" } }
      json: { a: { b: [1, 3] } }
      upstream: { body: pong }
upstreams: { 10.0.0.1:80: { json: { a: { b: [1, 2], c: 1 } } } }
env: { JACK_KEY: x }
`;
  const { code, text } = await project(t, { 'a.test.yaml': bad }).run('a.test.yaml');
  assert.equal(
    timeless(text),
    `a.test.yaml
  ✖ wrong
      a.test.yaml:5:7: status is not as expected
        expected  201
        came      200
        | POST /limited: 200 after 0 ms
        |   route limited: /limited
        |   limit-count: 1 of 2 left, anew in 60 s
        |   10.0.0.1:80: 200 after 0 ms
      a.test.yaml:6:28: headers.server.matches is not as expected
        expected  something that matches "^nginx"
        came      "Gatewright"
      a.test.yaml:7:27: json.a.b[1] is not as expected
        expected  3
        came      2
      a.test.yaml:8:19: upstream.body is not as expected
        expected  "pong"
        came      "ping"

1 test: 0 passed, 1 failed (T s)
`,
  );
  assert.equal(code, EXIT.failed);
});

const HEAD = 'env: { JACK_KEY: x }\n';

for (const [what, text, ...expected] of [
  [
    'unknown fields, each with what was meant',
    `upstream: {}\ntests:\n  - name: x\n    request: { path: /x, heders: {} }\n    expect: { stats: 200 }\n`,
    '2:1: upstream: unknown attribute "upstream", did you mean "upstreams"?',
    '5:26: tests[0].request.heders: unknown attribute "heders", did you mean "headers"?',
    '6:15: tests[0].expect.stats: unknown attribute "stats", did you mean "status"?',
  ],
  [
    'a test that expects nothing',
    'tests:\n  - name: x\n    request: /x\n',
    '3:5: tests[0]: the test expects nothing: write expect',
  ],
  [
    'a test that does nothing',
    'tests:\n  - name: x\n    expect: 200\n',
    '3:5: tests[0]: the test does nothing: write request, or steps',
  ],
  ['a file without tests', 'seed: 1\n', 'missing attribute "tests"'],
  [
    'what is no request',
    'tests:\n  - name: x\n    request: nonsense\n    expect: 200\n',
    '4:5: tests[0].request: "nonsense" is no request: write "GET /path", or an object with path',
  ],
  [
    'a script that contradicts itself',
    'upstreams: { "a:1": { body: x, json: {} } }\ntests:\n  - name: x\n    request: /\n    expect: 200\n',
    '2:15: upstreams["a:1"]: body and json exclude each other: an answer has one body',
  ],
  [
    'a table with a hole, and a column that nothing uses',
    'tests:\n  - name: x\n    each: [{ a: 1 }, { b: 2 }]\n    request: /<a>\n    expect: 200\n',
    'tests[0].each: the column "b" is used nowhere: write <b> where its value belongs',
    'tests[0].each[1]: the row has no "a", as others have',
  ],
  [
    'a regular expression that is none',
    'tests:\n  - name: x\n    request: /\n    expect: { body: { matches: "(" } }\n',
    '5:23: tests[0].expect.body.matches: Invalid regular expression: /(/u: Unterminated group',
  ],
  [
    'an expectation of an answer in a step that sends nothing',
    'tests:\n  - name: x\n    steps: [{ advance: 1s, expect: 200 }]\n',
    'nothing is sent in this step: only health and log can be expected of it',
  ],
  ['what is no YAML', 'tests: [', 'not valid YAML'],
  [
    'a configuration that is wrong',
    'config: { routes: [{ uri: /x, nonsense: 1 }] }\ntests:\n  - name: x\n    request: /\n    expect: 200\n',
    'the configuration has',
    'routes[0].nonsense: unknown attribute "nonsense"',
  ],
  [
    'a configuration that is not there',
    'config: other.yaml\ntests:\n  - name: x\n    request: /\n    expect: 200\n',
    'cannot read',
  ],
] as const) {
  test(`a file of tests is refused, with the place, for ${what}`, async (t) => {
    const { code, text: printed } = await project(t, { 'a.test.yaml': HEAD + text }).run();
    for (const line of expected) assert.ok(printed.includes(line), `${line} is in\n${printed}`);
    assert.equal(code, EXIT.failed);
  });
}

for (const [what, text, expected] of [
  [
    'a scripted upstream that its test never calls',
    'tests:\n  - name: x\n    upstreams: { "10.0.0.9:80": 200, "*": 200 }\n    request: /limited\n    expect: 200\n',
    'a.test.yaml:4:19: this script was never called',
  ],
  [
    'an answer of a list that is never used',
    'tests:\n  - name: x\n    upstreams: { "10.0.0.1:80": [200, 500, 200] }\n    request: /limited\n    expect: 200\n',
    'a.test.yaml:4:39: this script was never used',
  ],
  [
    'a scripted upstream of the file that none of its tests calls',
    'upstreams:\n  10.0.0.1:80: 200\n  10.0.0.9:80: 200\ntests:\n  - name: x\n    request: /limited\n    expect: 200\n',
    'a.test.yaml:4:3: no test of the file calls this script',
  ],
  [
    'a request to a node that has no script',
    'upstreams: { "10.0.0.9:80": 200 }\ntests:\n  - name: x\n    request: /limited\n    expect: 200\n',
    'a.test.yaml:5:5: a request goes to 10.0.0.1:80, for which nothing is scripted',
  ],
  [
    'an answer that is cut off and was not said to be',
    'upstreams: { "10.0.0.1:80": { body: "0123456789", fault: reset, after_bytes: 3 } }\ntests:\n  - name: x\n    request: /limited\n    expect: 200\n',
    'came      an answer that was cut off (upstream_reset)',
  ],
  [
    'the third of several requests',
    'tests:\n  - name: x\n    steps: [{ request: /limited, times: 3, expect: 200 }]\n',
    'status is not as expected (request 3 of 3)',
  ],
] as const) {
  test(`a test fails for ${what}`, async (t) => {
    const { code, text: printed } = await project(t, { 'a.test.yaml': HEAD + text }).run();
    assert.ok(printed.includes(expected), printed);
    assert.equal(code, EXIT.failed);
  });
}

test('tests have nothing to do with each other', async (t) => {
  const text = `${HEAD}tests:
  - name: <n> finds nothing counted
    each: [{ n: one }, { n: two }, { n: three }]
    steps:
      - { request: /limited, expect: { status: 200, limits: { limit-count: { remaining: 1 } } } }
      - { advance: 1s }
      - { request: /limited, expect: { status: 200, headers: { date: "Thu, 01 Jan 2026 00:00:01 GMT" } } }
  - name: another configuration is one for its own test
    steps:
      - apply: { routes: [{ uri: /new, plugins: { mocking: { response_example: made } } }] }
      - { request: /new, expect: { body: made } }
      - { request: /limited, expect: { status: 404, error: route_not_found, route: null } }
  - name: and gone in the next
    request: /new
    expect: 404
`;
  const { text: printed } = await project(t, { 'a.test.yaml': text }).run();
  assert.ok(printed.includes('5 tests: 5 passed, 0 failed'), printed);
});

test('only the tests whose names have a text are run, and none is a failure', async (t) => {
  const { run } = project(t, { 'gatewright.test.yaml': GOOD });
  assert.match((await run('--filter', 'KEY WRONG')).text, /1 test: 1 passed/);
  await assert.rejects(run('--filter', 'nowhere'), /no test has "nowhere" in its name/);
});

test('a test that is skipped is counted as such', async (t) => {
  const text = `${HEAD}tests:\n  - { name: later, skip: not yet, request: /x, expect: 200 }\n  - { name: now, request: /limited, expect: 200 }\n`;
  const { code, text: printed } = await project(t, { 'a.test.yaml': text }).run();
  assert.match(printed, /- later \(skipped: not yet\)/);
  assert.match(printed, /2 tests: 1 passed, 0 failed, 1 skipped/);
  assert.equal(code, EXIT.fine);
});

const FAILING = `${HEAD}tests:\n  - { name: 'a <b> & "c"', request: /limited, expect: 500 }\n  - { name: fine, request: /limited, expect: 200 }\n`;

test('TAP has a point for each test, with a block for what failed', async (t) => {
  const { text } = await project(t, { 'a.test.yaml': FAILING }).run('--reporter', 'tap');
  assert.match(
    text,
    /^TAP version 14\nnot ok 1 - a\.test\.yaml: a <b> & "c"\n {2}---\n {2}message: ".*"\n {2}at: "a\.test\.yaml:3:\d+"\n {2}expected: "500"\n {2}actual: "200"\n {2}\.\.\.\nok 2 - a\.test\.yaml: fine\n1\.\.2\n$/,
  );
});

test('JUnit’s XML is well-formed, and goes to a file if that is asked for', async (t) => {
  const { run, cwd } = project(t, { 'a.test.yaml': FAILING });
  const { code, text } = await run('--reporter', 'junit', '--output', 'report.xml');
  assert.equal(`${code} ${text}`, '1 ');
  const xml = readFileSync(path.join(cwd, 'report.xml'), 'utf8');
  assert.match(xml, /<testsuites name="gatewright test" tests="2" failures="1" skipped="0"/);
  assert.match(xml, /name="a &lt;b&gt; &amp; &quot;c&quot;"/);
  // Every element that begins ends, in its order.
  const open: string[] = [];
  for (const [, end, name = '', own] of xml.matchAll(/<(\/?)([a-z]+)(?:"[^"]*"|[^">])*?(\/?)>/g)) {
    if (end === '/') assert.equal(open.pop(), name);
    else if (own !== '/') open.push(name);
  }
  assert.deepEqual(open, []);
});

test('wrong use is told with what would be right', async (t) => {
  const { run } = project(t, { 'a.test.yaml': GOOD });
  await assert.rejects(
    run('--reporter', 'junt'),
    new UsageError('there is no reporter "junt", did you mean "junit"?; there are spec, junit, tap'),
  );
  await assert.rejects(run('nowhere'), new UsageError('there is no nowhere'));
  await assert.rejects(project(t, {}).run(), /no tests found: write them into a file such as gatewright\.test\.yaml/);
});

test('the published schema takes what the verb takes', () => {
  const validate = createAjv().compile(publishSchema(testFileSchema));
  // Placeholders of tables aside, which are texts in the place of numbers.
  const { value } = parseDocument(
    GOOD.replace('expect: { status: <status>, consumer: <consumer> }', 'expect: 200'),
    'yaml',
  );
  assert.ok(validate(value), JSON.stringify(validate.errors));
  assert.ok(!validate({ tests: [{ name: 'x', expct: 1 }] }));
});

test('watching runs the tests again when a file changed', async (t) => {
  const { cwd } = project(t, { 'gatewright.test.yaml': FAILING });
  const main = path.resolve(import.meta.dirname, '../main.ts');
  const child = spawn(process.execPath, [main, 'test', '--watch'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let printed = '';
  const until = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!pattern.test(printed)) return;
        child.stdout.off('data', look);
        child.stderr.off('data', look);
        resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
    });
  child.stdout.on('data', (bytes: Buffer) => (printed += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (printed += bytes.toString()));
  await until(/2 tests: 1 passed, 1 failed[^]*waiting for changes/);
  printed = '';
  writeFileSync(path.join(cwd, 'gatewright.test.yaml'), FAILING.replace('expect: 500', 'expect: 200'));
  await until(/2 tests: 2 passed, 0 failed[^]*waiting for changes/);
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGINT');
  assert.equal(await ended, 0);
});
