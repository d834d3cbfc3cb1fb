/** What a scripted upstream does with a request, as tests write it: the same in TypeScript and in YAML. */
import type { Schema } from '../sdk/schema.ts';
import { validator } from '../model/validate.ts';
import type { Duration } from './duration.ts';
import { DURATION_REMEDY, readDuration } from './duration.ts';

/** The keys are those of YAML tests. */
export interface Answer {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** A body in JSON, with its Content-Type. */
  readonly json?: unknown;
  /** A body that comes piece by piece, in chunks; `after` is how long a piece lets wait for it. */
  readonly pieces?: readonly (string | { readonly body: string; readonly after?: Duration })[];
  /** Before the head. */
  readonly delay?: Duration;
  /** Interim responses before it, by status. */
  readonly interim?: readonly number[];
  /** Bytes as they stand, in place of status, headers and body. */
  readonly raw?: string;
  /** Whether the connection ends after the answer. */
  readonly close?: boolean;
  /** Whether the answer does not wait for the request's body. */
  readonly early?: boolean;
  /** The connection is not made, or takes so long. */
  readonly connect?: 'refused' | 'timeout' | Duration;
  /** In place of an answer, or after `after_bytes` of its body: a reset, the end of the connection, or nothing any more. */
  readonly fault?: 'reset' | 'close' | 'silent';
  /** Bytes of the body before `fault`. */
  readonly after_bytes?: number;
  /** Only for such requests. A path may end with `*`. */
  readonly when?: { readonly method?: string; readonly path?: string };
  /** How many requests get it. In a list: 1, for ever where it has `when` or is the last. */
  readonly times?: number | 'always';
}

/** A status; or `refused`, `timeout` (of connecting), `reset`, `close`, `silent`. */
export type AnswerOrShort = Answer | number | ShortAnswer;
export type ShortAnswer = 'refused' | 'timeout' | 'reset' | 'close' | 'silent';

export const DURATION = {
  anyOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: '^\\d+(\\.\\d+)?(ms|s|m|h|d)$', remedy: `is no duration: ${DURATION_REMEDY}` },
  ],
  remedy: `is no duration: ${DURATION_REMEDY}`,
} as const satisfies Schema;

const SHORTS = ['refused', 'timeout', 'reset', 'close', 'silent'] as const;

export const fieldsSchema = {
  type: 'object',
  additionalProperties: {
    anyOf: [
      { type: 'string', pattern: '^[^\\r\\n\\u0000]*$' },
      { type: 'array', items: { type: 'string', pattern: '^[^\\r\\n\\u0000]*$' } },
      { type: 'number' },
    ],
  },
} as const satisfies Schema;

export const answerSchema = {
  type: 'object',
  description: 'What a scripted upstream answers.',
  properties: {
    status: { type: 'integer', minimum: 200, maximum: 599, default: 200, description: 'Status of the response.' },
    headers: { ...fieldsSchema, description: 'Fields of the response, a list for one that is repeated.' },
    body: { type: 'string', description: 'Body of the response.' },
    json: { description: 'A body in JSON, with its Content-Type.' },
    pieces: {
      type: 'array',
      maxItems: 100_000,
      description: 'A body that comes piece by piece, in chunks.',
      items: {
        anyOf: [
          { type: 'string' },
          {
            type: 'object',
            required: ['body'],
            properties: {
              body: { type: 'string', description: 'The piece.' },
              after: { ...DURATION, description: 'How long it lets wait for it.' },
            },
          },
        ],
      },
    },
    delay: { ...DURATION, description: 'Time before the head.' },
    interim: {
      type: 'array',
      maxItems: 16,
      items: { type: 'integer', minimum: 100, maximum: 199 },
      description: 'Interim responses before it, by status.',
    },
    raw: { type: 'string', minLength: 1, description: 'Bytes as they stand, in place of status, headers and body.' },
    close: { type: 'boolean', default: false, description: 'Whether the connection ends after the answer.' },
    early: { type: 'boolean', default: false, description: "Whether it does not wait for the request's body." },
    connect: {
      anyOf: [{ enum: ['refused', 'timeout'] }, ...DURATION.anyOf],
      description: 'The connection is `refused`, or never made (`timeout`), or takes so long.',
      remedy: 'is neither refused nor timeout, nor a duration such as 250ms',
    },
    fault: {
      enum: ['reset', 'close', 'silent'],
      description:
        'In place of an answer, or after `after_bytes` of its body: a reset, the end of the connection, or nothing any more.',
    },
    after_bytes: { type: 'integer', minimum: 0, description: 'Bytes of the body before `fault`.' },
    when: {
      type: 'object',
      description: 'The answer is for such requests only.',
      minProperties: 1,
      properties: {
        method: { type: 'string', minLength: 1, description: 'Method of the request.' },
        path: { type: 'string', minLength: 1, description: 'Its path, without query; it may end with `*`.' },
      },
    },
    times: {
      anyOf: [{ type: 'integer', minimum: 1 }, { const: 'always' }],
      description: 'How many requests get it. In a list: 1, and `always` where it has `when` or is the last.',
      remedy: 'is neither a number of times from 1 on nor always',
    },
  },
} as const satisfies Schema;

