/** From the text of a file of tests to the tests in it, tables expanded, with everything that is wrong and where. */
import { parseDocument, type Document, type Place } from '../../config/document.ts';
import { pathOf, type Problem, quote } from '../../model/problem.ts';
import { validator } from '../../model/validate.ts';
import { type Answer, conflictIn } from '../answer.ts';
import { headSchema, rowsSchema, testSchema } from './case-schema.ts';
import type { CaseHead, CaseTest } from './case-types.ts';
import { regexFault } from './mismatch.ts';

export interface TestCase {
  readonly name: string;
  /** Of the test in the file: `tests[3]`. */
  readonly path: string;
  readonly test: CaseTest;
}

export interface CaseFile {
  readonly head: CaseHead;
  readonly cases: readonly TestCase[];
  readonly problems: readonly PlacedProblem[];
  /** Where something stands in the file. */
  placeOf(path: string): Place | undefined;
}

export interface PlacedProblem extends Problem {
  readonly column?: number;
}

const checkHead = validator(headSchema);
const checkRows = validator(rowsSchema);
const checkTest = validator(testSchema);

/** Pure. */
export function readCases(text: string): CaseFile {
  const document = parseDocument(text, 'yaml');
  const place = (problem: Problem): PlacedProblem => placed(problem, document);
  const placeOf = (path: string) => document.placeOf(path, 'key');
  if (document.problems.length > 0) return { head: {}, cases: [], problems: document.problems.map(place), placeOf };
  const { value } = document;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const problem: Problem = { path: '', code: 'wrong_type', message: 'expected "tests:" at the top level' };
    return { head: {}, cases: [], problems: [problem], placeOf };
  }
  const { tests, ...head } = value as Readonly<Record<string, unknown>>;
  const problems: Problem[] = [];
  const checked = checkHead(head, '');
  problems.push(...checked.unknown, ...checked.problems, ...scriptConflicts(head['upstreams'], 'upstreams'));
  if (!Array.isArray(tests) || tests.length === 0) {
    const isAbsent = tests === undefined;
    problems.push({
      path: isAbsent ? '' : 'tests',
      code: isAbsent ? 'missing_attribute' : 'wrong_type',
      message: isAbsent ? 'missing attribute "tests"' : 'expected a list of tests',
    });
    return { head: {}, cases: [], problems: problems.map(place), placeOf };
  }
  const cases = tests.flatMap((test: unknown, index) => casesOf(test, pathOf('tests', index), problems));
  return { head, cases, problems: inOrder(unique(problems).map(place)), placeOf };
}

function inOrder(problems: readonly PlacedProblem[]): PlacedProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

/** The rows of a table have their mistakes in common: each is named once. */
function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((one) => [`${one.path} ${one.message}`, one])).values()];
}

function placed(problem: Problem, document: Document): PlacedProblem {
  const place = problem.path === '' ? undefined : document.placeOf(problem.path, 'key');
  return place === undefined ? problem : { ...problem, ...place };
}

function casesOf(value: unknown, path: string, problems: Problem[]): TestCase[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push({ path, code: 'wrong_type', message: `${quote(value)} is no test: expected an object with name` });
    return [];
  }
  const { each, ...test } = value as Readonly<Record<string, unknown>>;
  if (each === undefined) return caseOf(test, path, problems);
  const rows = checkRows(each, pathOf(path, 'each'));
  problems.push(...rows.unknown, ...rows.problems);
  if (rows.problems.length > 0) return [];
  const table = each as readonly Row[];
  const text = JSON.stringify(test);
  for (const column of new Set(table.flatMap((row) => Object.keys(row)))) {
    const isUsed = text.includes(`<${column}>`);
    if (!isUsed)
      problems.push({
        path: pathOf(path, 'each'),
        code: 'unknown_attribute',
        message: `the column "${column}" is used nowhere: write <${column}> where its value belongs`,
      });
    const lacking = table.findIndex((row) => !Object.hasOwn(row, column));
    if (lacking >= 0)
      problems.push({
        path: pathOf(pathOf(path, 'each'), lacking),
        code: 'missing_attribute',
        message: `the row has no "${column}", as others have`,
      });
  }
  const hasOwnNames =
    typeof test['name'] === 'string' &&
    Object.keys(table[0] ?? {}).some((column) => String(test['name']).includes(`<${column}>`));
  return table.flatMap((row) => {
    const filled = fillIn(test, row) as Readonly<Record<string, unknown>>;
    const suffix = Object.entries(row).map(([column, cell]) => `${column} ${String(cell)}`);
    const name = hasOwnNames ? filled['name'] : `${String(filled['name'])} (${suffix.join(', ')})`;
    return caseOf({ ...filled, name }, path, problems);
  });
}

type Row = Readonly<Record<string, string | number | boolean | null>>;

