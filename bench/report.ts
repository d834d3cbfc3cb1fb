/** What is printed: one line a gateway and workload, the goals beside it. */
import { unevenness, type FairnessRow } from './fairness.ts';
import type { MemoryRow } from './memory.ts';
import { median, type Row, type Sample, type Spread, type Verdict } from './summary.ts';
import type { Goal, Workload } from './workloads.ts';

/** Below this share of its core a gateway was not the bottleneck, and its batches were smaller than they could be. */
const BUSY_ENOUGH = 0.85;

const WORDS: Readonly<Record<Verdict, string>> = { goal: 'goal met', accept: 'accepted', missed: 'MISSED' };

/** A table of text: the first `left` columns to the left, numbers to the right. Empty rows are drawn as a line. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], left: number): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return column < left ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(head), rule, ...rows.map((row) => (row.length === 0 ? rule : line(row)))].join('\n');
}

function goalCells(goal: Goal | undefined, verdict: Verdict | undefined): string[] {
  if (goal === undefined || verdict === undefined) return ['', '', ''];
  return [goal.goal.toFixed(2), goal.accept.toFixed(2), WORDS[verdict]];
}

function spread(ratio: Spread | undefined): string[] {
  return ratio === undefined
    ? ['–', '']
    : [ratio.median.toFixed(2), `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}`];
}

/** The table of CPU time per request. A line follows each workload. */
export function loadTable(workloads: readonly Workload[], rows: readonly Row[]): string {
  const head = ['workload', 'gateway', 'CPU µs', 'user', 'system', '× nginx', 'half of rounds', 'req/s', 'p50 ms'];
  head.push('p99 ms', 'RSS MiB', 'core %', 'goal', 'accept', '');
  const body = workloads.flatMap((workload, i) => {
    const own = rows.filter((row) => row.workload === workload.name);
    const lines = own.map((row, first) => [
      first === 0 ? workload.name : '',
      row.gateway,
      ...[row.cpu_us, row.user_us, row.system_us].map((each) => each.toFixed(each < 100 ? 1 : 0)),
      ...spread(row.ratio),
      row.requestsPerSecond.toFixed(0),
      row.p50_ms.toFixed(2),
      row.p99_ms.toFixed(2),
      row.rss_mib.toFixed(0),
      `${(row.busy * 100).toFixed(0)}${row.busy < BUSY_ENOUGH ? '*' : ''}`,
      ...goalCells(workload.goal, row.verdict),
    ]);
    return i > 0 && lines.length > 0 ? [[], ...lines] : lines;
  });
  return table(head, body[0]?.length === 0 ? body.slice(1) : body, 2);
}

/** The table of memory per idle connection. */
export function memoryTable(workloads: readonly Workload[], rows: readonly MemoryRow[]): string {
  const head = ['workload', 'gateway', 'connections', 'RSS MiB before', 'after', 'KiB each', 'goal', 'accept', ''];
  const body = rows.map((row) => [
    row.workload,
    row.gateway,
    String(row.connections),
    row.before_mib.toFixed(1),
    row.after_mib.toFixed(1),
    row.each_kib.toFixed(2),
    ...goalCells(workloads.find(({ name }) => name === row.workload)?.goal, row.verdict),
  ]);
  return table(head, body, 2);
}

/** The table of what each worker got. */
export function fairnessTable(rows: readonly FairnessRow[]): string {
  const head = [
    'workload',
    'connections of each worker',
    'most ÷ even',
    'busy ones',
    'requests',
    'most ÷ even',
    'RSS MiB',
  ];
  const body = rows.map(({ workload, connections, busy, requests, rss_mib }) => {
    const all = requests.reduce((sum, each) => sum + each, 0);
    const shares = requests.map((each) => `${((each / all) * 100).toFixed(0)} %`);
    const most = (of: readonly number[]): string => unevenness(of).toFixed(2);
    return [
      workload,
      connections.join(' '),
      most(connections),
      busy.join(' '),
      shares.join(' '),
      most(requests),
      rss_mib.toFixed(0),
    ];
  });
  return table(head, body, 1);
}

/** Lines below the tables: comparisons with another workload, and what a reader has to be careful about. */
export function remarks(workloads: readonly Workload[], rows: readonly Row[], samples: readonly Sample[]): string[] {
  const lines: string[] = [];
  for (const workload of workloads) {
    const compared = rows.filter((row) => row.workload === workload.name && row.toAgainst !== undefined);
    if (compared.length === 0 || workload.kind !== 'load') continue;
    const each = compared.map((row) => `${row.gateway} ${spread(row.toAgainst).join(' (')})`);
    lines.push(`${workload.name} ÷ its own ${workload.against}: ${each.join(', ')}`);
    if (workload.isJudgedByAgainst === true) {
      lines.push(`${workload.name}: × nginx is the ratio to nginx in ${workload.against}`);
    }
  }
  if (rows.some(({ busy }) => busy < BUSY_ENOUGH)) {
    lines.push('* the gateway was not the bottleneck here (other processes, or a slow load generator): read with care');
  }
  if (samples.length > 0) {
    const foreign = median(samples.map((sample) => sample.foreign)) * 100;
    lines.push(`other processes took ${foreign.toFixed(0)} % of the machine's time while this was measured`);
  }
  if (rows.some(({ rounds }) => rounds < 3)) lines.push('fewer than three rounds: a first impression, no measurement');
  return lines;
}
