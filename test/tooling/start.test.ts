/** `npm start`: who gets the signals, whose exit code is seen, and that nothing is left behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../free-port.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Stands in for the gateway: says what it was called with, ends with code 7 on SIGTERM. */
const GATEWAY = `#!/usr/bin/env node
process.on('SIGTERM', () => process.exit(7));
process.stdout.write('gateway ' + JSON.stringify([process.pid, ...process.argv.slice(2)]) + '\\n');
setInterval(() => {}, 1000);
`;

describe('npm start', () => {
  let home: string;
  let temporary: string;
  before(() => {
    home = mkdtempSync(path.join(tmpdir(), 'gatewright-start-'));
    temporary = path.join(home, 'tmp');
    cpSync(path.join(ROOT, 'examples/first-route'), path.join(home, 'examples/first-route'), { recursive: true });
    mkdirSync(path.join(home, 'bin'));
    mkdirSync(temporary);
    writeFileSync(path.join(home, 'bin/gatewright'), GATEWAY);
    chmodSync(path.join(home, 'bin/gatewright'), 0o755);
  });
  const children: ChildProcess[] = [];
  after(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });

  interface Started {
    readonly child: ChildProcessByStdio<null, Readable, Readable>;
    readonly lines: AsyncIterator<string, undefined>;
  }

  async function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Started> {
    const child = spawn('sh', [path.join(home, 'examples/first-route/start.sh'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: home,
      env: {
        PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`,
        // Nobody else listens there once it is closed.
        DEMO_PORT: String(await freePort()),
        TMPDIR: temporary,
        ...env,
      },
    });
    children.push(child);
    return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
  }

  async function next({ lines }: Started): Promise<string> {
    const { value, done } = await lines.next();
    assert.ok(done !== true, 'the output ended early');
    return value;
  }

  /** Resolves once nobody listens on the port any more; the end of a process has no other event for strangers. */
  async function closed(port: number): Promise<void> {
    for (;;) {
      const socket = connect(port, '127.0.0.1');
      try {
        await once(socket, 'connect');
      } catch {
        return;
      }
      // Whoever listens ends together with its connections.
      await once(socket.resume(), 'close').catch(() => {});
    }
  }

  const portOf = (line: string): number =>
    Number(/^demo upstream listening on 127\.0\.0\.1 port (\d+)$/.exec(line)?.[1]);

  it('leaves it to the gateway to say that Node.js is too old', async () => {
    const old = path.join(home, 'old');
    mkdirSync(old);
    // Says what else it was asked to run.
    writeFileSync(
      path.join(old, 'node'),
      '#!/bin/sh\n[ "$1" = --version ] && exec echo v22.1.0\necho "$@" >&2\nexit 3\n',
    );
    chmodSync(path.join(old, 'node'), 0o755);
    const { child } = await start([], { PATH: `${old}:/usr/bin:/bin` });
    const [said] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    assert.deepEqual([said, child.exitCode], [`${path.join(home, 'bin/gatewright')} run\n`, 3]);
  });

  it('starts the demo upstream first, then the gateway in place of the shell', async () => {
    const started = await start([]);
    const port = portOf(await next(started));
    assert.ok(port > 0);
    assert.equal(await next(started), `gateway ${JSON.stringify([started.child.pid, 'run'])}`);
    assert.deepEqual(readdirSync(temporary), []);
    started.child.kill('SIGTERM');
    assert.deepEqual(await once(started.child, 'exit'), [7, null]);
    await closed(port);
  });

  it('ends the demo upstream even if the gateway is killed', async () => {
    const started = await start([]);
    const port = portOf(await next(started));
    await next(started);
    started.child.kill('SIGKILL');
    await once(started.child, 'exit');
    await closed(port);
  });

  it('starts the gateway alone where arguments are given', async () => {
    const started = await start(['-c', 'a file.yaml']);
    assert.equal(await next(started), `gateway ${JSON.stringify([started.child.pid, 'run', '-c', 'a file.yaml'])}`);
    started.child.kill('SIGTERM');
    assert.deepEqual(await once(started.child, 'exit'), [7, null]);
  });

  it('fails with the reason where the demo upstream cannot listen', async () => {
    const first = await start([]);
    const port = portOf(await next(first));
    await next(first);
    const second = await start([], { DEMO_PORT: String(port) });
    const [reason, ended] = await Promise.all([text(second.child.stderr), once(second.child, 'exit')]);
    assert.deepEqual(ended, [1, null]);
    assert.match(reason, new RegExp(`^demo upstream: cannot listen on 127\\.0\\.0\\.1 port ${port}: .*EADDRINUSE`));
    assert.deepEqual(readdirSync(temporary), []);
    first.child.kill('SIGTERM');
    await once(first.child, 'exit');
    await closed(port);
  });

  it('is what package.json calls', () => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    assert.equal(manifest.scripts['start'], 'sh examples/first-route/start.sh');
  });
});
