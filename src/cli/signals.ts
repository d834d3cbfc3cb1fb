/** `gatewright reload`, `stop`, `upgrade`: what a running gateway is told by a signal, and what came of it. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { findConfiguration, loadConfiguration } from '../config/configuration.ts';
import { EXIT, type Io, parseOptions, UsageError } from './arguments.ts';

/** The process cannot be told; the message is for whoever asked. */
class SignalError extends Error {}

interface Target {
  readonly pid: number;
  /** '' if the process was named by its id. */
  readonly pidFile: string;
  /** How long it may take to stop, by its settings. */
  readonly stop_ms: number;
}

const LOOK_MS = 50;
/** Beyond what the settings allow: logs are written, files are closed. */
const GRACE_MS = 10_000;
/** A new process reads the configuration and starts its workers in this time, or never. */
const UPGRADE_MS = 75_000;

/** `gatewright reload`: has the configuration file read again. The gateway's log says what came of it. */
export function reload(args: readonly string[], io: Io): Promise<number> {
  return telling('reload', args, io, ({ pid }) => {
    send(pid, 'SIGHUP');
    io.stdout(`process ${pid} reads its configuration again\n`);
    return Promise.resolve(EXIT.fine);
  });
}

/** `gatewright stop`: lets running exchanges end, and waits for that. */
export function stop(args: readonly string[], io: Io): Promise<number> {
  return telling('stop', args, io, async ({ pid, stop_ms }) => {
    send(pid, 'SIGTERM');
    if (await becomes(() => !isRunning(pid), stop_ms + GRACE_MS)) {
      io.stdout(`process ${pid} has stopped\n`);
      return EXIT.fine;
    }
    throw new SignalError(`process ${pid} has not stopped after ${Math.round((stop_ms + GRACE_MS) / 1000)} s`);
  });
}

/** `gatewright upgrade`: a new process, of the code that is installed now, takes the place of the running one. */
export function upgrade(args: readonly string[], io: Io): Promise<number> {
  return telling('upgrade', args, io, async ({ pid, pidFile }) => {
    if (pidFile === '') throw new SignalError('upgrade needs gateway.pid_file, which says who the new process is');
    send(pid, 'SIGURG');
    const isReplaced = (): boolean => {
      const now = readPid(pidFile);
      return now !== pid && isRunning(now);
    };
    if (!(await becomes(() => isReplaced() || !isRunning(pid), UPGRADE_MS)) || !isReplaced()) {
      throw new SignalError(`process ${pid} was not replaced and serves on: its log says why`);
    }
    io.stdout(`process ${readPid(pidFile)} has taken the place of ${pid}\n`);
    return EXIT.fine;
  });
}

async function telling(
  verb: string,
  args: readonly string[],
  io: Io,
  tell: (target: Target) => Promise<number>,
): Promise<number> {
  const {
    config,
    pid,
    'pid-file': file,
  } = parseOptions(args, {
    config: { type: 'string', short: 'c' },
    pid: { type: 'string' },
    'pid-file': { type: 'string' },
  });
  if (pid !== undefined && !/^[1-9]\d{0,9}$/.test(pid)) throw new UsageError(`"${pid}" is no process id`);
  try {
    return await tell(await find({ config, pid, file }, io));
  } catch (error) {
    if (!(error instanceof SignalError)) throw error;
    io.stderr(`gatewright ${verb}: ${error.message}\n`);
    return EXIT.failed;
  }
}

interface Named {
  readonly config: string | undefined;
  readonly pid: string | undefined;
  readonly file: string | undefined;
}

async function find({ config, pid, file }: Named, io: Io): Promise<Target> {
  const stop_ms = 60_000;
  if (pid !== undefined) return { pid: running(Number(pid)), pidFile: '', stop_ms };
  if (file !== undefined) return { pid: running(readPid(file)), pidFile: file, stop_ms };
  const { pid_file, timeouts } = await settingsOf(config, io);
  if (pid_file === '') {
    throw new SignalError('the configuration has no gateway.pid_file: name the process with --pid or --pid-file');
  }
  return {
    pid: running(readPid(pid_file)),
    pidFile: pid_file,
    stop_ms: timeouts.drain_delay_ms + timeouts.drain_timeout_ms,
  };
}

async function settingsOf(config: string | undefined, io: Io) {
  let path: string;
  try {
    path = findConfiguration(config, io.cwd, io.env);
  } catch (error) {
    throw new SignalError((error as Error).message, { cause: error });
  }
  return (await loadConfiguration(path, io.env)).settings;
}

function readPid(file: string): number {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new SignalError(`no gateway runs, or not with this pid file: ${(error as Error).message}`, { cause: error });
  }
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new SignalError(`${file} holds no process id`);
  return Number(text);
}

function running(pid: number): number {
  if (!isRunning(pid)) throw new SignalError(`there is no process ${pid}`);
  if (!mayBeGateway(pid)) throw new SignalError(`process ${pid} is no gateway: its pid file is from one that is gone`);
  return pid;
}

/** A signal ends most other programs: one that got the id of a gateway that was killed is not to get it. */
function mayBeGateway(pid: number): boolean {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // Only Linux tells, and not everywhere.
    return true;
  }
  return /(?:^|[/\0])main\.[jt]s\0run\0/.test(line);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    throw new SignalError(`cannot tell process ${pid}: ${(error as Error).message}`, { cause: error });
  }
}

async function becomes(isTrue: () => boolean, most_ms: number): Promise<boolean> {
  const end_ms = performance.now() + most_ms;
  while (!isTrue()) {
    if (performance.now() > end_ms) return false;
    await delay(LOOK_MS);
  }
  return true;
}
