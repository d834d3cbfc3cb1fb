/** Each rule of `npm run check` is broken on purpose once: a check that never fires is worse than none. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PlantedTree } from './planted-tree.ts';

const CLEAN: Readonly<Record<string, string>> = {
  'src/main.ts': "import { run } from './cli/run.ts';\n\nprocess.exitCode = run(1);\n",
  'src/cli/run.ts': `import { size } from '../http1/head.ts';
import { limit } from '../proxy/limit.ts';

export function run(now_ms: number): number {
  return limit(now_ms) + size([1]);
}
`,
  'src/http1/head.ts': `let scratch = 0;

export function size(offsets: readonly number[]): number {
  scratch = offsets[0];
  return scratch;
}
`,
  'src/router/tree.ts': "import { isIP } from 'node:net';\n\nexport const DEPTH = isIP('::1');\n",
  'src/proxy/limit.ts': `import { DEPTH } from '../router/tree.ts';

const NAMES: ReadonlySet<string> = new Set(['a']);

export const limit = (now_ms: number): number => now_ms + DEPTH + NAMES.size;
`,
  'src/proxy/limit.test.ts': `import assert from 'node:assert/strict';
import test from 'node:test';
import { limit } from './limit.ts';

test('a limit grows with time', () => {
  assert.ok(limit(2) > limit(1));
});
`,
  'README.md': '# Planted\n\n[a page](docs/page.md#a-heading)\n',
  'docs/page.md': '# A page\n\n## A heading\n',
};

interface Violation {
  readonly rule: string;
  readonly file: string;
  readonly text: string;
}

/** Import statements that break the house, each in a file of its own. */
const IMPORTS: readonly (readonly [file: string, statement: string])[] = [
  ['src/http1/a.ts', "export * from '../proxy/limit.ts';"],
  ['src/http1/b.ts', "export type Limit = typeof import('../proxy/limit.ts');"],
  ['src/http1/c.ts', "export const later = () => import('../proxy/limit.ts');"],
  ['src/http1/d.ts', "export type { Ajv } from 'ajv';"],
  ['src/router/e.ts', "export type { size } from '../http1/head.ts';"],
  ['src/router/f.ts', "export { readFileSync } from 'node:fs';"],
  ['src/clock/g.ts', "export { DEPTH } from '../router/tree.ts';"],
  ['src/balance/h.ts', "export { connect } from 'node:net';"],
  ['src/sdk/i.ts', "export { inspect } from 'node:util';"],
  ['src/model/j.ts', "export { DEPTH } from '../router/tree.ts';"],
  ['src/compile/k.ts', "export { limit } from '../proxy/limit.ts';"],
  ['src/observe/l.ts', "export { limit } from '../proxy/limit.ts';"],
  ['src/proxy/m.ts', "export { run } from '../cli/run.ts';"],
  ['src/admin/n.ts', "export { limit } from '../proxy/limit.ts';"],
  ['src/threads/o.ts', "export { run } from '../cli/run.ts';"],
  ['src/store/p.ts', "export { limit } from '../proxy/limit.ts';"],
  ['src/config/q.ts', "export { limit } from '../proxy/limit.ts';"],
  ['src/upstream/r.ts', "export { limit } from '../proxy/limit.ts';"],
  ['src/plugins/key/s.ts', "export { limit } from '../../proxy/limit.ts';"],
  ['src/proxy/t.ts', "export const worker = () => new URL('../cli/run.ts', import.meta.url);"],
  ['src/cli/u.ts', "export { PlantedTree } from '../../test/planted.ts';"],
  ['src/cli/v.ts', "export * from '../proxy/limit.test.ts';"],
  ['src/commons/w.ts', "export { limit } from '../proxy/limit.ts';"],
  ['src/stray.ts', "export { limit } from './proxy/limit.ts';"],
];

const TIMES: readonly string[] = [
  'Date.now()',
  "Date['now']()",
  'globalThis.Date.now()',
  'new Date()',
  'Date()',
  'performance.now()',
  'process.hrtime.bigint()',
  'Math.random()',
  'crypto.randomUUID()',
];

const STATES: readonly string[] = [
  'export let count = 0;',
  'const seen = new Map<string, number>();\nexport const size = seen.size;',
  'const seen: Set<string> = new Set();\nexport const size = seen.size;',
  'export const weak = new WeakMap<object, number>();',
  'export const list: string[] = [];',
  'export const table: Record<string, number> = {};',
];

const PARTIAL_TESTS: readonly string[] = [
  "test.only('x', () => {});",
  "test.skip('x', () => {});",
  "test('x', { todo: true }, () => {});",
  "test('x', (t) => t.skip('later'));",
];

