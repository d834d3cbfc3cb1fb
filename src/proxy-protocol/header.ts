/**
 * The header of the PROXY protocol (haproxy.org, proxy-protocol.txt): by what stands before the first byte of a connection, a
 * load balancer tells whose connection it hands on. Version 1 is a line, version 2 is binary. Pure.
 */
import { SocketAddress } from 'node:net';
import { crc32c } from './crc32c.ts';

export interface Endpoint {
  /** IPv4 or IPv6 in its canonical form; '' on a UNIX domain socket. */
  readonly address: string;
  readonly port: number;
}

export interface ProxyHeader {
  /** Bytes of the header: what follows belongs to the connection. */
  readonly length: number;
  /** Null where the sender speaks for itself (LOCAL), or does not know. */
  readonly source: Endpoint | null;
  readonly destination: Endpoint | null;
}

/** Why what came is no header; for operators. */
export type ProxyFault =
  | 'there is no PROXY header'
  | 'the PROXY line is malformed'
  | 'the PROXY line is too long'
  | 'the version of the PROXY header is not known'
  | 'the command of the PROXY header is not known'
  | 'the PROXY header is about another protocol than TCP'
  | 'the PROXY header is too short for its addresses'
  | 'the PROXY header is too long'
  | 'the PROXY header has a malformed extension'
  | 'the checksum of the PROXY header is wrong';

/** §2.1: with its CRLF. */
const MOST_LINE_BYTES = 107;
/** Of version 2: extensions may be longer than any that is in use. */
export const MOST_HEADER_BYTES = 4_096;

const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);
const FIXED_BYTES = 16;
/** By family: unspecified, IPv4, IPv6, UNIX. */
const ADDRESS_BYTES = [0, 12, 36, 216];
const LOCAL = 0x20;
const PROXY = 0x21;
const CRC32C = 0x03;

/** Looks for a header at the begin of `bytes`. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | ProxyFault | 'incomplete' {
  if (bytes.length === 0) return 'incomplete';
  return bytes[0] === SIGNATURE[0] ? readBinary(bytes) : readLine(bytes);
}

const BEGIN = 'PROXY ';

function readLine(bytes: Uint8Array): ProxyHeader | ProxyFault | 'incomplete' {
  const text = String.fromCharCode(...bytes.subarray(0, MOST_LINE_BYTES));
  if (!text.startsWith(BEGIN) && !BEGIN.startsWith(text)) return 'there is no PROXY header';
  const end = text.indexOf('\r\n');
  // A line ends with both: anything else that ends lines is a way to be read differently by others.
  const before = end < 0 ? text.replace(/\r$/, '') : text.slice(0, end);
  if (/[^\x20-\x7e]/.test(before)) return 'the PROXY line is malformed';
  if (end < 0) return bytes.length < MOST_LINE_BYTES ? 'incomplete' : 'the PROXY line is too long';
  return parseLine(text.slice(0, end));
}

const LINE = /^PROXY TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;
const UNKNOWN = /^PROXY UNKNOWN(?: .*)?$/;

function parseLine(line: string): ProxyHeader | ProxyFault {
  const length = line.length + 2;
  if (UNKNOWN.test(line)) return { length, source: null, destination: null };
  const [, family, from = '', to = '', fromPort, toPort] = LINE.exec(line) ?? [];
  const source = endpointOf(from, Number(fromPort), family === '4' ? 'ipv4' : 'ipv6');
  const destination = endpointOf(to, Number(toPort), family === '4' ? 'ipv4' : 'ipv6');
  if (source === null || destination === null) return 'the PROXY line is malformed';
  return { length, source, destination };
}

function endpointOf(address: string, port: number, family: 'ipv4' | 'ipv6'): Endpoint | null {
  if (!(port <= 65_535)) return null;
  try {
    return { address: new SocketAddress({ address, family }).address, port };
  } catch {
    return null;
  }
}

function readBinary(bytes: Uint8Array): ProxyHeader | ProxyFault | 'incomplete' {
  for (let i = 0; i < Math.min(bytes.length, SIGNATURE.length); i++) {
    if (bytes[i] !== SIGNATURE[i]) return 'there is no PROXY header';
  }
  const [command = 0, family = 0] = bytes.subarray(12, 14);
  if (bytes.length > 12 && command >> 4 !== 2) return 'the version of the PROXY header is not known';
  if (bytes.length > 12 && command !== LOCAL && command !== PROXY)
    return 'the command of the PROXY header is not known';
  if (bytes.length < FIXED_BYTES) return 'incomplete';
  const length = FIXED_BYTES + numberAt(bytes, 14);
  if (length > MOST_HEADER_BYTES) return 'the PROXY header is too long';
  if (bytes.length < length) return 'incomplete';
  // §2.2: whatever it says of addresses is to be ignored.
  if (command === LOCAL) return { length, source: null, destination: null };
  return readAddresses(bytes, family, length);
}

function readAddresses(bytes: Uint8Array, family: number, length: number): ProxyHeader | ProxyFault {
  const addressBytes = ADDRESS_BYTES[family >> 4];
  const isStream = (family & 15) === 1;
  if (addressBytes === undefined || (family !== 0 && !isStream)) {
    return 'the PROXY header is about another protocol than TCP';
  }
  const extensions = FIXED_BYTES + addressBytes;
  if (extensions > length) return 'the PROXY header is too short for its addresses';
  const fault = checkExtensions(bytes, extensions, length);
  if (fault !== null) return fault;
  if (addressBytes === 0) return { length, source: null, destination: null };
  if (addressBytes === 216) {
    const nowhere = { address: '', port: 0 };
    return { length, source: nowhere, destination: nowhere };
  }
  const size = addressBytes === 12 ? 4 : 16;
  const ports = FIXED_BYTES + 2 * size;
  return {
    length,
    source: { address: addressAt(bytes, FIXED_BYTES, size), port: numberAt(bytes, ports) },
    destination: { address: addressAt(bytes, FIXED_BYTES + size, size), port: numberAt(bytes, ports + 2) },
  };
}

/** §2.2.x: type, length, value. All are passed over but the checksum, which covers the whole header. */
function checkExtensions(bytes: Uint8Array, start: number, end: number): ProxyFault | null {
  for (let at = start; at < end;) {
    const valueAt = at + 3;
    if (valueAt > end) return 'the PROXY header has a malformed extension';
    const next = valueAt + numberAt(bytes, at + 1);
    if (next > end) return 'the PROXY header has a malformed extension';
    if (bytes[at] === CRC32C) {
      if (next - valueAt !== 4) return 'the PROXY header has a malformed extension';
      const told = numberAt(bytes, valueAt) * 65_536 + numberAt(bytes, valueAt + 2);
      if (told !== crc32c(bytes, end, valueAt)) return 'the checksum of the PROXY header is wrong';
    }
    at = next;
  }
  return null;
}

function addressAt(bytes: Uint8Array, at: number, size: number): string {
  if (size === 4) return bytes.subarray(at, at + 4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => numberAt(bytes, at + 2 * i).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** Big-endian, two bytes. */
function numberAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}
