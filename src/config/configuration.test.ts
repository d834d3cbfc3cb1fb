import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PAIR } from '../../test/certificate.ts';
import { findConfiguration, loadConfiguration, parseConfiguration } from './configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-configuration-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const ROUTE = 'routes: [{ id: r, uri: /a, upstream: { nodes: { "h:80": 1 } } }]\n';

test('the file is the one named, else that of the directory, of XDG, of the home, in this order', () => {
  const env = { XDG_CONFIG_HOME: join(folder, 'xdg'), HOME: join(folder, 'home') };
  const cwd = join(folder, 'cwd');
  mkdirSync(cwd);
  assert.throws(() => findConfiguration(undefined, cwd, env), /no configuration found: none of gatewright\.yaml/);
  const home = write('home/.config/gatewright/gatewright.yaml', ROUTE);
  assert.equal(findConfiguration(undefined, cwd, { HOME: env.HOME }), home);
  const xdg = write('xdg/gatewright/gatewright.json', '{}');
  assert.equal(findConfiguration(undefined, cwd, env), xdg);
  const typed = write('cwd/gatewright.config.ts', '');
  assert.equal(findConfiguration(undefined, cwd, env), typed);
  const yaml = write('cwd/gatewright.yaml', ROUTE);
  assert.equal(findConfiguration(undefined, cwd, env), yaml);
  assert.equal(findConfiguration('other.yaml', cwd, env), join(cwd, 'other.yaml'));
});

test('YAML, JSON and TypeScript say the same', async () => {
  const yaml = await loadConfiguration(write('same.yaml', ROUTE), {});
  const json = await loadConfiguration(
    write('same.json', '{"routes":[{"id":"r","uri":"/a","upstream":{"nodes":{"h:80":1}}}]}'),
    {},
  );
  const typed = await loadConfiguration(
    write(
      'same.config.ts',
      `import { defineConfig } from 'gatewright';
       const uri: string = '/a';
       export default defineConfig({ routes: [{ id: 'r', uri, upstream: { nodes: { 'h:80': 1 } } }] });`,
    ),
    {},
  );
  for (const { problems, objects } of [yaml, json, typed]) {
    assert.deepEqual(problems, []);
    assert.deepEqual(objects, yaml.objects);
  }
});

test('a changed TypeScript file is read anew', async () => {
  const load = (uri: string) =>
    loadConfiguration(write('anew.config.ts', `export default { routes: [{ id: 1, uri: '${uri}' }] };`), {});
  assert.equal((await load('/a')).objects.objects.routes[0]?.value['uri'], '/a');
  assert.equal((await load('/b')).objects.objects.routes[0]?.value['uri'], '/b');
});

test('what cannot be read is a problem with the reason, and nothing that a running gateway would take for a removal', async () => {
  const cases: readonly [string, RegExp][] = [
    [join(folder, 'absent.yaml'), /cannot read .*ENOENT/],
    [folder, /cannot read .*EISDIR/],
    [write('latin1.yaml', ''), /the file is empty/],
    [write('throws.config.ts', 'throw new Error("no such thing")'), /cannot read .*no such thing/],
    [write('none.config.ts', 'export const a = 1;'), /has no default export/],
    [write('syntax.config.ts', 'export default {'), /cannot read/],
  ];
  for (const [path, message] of cases) {
    const { problems, objects } = await loadConfiguration(path, {});
    assert.match(problems.map((problem) => problem.message).join(), message);
    assert.equal(objects.isIncomplete, true);
  }
  writeFileSync(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
  assert.match((await loadConfiguration(join(folder, 'latin1.yaml'), {})).problems[0]?.message ?? '', /is not UTF-8/);
});

test('VAR_FILE is where the value of VAR is read from, without its last line break', async () => {
  const file = write('token', 's3cr3t\n');
  const path = write(
    'secret.yaml',
    'routes: [{ id: r, uri: /a, name: "${{TOKEN}}", upstream: { nodes: { "h:80": 1 } } }]',
  );
  const { problems, objects, dress } = await loadConfiguration(path, { TOKEN_FILE: file });
  assert.deepEqual(problems, []);
  assert.equal(objects.objects.routes[0]?.value['name'], 's3cr3t');
  const shown = dress({ path: 'routes[0].name', value: 's3cr3t', code: 'invalid_value', message: '"s3cr3t" is wrong' });
  assert.deepEqual(shown, { path: 'routes[0].name', line: 1, code: 'invalid_value', message: '"${{TOKEN}}" is wrong' });
  const both = await loadConfiguration(path, { TOKEN_FILE: file, TOKEN: 'x' });
  assert.match(both.problems[0]?.message ?? '', /TOKEN and TOKEN_FILE are both set/);
  const absent = await loadConfiguration(path, { TOKEN_FILE: join(folder, 'absent') });
  assert.match(absent.problems[0]?.message ?? '', /cannot read TOKEN_FILE/);
});

test('#END is the last line, whatever white space follows', () => {
  const ends = (text: string): boolean =>
    parseConfiguration(text, { format: 'yaml', dialect: 'gatewright', env: {} }).hasEndMark;
  assert.deepEqual(['a\n#END', 'a\n#END\n', '#END \r\n\n', 'a #END', '#END\na', '#ENDING', ''].map(ends), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test('authorities are read from files beside the configuration, and one without a certificate is a problem with its place', async () => {
  write('authorities/good.pem', `a comment\n${PAIR.cert}`);
  write('authorities/none.pem', 'nothing');
  write('authorities/broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const listed = ['bundled', 'good.pem', 'none.pem', 'broken.pem', 'absent.pem'];
  const file = write(
    'authorities/gatewright.yaml',
    `gateway:\n  upstream_tls:\n    trusted_certificates: [${listed.join(', ')}]\nroutes: []\n`,
  );
  const { settings, problems } = await loadConfiguration(file, {});
  assert.deepEqual(settings.authorities, ['bundled', PAIR.cert.trim(), '', '', '']);
  assert.deepEqual(
    problems.map(({ path, line, message }) => `${line} ${path} ${message.replace(/: .*/, '')}`),
    listed
      .slice(2)
      .map(
        (name, i) => `3 gateway.upstream_tls.trusted_certificates[${i + 2}] "${name}" cannot be read as certificates`,
      ),
  );
  assert.deepEqual(
    (await loadConfiguration(write('authorities/plain.yaml', 'routes: []\n'), {})).settings.authorities,
    ['bundled'],
  );
});
