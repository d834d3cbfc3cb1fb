/** What a test gets of one request: the answer, what the upstreams saw, and why it came so. */
import type { ClientAnswer } from './test-client.ts';
import { headersOf } from './message-reader.ts';
import type { SeenRequest } from './node-script.ts';
import type { ToldAttempt, ToldExchange, ToldLimit } from './told.ts';

export interface TestResult {
  /** 0 where nothing came, because the client gave up or the connection ended before. */
  readonly status: number;
  /** By lower-case name; the values of a repeated one are joined with `, `, those of Set-Cookie with a line end. */
  readonly headers: Readonly<Record<string, string>>;
  /** In their order, as written. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
  readonly bytes: Uint8Array;
  /** The body as UTF-8. */
  readonly body: string;
  /** The body as JSON. Throws SyntaxError if it is none. */
  json(): unknown;
  /** Whether the whole answer came; an answer that was cut off has what came of it. */
  readonly isComplete: boolean;
  /** Interim responses that came before. */
  readonly interim: readonly { readonly status: number; readonly headers: Readonly<Record<string, string>> }[];
  /** The requests that upstreams got for it, in their order. */
  readonly seen: readonly SeenRequest[];
  readonly attempts: readonly ToldAttempt[];
  readonly route: ToldExchange['route'];
  readonly service: ToldExchange['service'];
  readonly consumer: ToldExchange['consumer'];
  /** `upstream`, `gateway`, or the name of the plugin that answered. */
  readonly repliedBy: string;
  /** Why the gateway answered itself, or why the answer broke off; '' if neither. */
  readonly errorCode: string;
  /** How the limits stood that counted it. */
  readonly limits: readonly ToldLimit[];
  readonly requestId: string;
  readonly revision: number;
  /** From the arrival of the request to the end of its answer, in virtual time. */
  readonly elapsed_ms: number;
  /** Some lines for people: what was decided, and why. */
  explain(): string;
}

const NOTHING: Omit<ToldExchange, 'method' | 'target'> = {
  id: '',
  requestId: '',
  revision: 0,
  route: { id: '', name: '', uri: '', host: '' },
  service: { id: '', name: '' },
  consumer: null,
  repliedBy: 'gateway',
  errorCode: '',
  status: 0,
  upstream: '',
  attempts: [],
  limits: [],
  elapsed_ms: 0,
};

/** @param exchange undefined where none came to be */
export function resultOf(
  answer: ClientAnswer,
  exchange: ToldExchange | undefined,
  seen: readonly SeenRequest[],
): TestResult {
  const { route, service, consumer, repliedBy, errorCode, attempts, limits, requestId, revision, elapsed_ms } =
    exchange ?? NOTHING;
  const body = answer.body.toString();
  return {
    status: answer.status,
    headers: headersOf(answer.fields),
    rawHeaders: answer.fields,
    bytes: answer.body,
    body,
    json: () => JSON.parse(body) as unknown,
    isComplete: answer.isComplete,
    interim: answer.interim.map(({ status, fields }) => ({ status, headers: headersOf(fields) })),
    seen,
    attempts,
    route,
    service,
    consumer,
    repliedBy,
    errorCode,
    limits,
    requestId,
    revision,
    elapsed_ms,
    explain: () => explanation(answer, exchange),
  };
}

function explanation(answer: ClientAnswer, exchange: ToldExchange | undefined): string {
  if (exchange === undefined)
    return `no exchange came to be; the client got ${answer.status === 0 ? 'nothing' : answer.status}`;
  const { method, target, route, service, consumer, attempts, limits, errorCode, repliedBy, elapsed_ms } = exchange;
  const got = answer.status === 0 ? 'no answer' : `${answer.status}${answer.isComplete ? '' : ', cut off'}`;
  const why = repliedBy === 'upstream' ? '' : ` by ${repliedBy === 'gateway' ? 'the gateway' : repliedBy}`;
  const lines = [
    `${method} ${target}: ${got}${why}${errorCode === '' ? '' : ` (${errorCode})`} after ${time(elapsed_ms)}`,
  ];
  lines.push(
    route.id === ''
      ? 'no route matched'
      : `route ${route.id}${route.name === '' ? '' : ` (${route.name})`}: ${route.host}${route.uri}`,
  );
  if (service.id !== '') lines.push(`service ${service.id}`);
  if (consumer !== null) lines.push(`consumer ${consumer.username}`);
  for (const { plugin, limit, remaining, reset_s } of limits)
    lines.push(`${plugin}: ${remaining} of ${limit} left, anew in ${reset_s} s`);
  for (const { node, outcome, status, code, elapsed_ms: spent } of attempts) {
    const how = outcome === 'answered' ? String(status) : outcome === 'failed' ? code : 'given up';
    lines.push(`${node}: ${how} after ${time(spent)}`);
  }
  return lines.join('\n  ');
}

const time = (elapsed_ms: number): string => (elapsed_ms < 1000 ? `${elapsed_ms} ms` : `${elapsed_ms / 1000} s`);
