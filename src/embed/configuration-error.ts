import type { Problem } from '../model/problem.ts';

/** A configuration that is not put in force: everything that is wrong with it, in the order of the document. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], place = 'the configuration') {
    const lines = problems.map(({ line, path, message }) => {
      const where = [line === undefined ? '' : `line ${line}`, path].filter((part) => part !== '').join(', ');
      return `\n  ${where === '' ? '' : `${where}: `}${message}`;
    });
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(`${place} has ${count}${lines.join('')}`);
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}
