/** gateway.pid_file: who to send signals to, as long as there is somebody. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { RunningGateway } from './gateway.ts';
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
