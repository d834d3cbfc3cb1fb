/** Every response that the gateway makes itself. */
import type { OutgoingResponse } from '../http1/messages.ts';
import { type ErrorCode, ERRORS } from '../sdk/errors.ts';
import type { Reply } from '../sdk/reply.ts';
import { droppedFromResponse } from './forwarding.ts';
import { PLUGIN_FAILED, runResponseBody, runResponseHead } from './pipeline.ts';
import type { Exchange } from './exchange.ts';
import type { Plane } from './plane.ts';
import { reasonOf } from './reason.ts';
import type { ResponseView } from './response-view.ts';

const NOTHING_DROPPED = droppedFromResponse('plain', false);
const NO_BYTES = Buffer.alloc(0);

/** Answers with an error of the table. Not to be called once a head was sent. */
export function replyError(exchange: Exchange, code: ErrorCode): void {
  const { status } = ERRORS[code];
  send(exchange, {
    status,
    code,
    type: 'application/json',
    body: Buffer.from(errorBody(code, exchange)),
    headers: NO_HEADERS,
  });
}

/** Answers with what a phase returned. Not to be called once a head was sent. */
export function reply(exchange: Exchange, answer: Reply): void {
  const { status, code = '', headers = NO_HEADERS } = answer;
  if (answer === PLUGIN_FAILED) {
    replyError(exchange, 'plugin_failed');
    return;
  }
  const { body } = answer;
  if (body === undefined) send(exchange, { status, code, type: '', body: NO_BYTES, headers });
  else if (typeof body === 'string')
    send(exchange, { status, code, type: 'text/plain; charset=utf-8', body: Buffer.from(body), headers });
  else if (body instanceof Uint8Array)
    send(exchange, { status, code, type: 'application/octet-stream', body: Buffer.from(body), headers });
  else
    send(exchange, { status, code, type: 'application/json', body: Buffer.from(`${JSON.stringify(body)}\n`), headers });
}

/** Ends an upstream's response that a plugin broke off, or failed in: as an error if its head was not sent, else visibly cut. */
export function breakOff(exchange: Exchange): void {
  const code = takeBreakCode(exchange);
  if (exchange.isHeadSent) {
    exchange.errorCode = code;
    exchange.downstream.abort(true);
    exchange.finish();
  } else if (isErrorCode(code)) replyError(exchange, code);
  else {
    const { requestId: request_id } = exchange;
    reply(exchange, { status: 502, code, body: { message: 'the response was broken off', code, request_id } });
  }
}

function takeBreakCode({ asked }: Exchange): string {
  if (asked === null || asked.breakCode === '') return 'plugin_failed';
  const { breakCode } = asked;
  asked.breakCode = '';
  return breakCode;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

const NO_HEADERS: NonNullable<Reply['headers']> = {};

interface Made {
  readonly status: number;
  readonly code: string;
  /** Content-Type unless the headers have one; '' for none. */
  readonly type: string;
  readonly body: Buffer;
  readonly headers: NonNullable<Reply['headers']>;
}

/** Replies go through the response phases, as an upstream's answers do: a 401 has its CORS headers. */
function send(exchange: Exchange, made: Made): void {
  exchange.errorCode = made.code;
  exchange.status = made.status;
  exchange.upstreamHead = null;
  const response = exchange.openResponse(null);
  fill(response, made);
  exchange.dropBodySteps();
  if (exchange.chain.responseHead.length > 0) runResponseHead(exchange);
  const body = finalBody(exchange, response.replacement ?? made.body);
  const { downstream } = exchange;
  if (body === null) {
    exchange.errorCode = takeBreakCode(exchange);
    downstream.abort(true);
    exchange.finish();
    return;
  }
  exchange.isHeadSent = true;
  downstream.discardBody();
  const hasNone = exchange.isHead || exchange.status === 204 || exchange.status === 304;
  const sent = hasNone ? NO_BYTES : body;
  exchange.bodyBytesSent = sent.length;
  downstream.respond(headOf(exchange, response, body.length), sent, 0, sent.length);
  downstream.end();
  exchange.finish();
}

export function fill(response: ResponseView, { headers, type, code }: Pick<Made, 'headers' | 'type' | 'code'>): void {
  if (type !== '') response.fields.set('Content-Type', type);
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() === 'content-length') continue;
    if (typeof value === 'string') response.fields.set(name, value);
    else for (const [index, each] of value.entries()) response.fields[index === 0 ? 'set' : 'add'](name, each);
  }
  if (code !== '') response.fields.set('X-Gatewright-Error', code);
}

/** The whole body through the steps that want it. */
function finalBody(exchange: Exchange, body: Buffer): Buffer | null {
  if (exchange.bodySteps.length === 0) return body;
  const passed = runResponseBody(exchange, body, true);
  return passed === null ? null : Buffer.from(passed);
}

/** @param length of the body; below 0 for one that is not told */
export function headOf(exchange: Exchange, response: ResponseView, length: number): OutgoingResponse {
  const { status, plane } = exchange;
  const own = response.fields.added;
  // RFC 9110 §8.6: a 204 has no Content-Length.
  const lengthField = status === 204 || length < 0 ? '' : `Content-Length: ${length}\r\n`;
  const server = own?.has('server') === true ? `Date: ${plane.httpDate()}\r\n` : ownFields(plane);
  // RFC 9110 §15.5.22: a 426 names what to upgrade to. HTTP/2 has no such fields.
  const isToUpgrade = exchange.errorCode === 'websocket_version' && !exchange.downstream.isMultiplexed;
  return {
    keepsStart: false,
    status,
    reason: reasonOf(status),
    fields: null,
    dropped: NOTHING_DROPPED,
    added: `${server}${lengthField}${isToUpgrade ? 'Connection: Upgrade\r\nUpgrade: websocket\r\n' : ''}${own?.text() ?? ''}`,
  };
}

function errorBody(code: ErrorCode, exchange: Exchange): string {
  // APISIX's own body, which its users' clients look for.
  if (code === 'route_not_found') return '{"error_msg":"404 Route Not Found"}\n';
  return `{"message":"${ERRORS[code].message}","code":"${code}","request_id":${JSON.stringify(exchange.requestId)}}\n`;
}

/** Server and Date, as every response has them. */
export function ownFields(plane: Plane): string {
  return plane.ownFields.at(plane.httpDate());
}
