/** Problems of a configuration, as people read them. */
import type { Problem } from '../model/problem.ts';

/** All of them, under the file that they are in. */
export function listOf(problems: readonly Problem[], path: string): string {
  const lines = problems.map((problem) => `\n  ${describe(problem)}`).join('');
  return `${path} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}${lines}`;
}

/** One, on one line. */
export function describe({ path, line, message }: Problem): string {
  const place = line === undefined ? path : `line ${line}, ${path}`;
  return place === '' ? message : `${place}: ${message}`;
}