export const anyAnswerSchema = {
  anyOf: [{ type: 'integer', minimum: 200, maximum: 599 }, { enum: SHORTS }, answerSchema],
  remedy: 'is no answer: write a status, one of refused, timeout, reset, close, silent, or an object',
} as const satisfies Schema;

/** An answer with everything decided that can be before there is a request. */
export interface ScriptedAnswer {
  readonly source: Answer;
  readonly delay_ms: number;
  readonly body: readonly { readonly bytes: Buffer; readonly after_ms: number }[];
  readonly isChunked: boolean;
  readonly type: string;
  readonly connect: 'now' | 'refused' | 'timeout' | number;
}

const check = validator(answerSchema);

/** Throws TypeError for what is no answer; `place` is what its message begins with. */
export function scripted(answer: AnswerOrShort, place: string): ScriptedAnswer {
  const source = longForm(answer);
  const { body, ...rest } = source;
  const plain = typeof body === 'string' || body === undefined ? source : rest;
  const { problems, unknown } = check(plain, '');
  const [problem] = [...unknown, ...problems];
  if (problem !== undefined)
    throw new TypeError(`${place}${problem.path === '' ? '' : `.${problem.path}`}: ${problem.message}`);
  const conflict = conflictIn(source);
  if (conflict !== null) throw new TypeError(`${place}: ${conflict}`);
  const { pieces, json, connect } = source;
  return {
    source,
    delay_ms: readDuration(source.delay ?? 0) ?? 0,
    body: bodyOf(source),
    isChunked: pieces !== undefined,
    type:
      json !== undefined ? 'application/json' : typeof body === 'string' || pieces !== undefined ? 'text/plain' : '',
    connect:
      connect === undefined
        ? 'now'
        : connect === 'refused' || connect === 'timeout'
          ? connect
          : (readDuration(connect) ?? 0),
  };
}

/** What cannot be meant together; null if all can. */
export function conflictIn(answer: Answer): string | null {
  const bodies = (['body', 'json', 'pieces', 'raw'] as const).filter((name) => answer[name] !== undefined);
  if (bodies.length > 1) return `${bodies.join(' and ')} exclude each other: an answer has one body`;
  if (answer.after_bytes !== undefined && answer.fault === undefined)
    return 'after_bytes says when a fault comes: write fault, too';
  if (answer.raw !== undefined && (answer.status !== undefined || answer.headers !== undefined))
    return 'raw is the whole answer: leave out status and headers';
  return null;
}

function longForm(answer: AnswerOrShort): Answer {
  if (typeof answer === 'number') return { status: answer };
  if (typeof answer !== 'string') return answer;
  return answer === 'refused' || answer === 'timeout' ? { connect: answer } : { fault: answer };
}

function bodyOf({ body, json, pieces, raw }: Answer): ScriptedAnswer['body'] {
  if (pieces !== undefined) {
    return pieces.map((piece) =>
      typeof piece === 'string'
        ? { bytes: Buffer.from(piece), after_ms: 0 }
        : { bytes: Buffer.from(piece.body), after_ms: readDuration(piece.after ?? 0) ?? 0 },
    );
  }
  const bytes = raw ?? (json === undefined ? body : JSON.stringify(json));
  return bytes === undefined || bytes.length === 0 ? [] : [{ bytes: Buffer.from(bytes as string), after_ms: 0 }];
}
