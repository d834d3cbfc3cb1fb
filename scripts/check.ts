/**
 * `npm run check`: every static check, then every test. `node scripts/check.ts NAME…` runs the named checks only.
 * All of them run even if one fails: who repairs a fault wants to see the others too.
 */
import { spawnSync } from 'node:child_process';

interface Check {
  readonly name: string;
  readonly what: string;
  readonly command: readonly string[];
}

const CHECKS: readonly Check[] = [
  { name: 'format', what: 'every file is formatted (npm run format)', command: ['oxfmt', '--check', '.'] },
  { name: 'types', what: 'the types fit', command: ['tsc', '-b', '--pretty', 'false'] },
  { name: 'lint', what: 'no lint rule is broken (.oxlintrc.json)', command: ['oxlint'] },
  { name: 'dead', what: 'nothing is exported, kept or depended on in vain', command: ['knip', '--no-progress'] },
  { name: 'docs', what: 'the links of the documentation lead somewhere', command: ['node', 'scripts/doc-links.ts'] },
  {
    name: 'generated',
    what: 'docs/reference and src/builders say what the schemas say (npm run reference)',
    command: ['node', 'scripts/reference.ts', '--check'],
  },
  { name: 'marks', what: 'nothing is marked as left to do', command: ['node', 'scripts/marks.ts'] },
  { name: 'http2', what: 'the suites pass over HTTP/2 too', command: ['node', 'scripts/test.ts', '--http2'] },
  { name: 'tests', what: 'every test passes', command: ['node', 'scripts/test.ts'] },
];

/** They speak for themselves. */
const TESTING: ReadonlySet<string> = new Set(['http2', 'tests']);

function run(check: Check): boolean {
  const [program = '', ...args] = check.command;
  const startedAt = performance.now();
  const quiet = !TESTING.has(check.name);
  const result = spawnSync(program, args, { encoding: 'utf8', stdio: quiet ? 'pipe' : 'inherit' });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const passed = result.status === 0;
  if (!quiet) return passed;
  console.log(`${passed ? '✔' : '✖'} ${check.name.padEnd(9)} ${seconds.padStart(5)} s  ${check.what}`);
  if (!passed) console.log(`${result.error?.message ?? ''}${result.stdout}${result.stderr}`.trimEnd());
  return passed;
}

function main(names: readonly string[]): number {
  const unknown = names.filter((name) => CHECKS.every((check) => check.name !== name));
  if (unknown.length > 0) {
    const known = CHECKS.map((check) => check.name).join(', ');
    console.error(`no check is named ${unknown.join(', ')}; there are ${known}`);
    return 64;
  }
  const failed: string[] = [];
  for (const check of CHECKS) {
    if (names.length > 0 && !names.includes(check.name)) continue;
    // The tests' closing lines are the last ones of the output, so they name the checks that failed before.
    if (check.name === 'tests') process.env['GATEWRIGHT_FAILED_CHECKS'] = failed.join(', ');
    if (!run(check)) failed.push(check.name);
  }
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
