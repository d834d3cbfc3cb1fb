import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { UsageError } from './arguments.ts';
import { schema } from './schema.ts';

function run(...args: string[]): string {
  let output = '';
  const code = schema(args, { stdout: (text) => (output += text), stderr: () => assert.fail(), env: {}, cwd: '/' });
  assert.equal(code, 0);
  return output;
}

test('without a kind, the kinds are listed', () => {
  const names = run()
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  assert.deepEqual(names.slice(0, 4), ['gateway', 'route', 'service', 'upstream']);
  assert.equal(names.length, 15);
  assert.equal(names.at(-1), 'test');
});

test('a kind is shown with its attributes, their types and defaults', () => {
  const output = run('upstream');
  assert.match(output, /^nodes\[\]\.host +string +/m);
  assert.match(output, /^pass_host +"pass" \| "node" \| "rewrite" .*\(default "pass"\)$/m);
  for (const name of ['upstreams', 'Upstream']) assert.equal(run(name), output);
  assert.equal(run('plugin-config'), run('plugin_configs'));
});

test('the JSON Schema of a file accepts a good file and refuses a bad one', () => {
  const validate = new Ajv2020({ strict: false }).compile(JSON.parse(run('--json')) as object);
  const upstream = { nodes: { 'h:1': 1 } };
  assert.equal(validate({ gateway: { http: [{ port: 1 }] }, routes: [{ uri: '/a', upstream }] }), true);
  for (const bad of [
    { rotues: [] },
    { routes: [{ uri: '/a', uris: ['/b'], upstream }] },
    { routes: [{ uri: '/a', upsteam: {} }] },
  ]) {
    assert.equal(validate(bad), false, JSON.stringify(bad));
  }
});

test('an unknown kind is a usage error with the nearest one', () => {
  assert.throws(
    () => run('rout'),
    (error: unknown) => error instanceof UsageError && /did you mean "route"/.test(error.message),
  );
  assert.throws(() => run('route', 'service'), UsageError);
  assert.throws(() => run('--yaml'), UsageError);
});
