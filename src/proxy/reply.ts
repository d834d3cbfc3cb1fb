/** Every response that the gateway makes itself. */
import type { OutgoingResponse } from '../http1/messages.ts';
import { type ErrorCode, ERRORS } from '../sdk/errors.ts';
import { droppedFromResponse } from './forwarding.ts';
import type { Exchange } from './exchange.ts';
import type { Plane } from './plane.ts';
import { reasonOf } from './reason.ts';

const NOTHING_DROPPED = droppedFromResponse('plain', false);
const NO_BYTES = Buffer.alloc(0);

/** Answers with an error of the table. Not to be called once a head was sent. */
export function replyError(exchange: Exchange, code: ErrorCode): void {
  exchange.errorCode = code;
  exchange.status = ERRORS[code].status;
  const text = errorBody(code, exchange.id);
  const { downstream } = exchange;
  downstream.discardBody();
  const body = exchange.isHead ? NO_BYTES : Buffer.from(text);
  exchange.bodyBytesSent = body.length;
  downstream.respond(errorResponse(exchange.plane, code, text.length), body, 0, body.length);
  downstream.end();
  exchange.finish();
}

function errorBody(code: ErrorCode, id: string): string {
  // APISIX's own body, which its users' clients look for.
  if (code === 'route_not_found') return '{"error_msg":"404 Route Not Found"}\n';
  return `{"message":"${ERRORS[code].message}","code":"${code}","request_id":"${id}"}\n`;
}

function errorResponse(plane: Plane, code: ErrorCode, length: number): OutgoingResponse {
  const { status } = ERRORS[code];
  return {
    status,
    reason: reasonOf(status),
    fields: null,
    dropped: NOTHING_DROPPED,
    added: `${ownFields(plane)}Content-Type: application/json\r\nContent-Length: ${length}\r\nX-Gatewright-Error: ${code}\r\n`,
  };
}

/** Server and Date, as every response has them. */
export function ownFields(plane: Plane): string {
  const { serverHeader } = plane.options;
  const date = `Date: ${plane.httpDate()}\r\n`;
  return serverHeader === '' ? date : `Server: ${serverHeader}\r\n${date}`;
}
