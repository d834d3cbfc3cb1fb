/** Headers of the PROXY protocol to send: see `header.ts`. */
import { isIPv4, SocketAddress } from 'node:net';
import type { Endpoint } from './header.ts';

export type ProxyVersion = 1 | 2;

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];
const PROXY = 0x21;
const STREAM = 1;

/**
 * The header that tells of a connection from `source` to `destination`. Where one of them has no address, as on a UNIX domain
 * socket, it says that they are not known.
 */
export function encodeProxyHeader(version: ProxyVersion, source: Endpoint, destination: Endpoint): Buffer {
  const isKnown = source.address !== '' && destination.address !== '';
  const isFour = isIPv4(source.address) && isIPv4(destination.address);
  return version === 1 ? line(isKnown, isFour, source, destination) : binary(isKnown, isFour, source, destination);
}

function line(isKnown: boolean, isFour: boolean, source: Endpoint, destination: Endpoint): Buffer {
  if (!isKnown) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  const addresses = [source, destination].map(({ address }) => (isFour ? address : asSix(address)));
  const ports = `${source.port} ${destination.port}`;
  return Buffer.from(`PROXY TCP${isFour ? 4 : 6} ${addresses.join(' ')} ${ports}\r\n`, 'latin1');
}

function binary(isKnown: boolean, isFour: boolean, source: Endpoint, destination: Endpoint): Buffer {
  const bytes = (address: string): number[] => (isFour ? address.split('.').map(Number) : sixteen(asSix(address)));
  const two = (number: number): number[] => [number >> 8, number & 255];
  const body = isKnown
    ? [...bytes(source.address), ...bytes(destination.address), ...two(source.port), ...two(destination.port)]
    : [];
  const family = isKnown ? ((isFour ? 1 : 2) << 4) | STREAM : 0;
  return Buffer.from([...SIGNATURE, PROXY, family, ...two(body.length), ...body]);
}

/** Both have to be of one family. */
function asSix(address: string): string {
  return isIPv4(address) ? `::ffff:${address}` : address;
}

function sixteen(address: string): number[] {
  // A mapped address is written with dots, which stand for two groups.
  const plain = new SocketAddress({ address, family: 'ipv6' }).address.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, ...four: string[]) => {
      const [a = 0, b = 0, c = 0, d = 0] = four.slice(0, 4).map(Number);
      return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
    },
  );
  const [left = '', right] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(left), groups(right ?? '')];
  const missing = right === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array<string>(missing).fill('0'), ...after].map((group) => Number.parseInt(group, 16));
  return all.flatMap((group) => [group >> 8, group & 255]);
}
