/** Peers by address, as the configuration lists them: addresses, CIDR blocks, and `unix:` for those on UNIX domain sockets. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { UNIX_PEER } from '../http1/address.ts';

export interface Peers {
  has(address: string): boolean;
}

/** @returns null if nobody is listed */
export function peersOf(listed: readonly string[]): Peers | null {
  if (listed.length === 0) return null;
  const list = new BlockList();
  for (const block of listed) {
    if (block === UNIX_PEER) continue;
    const [address = '', prefix] = block.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family);
  }
  const hasUnix = listed.includes(UNIX_PEER);
  return {
    has(address) {
      const family = isIP(address);
      // No address at all: the peer was gone before it was asked for.
      if (family === 0) return hasUnix && address === UNIX_PEER;
      return list.check(address, family === 6 ? 'ipv6' : 'ipv4');
    },
  };
}
