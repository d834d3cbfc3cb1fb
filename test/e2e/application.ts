/** What the applications behind the gateway have in common, whichever framework serves it. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';

export interface Application {
  readonly name: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Bytes that do not compress and hold every value. */
export function noise(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = 0x2545f491;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What is downloaded. */
export const DOCUMENT = noise(300_000);
export const DOCUMENT_TAG = `"${sha256(DOCUMENT).slice(0, 16)}"`;
export const DOCUMENT_TIME = 'Tue, 03 Mar 2026 09:00:00 GMT';

const PROSE = Buffer.from('An answer that is worth compressing. '.repeat(2_000));
export const COMPRESSED = { gzip: gzipSync(PROSE), br: brotliCompressSync(PROSE) };

export const COOKIES = [
  'session=a1b2; Path=/; HttpOnly; SameSite=Lax',
  'theme=dark; Max-Age=3600',
  'basket=1,2,3; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
];

/** `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-LENGTH` of the document; null for anything else. */
export function rangeOf(header: string): { readonly start: number; readonly end: number } | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (match === null) return null;
  const [, first = '', last = ''] = match;
  const start = first === '' ? DOCUMENT.length - Number(last) : Number(first);
  const end = first === '' || last === '' ? DOCUMENT.length : Math.min(Number(last) + 1, DOCUMENT.length);
  return start < end ? { start, end } : null;
}

export interface ReceivedFile {
  readonly field: string;
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Reads a multipart form, in constant memory. */
export function receiveFiles(headers: IncomingHttpHeaders, body: Readable): Promise<readonly ReceivedFile[]> {
  return new Promise((resolve, reject) => {
    const received: ReceivedFile[] = [];
    const form = new Busboy({ headers: headers as BusboyHeaders });
    form.on('file', (field, stream, name, _encoding, type) => {
      const hash = createHash('sha256');
      let bytes = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        hash.update(chunk);
      });
      stream.on('end', () => received.push({ field, name, type, bytes, sha256: hash.digest('hex') }));
    });
    form.on('field', (field, value) => {
      const bytes = Buffer.from(value);
      received.push({ field, name: '', type: '', bytes: bytes.length, sha256: sha256(bytes) });
    });
    form.on('finish', () => resolve(received));
    form.on('error', reject);
    body.pipe(form);
  });
}

/** Length and checksum of a body. */
export async function digestOf(
  body: AsyncIterable<Buffer>,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    hash.update(chunk);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Names that are raised once and can be waited for, before or after. */
export class Signals {
  private readonly raised = new Set<string>();
  private readonly waiting = new Map<string, (() => void)[]>();

  wait(name: string): Promise<void> {
    if (this.raised.has(name)) return Promise.resolve();
    return new Promise((resolve) => this.waiting.set(name, [...(this.waiting.get(name) ?? []), resolve]));
  }

  waitersOf(name: string): number {
    return this.waiting.get(name)?.length ?? 0;
  }

  raise(name: string): void {
    this.raised.add(name);
    for (const resolve of this.waiting.get(name) ?? []) resolve();
    this.waiting.delete(name);
  }
}

/** What a request looked like when it arrived, without what a proxy has to change. */
export function arrived(method: string, url: string, rawHeaders: readonly string[], ip: string): object {
  const headers: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '']);
  return { method, url, ip, headers: headers.filter(([name]) => !CHANGED_BY_PROXIES.has(name.toLowerCase())) };
}

const CHANGED_BY_PROXIES: ReadonlySet<string> = new Set([
  'connection',
  'via',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
]);
