/** Why a message was refused. Parsers return these as negative numbers, the names are those of the gateway's error codes. */

export const INCOMPLETE = 0;
export const BAD_START_LINE = -1;
export const BAD_TARGET = -2;
export const BAD_HEADER = -3;
export const BAD_HOST = -4;
export const BAD_CONTENT_LENGTH = -5;
export const AMBIGUOUS_FRAMING = -6;
export const TRANSFER_CODING = -7;
export const EXPECTATION_FAILED = -8;
export const TARGET_TOO_LONG = -9;
export const HEADER_TOO_LARGE = -10;
export const METHOD_NOT_IMPLEMENTED = -11;
export const HTTP_VERSION = -12;
export const LENGTH_REQUIRED = -13;

const NAMES = [
  'internal',
  'bad_request_line',
  'bad_target',
  'bad_header',
  'bad_host',
  'bad_content_length',
  'ambiguous_framing',
  'transfer_coding',
  'expectation_failed',
  'target_too_long',
  'header_too_large',
  'method_not_implemented',
  'http_version',
  'length_required',
] as const;

/** What can be wrong with a request: its head, its body, or its pace. */
export type RequestFault =
  | (typeof NAMES)[number]
  | 'bad_chunk'
  | 'body_too_large'
  | 'request_incomplete'
  | 'request_timeout';

/** The name of a parser's negative result. */
export function faultName(result: number): RequestFault {
  return NAMES[-result] ?? 'internal';
}
