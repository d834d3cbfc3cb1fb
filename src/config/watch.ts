/** Follows the configuration file: tells of each change once it is completely written, and never of half a file. */
import { watch as watchDirectory } from 'node:fs';
import { dirname } from 'node:path';
import { fileSignature, loadConfiguration } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import type { Environment } from './environment.ts';

/** Runs `callback` once after `delay_ms`; what it returns cancels that. */
export type Schedule = (delay_ms: number, callback: () => void) => () => void;

export interface WatchOptions {
  readonly path: string;
  readonly env: Environment;
  /**
   * The configuration that is in force. Whether it ended with #END decides whether its successors must; its signature
   * tells whether the file changed since it was read (without one, since the watch began).
   */
  readonly current: Pick<Configuration, 'hasEndMark' | 'signature'>;
  readonly schedule: Schedule;
  /** A changed file, read completely; it may have problems. */
  readonly onChange: (configuration: Configuration) => void;
  /** The file is not fit to be read now, for a reason that should be logged; what is in force stays. */
  readonly onHeldBack: (reason: string) => void;
  /** The file itself; by default the one at `path`. */
  readonly file?: WatchedFile;
}

export interface WatchedFile {
  /** Changes whenever the content may have changed; '' while there is no file. Never rejects. */
  signature(): Promise<string>;
  /** Never rejects: what is wrong is among the problems. */
  load(): Promise<Configuration>;
  /** Calls back at every event around the file until the returned function is called. Throws if that is not possible. */
  listen(onEvent: () => void): () => void;
}

export interface Watch {
  /** Looks at the file now, whether or not it seems to have changed: what SIGHUP asks for. */
  reload(): void;
  close(): void;
}

/** Half a file can be valid YAML: nothing is read until the file was left alone for this long. */
export const QUIET_ms = 200;
/** Where no events come (network file systems, the target of a symbolic link), changes are found this late at most. */
export const POLL_ms = 2000;

/**
 * Begins to watch. The directory is watched, not the file: editors and container platforms replace the file by renaming
 * another one, and a watched file would be the old one for ever.
 */
export function watchConfiguration(options: WatchOptions): Watch {
  const watch = new FileWatch(options);
  void watch.begin();
  return watch;
}

class FileWatch implements Watch {
  private readonly options: WatchOptions;
  private readonly file: WatchedFile;
  private readonly unlisten: () => void;
  private isEndRequired: boolean;
  /** Of the file as it was last read or held back. */
  private seen = '';
  /** Of the file when the quiet began. */
  private settling = '';
  private isForced = false;
  private isLooking = false;
  private isClosed = false;
  private cancelQuiet: (() => void) | null = null;
  private cancelPoll: () => void = () => undefined;

  constructor(options: WatchOptions) {
    this.options = options;
    this.file = options.file ?? fileAt(options.path, options.env);
    this.isEndRequired = options.current.hasEndMark;
    this.unlisten = this.listen();
  }

  async begin(): Promise<void> {
    const now = await this.file.signature();
    this.seen = this.options.current.signature ?? now;
    if (now !== this.seen) this.stir();
    this.poll();
  }

  reload(): void {
    this.isForced = true;
    this.stir();
  }

  close(): void {
    this.isClosed = true;
    this.unlisten();
    this.cancelQuiet?.();
    this.cancelPoll();
  }

  private listen(): () => void {
    try {
      return this.file.listen(() => this.stir());
    } catch (error) {
      this.options.onHeldBack(
        `the directory cannot be watched (${(error as Error).message}): changes are found by polling`,
      );
      return () => undefined;
    }
  }

  private poll(): void {
    if (this.isClosed) return;
    this.cancelPoll = this.options.schedule(POLL_ms, () => {
      void this.file.signature().then((now) => {
        if (now !== this.seen && this.cancelQuiet === null) this.stir();
        this.poll();
      });
    });
  }

  /**
   * Something happened: wait, and see whether the file is still the same. Further events do not prolong the wait: they may be
   * about a log that lies beside the file and never rests.
   */
  private stir(): void {
    if (this.isClosed || this.cancelQuiet !== null) return;
    this.cancelQuiet = this.options.schedule(QUIET_ms, () => {
      this.cancelQuiet = null;
      void this.look();
    });
  }

  private async look(): Promise<void> {
    if (this.isLooking) return this.stir();
    this.isLooking = true;
    try {
      await this.readIfSettled();
    } finally {
      this.isLooking = false;
    }
  }

  private async readIfSettled(): Promise<void> {
    const before = await this.file.signature();
    if (before === this.seen && !this.isForced) return;
    // A file that is still growing without events (polled) has to be seen twice in the same state.
    if (before !== this.settling) {
      this.settling = before;
      return this.stir();
    }
    if (before === '') return this.holdBack(before, `${this.options.path} is gone`);
    const configuration = await this.file.load();
    if (this.isClosed) return;
    if ((await this.file.signature()) !== before) return this.stir();
    if (this.isEndRequired && !configuration.hasEndMark) {
      return this.holdBack(
        before,
        `${this.options.path} does not end with #END as it did before: it is taken for half-written`,
      );
    }
    this.seen = before;
    this.isForced = false;
    this.isEndRequired ||= configuration.hasEndMark;
    this.options.onChange(configuration);
  }

  private holdBack(state: string, reason: string): void {
    this.seen = state;
    this.isForced = false;
    this.options.onHeldBack(reason);
  }
}

function fileAt(path: string, env: Environment): WatchedFile {
  return {
    load: () => loadConfiguration(path, env),
    signature: () => fileSignature(path),
    listen(onEvent) {
      const watcher = watchDirectory(dirname(path), { persistent: false }, onEvent);
      // The directory itself may vanish; polling goes on.
      watcher.on('error', onEvent);
      return () => watcher.close();
    },
  };
}
