/** What the Admin API says, and what it wants done before it says it. */
import type { Problem } from '../model/problem.ts';
import type { Change, WriteResult } from '../store/store.ts';

export interface Answer {
  readonly status: number;
  /** JSON; null for no body. */
  readonly body: object | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON unless it says so. */
  readonly format?: 'yaml';
}

/** Changes to be written, all or none; the answer follows from what became of them. */
export interface Plan {
  readonly changes: readonly Change[];
  /** See `WriteOptions`: what was decided on holds only while nothing else was put. */
  readonly unchangedSince?: number;
  answer(result: WriteResult): Answer;
}

export type Decision = Answer | Plan;

export function isPlan(decision: Decision): decision is Plan {
  return 'changes' in decision;
}

/** Thrown where a request cannot be granted. */
export class Refused extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`refused with ${answer.status}`);
    this.answer = answer;
  }
}

/** @param message names the path or the argument, and says what would be right */
export function refuse(status: number, message: string, headers?: Readonly<Record<string, string>>): Refused {
  return new Refused({ status, body: { error_msg: message }, ...(headers === undefined ? {} : { headers }) });
}

/** As APISIX says it. */
export const KEY_NOT_FOUND: Answer = { status: 404, body: { message: 'Key not found' } };

export function refuseMethod(method: string, noun: string, allowed: readonly string[]): Refused {
  return refuse(405, `not supported \`${method}\` operation for ${noun}`, { Allow: allowed.join(', ') });
}

/** All problems of an object in one message, and one by one. */
export function refuseProblems(problems: readonly Problem[]): Refused {
  return new Refused({
    status: 400,
    body: { error_msg: `invalid configuration: ${listProblems(problems)}`, problems },
  });
}

export function listProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
}

/** Tells of attributes that were kept although nobody knows them. ASCII, and bounded: header fields are. */
export function warningHeaders(warnings: readonly Problem[]): Readonly<Record<string, string>> {
  if (warnings.length === 0) return {};
  const text = listProblems(warnings).replaceAll(/[^\x20-\x7e]/g, '?');
  return { 'X-Gatewright-Warning': text.length > 1000 ? `${text.slice(0, 997)}...` : text };
}
