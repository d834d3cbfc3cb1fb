/** Queries, without their question mark. */
import { unescape } from 'node:querystring';
import { percentEncoded } from './header-actions.ts';

const FOREIGN = /[^\x21\x24-\x7e]/g;

/** The query without every argument named `name`; the rest stays as it was written. */
export function withoutArgument(query: string, name: string): string {
  return query
    .split('&')
    .filter((pair) => nameOf(pair) !== name)
    .join('&');
}

/** A query as a client sent it, ready to be sent on: clients are known to leave quotation marks and bytes beyond ASCII as they are. */
export function encodeQuery(bytes: string): string {
  return bytes.replace(FOREIGN, percentEncoded);
}

/** Decoded as `argument` of a request decodes it. */
function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return unescape((equals < 0 ? pair : pair.slice(0, equals)).replaceAll('+', ' '));
}
