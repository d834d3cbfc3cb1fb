/** The load generator: wrk, driven and read; h2load, where the clients speak HTTP/2. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Expected } from './answers.ts';
import { h2loadArguments, parseH2load } from './h2load.ts';
import type { Command, Processes } from './processes.ts';

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url));
const MARK = '@result ';

/** What the clients do. */
export interface Load {
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** Bytes of each request's body. */
  readonly bodyBytes: number;
  readonly connections: number;
  /** Whether every request asks for `Connection: close` and so brings its own connection. */
  readonly closes: boolean;
  /** Requests at once on a connection of HTTP/2, in the clear; 0: HTTP/1.1. */
  readonly streams: number;
  /** Plain HTTP where it is not given. */
  readonly over?: Way;
  /** Fields of every request, besides. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** `tls`: every connection with a handshake of its own; `tls-resumed`: with a ticket of an earlier one; `websocket`: messages that come back. */
export type Way = 'tls' | 'tls-resumed' | 'websocket';

export const isSecured = ({ over }: Load): boolean => over === 'tls' || over === 'tls-resumed';

/** What one run of wrk saw. Latencies are of whole requests, from the first byte sent to the last byte read. */
export interface LoadResult {
  readonly duration_us: number;
  readonly requests: number;
  /** All bytes read, heads included. */
  readonly bytes: number;
  readonly connect: number;
  readonly read: number;
  readonly write: number;
  readonly timeout: number;
  /** Answers with a status of 400 or more. */
  readonly status: number;
  readonly p50_us: number;
  readonly p99_us: number;
}

const FIELDS: readonly (keyof LoadResult)[] = [
  'duration_us',
  'requests',
  'bytes',
  'connect',
  'read',
  'write',
  'timeout',
  'status',
  'p50_us',
  'p99_us',
];

/** The arguments for wrk. One thread: it shares its core with the upstream. */
export function wrkArguments(load: Load, port: number, seconds: number): string[] {
  return [
    '--threads=1',
    `--connections=${load.connections}`,
    `--duration=${seconds}s`,
    '--timeout=10s',
    `--script=${SCRIPT}`,
    ...(load.closes ? ['--header=Connection: close'] : []),
    ...Object.entries(load.headers ?? {}).map(([name, value]) => `--header=${name}: ${value}`),
    `${isSecured(load) ? 'https' : 'http'}://127.0.0.1:${port}${load.path}`,
    '--',
    load.method,
    String(load.bodyBytes),
  ];
}

/** Reads the line that load.lua prints at the end; throws with wrk's own words where there is none. */
export function parseWrk(output: string): LoadResult {
  const line = output.split('\n').find((each) => each.startsWith(MARK));
  if (line === undefined) throw new Error(`wrk gave no result: ${output.trim() || 'no output'}`);
  const result = JSON.parse(line.slice(MARK.length)) as LoadResult;
  for (const field of FIELDS) {
    if (!Number.isFinite(result[field])) throw new Error(`wrk gave no number for ${field}: ${line}`);
  }
  return result;
}

/**
 * Why a run must not be counted, or undefined if every answer was as whole as the expected one. wrk tells statuses of 400
 * and more from lower ones; that it is exactly the expected one was seen before the load.
 */
export function loadFault(result: LoadResult, { status, content }: Expected): string | undefined {
  const contentBytes = content.length;
  const isError = status >= 400;
  const faults = [
    [
      isError ? result.requests - result.status : result.status,
      `answers with a status ${isError ? 'below 400' : 'of 400 or more'}`,
    ],
    [result.connect, 'failed connects'],
    [result.read, 'failed reads'],
    [result.write, 'failed writes'],
    [result.timeout, 'timeouts'],
  ] as const;
  const seen = faults.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  if (result.requests === 0) seen.push('no answer at all');
  else if (result.bytes < result.requests * contentBytes) {
    seen.push(`${Math.floor(result.bytes / result.requests)} bytes an answer, fewer than its body's ${contentBytes}`);
  }
  return seen.length === 0 ? undefined : seen.join(', ');
}

const CLIENTS = fileURLToPath(new URL('clients.ts', import.meta.url));

/** Where a load goes to. */
export interface Aim {
  readonly port: number;
  /** A whole number: wrk takes no other. */
  readonly seconds: number;
  /** For what the generator writes. */
  readonly folder: string;
}

export function loadCommand(load: Load, { port, seconds, folder }: Aim): Command {
  if (load.over === 'tls-resumed' || load.over === 'websocket') {
    const args = [CLIENTS, load.over, load.path, String(port), String(load.connections), String(seconds)];
    return { command: process.execPath, args };
  }
  if (load.streams === 0) return { command: 'wrk', args: wrkArguments(load, port, seconds) };
  return { command: 'h2load', args: h2loadArguments(load, port, seconds, join(folder, `h2load-${port}.log`)) };
}

/** Runs the generator on the given cores. */
export async function runLoad(
  processes: Processes,
  cores: readonly number[],
  load: Load,
  aim: Aim,
): Promise<LoadResult> {
  const { command, args } = loadCommand(load, aim);
  const output = await processes.run(command, args, cores);
  if (load.streams === 0) return parseWrk(output);
  const log = join(aim.folder, `h2load-${aim.port}.log`);
  const result = parseH2load(output, readFileSync(log, 'latin1'));
  rmSync(log);
  return result;
}
