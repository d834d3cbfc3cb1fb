/** The results of tests for people and for machines. */
import type { CaseResult, FileResult, PlacedFailure } from './run-file.ts';

export interface Run {
  readonly files: readonly FileResult[];
  readonly duration_ms: number;
}

export interface Totals {
  readonly tests: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A file that cannot be read counts as a test that failed. */
export function totals({ files }: Run): Totals {
  const cases = files.flatMap((file) => file.cases);
  const broken = files.filter(({ problems }) => problems.length > 0).length;
  const skipped = cases.filter((one) => one.skipped !== undefined).length;
  const failed = cases.filter(({ failures }) => failures.length > 0).length + broken;
  const tests = cases.length + broken;
  return { tests, passed: tests - failed - skipped, failed, skipped };
}

export const REPORTERS = { spec, junit, tap } as const satisfies Record<string, (run: Run) => string>;
export type ReporterName = keyof typeof REPORTERS;

const placeOf = (
  file: string,
  { line = 0, column = 0 }: { readonly line?: number; readonly column?: number },
): string => (line === 0 ? file : `${file}:${line}:${column}`);

const seconds = (duration_ms: number): string => (duration_ms / 1000).toFixed(3);

function spec(run: Run): string {
  const lines: string[] = [];
  for (const { file, cases, problems } of run.files) {
    lines.push(file);
    for (const problem of problems) {
      lines.push(`  ✖ ${placeOf(file, problem)}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`);
    }
    for (const one of cases) {
      const mark = one.skipped !== undefined ? '-' : one.failures.length === 0 ? '✔' : '✖';
      lines.push(`  ${mark} ${one.name}${one.skipped === undefined ? '' : ` (skipped: ${one.skipped})`}`);
      for (const failure of one.failures) lines.push(...failureLines(file, failure).map((line) => `      ${line}`));
    }
  }
  const { tests, passed, failed, skipped } = totals(run);
  const counts = [`${passed} passed`, `${failed} failed`, ...(skipped === 0 ? [] : [`${skipped} skipped`])];
  lines.push('', `${tests} ${tests === 1 ? 'test' : 'tests'}: ${counts.join(', ')} (${seconds(run.duration_ms)} s)`);
  return `${lines.join('\n')}\n`;
}

function failureLines(file: string, failure: PlacedFailure): string[] {
  const { message, expected, came, explanation } = failure;
  const lines = [`${placeOf(file, failure)}: ${message}`];
  if (expected !== undefined) lines.push(`  expected  ${expected}`, `  came      ${came ?? 'nothing'}`);
  if (explanation !== undefined) lines.push(...explanation.split('\n').map((line) => `  | ${line}`));
  return lines.flatMap((line) => line.split('\n'));
}

function tap(run: Run): string {
  const lines: string[] = ['TAP version 14'];
  let count = 0;
  for (const { file, cases, problems } of run.files) {
    if (problems.length > 0) {
      lines.push(`not ok ${++count} - ${tapName(file)}`);
      const texts = problems.map(
        (problem) => `${placeOf(file, problem)}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`,
      );
      lines.push(...yamlBlock({ message: texts.join('\n') }));
    }
    for (const one of cases) {
      const state = one.failures.length === 0 ? 'ok' : 'not ok';
      const directive = one.skipped === undefined ? '' : ` # SKIP ${one.skipped.replaceAll(/\s+/g, ' ')}`;
      lines.push(`${state} ${++count} - ${tapName(`${file}: ${one.name}`)}${directive}`);
      if (one.failures.length > 0) lines.push(...yamlBlock(tapDetail(file, one.failures)));
    }
  }
  return `${[...lines, `1..${count}`].join('\n')}\n`;
}

const tapName = (name: string): string => name.replaceAll(/\s+/g, ' ').replaceAll(/[\\#]/g, '\\$&');

/** Of the first failure; a test point has one block, and the others stand in its message. */
function tapDetail(file: string, failures: readonly PlacedFailure[]): Record<string, string> {
  const [first] = failures;
  if (first === undefined) return {};
  const { expected, came } = first;
  return {
    message: failures.flatMap((failure) => failureLines(file, failure)).join('\n'),
    at: placeOf(file, first),
    ...(expected === undefined ? {} : { expected, actual: came ?? '' }),
  };
}

/** Strings of JSON are strings of YAML. */
function yamlBlock(detail: Record<string, string>): string[] {
  return ['  ---', ...Object.entries(detail).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`), '  ...'];
}

function junit(run: Run): string {
  const { tests, failed, skipped } = totals(run);
  const counts = `tests="${tests}" failures="${failed}" skipped="${skipped}" time="${seconds(run.duration_ms)}"`;
  const suites = run.files.map((file) => suiteOf(file)).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="gatewright test" ${counts}>\n${suites}</testsuites>\n`;
}

function suiteOf(result: FileResult): string {
  const { file, cases, problems } = result;
  const { tests, failed, skipped } = totals({ files: [result], duration_ms: 0 });
  const time = seconds(cases.reduce((sum, { duration_ms }) => sum + duration_ms, 0));
  const broken = problems.map(
    (problem) => `${placeOf(file, problem)}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`,
  );
  const body = [
    ...(broken.length === 0
      ? []
      : [
          caseElement(
            file,
            { name: 'the file can be read', line: 0, duration_ms: 0 },
            failureElement('the file is wrong', broken.join('\n')),
          ),
        ]),
    ...cases.map((one) => caseElement(file, one, innerOf(file, one))),
  ];
  return `  <testsuite name="${xml(file)}" tests="${tests}" failures="${failed}" skipped="${skipped}" time="${time}">\n${body.join('')}  </testsuite>\n`;
}

function innerOf(file: string, one: CaseResult): string {
  if (one.skipped !== undefined) return `      <skipped message="${xml(one.skipped)}"/>\n`;
  return one.failures
    .map((failure) => failureElement(failure.message, failureLines(file, failure).join('\n')))
    .join('');
}

function caseElement(file: string, one: Pick<CaseResult, 'name' | 'line' | 'duration_ms'>, inner: string): string {
  const start = `    <testcase classname="${xml(file)}" name="${xml(one.name)}" file="${xml(file)}" line="${one.line}" time="${seconds(one.duration_ms)}"`;
  return inner === '' ? `${start}/>\n` : `${start}>\n${inner}    </testcase>\n`;
}

function failureElement(message: string, text: string): string {
  return `      <failure message="${xml(message)}">${xml(text)}</failure>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

/** XML 1.0 has no place for other control characters. */
function xml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\0-\x08\x0b-\x1f\x7f\ufffe\uffff]/g, '\ufffd')
    .replaceAll(/[&<>"\n]/g, (character) => ENTITIES[character] ?? character);
}
