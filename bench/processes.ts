/**
 * The processes that a benchmark starts. Each is pinned to its cores, keeps its output for error messages, and is ended
 * by its process id, with its children, when the benchmark ends in whatever way.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { treePids } from './cpu.ts';

const OUTPUT_KEPT = 16_384;
const PATIENCE_MS = 3000;

/** The full path of a command on the PATH, or in the folders for daemons, which users often don't have there. */
export function findCommand(command: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders
    .map((folder) => join(folder, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface Running {
  readonly pid: number;
  /** What it wrote so far to its standard output and error output, the last 16 KiB. */
  output(): string;
  /** Resolves with the exit code once it ended; null if a signal ended it. */
  readonly ended: Promise<number | null>;
  hasEnded(): boolean;
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class Processes {
  private readonly living = new Map<number, ChildProcess>();
  private readonly taskset = findCommand('taskset');

  /** Starts a command on the given cores (anywhere where taskset is missing). */
  start({ command, args, env }: Command, cores: readonly number[]): Running {
    const path = findCommand(command) ?? command;
    // taskset becomes the command by exec, so the child's process id is the command's.
    const [file, ...rest] =
      this.taskset === undefined ? [path, ...args] : [this.taskset, '-c', cores.join(','), path, ...args];
    const child = spawn(file, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let hasEnded = false;
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-OUTPUT_KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const { pid } = child;
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }).finally(() => {
      hasEnded = true;
      if (pid !== undefined) this.living.delete(pid);
    });
    ended.catch(() => {}); // whoever waits for it gets the error; nobody has to
    if (pid === undefined) throw new Error(`${command} cannot be started`);
    this.living.set(pid, child);
    return { pid, output: () => output, ended, hasEnded: () => hasEnded };
  }

  /** Runs a command to its end and gives its output; throws if it fails. */
  async run(command: string, args: readonly string[], cores: readonly number[]): Promise<string> {
    const running = this.start({ command, args }, cores);
    const code = await running.ended;
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${running.output().trim()}`);
    return running.output();
  }

  /** Asks a process to end, twice, since the second request is to be obeyed at once; then ends it and its children. */
  async stop(running: Running): Promise<void> {
    const pids = running.hasEnded() ? [] : treePids(running.pid);
    for (const patience of [PATIENCE_MS / 6, PATIENCE_MS]) {
      if (running.hasEnded()) return;
      end([running.pid], 'SIGTERM');
      await Promise.race([running.ended, sleep(patience)]);
    }
    if (running.hasEnded()) return;
    end(pids, 'SIGKILL');
    await running.ended;
  }

  /** Ends everything that still lives, at once. Synchronous: it also runs when the process exits. */
  killAll(): void {
    for (const pid of this.living.keys()) end(treePids(pid), 'SIGKILL');
    this.living.clear();
  }

  /** Sees to it that nothing outlives this process; `cleanUp` runs after the processes were ended. */
  guard(cleanUp: () => void): void {
    process.once('exit', () => {
      this.killAll();
      cleanUp();
    });
    process.once('SIGINT', () => process.exit(130));
    process.once('SIGTERM', () => process.exit(143));
  }
}

function end(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // it has ended already
    }
  }
}

/** The first line that a process writes; throws with its output if it ends without one, or takes too long. */
export async function untilLine(running: Running, within_ms: number): Promise<string> {
  await untilOutput(running, '\n', within_ms);
  return running.output().split('\n', 1).join('');
}

/** Resolves when it has written that text. */
export async function untilOutput(running: Running, text: string, within_ms: number): Promise<void> {
  const deadline = performance.now() + within_ms;
  while (!running.output().includes(text)) {
    if (running.hasEnded()) throw new Error(`it ended too early: ${running.output() || 'no output'}`);
    if (performance.now() > deadline) throw new Error(`no ${JSON.stringify(text)} within ${within_ms} ms`);
    await sleep(10);
  }
}

/** Moves this process and its threads to the given cores, away from the gateway's. */
export function pinSelf(cores: readonly number[]): void {
  const taskset = findCommand('taskset');
  if (taskset !== undefined) spawnSync(taskset, ['-apc', cores.join(','), String(process.pid)], { stdio: 'ignore' });
}
