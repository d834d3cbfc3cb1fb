/** Frames of WebSocket (RFC 6455 §5.2), written and read by code that shares nothing with the gateway's. */
import { createHash } from 'node:crypto';

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly isFinal: boolean;
}

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

const MASK = Buffer.from([0x11, 0x22, 0x33, 0x44]);

export function frame(
  opcode: number,
  payload: Buffer | string,
  options: { masked?: boolean; final?: boolean } = {},
): Buffer {
  const { masked = false, final = true } = options;
  const body = Buffer.from(payload);
  const bit = masked ? 128 : 0;
  let head = Buffer.from([(final ? 128 : 0) | opcode, bit | body.length]);
  if (body.length > 65_535) {
    head = Buffer.alloc(10);
    head.writeBigUInt64BE(BigInt(body.length), 2);
    head[1] = bit | 127;
  } else if (body.length > 125) {
    head = Buffer.alloc(4);
    head.writeUInt16BE(body.length, 2);
    head[1] = bit | 126;
  }
  head[0] = (final ? 128 : 0) | opcode;
  return masked ? Buffer.concat([head, MASK, xor(body, MASK)]) : Buffer.concat([head, body]);
}

function xor(bytes: Buffer, mask: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
}

/** All frames of `bytes`; throws if they end within one. */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    let length = second & 127;
    at += 2;
    if (length === 126) length = bytes.readUInt16BE(at);
    if (length === 127) length = Number(bytes.readBigUInt64BE(at));
    at += length > 65_535 ? 8 : length > 125 ? 2 : 0;
    const mask = second >= 128 ? bytes.subarray(at, at + 4) : null;
    if (mask !== null) at += 4;
    if (at + length > bytes.length) throw new Error('a frame is cut off');
    const body = bytes.subarray(at, at + length);
    frames.push({ opcode: first & 15, isFinal: first >= 128, payload: mask === null ? body : xor(body, mask) });
    at += length;
  }
  return frames;
}

export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** A valid opening handshake. @param changes fields that replace those of the same name; '' leaves one out */
export function opening(changes: Readonly<Record<string, string>> = {}, start = 'GET /chat HTTP/1.1'): string {
  const fields: Record<string, string> = {
    Host: 'a',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}\r\n`]));
  return `${start}\r\n${lines.join('')}\r\n`;
}

/** A valid answer to it. */
export function switching(
  changes: Readonly<Record<string, string>> = {},
  start = 'HTTP/1.1 101 Switching Protocols',
): string {
  const fields: Record<string, string> = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Accept': acceptOf(KEY),
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}\r\n`]));
  return `${start}\r\n${lines.join('')}\r\n`;
}
