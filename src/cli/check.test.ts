import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UsageError } from './arguments.ts';
import { check } from './check.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-check-'));
after(() => rmSync(folder, { recursive: true }));

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; output: string }> {
  let output = '';
  const code = await check(args, { stdout: (text) => (output += text), stderr: () => assert.fail(), env, cwd: folder });
  return { code, output };
}

const TEN_MISTAKES = `gateway:
  acces_log: false
routes:
  - { id: 1, uri: /1, methods: [GETT], upstream: { nodes: { "h:1": 1 } } }
  - { id: 2, uris: /2, upstream: { nodes: { "h:1": 1 } } }
  - { id: 3, uri: /3, upstream: { type: roundrobbin, nodes: { "h:1": 1 } } }
  - { id: 4, uri: /4, upstream: { nodes: { "h:1": "1" } } }
  - { id: 5, uri: /5, upstream_id: 4 }
  - { id: 6, uri: /6, enable_websocket: yes, upstream: { nodes: { "h:1": 1 } } }
  - { id: 6, uri: /7, upstream: { nodes: { "h:1": 1 } } }
  - { id: 8, uri: eight, upstream: { nodes: { "h:1": 1 } } }
upstreams:
  - { id: 9, type: chash, nodes: { "h:1": 1 } }
`;

test('ten mistakes are named all ten, in the order of the file, and the exit code is 1', async () => {
  writeFileSync(join(folder, 'ten.yaml'), TEN_MISTAKES);
  const { code, output } = await run(['-c', 'ten.yaml']);
  assert.equal(code, 1);
  const file = join(folder, 'ten.yaml');
  const lines = output
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(file, 'F'));
  assert.deepEqual(
    lines.map((line) => line.split(': ').slice(0, 2).join(': ')),
    [
      'F:2: gateway.acces_log',
      'F:4: routes[0].methods[0]',
      'F:5: routes[1].uris',
      'F:6: routes[2].upstream.type',
      'F:7: routes[3].upstream.nodes["h:1"]',
      'F:8: routes[4].upstream_id',
      'F:9: routes[5].enable_websocket',
      'F:10: routes[6].id',
      'F:11: routes[7].uri',
      'F:13: upstreams[0].key',
      'F: 10 problems (routes',
    ],
  );
});

test('each of the ten mistakes comes with what would be right', async () => {
  const { output } = await run(['-c', 'ten.yaml']);
  const lines = output.trimEnd().split('\n');
  const remedies = [
    'did you mean "access_log"?',
    'did you mean "GET"?',
    'expected a list, found the string "/2"',
    'did you mean "roundrobin"?',
    'expected an integer, found the string "1"; write it without quotes',
    'there is no upstream with the id "4"',
    'expected a boolean, found the string "yes"; write true without quotes',
    'the id "6" is taken by routes[5]',
    'begin with "/" and stay below it',
    'name a variable such as "remote_addr"',
  ];
  assert.equal(lines.length, remedies.length + 1);
  for (const [i, remedy] of remedies.entries())
    assert.ok(lines[i]?.endsWith(remedy), `${lines[i]} should end with ${remedy}`);
});

test('--json gives the same as one object', async () => {
  const { code, output } = await run(['-c', 'ten.yaml', '--json']);
  const result = JSON.parse(output) as {
    ok: boolean;
    problems: { path: string; line: number; code: string; message: string }[];
  };
  assert.deepEqual([code, result.ok, result.problems.length], [1, false, 10]);
  for (const problem of result.problems) assert.ok(problem.line > 0 && problem.code !== '' && problem.message !== '');
});

test('a good file exits with 0 and says what is in it', async () => {
  writeFileSync(join(folder, 'gatewright.yaml'), 'routes: [{ uri: /a, upstream: { nodes: { "h:1": 1 } } }]\n');
  assert.deepEqual(await run([]), {
    code: 0,
    output: `${join(folder, 'gatewright.yaml')}: nothing is wrong (routes: 1)\n`,
  });
});

test('warnings of an apisix.yaml are named without failing', async () => {
  writeFileSync(
    join(folder, 'apisix.yaml'),
    'routes:\n  - { uri: /a, colour: red, upstream: { nodes: { "h:1": 1 } } }\n#END\n',
  );
  const { code, output } = await run(['-c', 'apisix.yaml']);
  assert.equal(code, 0);
  assert.match(output, /apisix\.yaml:2: warning: routes\[0\]\.colour: unknown attribute "colour"/);
});

test('what came from the environment is never printed', async () => {
  writeFileSync(
    join(folder, 'env.yaml'),
    'routes: [{ uri: "${{URI}}", name: "${{URI}}", upstream: { nodes: { "${{URI}}": 1 } } }]\n',
  );
  const { code, output } = await run(['-c', 'env.yaml'], { URI: 's3cr3t value' });
  assert.equal(code, 1);
  assert.ok(!output.includes('s3cr3t'), output);
});

test('a broken access log format is a problem of the file', async () => {
  writeFileSync(join(folder, 'log.yaml'), 'gateway:\n  access_log: { format: "$no_such_variable" }\nroutes: []\n');
  const { code, output } = await run(['-c', 'log.yaml']);
  assert.equal(code, 1);
  assert.match(output, /log\.yaml:2: gateway\.access_log\.format: /);
});

test('arguments that make no sense are a usage error', async () => {
  await assert.rejects(run(['--jsn']), UsageError);
  await assert.rejects(run(['file.yaml']), UsageError);
});

test('a file that is not there is a problem', async () => {
  const { code, output } = await run(['-c', 'absent.yaml']);
  assert.equal(code, 1);
  assert.match(output, /cannot read .*absent\.yaml/);
});
