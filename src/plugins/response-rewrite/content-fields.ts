import type { ExchangeResponse } from '../../sdk/index.ts';

/** Fields that say something about the very bytes of a body, or about parts of it. */
const CONTENT_FIELDS = [
  'Content-Encoding',
  'Content-Range',
  'Accept-Ranges',
  'ETag',
  'Last-Modified',
  'Content-MD5',
  'Digest',
  'Content-Digest',
  'Repr-Digest',
];

/** Takes away what is no longer true once the body is another one. */
export function dropContentFields(response: ExchangeResponse): void {
  for (const name of CONTENT_FIELDS) if (response.header(name) !== undefined) response.removeHeader(name);
}
