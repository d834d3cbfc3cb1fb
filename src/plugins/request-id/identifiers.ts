/** Ways of making ids. Random bytes are drawn for many ids at once: one at a time would cost more than the id. */
import type { Host } from '../../sdk/index.ts';

const POOL_BYTES = 4_096;

/** Hands out random bytes from a supply. */
class RandomPool {
  private readonly host: Host;
  private pool: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(host: Host) {
    this.host = host;
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.pool.length) {
      this.pool = this.host.randomBytes(Math.max(POOL_BYTES, length));
      this.at = 0;
    }
    this.at += length;
    return this.pool.subarray(this.at - length, this.at);
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export type Algorithm = 'uuid' | 'nanoid' | 'range_id' | 'ksuid';

/** @returns a function that gives a new id at each call */
export function identifiers(
  algorithm: Algorithm,
  range: { readonly char_set: string; readonly length: number },
  host: Host,
): () => string {
  const random = new RandomPool(host);
  if (algorithm === 'uuid') return () => uuid(random.take(16));
  if (algorithm === 'nanoid') return () => fromSet(URL_SAFE, 21, random);
  if (algorithm === 'range_id') return () => fromSet(range.char_set, range.length, random);
  return () => ksuid(host.clock.wall_ms(), random.take(16));
}

/** RFC 9562 §5.4. */
function uuid(bytes: Uint8Array): string {
  let text = '';
  for (let k = 0; k < 16; k++) {
    const byte = bytes[k] ?? 0;
    if (k === 4 || k === 6 || k === 8 || k === 10) text += '-';
    text += HEX[k === 6 ? (byte & 0x0f) | 0x40 : k === 8 ? (byte & 0x3f) | 0x80 : byte];
  }
  return text;
}

/** Every character equally likely: bytes beyond the last whole multiple of the set's size are thrown away. */
function fromSet(set: string, length: number, random: RandomPool): string {
  const limit = 256 - (256 % set.length);
  let text = '';
  while (text.length < length) {
    const [byte = 0] = random.take(1);
    if (byte < limit) text += set.charAt(byte % set.length);
  }
  return text;
}

/** KSUID counts its seconds from here. */
const KSUID_EPOCH_S = 1_400_000_000;

/** 32 bits of seconds and 128 random bits as 27 base-62 digits. */
function ksuid(wall_ms: number, random: Uint8Array): string {
  let value = BigInt(Math.max(0, Math.floor(wall_ms / 1000) - KSUID_EPOCH_S));
  for (const byte of random) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (let k = 0; k < 27; k++) {
    text = BASE62.charAt(Number(value % 62n)) + text;
    value /= 62n;
  }
  return text;
}
