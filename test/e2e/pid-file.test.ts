/** gateway.pid_file: who to send signals to, as long as there is somebody. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { LAUNCHER, RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

it('the pid file names the process while it runs, and goes with it', async () => {
  let file = '';
  {
    await using gateway = await RunningGateway.start({ gateway: { pid_file: 'gatewright.pid' } });
    file = path.join(gateway.folder, 'gatewright.pid');
    await eventually(
      () => existsSync(file),
      () => 'there is no pid file',
    );
    assert.equal(readFileSync(file, 'utf8'), `${gateway.pid}\n`);
    assert.deepEqual(readdirSync(gateway.folder).sort(), ['gatewright.json', 'gatewright.pid']);
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGTERM');
    await gateway.exited;
    assert.equal(existsSync(file), false);
  }
});

it('a pid file that a successor has taken over stays', async () => {
  await using gateway = await RunningGateway.start({ gateway: { pid_file: 'gatewright.pid' } });
  const file = path.join(gateway.folder, 'gatewright.pid');
  await eventually(
    () => existsSync(file),
    () => 'there is no pid file',
  );
  writeFileSync(file, '1\n');
  await gateway.stop();
  assert.equal(readFileSync(file, 'utf8'), '1\n');
});

it('a gateway that cannot write its pid file does not start, and says so', async () => {
  await assert.rejects(RunningGateway.start({ gateway: { pid_file: 'no/such/folder.pid' } }), (error: Error) => {
    assert.match(error.message, /gateway\.pid_file: cannot write ".*\/no\/such\/folder\.pid": ENOENT/);
    return true;
  });
});

it('a pid file does not take the place of what is no file, such as /dev/null', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-pid-'));
  mkdirSync(path.join(folder, 'folder'));
  const pid_file = path.join(folder, 'folder');
  await assert.rejects(RunningGateway.start({ gateway: { pid_file } }), (error: Error) => {
    assert.match(error.message, /gateway\.pid_file: cannot write ".*\/folder": what is there is no file/);
    return true;
  });
  assert.deepEqual(readdirSync(folder), ['folder']);
  rmSync(folder, { recursive: true });
});

it('a process that got the id of a gateway that is gone gets no signal', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-pid-'));
  const file = path.join(folder, 'pid');
  const other = spawn('sleep', ['600']);
  const ended = once(other, 'exit');
  writeFileSync(file, `${other.pid}\n`);
  for (const verb of ['reload', 'stop', 'upgrade']) {
    const { status, stderr } = spawnSync(LAUNCHER, [verb, '--pid-file', file], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(
      stderr,
      new RegExp(`^gatewright ${verb}: process ${other.pid} is no gateway: its pid file is from one that is gone\\n$`),
    );
  }
  other.kill('SIGKILL');
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  rmSync(folder, { recursive: true });
});
