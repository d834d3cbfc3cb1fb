/** The folder that the process works in: without one, no thread can be started, and no process. */
import { realpathSync } from 'node:fs';
import process from 'node:process';

/** Where that is gone, and nobody has put another one in its place. */
const NOWHERE = '/';

/**
 * To be called before anything is started: a folder that a new version of something took the place of, or that was removed, is
 * no reason not to replace a worker.
 */
export function stayInFolder(): void {
  try {
    // By the system: Node.js remembers what it was told first.
    realpathSync.native('.');
  } catch {
    enter(process.cwd());
  }
}

function enter(folder: string): void {
  try {
    process.chdir(folder);
  } catch {
    process.chdir(NOWHERE);
  }
}
