/** The load generator for HTTP/2: h2load of nghttp2, driven and read. */
import { quantile } from './summary.ts';
import type { Load, LoadResult } from './load.ts';

/** The arguments for h2load, in the clear by prior knowledge. @param log where it writes a line for each answer */
export function h2loadArguments(load: Load, port: number, seconds: number, log: string): string[] {
  return [
    '--threads=1',
    `--clients=${load.connections}`,
    `--max-concurrent-streams=${load.streams}`,
    `--duration=${seconds}`,
    `--log-file=${log}`,
    ...Object.entries(load.headers ?? {}).map(([name, value]) => `--header=${name}: ${value}`),
    // What is measured is no window that is too small.
    '--window-bits=20',
    '--connection-window-bits=24',
    `http://127.0.0.1:${port}${load.path}`,
  ];
}

const NUMBERS = {
  seconds: /^finished in ([\d.]+)(m?s)/m,
  requests: /^requests: .* (\d+) done/m,
  failed: /^requests: .* (\d+) failed/m,
  timeout: /^requests: .* (\d+) timeout/m,
  good: /^status codes: (\d+) 2xx, (\d+) 3xx/m,
  bytes: /^traffic: \S+ \((\d+)\) total/m,
} as const;

/** Reads what h2load prints, and its log; throws with h2load's own words where there is no result. */
export function parseH2load(output: string, log: string): LoadResult {
  const found = (name: keyof typeof NUMBERS): RegExpExecArray => {
    const match = NUMBERS[name].exec(output);
    if (match === null) throw new Error(`h2load gave no result: ${output.trim() || 'no output'}`);
    return match;
  };
  const [, time, unit] = found('seconds');
  const requests = Number(found('requests')[1]);
  const [, good, redirected] = found('good');
  const latencies = log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('\t')[2]));
  return {
    duration_us: Number(time) * (unit === 'ms' ? 1_000 : 1_000_000),
    requests,
    bytes: Number(found('bytes')[1]),
    connect: 0,
    read: Number(found('failed')[1]),
    write: 0,
    timeout: Number(found('timeout')[1]),
    status: Math.max(0, requests - Number(good) - Number(redirected)),
    p50_us: latencies.length === 0 ? 0 : quantile(latencies, 0.5),
    p99_us: latencies.length === 0 ? 0 : quantile(latencies, 0.99),
  };
}
