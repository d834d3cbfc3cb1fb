/**
 * A new process takes the place of a running one. The order: its workers listen beside the old ones; the old process
 * gives up what only one can have (the ports of status, metrics and the Admin API, the store's lock); the new one takes
 * that, and writes its pid file; the old one drains. Until then the old one serves on, whatever becomes of the new one.
 */
import { spawn } from 'node:child_process';
import process from 'node:process';

/** Tells a process that its parent waits to be replaced. */
export const UPGRADE_VARIABLE = 'GATEWRIGHT_UPGRADE';

/** What the new process says. */
type FromSuccessor = 'listening' | 'serving';
/** What the old one answers to `listening`. */
const RELEASED = 'released';

/** How long the new process may take, in all. */
const UPGRADE_MS = 60_000;

/** The old process, for the new one. */
export interface Predecessor {
  /** The workers listen: resolves once the old process has given up what only one can have. */
  release(): Promise<void>;
  /** Everything is taken over. */
  replace(): void;
}

/** Null if this process was started by itself. */
export function predecessor(env: Readonly<Record<string, string | undefined>>): Predecessor | null {
  if (env[UPGRADE_VARIABLE] === undefined || process.send === undefined) return null;
  const tell = (message: FromSuccessor): void => void process.send?.(message);
  return {
    release: () =>
      new Promise((resolve, reject) => {
        process.on('message', (message) => {
          if (message === RELEASED) resolve();
        });
        process.once('disconnect', () => reject(new Error('the process that is to be replaced is gone')));
        tell('listening');
      }),
    replace() {
      tell('serving');
      process.disconnect?.();
    },
  };
}

export interface UpgradeOptions {
  /** Gives up what only one process can have. */
  readonly release: () => Promise<void>;
  /** Takes it back: the new process came to nothing. */
  readonly resume: () => void;
  /** How the new process is started; by default as this one was. */
  readonly command?: readonly [program: string, ...args: string[]];
  readonly timeout_ms?: number;
}

/** Starts a new process. Resolves with its id once it serves; rejects if it came to nothing. */
export async function startSuccessor(options: UpgradeOptions): Promise<number> {
  const [program, ...args] = options.command ?? [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const env = { ...process.env, [UPGRADE_VARIABLE]: String(process.pid) };
  const child = spawn(program, args, { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  let hasReleased = false;
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('it took too long')), options.timeout_ms ?? UPGRADE_MS);
      child.on('error', reject);
      child.on('exit', (code, signal) => reject(new Error(`it ended with ${signal ?? `exit code ${code}`}`)));
      child.on('message', (message) => {
        if (message === 'serving') resolve();
        else if (message === 'listening') {
          hasReleased = true;
          options.release().then(() => child.send(RELEASED), reject);
        }
      });
    });
  } catch (error) {
    child.kill('SIGKILL');
    if (hasReleased) options.resume();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  // It lives on when this process ends.
  child.unref();
  return child.pid ?? 0;
}
