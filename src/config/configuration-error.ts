import type { Problem } from '../model/problem.ts';

/** A configuration that is not put in force: everything that is wrong with it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly Problem[];

  /** @param file '' where it is none */
  constructor(problems: readonly Problem[], file: string) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(`the configuration has ${count}:\n${problems.map((one) => textOf(one, file)).join('\n')}`);
    this.problems = problems;
  }
}

function textOf({ path, line, message }: Problem, file: string): string {
  const place =
    file === '' ? (line === undefined ? '' : `line ${line}: `) : `${file}${line === undefined ? '' : `:${line}`}: `;
  return `  ${place}${path === '' ? '' : `${path}: `}${message}`;
}
