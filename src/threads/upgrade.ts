/**
 * A new process takes the place of a running one. The order: its workers listen beside the old ones; the old process
 * gives up what only one can have (the ports of status, metrics and the Admin API, the store's lock); the new one takes
 * that, and writes its pid file; the old one drains. Until then the old one serves on, whatever becomes of the new one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorLog } from '../observe/error-log.ts';
import { stayInFolder } from './folder.ts';
import { StartError } from './start-error.ts';

/** Tells a process that its parent waits to be replaced. */
export const UPGRADE_VARIABLE = 'GATEWRIGHT_UPGRADE';

/** What the new process says; `failed` once it has nothing open that only one can have. */
type FromSuccessor = 'listening' | 'serving' | 'failed';
/** What the old one answers to `listening`. */
const RELEASED = 'released';

/** How long the new process may take, in all. */
const UPGRADE_MS = 60_000;
/** One that is told to end says within this time that it gave up what only one can have, or is killed. */
const GIVE_UP_MS = 5_000;

/** The old process, for the new one. */
export interface Predecessor {
  /** The workers listen: resolves once the old process has given up what only one can have. Rejects with a StartError. */
  release(): Promise<void>;
  /** Everything is taken over. */
  replace(): void;
  /** Nothing came of it, and nothing is open any more that only one can have. */
  fail(): void;
}

/** Null if this process was started by itself. */
export function predecessor(env: Readonly<Record<string, string | undefined>>): Predecessor | null {
  if (env[UPGRADE_VARIABLE] === undefined || process.send === undefined) return null;
  const tell = (message: FromSuccessor): void => {
    // Without a listener for its error, a message to a process that is gone would be a fault of this one.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  const leave = (): void => {
    if (process.connected) process.disconnect?.();
  };
  return {
    release: () =>
      new Promise((resolve, reject) => {
        const isGone = (): void => reject(new StartError('the process that is to be replaced is gone'));
        process.on('message', (message) => {
          if (message === RELEASED) resolve();
        });
        process.once('disconnect', isGone);
        if (!process.connected) isGone();
        tell('listening');
      }),
    replace() {
      tell('serving');
      leave();
    },
    fail() {
      tell('failed');
      leave();
    },
  };
}

export interface SuccessionOptions {
  /** Gives up what only one process can have. */
  readonly release: () => Promise<void>;
  /** The new process came to nothing: takes back what was given up, and the places that the new one listened on. */
  readonly resume: (hasReleased: boolean) => void;
  readonly errorLog: Pick<ErrorLog, 'info' | 'error'>;
  /** How long a new process that comes to nothing may take to answer what it has accepted. */
  readonly drain_ms: number;
  /** How the new process is started; by default as this one was. */
  readonly command?: readonly [program: string, ...args: string[]];
  /** How long it may take. */
  readonly timeout_ms?: number;
}

/** In the old process: what becomes of the new one. */
export class Succession {
  private readonly options: SuccessionOptions;
  private child: ChildProcess | null = null;
  private hasReleased = false;
  private hasFailed = false;
  private isWanted = true;
  /** The new process serves. */
  hasSuccessor = false;

  constructor(options: SuccessionOptions) {
    this.options = options;
  }

  /** The side servers' ports were given up. */
  get isReleased(): boolean {
    return this.hasReleased;
  }

  /** Starts a new process. @returns whether it took this one's place, which then has to stop */
  async start(): Promise<boolean> {
    const { errorLog, resume } = this.options;
    if (this.child !== null || !this.isWanted) return false;
    this.hasFailed = false;
    errorLog.info('upgrading');
    try {
      const pid = await this.begin();
      this.hasSuccessor = true;
      errorLog.info('upgraded', { successor: pid });
      return true;
    } catch (error) {
      await this.giveUp();
      errorLog.error('upgrade_failed', this.isWanted ? { error } : { reason: 'this process was told to stop' });
      if (this.isWanted) resume(this.hasReleased);
      this.hasReleased = false;
      return false;
    }
  }

  /** This process is to stop, and nobody is to take its place. Resolves when no successor is left that does not serve yet. */
  async cancel(): Promise<void> {
    const { child } = this;
    this.isWanted = false;
    if (child === null || this.hasSuccessor || hasEnded(child)) return;
    child.kill('SIGTERM');
    this.killLater(child);
    await happened(child, 'exit');
  }

  /** As `cancel`, at once. */
  abort(): void {
    this.isWanted = false;
    if (!this.hasSuccessor) this.child?.kill('SIGKILL');
  }

  /** Resolves with its id once it serves; rejects if it came to nothing. */
  private async begin(): Promise<number> {
    const { command, release, timeout_ms = UPGRADE_MS } = this.options;
    const [program, ...args] = command ?? [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const env = { ...process.env, [UPGRADE_VARIABLE]: String(process.pid) };
    stayInFolder();
    const child = spawn(program, args, { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
    this.child = child;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(new Error('it took too long')), timeout_ms);
        child.on('error', reject);
        child.on('exit', (code, signal) => reject(new Error(`it ended with ${signal ?? `exit code ${code}`}`)));
        child.on('message', (message) => {
          if (message === 'serving') resolve();
          else if (message === 'failed') {
            this.hasFailed = true;
            reject(new Error('it could not start, and has said why'));
          } else if (message === 'listening') {
            this.hasReleased = true;
            release().then(() => child.send(RELEASED, () => undefined), reject);
          }
        });
      });
    } finally {
      clearTimeout(timer);
    }
    // It lives on when this process ends.
    child.unref();
    return child.pid ?? 0;
  }

  /** Resolves when the new process has nothing open any more that only one can have; it ends once it has answered what it accepted. */
  private async giveUp(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || hasEnded(child)) return;
    if (!this.hasFailed) {
      child.kill('SIGTERM');
      const hasLeft = Promise.race([happened(child, 'disconnect'), happened(child, 'exit')]);
      const isInTime = await Promise.race([hasLeft.then(() => true), delay(GIVE_UP_MS, false, { ref: false })]);
      if (!isInTime) child.kill('SIGKILL');
    }
    this.killLater(child);
  }

  /** Unless it has answered by then what it accepted. */
  private killLater(child: ChildProcess): void {
    const timer = setTimeout(() => child.kill('SIGKILL'), this.options.drain_ms + GIVE_UP_MS);
    timer.unref();
    child.once('exit', () => clearTimeout(timer));
  }
}

function happened(child: ChildProcess, event: 'exit' | 'disconnect'): Promise<void> {
  return new Promise((resolve) => child.once(event, () => resolve()));
}

function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}
