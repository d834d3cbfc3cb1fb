/** Runs the tests of one file, one after the other. */
import { dirname, resolve } from 'node:path';
import type { Place } from '../../config/document.ts';
import { findConfiguration } from '../../config/configuration.ts';
import { pathOf } from '../../model/problem.ts';
import { type CaseFile, type PlacedProblem, readCases, type TestCase } from './case-file.ts';
import { type ConfigurationSource, checkConfiguration, type CheckedConfiguration } from '../compiled-configuration.ts';
import { Stage } from '../stage.ts';
import { type CaseOutcome, type Failure, runCase } from './run-case.ts';

/** A failure beside where it stands in the file; 0 where that is not known. */
export interface PlacedFailure extends Omit<Failure, 'path'> {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

export interface CaseResult {
  readonly name: string;
  readonly line: number;
  readonly column: number;
  readonly failures: readonly PlacedFailure[];
  /** Why it was not run. */
  readonly skipped?: string;
  readonly duration_ms: number;
}

export interface FileResult {
  readonly file: string;
  readonly cases: readonly CaseResult[];
  /** Where anything is wrong with the file itself, none of its tests is run. */
  readonly problems: readonly PlacedProblem[];
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** In place of the one that the file names. */
  readonly config: string | undefined;
  /** Which tests are run, by their names. */
  readonly isWanted: (name: string) => boolean;
  /** Milliseconds; for how long a test took. */
  readonly now_ms: () => number;
}

const NOT_RUN: CaseOutcome = { failures: [], isStageClean: true };

export async function runFile(file: string, text: string, options: RunOptions): Promise<FileResult> {
  const read = readCases(text);
  if (read.problems.length > 0) return { file, cases: [], problems: read.problems };
  const { head } = read;
  const env = { ...options.env, ...head.env };
  let configuration: CheckedConfiguration;
  try {
    configuration = await checkConfiguration(sourceOf(file, read, options), { env, plugins: [] });
  } catch (error) {
    const place = read.placeOf('config');
    const message = (error as Error).message;
    return { file, cases: [], problems: [{ path: 'config', code: 'invalid_value', message, ...place }] };
  }
  const used = new Set<string>();
  const onUsed = (node: string): void => void used.add(node);
  let stage: Stage | null = null;
  const cases: CaseResult[] = [];
  let isWhole = true;
  for (const one of read.cases) {
    if (!options.isWanted(one.name)) {
      isWhole = false;
      continue;
    }
    const begun_ms = options.now_ms();
    const { skip } = one.test;
    if (skip !== undefined) isWhole = false;
    stage ??= new Stage(configuration);
    const outcome = skip === undefined ? await runCase(one, { file, head, stage, env, onUsed }) : NOT_RUN;
    if (!outcome.isStageClean) stage = null;
    cases.push(caseResult(one, outcome.failures, read, options.now_ms() - begun_ms));
  }
  await stage?.close();
  // Whether a script is called by none of the tests is known only if all of them were run, to their ends.
  const unused = isWhole && cases.every((one) => one.failures.length === 0) ? unusedNodes(read, used) : [];
  return { file, cases: [...cases, ...unused], problems: [] };
}

function sourceOf(file: string, { head }: CaseFile, options: RunOptions): ConfigurationSource {
  const folder = dirname(resolve(file));
  if (options.config !== undefined) return options.config;
  if (typeof head.config === 'object') return head.config;
  return findConfiguration(head.config, folder, options.env);
}

function caseResult(
  { name, path, test }: TestCase,
  failures: readonly Failure[],
  { placeOf }: CaseFile,
  duration_ms: number,
): CaseResult {
  // Finding a place means to read the file up to it: only for those who ask.
  const place: Place = (failures.length === 0 ? undefined : placeOf(path)) ?? { line: 0, column: 0 };
  return {
    name,
    ...place,
    failures: failures.map((failure) => ({ ...failure, ...(placeOf(failure.path) ?? place) })),
    ...(test.skip === undefined ? {} : { skipped: test.skip }),
    duration_ms,
  };
}

function unusedNodes({ head, placeOf }: CaseFile, used: ReadonlySet<string>): CaseResult[] {
  const nodes = Object.keys(head.upstreams ?? {}).filter((node) => !used.has(node));
  return nodes.map((node) => {
    const path = pathOf('upstreams', node);
    const place = placeOf(path) ?? { line: 0, column: 0 };
    const failure = { path, ...place, message: 'no test of the file calls this script' };
    return { name: `upstreams ${node} is called`, ...place, failures: [failure], duration_ms: 0 };
  });
}
