/** Frames in whatever pieces, and header blocks, sound and nearly sound: neither may throw, cost much, or depend on what it must not. */
import { FrameReader } from '../../src/http2/frame-reader.ts';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { randomCuts } from '../parsers/cuts.ts';
import type { Input } from './input.ts';
import { mutate } from './mutate.ts';
import { type Random, seededRandom } from './random.ts';

const LIMITS = { head_bytes: 4_096, fields: 20 };

/** The same frames come of the same bytes, however they are cut. */
export function checkFrames({ bytes, seed }: Pick<Input, 'bytes' | 'seed'>): string {
  const random = seededRandom(seed);
  const frames: Buffer[] = [];
  // More than are looked at in one turn; one that is too large would end them early.
  const areMany = random() < 0.05;
  for (let k = 1 + Math.floor(random() * (areMany ? 1_500 : 20)); k > 0; k--) {
    const content = bytes.subarray(0, Math.floor(random() * (random() < 0.1 && !areMany ? 18_000 : 60)));
    const head = Buffer.alloc(9);
    head.writeUIntBE(random() < 0.05 && !areMany ? Math.floor(random() * 2 ** 24) : content.length, 0, 3);
    head[3] = Math.floor(random() * 12);
    head.writeUInt32BE(Math.floor(random() * 2 ** 32), 5);
    frames.push(head, content);
  }
  const all = Buffer.concat(frames);
  const whole = framesOf(all, [all.length]);
  const pieces = framesOf(all, [...randomCuts(all.length, seededRandom(seed)), all.length]);
  return whole === pieces ? '' : `frames: differ when they come in pieces, in ${all.subarray(0, 400).toString('hex')}`;
}

function framesOf(bytes: Buffer, ends: readonly number[]): string {
  let seen = '';
  let isOver = false;
  const reader = new FrameReader({
    onFrame: ({ type, flags, stream, bytes: from, start, end }) => {
      seen += `${type} ${flags} ${stream} ${end - start} ${start < end ? from[end - 1] : ''}\n`;
      return true;
    },
    onOversize: () => {
      isOver = true;
      seen += 'too large\n';
    },
  });
  let start = 0;
  for (const end of ends) {
    if (!isOver && start < end) reader.read(bytes, start, end);
    while (reader.hasMore && !isOver) reader.readOn();
    start = Math.max(start, end);
  }
  return seen;
}

/** A connection's blocks, one after the other: the table is the same whether or not anybody looked at the fields. */
export function checkBlocks({ bytes, seed }: Pick<Input, 'bytes' | 'seed'>): string {
  const random = seededRandom(seed);
  const [read, skipped] = [new HpackDecoder(4_096), new HpackDecoder(4_096)];
  skipped.isWanted = false;
  for (let k = 1 + Math.floor(random() * 6); k > 0; k--) {
    let block: Buffer = madeBlock(bytes, random);
    if (random() < 0.4) block = Buffer.from(mutate(block, madeBlock(bytes, random), random));
    const told = `in ${block.subarray(0, 400).toString('hex')}`;
    const isRead = read.decode(block, 0, block.length, LIMITS);
    const isSkipped = skipped.decode(block, 0, block.length, LIMITS);
    if (read.tableBytes > 4_096 || read.fields.length > LIMITS.fields) return `blocks: beyond the bounds, ${told}`;
    // Strings that nobody wants are not decoded: what is wrong within them is not seen.
    if (!isRead || !isSkipped) return isRead && !isSkipped && !skipped.isBomb ? `blocks: refused unread, ${told}` : '';
    if (read.tableBytes !== skipped.tableBytes) return `blocks: the tables differ, ${told}`;
  }
  return '';
}

function madeBlock(bytes: Buffer, random: Random): Buffer {
  const below = (most: number): number => Math.floor(random() * most);
  const text = (): Buffer => {
    const part = bytes.subarray(below(bytes.length + 1)).subarray(0, below(60));
    return Buffer.concat([Buffer.of(part.length | (random() < 0.2 ? 0x80 : 0)), part]);
  };
  const parts: Buffer[] = [];
  for (let k = below(3); k > 0 && random() < 0.5; k--) parts.push(Buffer.of(0x3f, below(128) | 0x80, below(31)));
  for (let k = below(random() < 0.1 ? 200 : 12); k > 0; k--) {
    const kind = random();
    if (kind < 0.4) parts.push(Buffer.of(0x80 | below(90)));
    else if (kind < 0.6) parts.push(Buffer.of(0x40 | below(63)), text());
    else if (kind < 0.8) parts.push(Buffer.of(0x40), text(), text());
    else parts.push(Buffer.of(below(2) * 0x10), text(), text());
  }
  return Buffer.concat(parts);
}
