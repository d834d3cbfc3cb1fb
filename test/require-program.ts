import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';

/** Where Debian keeps servers, which a developer's PATH often lacks. */
const SERVER_FOLDERS: readonly string[] = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

function findProgram(name: string, searchPath: string): string | undefined {
  for (const folder of [...searchPath.split(path.delimiter), ...SERVER_FOLDERS]) {
    if (folder === '') continue;
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here, or not ours to run: the next folder may have it.
    }
  }
  return undefined;
}

/**
 * The path of a program that a test needs. Where it is missing, the test is skipped and says so; with `CI` set in the
 * environment it fails instead, so that a test never vanishes from the run that counts.
 *
 * @returns the path, or undefined if the test was skipped and has to return at once
 */
export function requireProgram(
  t: Pick<TestContext, 'skip'>,
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const found = findProgram(name, env['PATH'] ?? '');
  if (found !== undefined) return found;
  skipMissing(t, `the program ${name} is not installed (.ci/run names the package)`, env);
  return undefined;
}

/** The same for what is no program: skips the test, and fails it instead with `CI` set. The test has to return at once. */
export function skipMissing(t: Pick<TestContext, 'skip'>, message: string, env: NodeJS.ProcessEnv = process.env): void {
  const isContinuousIntegration = !['', '0', 'false', undefined].includes(env['CI']);
  if (isContinuousIntegration) throw new Error(message);
  t.skip(message);
}
