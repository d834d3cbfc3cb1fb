/** Messages to be written, and their text. The values of `added` are checked by who adds them: no CR or LF may get in. */
import type { Head } from './head.ts';

export interface OutgoingRequest {
  /** Request line and Host go on as they stand in `fields`; `dropped` must leave Host in. It spares putting them together anew. */
  readonly keepsStart: boolean;
  readonly method: string;
  /** Origin form: path and query. */
  readonly target: string;
  readonly host: string;
  /** The fields to pass on, null for none. */
  readonly fields: Head | null;
  /** Flags by kind of field: which of `fields` stay behind. */
  readonly dropped: Uint8Array;
  /** Further fields, each line with its CRLF. */
  readonly added: string;
}

export interface OutgoingResponse {
  /** The status line goes on as it stands in `fields`. */
  readonly keepsStart: boolean;
  readonly status: number;
  readonly reason: string;
  readonly fields: Head | null;
  readonly dropped: Uint8Array;
  readonly added: string;
}

/** The complete head of a request. */
export function requestText(request: OutgoingRequest): string {
  const { fields } = request;
  if (request.keepsStart && fields !== null) return fields.forwarded(request.dropped, 0) + request.added + '\r\n';
  const start = `${request.method} ${request.target} HTTP/1.1\r\nHost: ${request.host}\r\n`;
  return (fields === null ? start : start + fields.forwarded(request.dropped)) + request.added + '\r\n';
}

/** The head of a response without Connection and the empty line, which depend on the connection. */
export function responseText(response: OutgoingResponse): string {
  const { fields } = response;
  if (response.keepsStart && fields !== null) return fields.forwarded(response.dropped, 0) + response.added;
  const start = `HTTP/1.1 ${response.status} ${response.reason}\r\n`;
  return (fields === null ? start : start + fields.forwarded(response.dropped)) + response.added;
}
