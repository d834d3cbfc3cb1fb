import { writeLatin1 } from './bytes.ts';

const END = Buffer.from('0\r\n\r\n');

/**
 * A piece of a body in the chunked coding (RFC 9112 §7.1). Empty where there is nothing to say.
 * @param trailers behind the last piece, lines with their CRLF
 */
export function chunkOf(content: Uint8Array, isLast: boolean, trailers = ''): Buffer {
  const { length } = content;
  const head = length === 0 ? '' : `${length.toString(16)}\r\n`;
  const data = length === 0 ? 0 : head.length + length + 2;
  const chunk = Buffer.allocUnsafe(data + (isLast ? END.length + trailers.length : 0));
  if (length > 0) {
    chunk.set(content, writeLatin1(chunk, head, 0));
    chunk[data - 2] = 13;
    chunk[data - 1] = 10;
  }
  if (!isLast) return chunk;
  if (trailers === '') END.copy(chunk, data);
  else writeLatin1(chunk, `0\r\n${trailers}\r\n`, data);
  return chunk;
}
