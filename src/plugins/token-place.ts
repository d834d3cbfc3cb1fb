/** Where a request carries a token: in a header, in the query, or in a cookie. */
import type { Exchange } from '../sdk/index.ts';
import { encodeQuery, withoutArgument } from './query.ts';

export interface TokenNames {
  readonly header: string;
  readonly query: string;
  readonly cookie: string;
}

export type TokenFault = 'nothing_presented' | 'other_scheme' | 'header_repeated';
export interface FoundToken {
  readonly token: string;
}

/** The header counts before the query, the query before the cookie. A header may name the scheme Bearer, or none. */
export function findToken(exchange: Exchange, { header, query, cookie }: TokenNames): FoundToken | TokenFault {
  const { request } = exchange;
  const field = request.header(header);
  // Even where the first is empty: an upstream might go by the other one.
  if (field !== undefined && request.headerAll(header).length > 1) return 'header_repeated';
  if (field !== undefined && field !== '') {
    const token = withoutScheme(field);
    return token === null ? 'other_scheme' : { token };
  }
  const other = request.argument(query) || exchange.variable(`cookie_${cookie}`);
  return other === undefined || other === '' ? 'nothing_presented' : { token: other };
}

/** Takes a token out of all places where it may be: a client that sends it twice wants it hidden twice. */
export function hideToken({ request }: Exchange, { header, query, cookie }: TokenNames): void {
  if (request.header(header) !== undefined) request.removeHeader(header);
  if (request.argument(query) !== undefined) request.setQuery(encodeQuery(withoutArgument(request.query, query)));
  const cookies = request.headerAll('cookie').join('; ');
  if (!cookies.includes(cookie)) return;
  const left = cookies.split(';').filter((pair) => pair.slice(0, pair.indexOf('=')).trim() !== cookie);
  if (left.length === 0) request.removeHeader('cookie');
  else request.setHeader('Cookie', left.join(';').trim());
}

function withoutScheme(field: string): string | null {
  const space = field.indexOf(' ');
  if (space < 0) return field;
  return space === 6 && field.slice(0, 6).toLowerCase() === 'bearer' ? field.slice(7).trim() : null;
}
