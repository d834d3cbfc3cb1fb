/** Headers of the PROXY protocol, sound and nearly sound, against a reader that is written after the specification and nothing else. */
import net from 'node:net';
import { encodeProxyHeader } from '../../src/proxy-protocol/encode.ts';
import { crc32c } from '../../src/proxy-protocol/crc32c.ts';
import { MOST_HEADER_BYTES, readProxyHeader } from '../../src/proxy-protocol/header.ts';
import type { Input } from './input.ts';
import { mutate } from './mutate.ts';
import { type Random, seededRandom } from './random.ts';

const ADDRESSES = ['192.0.2.1', '0.0.0.0', '255.255.255.255', '2001:db8::1', '::', '::ffff:192.0.2.1', ''];
const LINES = [
  'PROXY UNKNOWN\r\n',
  'PROXY UNKNOWN ffff::1 x 1 2\r\n',
  'PROXY TCP4 1.2.3.4 1.2.3.4 65535 0\r\n',
  `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`,
  'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n',
];

export function checkProxyHeader({ bytes: content, seed }: Pick<Input, 'bytes' | 'seed'>): string {
  const random = seededRandom(seed);
  let header: Buffer = madeHeader(random);
  for (let k = Math.floor(random() * 3); k > 0; k--) header = Buffer.from(mutate(header, madeHeader(random), random));
  const bytes = Buffer.concat([header, content.subarray(0, 300)]);
  const told = `in ${bytes.subarray(0, 400).toString('hex')}`;
  const found = readProxyHeader(bytes);
  const naive = readNaively(bytes);
  const seen = typeof found === 'string' ? (found === 'incomplete' ? 'incomplete' : 'refused') : JSON.stringify(found);
  if (seen !== naive) return `proxy: read as ${seen}, by the specification it is ${naive}, ${told}`;
  // What is decided once is decided, however much follows.
  let decided = '';
  const length = Math.min(bytes.length, MOST_HEADER_BYTES + 1);
  const step = length > 600 ? 31 : 1;
  for (let end = 1; end <= length; end += step) {
    const part = readProxyHeader(bytes.subarray(0, end));
    if (part === 'incomplete' && decided !== '')
      return `proxy: decided before byte ${end}, and then no longer, ${told}`;
    if (part === 'incomplete') continue;
    const now = typeof part === 'string' ? 'refused' : JSON.stringify(part);
    if (decided !== '' && decided !== now) return `proxy: ${decided}, and with byte ${end} it is ${now}, ${told}`;
    decided = now;
  }
  return '';
}

function madeHeader(random: Random): Buffer {
  const one = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  if (random() < 0.2) return Buffer.from(one(LINES), 'latin1');
  const [from, to] = [0, 0].map(() => ({ address: one(ADDRESSES), port: Math.floor(random() * 65_536) }));
  const header = encodeProxyHeader(random() < 0.4 ? 1 : 2, from!, to!);
  return header[0] === 13 && random() < 0.5 ? extended(header, random) : header;
}

/** With extensions, of which one may be the checksum. */
function extended(header: Buffer, random: Random): Buffer {
  const parts = [header];
  for (let k = Math.floor(random() * 4); k > 0; k--) {
    const value = Buffer.alloc(Math.floor(random() * 20), 7);
    parts.push(Buffer.of(4 + Math.floor(random() * 3), 0, value.length), value);
  }
  const isSummed = random() < 0.5;
  if (isSummed) parts.push(Buffer.of(3, 0, 4, 0, 0, 0, 0));
  const all = Buffer.concat(parts);
  all.writeUInt16BE(all.length - 16, 14);
  if (isSummed) all.writeUInt32BE(crc32c(all, all.length, all.length - 4), all.length - 4);
  return all;
}

