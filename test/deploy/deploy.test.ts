/** What deploy/ says is true of this repository, as far as that shows without a container engine and without installing anything. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { loadConfiguration } from '../../src/config/configuration.ts';
import { requireProgram } from '../require-program.ts';
import { DEFAULT_SETTINGS } from '../../src/config/settings.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  devDependencies: Record<string, string>;
  scripts: Record<string, string>;
  files: string[];
};

/** Instructions of a Dockerfile, those that span lines joined. */
function instructions(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line));
}

describe('the Dockerfile', () => {
  const all = instructions(read('deploy/Dockerfile'));
  const ignored = read('.dockerignore').split('\n');

  it('copies files that exist, and that .dockerignore lets through', () => {
    const sources = all
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(' ').slice(1, -1));
    assert.ok(sources.length >= 8, sources.join());
    for (const source of sources) {
      assert.ok(existsSync(path.join(ROOT, source)), source);
      assert.ok(ignored.includes(`!${source.split('/')[0]}`), source);
    }
  });

  it('takes what the build writes, by scripts that exist', () => {
    assert.ok(all.some((line) => line.includes('npm run build')) && manifest.scripts['build'] !== undefined);
    const { compilerOptions } = JSON.parse(read('tsconfig.build.json')) as { compilerOptions: { outDir: string } };
    assert.ok(all.includes(`COPY --from=build /build/${compilerOptions.outDir} ./dist`));
  });

  it('has the Node.js that the gateway is developed with', () => {
    const major = /(\d+)\./.exec(manifest.devDependencies['node'] ?? '')?.[1];
    const bases = all.filter((line) => line.startsWith('FROM '));
    for (const base of bases) assert.match(base, new RegExp(`^FROM node:${major}-`));
    assert.equal(bases.length, 2);
  });

  it('starts the launcher as a user without rights, and asks the port that answers', () => {
    const valueOf = (name: string): string =>
      all.findLast((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? '';
    const [launcher = ''] = JSON.parse(valueOf('ENTRYPOINT')) as string[];
    accessSync(path.join(ROOT, launcher.replace('/opt/gatewright/', '')), constants.X_OK);
    assert.equal(valueOf('USER'), 'node');
    assert.equal(valueOf('STOPSIGNAL'), 'SIGTERM');
    assert.match(valueOf('HEALTHCHECK'), new RegExp(`127\\.0\\.0\\.1:${DEFAULT_SETTINGS.control.port}/status'`));
    assert.match(valueOf('EXPOSE'), new RegExp(`\\b${DEFAULT_SETTINGS.http[0]?.port}\\b`));
    const code = /CMD (\[.*\])$/.exec(valueOf('HEALTHCHECK'))?.[1] ?? '';
    const [, ...args] = JSON.parse(code) as string[];
    const nobody = args.map((arg) => arg.replace(String(DEFAULT_SETTINGS.control.port), '1'));
    assert.equal(spawnSync(process.execPath, nobody).status, 1, 'the check fails where nobody answers');
  });
});

it('the configuration that an installation begins with has no problems', async () => {
  const { problems, settings } = await loadConfiguration(path.join(ROOT, 'deploy/gatewright.yaml'), {});
  assert.deepEqual(problems, []);
  assert.notEqual(settings.access_log, false);
});

describe('the systemd unit', () => {
  const unit = read('deploy/gatewright.service');
  const values = new Map(
    unit.split('\n').flatMap((line) => [...line.matchAll(/^(\w+)=(.*)$/g)].map(([, k, v]) => [k, v] as const)),
  );

  it('starts what the package has, by verbs that there are', () => {
    for (const name of ['ExecStartPre', 'ExecStart']) {
      const [launcher = '', verb = ''] = values.get(name)?.split(' ') ?? [];
      accessSync(path.join(ROOT, launcher.replace('/opt/gatewright/', '')), constants.X_OK);
      assert.match(
        execFileSync(path.join(ROOT, 'bin/gatewright'), ['help'], { encoding: 'utf8' }),
        new RegExp(`^ {2}${verb} `, 'm'),
      );
    }
    assert.equal(values.get('ExecReload'), '/bin/kill -HUP $MAINPID');
  });

  it('gives a stop more time than running exchanges have', () => {
    const { drain_timeout_ms, drain_delay_ms } = DEFAULT_SETTINGS.timeouts;
    assert.ok(Number(values.get('TimeoutStopSec')) * 1000 > drain_timeout_ms + drain_delay_ms);
  });

  it('does not forbid what a JavaScript engine needs', () => {
    assert.equal(values.has('MemoryDenyWriteExecute'), false);
    assert.match(values.get('SystemCallFilter') ?? '', /^@system-service$/);
  });

  it('is a unit that systemd understands', (t) => {
    // Nothing of systemd has to run.
    const analyze = requireProgram(t, 'systemd-analyze');
    if (analyze === undefined) return;
    const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-unit-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const verify = (text: string) => {
      const file = path.join(folder, 'gatewright.service');
      // Verified is also whether the program exists.
      writeFileSync(file, text.replaceAll('/opt/gatewright', ROOT));
      const { status, stderr } = spawnSync(analyze, ['verify', '--man=no', '--recursive-errors=no', file], {
        encoding: 'utf8',
      });
      return {
        status,
        told: stderr
          .split('\n')
          .filter((line) => line.includes('gatewright'))
          .join('\n'),
      };
    };
    assert.deepEqual(verify(unit), { status: 0, told: '' });
    assert.match(verify(`${unit}\n[Service]\nProtectSystm=strict\n`).told, /ProtectSystm/, 'a mistake would show');
  });
});

it('the kernel settings exist, and the first is the one that replacing workers needs', () => {
  const lines = read('deploy/90-gatewright.conf')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(lines[0], 'net.ipv4.tcp_migrate_req = 1');
  for (const line of lines) {
    const [name = ''] = line.split(' = ');
    const file = `/proc/sys/${name.replaceAll('.', '/')}`;
    // A container may show only part of them.
    if (existsSync('/proc/sys/net/ipv4/tcp_migrate_req'))
      assert.ok(existsSync(file) || name.startsWith('net.core.'), name);
  }
  const reserved = /ip_local_reserved_ports = (.*)/.exec(lines.join('\n'))?.[1]?.split(',').map(Number) ?? [];
  const { http, control } = DEFAULT_SETTINGS;
  for (const port of [http[0]?.port ?? 0, control.port, 9091]) assert.ok(reserved.includes(port), String(port));
});
