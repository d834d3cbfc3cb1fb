/** What a response's head says of its body, and of its connection. */
import type { ResponseFraming } from './client-settings.ts';
import { parsed } from './fields.ts';

/** How the body is framed after the head that was parsed last. @param isHead the response to a HEAD */
export function framingOf(isHead: boolean): ResponseFraming {
  const { status, contentLength, chunked } = parsed;
  // RFC 9112 §6.3: these have no body, whatever their fields say.
  if (isHead || status === 204 || status === 304) return 'none';
  if (chunked) return 'chunked';
  return contentLength >= 0 ? 'length' : 'until_close';
}

/** Whether the connection can take another request after it. */
export function isPersistent(): boolean {
  const { status, minorVersion, connectionClose, connectionKeepAlive, contentLength, chunked } = parsed;
  // RFC 9110 §8.6: a 204 announces no body. Who does may be about to send it, and the next request would get that for an answer.
  if (connectionClose || (status === 204 && (chunked || contentLength > 0))) return false;
  return minorVersion === 1 || connectionKeepAlive;
}