const ONE_EACH: readonly Violation[] = [
  {
    rule: 'typescript(no-floating-promises)',
    file: 'src/cli/floating.ts',
    text: 'const wait = async () => {};\nexport function f() {\n  wait();\n}\n',
  },
  {
    rule: 'typescript(no-floating-promises)',
    file: 'src/http1/floating.ts',
    text: 'const wait = async () => {};\nexport function f() {\n  wait();\n}\n',
  },
  {
    rule: 'typescript(no-misused-promises)',
    file: 'src/cli/misused.ts',
    text: 'export const f = (go: () => Promise<boolean>) => {\n  if (go()) return 1;\n  return 2;\n};\n',
  },
  {
    rule: 'typescript(no-explicit-any)',
    file: 'src/cli/any.ts',
    text: 'export const f = (a: any): number => Number(a);\n',
  },
  {
    rule: 'import(no-cycle)',
    file: 'src/cli/cycle.ts',
    text: "import { two } from './cycle-two.ts';\nexport const one = (): number => two();\n",
  },
  {
    rule: 'eslint(max-lines)',
    file: 'src/cli/long.ts',
    text: `${'export type Line = 1;\n'.repeat(1)}${'// a line\n'.repeat(400)}`,
  },
  {
    rule: 'eslint(max-params)',
    file: 'src/cli/wide.ts',
    text: 'export const f = (a: 1, b: 2, c: 3, d: 4, e: 5, g: 6): number => a + b + c + d + e + g;\n',
  },
  {
    rule: 'eslint(no-warning-comments)',
    file: 'src/cli/left.ts',
    text: `// ${'TO'}${'DO'} later\nexport const x = 1;\n`,
  },
  {
    rule: 'eslint(no-console)',
    file: 'src/proxy/print.ts',
    text: "export const f = () => console.log('x');\n",
  },
  { rule: 'unicorn(filename-case)', file: 'src/cli/camelCase.ts', text: 'export const x = 1;\n' },
];

const VIOLATIONS: readonly Violation[] = [
  ...ONE_EACH,
  ...IMPORTS.map(([file, text]) => ({ rule: 'gatewright(layers)', file, text: `${text}\n` })),
  ...TIMES.map((text, index) => ({
    rule: 'gatewright(injected-time)',
    file: `src/proxy/time-${index}.ts`,
    text: `export const now = () => ${text};\n`,
  })),
  {
    rule: 'gatewright(injected-time)',
    file: 'src/proxy/time-destructured.ts',
    text: 'const { now } = Date;\nexport const f = () => now();\n',
  },
  {
    rule: 'gatewright(injected-time)',
    file: 'src/proxy/time-imported.ts',
    text: "import { performance as clock } from 'node:perf_hooks';\nexport const f = () => clock.now();\n",
  },
  ...STATES.map((text, index) => ({
    rule: 'gatewright(module-state)',
    file: `src/proxy/state-${index}.ts`,
    text: `${text}\n`,
  })),
  ...PARTIAL_TESTS.map((text, index) => ({
    rule: 'gatewright(whole-tests)',
    file: `test/partial-${index}.test.ts`,
    text: `import test from 'node:test';\n${text}\n`,
  })),
];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

interface Planted {
  readonly check: string;
  readonly file: string;
  readonly text: string;
  /** What the check has to print about it. */
  readonly says: string;
}

