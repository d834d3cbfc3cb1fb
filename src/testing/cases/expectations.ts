/** What one step expects of the answer, or of the gateway, and what differs. */
import { pathOf } from '../../model/problem.ts';
import type { CaseExpectation, ExpectedAnswer } from './case-types.ts';
import { readDuration } from '../duration.ts';
import { headerMismatches, jsonMismatches, type Mismatch, shownValue, textMismatches } from './mismatch.ts';
import type { TestResult } from '../result.ts';
import type { TestGateway } from '../test-gateway.ts';

type Check<T> = (wanted: T, result: TestResult, path: string) => Mismatch[];
type Checks = { readonly [K in keyof ExpectedAnswer]-?: Check<NonNullable<ExpectedAnswer[K]> | null> };

/** Nothing where it is as expected. @param path of the expectation in the file */
export function answerMismatches(expected: CaseExpectation, result: TestResult, path: string): Mismatch[] {
  if (typeof expected === 'number') return [...CHECKS.status(expected, result, path), ...cutOff(result, path)];
  const found = Object.entries(expected).flatMap(([name, wanted]) => {
    const check = CHECKS[name as keyof ExpectedAnswer] as Check<unknown> | undefined;
    return check === undefined || wanted === undefined ? [] : check(wanted, result, pathOf(path, name));
  });
  return expected.complete === undefined && result.status !== 0 ? [...found, ...cutOff(result, path)] : found;
}

function cutOff({ isComplete, errorCode }: TestResult, path: string): Mismatch[] {
  return isComplete ? [] : [{ path, expected: 'the whole answer', came: `an answer that was cut off (${errorCode})` }];
}

const same = (wanted: unknown, came: unknown, path: string): Mismatch[] =>
  wanted === came ? [] : [{ path, expected: shownValue(wanted), came: shownValue(came) }];

/** Ids are compared as strings; an empty one is none. */
const sameId = (wanted: string | number | null, came: string, path: string): Mismatch[] =>
  same(wanted === null ? null : String(wanted), came === '' ? null : came, path);

const CHECKS: Checks = {
  status(wanted, { status }, path) {
    if (!Array.isArray(wanted)) return same(wanted, status, path);
    return wanted.includes(status) ? [] : [{ path, expected: `one of ${wanted.join(', ')}`, came: String(status) }];
  },
  headers: (wanted, { headers }, path) => headerMismatches(wanted ?? {}, headers, path),
  body: (wanted, { body }, path) => (wanted === null ? [] : textMismatches(wanted, body, path)),
  json: (wanted, { body }, path) => jsonMismatches(wanted, body, path),
  complete: (wanted, { isComplete }, path) => same(wanted, isComplete, path),
  route: (wanted, { route }, path) => sameId(wanted, route.id, path),
  service: (wanted, { service }, path) => sameId(wanted, service.id, path),
  consumer: (wanted, { consumer }, path) => same(wanted, consumer?.username ?? null, path),
  replied_by: (wanted, { repliedBy }, path) => same(wanted, repliedBy, path),
  error: (wanted, { errorCode }, path) => same(wanted, errorCode, path),
  upstream: upstreamMismatches,
  attempts(wanted, { attempts }, path) {
    if (!Array.isArray(wanted)) return same(wanted, attempts.length, path);
    const came = attempts.map(({ node, host, outcome, status, code }) => {
      const name = node.startsWith(host) ? node : `${host}${node.slice(node.lastIndexOf(':'))}`;
      return `${name} ${outcome === 'answered' ? status : outcome === 'failed' ? code : 'abandoned'}`;
    });
    return same(JSON.stringify(wanted), JSON.stringify(came), path).map((one) => ({
      ...one,
      expected: wanted.join(', '),
      came: came.join(', ') || 'none',
    }));
  },
  limits(wanted, { limits }, path) {
    return Object.entries(wanted ?? {}).flatMap(([plugin, numbers]) => {
      const at = pathOf(path, plugin);
      const limit = limits.find((one) => one.plugin === plugin);
      if (limit === undefined) {
        const names = limits.map((one) => one.plugin).join(', ');
        return [
          { path: at, expected: 'a limit that counted the request', came: names === '' ? 'none' : `only ${names}` },
        ];
      }
      return Object.entries(numbers).flatMap(([name, value]) => same(value, limit[name as 'limit'], pathOf(at, name)));
    });
  },
  elapsed: (wanted, { elapsed_ms }, path) => elapsedMismatches(wanted, elapsed_ms, path),
  // Of the gateway, not of the answer: see below.
  health: () => [],
  log: () => [],
};

function upstreamMismatches(wanted: ExpectedAnswer['upstream'] | null, { seen }: TestResult, path: string): Mismatch[] {
  const last = seen.at(-1);
  if (wanted === null || wanted === undefined) {
    return last === undefined
      ? []
      : [{ path, expected: 'no request to any upstream', came: `${last.method} ${last.target} at ${last.node}` }];
  }
  if (last === undefined) return [{ path, expected: 'a request to an upstream', came: 'none' }];
  const found: Mismatch[] = [];
  const { node, method, headers, body, json } = wanted;
  if (node !== undefined) found.push(...same(node, last.node, pathOf(path, 'node')));
  if (method !== undefined) found.push(...same(method, last.method, pathOf(path, 'method')));
  if (wanted.path !== undefined) found.push(...textMismatches(wanted.path, last.target, pathOf(path, 'path')));
  if (headers !== undefined) found.push(...headerMismatches(headers, last.headers, pathOf(path, 'headers')));
  if (body !== undefined) found.push(...textMismatches(body, last.text, pathOf(path, 'body')));
  if (json !== undefined) found.push(...jsonMismatches(json, last.text, pathOf(path, 'json')));
  return found;
}

function elapsedMismatches(wanted: ExpectedAnswer['elapsed'] | null, elapsed_ms: number, path: string): Mismatch[] {
  const came = `${elapsed_ms} ms`;
  if (typeof wanted !== 'object' || wanted === null) {
    return readDuration(wanted) === elapsed_ms ? [] : [{ path, expected: `${readDuration(wanted)} ms`, came }];
  }
  const { at_least, at_most } = wanted;
  const found: Mismatch[] = [];
  if (at_least !== undefined && elapsed_ms < (readDuration(at_least) ?? 0))
    found.push({ path: pathOf(path, 'at_least'), expected: `at least ${readDuration(at_least)} ms`, came });
  if (at_most !== undefined && elapsed_ms > (readDuration(at_most) ?? Infinity))
    found.push({ path: pathOf(path, 'at_most'), expected: `at most ${readDuration(at_most)} ms`, came });
  return found;
}

/** What a step expects of the gateway at that time. */
export function gatewayMismatches(expected: CaseExpectation, gateway: TestGateway, path: string): Mismatch[] {
  if (typeof expected === 'number') return [];
  const { health, log } = expected;
  const found: Mismatch[] = [];
  const states = gateway.health().flatMap(({ nodes }) => nodes);
  for (const [node, wanted] of Object.entries(health ?? {})) {
    const at = pathOf(pathOf(path, 'health'), node);
    const state = states.find(({ ip, hostname, port }) => `${ip}:${port}` === node || `${hostname}:${port}` === node);
    if (state === undefined) found.push({ path: at, expected: wanted, came: 'no checked node of that name' });
    else found.push(...same(wanted, state.status, at));
  }
  if (log !== undefined) {
    const came = gateway.log.map(({ event }) => event);
    if (log.join(' ') !== came.join(' '))
      found.push({ path: pathOf(path, 'log'), expected: log.join(', '), came: came.join(', ') || 'nothing' });
  }
  return found;
}
