/** Undoing content codings (RFC 9110 §8.4.1). */
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';

type Decode = (body: Buffer, maxOutputLength: number) => Buffer;

const gunzip: Decode = (body, maxOutputLength) => gunzipSync(body, { maxOutputLength });

const DECODERS: Readonly<Record<string, Decode>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  // RFC 9110 §8.4.1.2: some servers leave the zlib wrapper out.
  deflate: (body, maxOutputLength) => (hasZlibHeader(body) ? inflateSync : inflateRawSync)(body, { maxOutputLength }),
  br: (body, maxOutputLength) => brotliDecompressSync(body, { maxOutputLength }),
  zstd: (body, maxOutputLength) => zstdDecompressSync(body, { maxOutputLength }),
};

/**
 * What undoes the codings that Content-Encoding names. Null if one of them is unknown. The function throws for a body that
 * is malformed, or longer than `maxBytes` once it is decoded.
 */
export function decoderFor(contentEncoding: string, maxBytes: number): ((body: Buffer) => Buffer) | null {
  const names = contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const decoders: Decode[] = [];
  for (const name of names.reverse()) {
    if (name === '' || name === 'identity') continue;
    const decode = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
    if (decode === undefined) return null;
    decoders.push(decode);
  }
  return (body) => (body.length === 0 ? body : decoders.reduce((bytes, decode) => decode(bytes, maxBytes), body));
}

/** RFC 1950 §2.2. */
function hasZlibHeader(body: Buffer): boolean {
  return body.length >= 2 && (body.readUInt8(0) & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0;
}
