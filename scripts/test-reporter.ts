/**
 * A reporter for `node --test`: one line per file, each failure in full where it happens, and a closing summary that
 * stands last in the output, with the failures named again.
 */
import path from 'node:path';
import { inspect } from 'node:util';
import type { TestEvent } from 'node:test/reporters';

interface FileTally {
  passed: number;
  failed: number;
  skipped: number;
}

interface Outcome {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string | undefined;
  readonly skip?: string | boolean | undefined;
  readonly details: { readonly type?: string | undefined; readonly duration_ms: number; readonly error?: Error };
}

const relative = (file: string | undefined): string =>
  file === undefined ? '(no file)' : path.relative(process.cwd(), file);

/** What a failed test threw: the runner wraps it, and the wrapper's stack says nothing. */
function explain(error: Error | undefined): string {
  if (error === undefined) return 'no error was given';
  const { cause } = error;
  if (!(cause instanceof Error)) return typeof cause === 'string' ? cause : inspect(cause ?? error.message);
  return inspect(cause);
}

const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, '    ');

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const tallies = new Map<string, FileTally>();
  const startedAt = performance.now();
  const failures: string[] = [];
  /** The names of the suites that enclose the test that is being reported, by nesting. */
  const titles = new Map<string, string[]>();

  const tallyOf = (file: string): FileTally => {
    let tally = tallies.get(file);
    if (tally === undefined) tallies.set(file, (tally = { passed: 0, failed: 0, skipped: 0 }));
    return tally;
  };

  for await (const event of source) {
    if (event.type === 'test:start') {
      const { file, nesting, name } = event.data;
      const trail = titles.get(relative(file)) ?? [];
      trail.length = nesting;
      trail[nesting] = name;
      titles.set(relative(file), trail);
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const outcome = event.data as Outcome;
      const file = relative(outcome.file);
      const isFile = outcome.nesting === 0 && path.resolve(outcome.name) === outcome.file;
      const isSuite = outcome.details.type === 'suite';
      const tally = tallyOf(file);
      if (event.type === 'test:fail') {
        const trail = [...(titles.get(file) ?? []).slice(0, outcome.nesting), outcome.name];
        const cause = (outcome.details.error as { failureType?: string } | undefined)?.failureType;
        // A suite fails because a test in it did, and that one was reported.
        if (cause === 'subtestsFailed') continue;
        tally.failed++;
        const title = `${file}: ${trail.join(' › ')}`;
        failures.push(title);
        yield `✖ ${title}\n${indent(explain(outcome.details.error))}\n`;
      } else if (outcome.skip !== undefined && outcome.skip !== false) {
        tally.skipped++;
        yield `○ ${file}: ${outcome.name}: skipped: ${String(outcome.skip)}\n`;
      } else if (!isSuite && !isFile) {
        tally.passed++;
      }
    } else if (event.type === 'test:stderr' || event.type === 'test:stdout') {
      yield event.data.message;
    } else if (event.type === 'test:summary' && event.data.file !== undefined) {
      const file = relative(event.data.file);
      const { passed, failed } = tallyOf(file);
      const seconds = (event.data.duration_ms / 1000).toFixed(2);
      yield `${failed === 0 ? '✔' : '✖'} ${file}  ${passed + failed} tests, ${seconds} s\n`;
    }
  }
  yield closing(tallies, failures, performance.now() - startedAt);
}

function closing(tallies: ReadonlyMap<string, FileTally>, failures: readonly string[], duration_ms: number): string {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of tallies.values()) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  const checks = process.env['GATEWRIGHT_FAILED_CHECKS'] ?? '';
  return [
    '',
    ...failures.map((title) => `✖ ${title}`),
    ...(checks === '' ? [] : [`✖ static checks failed: ${checks} (see above)`]),
    `# files ${tallies.size}`,
    `# tests ${sum.passed + sum.failed + sum.skipped}`,
    `# pass ${sum.passed}`,
    `# fail ${sum.failed}`,
    `# skipped ${sum.skipped}`,
    `# duration_ms ${duration_ms.toFixed(0)}`,
    '',
  ].join('\n');
}