/** @returns what `readProxyHeader` gives, as JSON, or `incomplete`, or `refused` */
function readNaively(bytes: Buffer): string {
  const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
  if (bytes[0] === 13) {
    const same = Math.min(bytes.length, signature.length);
    if (!bytes.subarray(0, same).equals(signature.subarray(0, same))) return 'refused';
    return readSecond(bytes);
  }
  const text = bytes.subarray(0, 107).toString('latin1');
  if (!'PROXY '.startsWith(text.slice(0, 6))) return 'refused';
  const [line = '', ...rest] = text.split('\r\n');
  const isWhole = rest.length > 0;
  const shown = isWhole ? line : line.replace(/\r$/, '');
  for (const character of shown) if (character < ' ' || character > '~') return 'refused';
  if (!isWhole) return bytes.length < 107 ? 'incomplete' : 'refused';
  const words = line.split(' ');
  const length = line.length + 2;
  if (words[1] === 'UNKNOWN') return JSON.stringify({ length, source: null, destination: null });
  const [, family, from = '', to = '', fromPort = '', toPort = ''] = words;
  const isOf = family === 'TCP4' ? net.isIPv4 : family === 'TCP6' ? net.isIPv6 : () => false;
  const isPort = (port: string): boolean => String(Number(port)) === port && Number(port) >= 0 && Number(port) < 65_536;
  const isSound = isOf(from) && isOf(to) && !line.includes('%') && isPort(fromPort) && isPort(toPort);
  if (words.length !== 6 || !isSound) return 'refused';
  const plain = (address: string, port: string): object => ({ address: canonical(address), port: Number(port) });
  return JSON.stringify({ length, source: plain(from, fromPort), destination: plain(to, toPort) });
}

function readSecond(bytes: Buffer): string {
  if (bytes.length > 12 && bytes[12] !== 0x20 && bytes[12] !== 0x21) return 'refused';
  if (bytes.length < 16) return 'incomplete';
  const length = 16 + bytes.readUInt16BE(14);
  if (length > MOST_HEADER_BYTES) return 'refused';
  if (bytes.length < length) return 'incomplete';
  const nobody = JSON.stringify({ length, source: null, destination: null });
  if (bytes[12] === 0x20) return nobody;
  const sizes: Readonly<Record<number, number>> = { 0: 0, 1: 0, 0x11: 4, 0x21: 16, 0x31: 106 };
  const kind = bytes[13] ?? 0;
  const size = sizes[kind];
  if (size === undefined) return 'refused';
  const ports = 16 + 2 * size;
  let at = size === 0 ? 16 : size === 106 ? 16 + 216 : ports + 4;
  if (at > length) return 'refused';
  while (at < length) {
    if (at + 3 > length) return 'refused';
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    if (end > length) return 'refused';
    if (bytes[at] === 3) {
      const zeroed = Buffer.from(bytes.subarray(0, length));
      zeroed.fill(0, at + 3, end);
      if (end - at !== 7 || slowCrc32c(zeroed) !== bytes.readUInt32BE(at + 3)) return 'refused';
    }
    at = end;
  }
  if (size === 0) return nobody;
  if (size === 106) {
    const unnamed = { address: '', port: 0 };
    return JSON.stringify({ length, source: unnamed, destination: unnamed });
  }
  const address = (from: number): string => {
    const part = bytes.subarray(from, from + size);
    return canonical(size === 4 ? part.join('.') : (part.toString('hex').match(/..../g) ?? []).join(':'));
  };
  return JSON.stringify({
    length,
    source: { address: address(16), port: bytes.readUInt16BE(ports) },
    destination: { address: address(16 + size), port: bytes.readUInt16BE(ports + 2) },
  });
}

function canonical(address: string): string {
  return new net.SocketAddress({ address, family: net.isIPv4(address) ? 'ipv4' : 'ipv6' }).address;
}

/** Bit by bit. */
function slowCrc32c(bytes: Buffer): number {
  let sum = 0xffff_ffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let k = 0; k < 8; k++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f6_3b78 : sum >>> 1;
  }
  return (sum ^ 0xffff_ffff) >>> 0;
}