const PLANTED: readonly Planted[] = [
  { check: 'format', file: 'src/cli/ugly.ts', text: 'export  const x = "1"\n', says: 'src/cli/ugly.ts' },
  {
    check: 'types',
    file: 'src/cli/wrong.ts',
    text: "import { size } from '../http1/head.ts';\n\nexport const text: string = size([]);\n",
    says: 'src/cli/wrong.ts(3,14): error TS2322',
  },
  {
    check: 'types',
    file: 'src/http1/wrong.ts',
    text: "export const wrong: number = '1';\n",
    says: 'src/http1/wrong.ts(1,14): error TS2322',
  },
  {
    check: 'types',
    file: 'src/http1/wrong.test.ts',
    text: "export const wrong: number = '1';\n",
    says: 'src/http1/wrong.test.ts(1,14): error TS2322',
  },
  {
    check: 'types',
    file: 'test/wrong.test.ts',
    text: "export const wrong: number = '1';\n",
    says: 'test/wrong.test.ts(1,14): error TS2322',
  },
  {
    check: 'types',
    file: 'src/cli/unchecked.ts',
    text: 'export const f = (list: number[]): number => {\n  const first = list[0];\n  return first + 1;\n};\n',
    says: "src/cli/unchecked.ts(3,10): error TS18048: 'first' is possibly 'undefined'",
  },
  {
    check: 'types',
    file: 'src/cli/parameter-property.ts',
    text: 'export class Box {\n  constructor(readonly size: number) {}\n}\n',
    says: 'src/cli/parameter-property.ts(2,15): error TS1294',
  },
  { check: 'dead', file: 'src/cli/lonely.ts', text: 'export const lonely = 1;\n', says: 'src/cli/lonely.ts' },
  {
    check: 'dead',
    file: 'src/proxy/limit.ts',
    text: `${CLEAN['src/proxy/limit.ts']}\nexport const nobody = 1;\n`,
    says: 'nobody',
  },
  {
    check: 'docs',
    file: 'docs/links.md',
    text: 'See [this](gone.md)\nand [that](page.md#gone).\n',
    says: 'docs/links.md:1: no such file: gone.md',
  },
  {
    check: 'docs',
    file: 'docs/anchors.md',
    text: 'See [this](page.md#a-heading) and [that](page.md#gone).\n',
    says: 'docs/anchors.md:1: no heading of docs/page.md has the anchor #gone',
  },
  { check: 'marks', file: 'docs/left.md', text: `\n${'FIX'}${'ME'}: write this\n`, says: 'docs/left.md:2: marked' },
  { check: 'marks', file: 'left.sh', text: `# ${'TO'}${'DO'}: write this\n`, says: 'left.sh:1: marked' },
  {
    check: 'tests',
    file: 'test/failing.test.ts',
    text: "import test from 'node:test';\n\ntest('it fails', () => {\n  throw new Error('planted');\n});\n",
    says: '✖ test/failing.test.ts: it fails',
  },
  {
    check: 'tests',
    file: 'test/leaking.test.ts',
    text: "import test from 'node:test';\n\ntest('it leaks', () => {\n  setInterval(() => {}, 1000);\n});\n",
    says: 'test/leaking.test.ts was not over after 3 s; still open: [',
  },
];

// Two at a time: some of them wait more than they compute.
describe('the checks', { concurrency: 2 }, () => {
  let clean: PlantedTree;
  let planted: PlantedTree;
  before(() => {
    clean = new PlantedTree(CLEAN);
    planted = new PlantedTree(CLEAN);
    for (const { file, text } of PLANTED) planted.write({ [file]: text });
  });
  after(() => {
    clean.remove();
    planted.remove();
  });

  for (const check of ['format', 'types', 'lint', 'dead', 'docs', 'marks', 'tests']) {
    it(`${check} passes on a clean tree`, async () => {
      const { status, output } = await clean.check(check);
      assert.equal(status, 0, output);
    });
    const rows = PLANTED.filter((row) => row.check === check);
    if (rows.length === 0) continue;
    it(`${check} fails on a planted tree and names each violation`, async () => {
      const { status, output } = await planted.check(check, { GATEWRIGHT_TEST_FILE_LIMIT_S: '3' });
      assert.equal(status, 1, output);
      for (const { file, says } of rows) assert.ok(output.includes(says), `${file} passed unnoticed:\n${output}`);
    });
  }

  it('an unknown check is refused', async () => {
    const { status, output } = await clean.check('typos');
    assert.equal(status, 64);
    assert.match(output, /no check is named typos; there are format, types, lint/);
  });
});

describe('the linter', () => {
  it('reports each planted violation under its rule, and nothing in clean files', async () => {
    const tree = new PlantedTree(CLEAN);
    try {
      tree.write({
        'src/cli/cycle-two.ts': "import { one } from './cycle.ts';\nexport const two = (): number => one();\n",
      });
      for (const { file, text } of VIOLATIONS) tree.write({ [file]: text });
      const { status, output } = await tree.run('oxlint', ['--format', 'json']);
      assert.equal(status, 1, output);
      const { diagnostics } = JSON.parse(output) as { diagnostics: Diagnostic[] };
      const found = new Set(diagnostics.map(({ code, filename }) => `${filename}: ${code}`));
      const missed = VIOLATIONS.filter(({ file, rule }) => !found.has(`${file}: ${rule}`));
      assert.deepEqual(missed, []);
      const planted = new Set([...VIOLATIONS.map(({ file }) => file), 'src/cli/cycle-two.ts']);
      assert.deepEqual(
        diagnostics.filter(({ filename }) => !planted.has(filename)),
        [],
      );
    } finally {
      tree.remove();
    }
  });
});
