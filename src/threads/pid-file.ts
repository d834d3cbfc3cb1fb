/** The file that names the process, for those who send it signals. */
import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { StartError } from './start-error.ts';

/**
 * Whole at every moment, and never through a link that somebody put there, nor in the place of a device: who may do everything
 * would replace /dev/null for all. Does nothing for ''. Throws StartError.
 */
export function writePidFile(path: string): void {
  if (path === '') return;
  const draft = `${path}.${process.pid}`;
  try {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined && !there.isFile() && !there.isSymbolicLink()) throw new Error('what is there is no file');
    writeFileSync(draft, `${process.pid}\n`, { flag: 'wx', mode: 0o644 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw new StartError(`gateway.pid_file: cannot write "${path}": ${(error as Error).message}`, { cause: error });
  }
}

/** Leaves it where another process, a successor, has put itself into it. */
export function removePidFile(path: string): void {
  if (path === '') return;
  try {
    if (readFileSync(path, 'utf8') === `${process.pid}\n`) rmSync(path);
  } catch {
    // Gone already, or not ours to read: nothing depends on it.
  }
}
