/** Ways of making ids. Random bytes are drawn for many ids at once: one at a time would cost more than the id. */
import type { Host } from '../../sdk/index.ts';

const POOL_BYTES = 16_384;

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

/** How many are made at once. */
const BATCH = 64;
const UUID_LENGTH = 36;
const HYPHEN = 0x2d;
const HEX = Buffer.from('0123456789abcdef', 'latin1');

/** RFC 9562 §5.4. They are spelled in one piece of text and cut from it: putting each together costs ten times as much. */
function uuids(random: RandomPool): () => string {
  const spelled = Buffer.alloc(BATCH * UUID_LENGTH);
  let text = '';
  let at = 0;
  return () => {
    if (at === text.length) {
      const bytes = random.take(BATCH * 16);
      for (let k = 0; k < BATCH; k++) spell(bytes, k * 16, spelled, k * UUID_LENGTH);
      text = spelled.toString('latin1');
      at = 0;
    }
    at += UUID_LENGTH;
    return text.slice(at - UUID_LENGTH, at);
  };
}

function spell(bytes: Uint8Array, from: number, into: Buffer, start: number): void {
  let at = start;
  for (let k = 0; k < 16; k++) {
    if (k === 4 || k === 6 || k === 8 || k === 10) into[at++] = HYPHEN;
    const random = bytes[from + k]!;
    const byte = k === 6 ? (random & 0x0f) | 0x40 : k === 8 ? (random & 0x3f) | 0x80 : random;
    into[at++] = HEX[byte >> 4]!;
    into[at++] = HEX[byte & 15]!;
  }
}

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
  if (algorithm === 'uuid') return uuids(random);
  if (algorithm === 'nanoid') return () => fromSet(URL_SAFE, 21, random);
  if (algorithm === 'range_id') return () => fromSet(range.char_set, range.length, random);
  return () => ksuid(host.clock.wall_ms(), random.take(16));
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
