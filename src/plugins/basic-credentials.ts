/** Basic credentials of a request (RFC 7617), read strictly: what another reader might understand in another way is refused. */
import type { ExchangeRequest } from '../sdk/index.ts';

export interface BasicCredentials {
  readonly name: string;
  readonly password: string;
}

/** Why there are none that can be looked at. */
export type BasicFault =
  | 'nothing_presented'
  | 'other_scheme'
  | 'authorization_repeated'
  | 'not_base64'
  | 'not_utf8'
  | 'no_colon'
  | 'name_empty'
  | 'control_character';

/** Faults of requests that carry no Basic credentials at all, rather than broken ones. */
export const LACKING: ReadonlySet<BasicFault> = new Set(['nothing_presented', 'other_scheme']);

/**
 * With the first colon as the end of the name: a password may hold more. Both in the composed form of Unicode (NFC), as
 * RFC 7617 §2.1 has it, so that it does not matter how a keyboard writes an umlaut.
 *
 * @param schemes in lower case
 */
export function readBasic(
  request: ExchangeRequest,
  schemes: readonly string[] = ['basic'],
  field = 'authorization',
): BasicCredentials | BasicFault {
  const values = request.headerAll(field);
  const [value] = values;
  if (value === undefined || value === '') return 'nothing_presented';
  if (values.length > 1) return 'authorization_repeated';
  const space = value.indexOf(' ');
  const scheme = (space < 0 ? value : value.slice(0, space)).toLowerCase();
  if (!schemes.includes(scheme)) return 'other_scheme';
  const encoded = value.slice(scheme.length).trim();
  const bytes = Buffer.from(encoded, 'base64');
  // Node.js skips what is no base64, and takes the alphabet of URLs as well.
  if (bytes.length === 0 || bytes.toString('base64') !== encoded) return 'not_base64';
  return parseUserPass(bytes);
}

function parseUserPass(bytes: Buffer): BasicCredentials | BasicFault {
  const text = bytes.toString();
  // What is no UTF-8 becomes U+FFFD, which nobody types.
  if (text.includes('\ufffd')) return 'not_utf8';
  if (/[\x00-\x1f\x7f]/.test(text)) return 'control_character';
  const colon = text.indexOf(':');
  if (colon < 0) return 'no_colon';
  if (colon === 0) return 'name_empty';
  return { name: text.slice(0, colon).normalize(), password: text.slice(colon + 1).normalize() };
}