/** A text that is a placeholder as a whole becomes the value, whatever its type. */
function fillIn(value: unknown, row: Row): unknown {
  if (typeof value === 'string') {
    const whole = /^<([^<>]+)>$/.exec(value)?.[1];
    if (whole !== undefined && Object.hasOwn(row, whole)) return row[whole];
    return value.replaceAll(/<([^<>]+)>/g, (text, column: string) =>
      Object.hasOwn(row, column) ? String(row[column]) : text,
    );
  }
  if (Array.isArray(value)) return value.map((each: unknown) => fillIn(each, row));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [String(fillIn(key, row)), fillIn(each, row)]));
}

function caseOf(test: Readonly<Record<string, unknown>>, path: string, problems: Problem[]): TestCase[] {
  const { unknown, problems: wrong } = checkTest(test, path);
  const found = [...unknown, ...wrong, ...scriptConflicts(test['upstreams'], pathOf(path, 'upstreams'))];
  if (wrong.length === 0) found.push(...contradictions(test as unknown as CaseTest, path));
  problems.push(...found);
  return found.length > 0 ? [] : [{ name: String(test['name']), path, test: test as unknown as CaseTest }];
}

/** What no schema says: what goes with what. */
function contradictions(test: CaseTest, path: string): Problem[] {
  const { request, expect, times, steps } = test;
  const problems: Problem[] = [];
  const report = (at: string, message: string): void => void problems.push({ path: at, code: 'conflict', message });
  if (steps !== undefined) {
    for (const [name, value] of Object.entries({ request, expect, times })) {
      if (value !== undefined) report(pathOf(path, name), `"${name}" does not go with "steps": make it one of them`);
    }
  } else if (request === undefined) report(path, 'the test does nothing: write request, or steps');
  const all = steps ?? [{ request, expect }];
  for (const [index, step] of all.entries()) {
    problems.push(
      ...wrongPatterns(
        step.expect,
        steps === undefined ? pathOf(path, 'expect') : `${pathOf(pathOf(path, 'steps'), index)}.expect`,
      ),
    );
  }
  if (all.every((step) => step.expect === undefined)) report(path, 'the test expects nothing: write expect');
  for (const [index, step] of (steps ?? []).entries()) {
    const at = pathOf(pathOf(path, 'steps'), index);
    const deeds = (['request', 'advance', 'apply', 'resolve'] as const).filter((name) => step[name] !== undefined);
    if (deeds.length > 1) report(at, `${deeds.join(' and ')} are steps of their own: each does one thing`);
    if (step.times !== undefined && step.request === undefined) report(pathOf(at, 'times'), 'times is for requests');
    problems.push(...withoutRequest(step, at));
  }
  return problems;
}

/** Patterns that are no regular expressions, wherever they stand. */
function wrongPatterns(value: unknown, path: string): Problem[] {
  if (typeof value !== 'object' || value === null) return [];
  const fault = regexFault(value);
  const inner = Object.entries(value).flatMap(([key, each]) =>
    wrongPatterns(each, pathOf(path, Array.isArray(value) ? Number(key) : key)),
  );
  return fault === null ? inner : [{ path: pathOf(path, 'matches'), code: 'invalid_value', message: fault }, ...inner];
}

/** What can be expected where nothing was sent. */
const OF_GATEWAY = ['health', 'log'];

function withoutRequest(step: NonNullable<CaseTest['steps']>[number], at: string): Problem[] {
  if (step.request !== undefined || step.expect === undefined) return [];
  const names = typeof step.expect === 'number' ? ['status'] : Object.keys(step.expect);
  const wrong = names.filter((name) => !OF_GATEWAY.includes(name));
  return wrong.map((name) => ({
    path: typeof step.expect === 'number' ? pathOf(at, 'expect') : pathOf(pathOf(at, 'expect'), name),
    code: 'conflict',
    message: `nothing is sent in this step: only ${OF_GATEWAY.join(' and ')} can be expected of it`,
  }));
}

function scriptConflicts(upstreams: unknown, path: string): Problem[] {
  if (typeof upstreams !== 'object' || upstreams === null) return [];
  const problems: Problem[] = [];
  const look = (value: unknown, at: string): void => {
    if (Array.isArray(value)) value.forEach((each, index) => look(each, pathOf(at, index)));
    else if (typeof value === 'object' && value !== null) {
      const { answers, probe, ...answer } = value as Answer & { answers?: unknown; probe?: unknown };
      look(answers, pathOf(at, 'answers'));
      look(probe, pathOf(at, 'probe'));
      const names = Object.keys(answer);
      const conflict =
        answers !== undefined && names.length > 0
          ? `${names.join(', ')} and answers exclude each other`
          : conflictIn(answer);
      if (conflict !== null) problems.push({ path: at, code: 'conflict', message: conflict });
    }
  };
  for (const [name, script] of Object.entries(upstreams)) look(script, pathOf(path, name));
  return problems;
}
