import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The files of the repository: those under version control and those that would be added; never what is ignored. */
export function trackedFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  // A deleted file is listed until its deletion is committed.
  return listed.split('\0').filter((file) => file !== '' && existsSync(file));
}
