/** Where log lines end up: a file, or a standard stream of the process. */
import fs from 'node:fs';
import { isatty } from 'node:tty';
import type { Writable } from 'node:stream';

/** How much of one write was taken; with an error, how much before it. */
export type WriteDone = (error: NodeJS.ErrnoException | null, written: number) => void;

export interface Destination {
  /** As messages name it: a path, stdout or stderr. */
  readonly name: string;
  /** Somebody looks at it while it is written. */
  readonly isTerminal: boolean;
  /** A failed write may succeed later. If not, one failure is the end: nobody will read what is written after it. */
  readonly canRecover: boolean;
  /** Writes once, all or a part. Never called again before `done` was. `done` never runs within the call. */
  write(bytes: Buffer, done: WriteDone): void;
  /**
   * Opens the path again, after the file was renamed; nothing to do for a stream.
   * @throws the system's error; the file that was open stays in use
   */
  reopen(): void;
  /** Gives up the file. A standard stream stays open: others write to it too. */
  close(): void;
}

/** EAGAIN: a full pipe or terminal takes more later. */
export const isFullForNow = (error: NodeJS.ErrnoException): boolean => error.code === 'EAGAIN';

/**
 * @param path `stdout`, `stderr`, or a path
 * @param streams the standard streams of this thread, unless a test has others
 * @throws the system's error if the path cannot be opened for appending
 */
export function openDestination(path: string, streams: StandardStreams = ownStreams()): Destination {
  if (path !== 'stdout' && path !== 'stderr') return new FileDestination(path, openForAppending(path));
  const number = path === 'stdout' ? 1 : 2;
  const stat = fstat(number);
  // Where the shell sent a stream into a file: Node.js writes such a stream synchronously, and a disk may be slow.
  if (stat?.isFile() === true) return new OpenFileDestination(path, number);
  const terminal = streams.isTerminal(number) ? openTerminal(path, number) : undefined;
  return terminal ?? new StreamDestination(path, streams[path]);
}

/** As `openDestination`, but a file that cannot be opened fails its writes until it can. */
export function openDestinationLater(path: string): Destination {
  try {
    return openDestination(path);
  } catch {
    return new FileDestination(path, MISSING);
  }
}

export interface StandardStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly isTerminal: (descriptor: number) => boolean;
}

/** Node.js makes a stream of a descriptor when it is first asked for it, and changes the descriptor's mode with that. */
const ownStreams = (): StandardStreams => ({
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  isTerminal: isatty,
});

function fstat(descriptor: number): fs.Stats | undefined {
  try {
    return fs.fstatSync(descriptor);
  } catch {
    return undefined;
  }
}

/**
 * Node.js writes terminals synchronously: a terminal stopped with Ctrl-S would stop the gateway. A description of our
 * own can be non-blocking without making those of the shell so.
 */
function openTerminal(name: string, descriptor: number): Destination | undefined {
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
    const opened = fs.openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    return new OpenFileDestination(name, opened, true);
  } catch {
    return undefined;
  }
}

/** A descriptor that somebody else opened. */
class OpenFileDestination implements Destination {
  readonly name: string;
  readonly canRecover = true;
  readonly isTerminal: boolean;
  private readonly descriptor: number;

  constructor(name: string, descriptor: number, isTerminal = false) {
    this.name = name;
    this.descriptor = descriptor;
    this.isTerminal = isTerminal;
  }

  write(bytes: Buffer, done: WriteDone): void {
    fs.write(this.descriptor, bytes, 0, bytes.length, null, (error, written) => done(error, error ? 0 : written));
  }

  reopen(): void {}

  close(): void {
    if (this.descriptor > 2) fs.closeSync(this.descriptor);
  }
}

/** In place of a descriptor. */
const MISSING = -1;

/** A file that is only appended to: writes of several threads, or processes, do not overwrite each other. */
class FileDestination implements Destination {
  readonly name: string;
  readonly canRecover = true;
  readonly isTerminal = false;
  private descriptor: number;
  private isWriting = false;
  /** Replaced while a write was under way. */
  private retired: number[] = [];

  constructor(path: string, descriptor: number) {
    this.name = path;
    this.descriptor = descriptor;
  }

  write(bytes: Buffer, done: WriteDone): void {
    try {
      if (this.descriptor === MISSING) this.descriptor = openForAppending(this.name);
    } catch (error) {
      setImmediate(() => done(error as NodeJS.ErrnoException, 0));
      return;
    }
    this.isWriting = true;
    fs.write(this.descriptor, bytes, 0, bytes.length, null, (error, written) => {
      this.isWriting = false;
      this.closeRetired();
      done(error, error ? 0 : written);
    });
  }

  reopen(): void {
    const opened = openForAppending(this.name);
    this.retired.push(this.descriptor);
    this.descriptor = opened;
    if (!this.isWriting) this.closeRetired();
  }

  close(): void {
    this.retired.push(this.descriptor);
    this.descriptor = MISSING;
    if (!this.isWriting) this.closeRetired();
  }

  private closeRetired(): void {
    const retired = this.retired;
    this.retired = [];
    for (const descriptor of retired) {
      // The only news that close could bring is of writes that were answered for before.
      if (descriptor >= 0) fs.close(descriptor, () => {});
    }
  }
}

function openForAppending(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = fs.constants;
  // O_NONBLOCK: to open a named pipe that nobody reads fails instead of waiting; regular files know no difference.
  // Not for everybody's eyes: lines tell who asked for what.
  return fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o640);
}

/** A pipe or a socket: libuv waits until it is writable, without a thread. */
class StreamDestination implements Destination {
  readonly name: string;
  readonly canRecover = false;
  readonly isTerminal = false;
  private readonly stream: Writable;
  /** Without a listener the end of a reader (EPIPE) would end the gateway. */
  private readonly onError = (): void => {};

  constructor(name: string, stream: Writable) {
    this.name = name;
    this.stream = stream;
    stream.on('error', this.onError);
  }

  write(bytes: Buffer, done: WriteDone): void {
    this.stream.write(bytes, (error) => {
      const failure: NodeJS.ErrnoException | null = error ?? null;
      // A stream may call back at once when it was destroyed before.
      setImmediate(() => done(failure, failure === null ? bytes.length : 0));
    });
  }

  reopen(): void {}

  close(): void {
    this.stream.off('error', this.onError);
  }
}
