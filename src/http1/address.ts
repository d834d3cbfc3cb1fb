/** An address as it is logged and forwarded: IPv4 in its own spelling, also where a listener for both families gives it as IPv6. */
export function plainAddress(address: string): string {
  if (address.startsWith('::ffff:')) return address.slice(7);
  // RFC 4007 §11: a zone means something on this machine only, and is no part of what rules and upstreams compare.
  const zone = address.startsWith('fe80:') ? address.indexOf('%') : -1;
  return zone < 0 ? address : address.slice(0, zone);
}

/** What stands for the address of a client on a UNIX domain socket, as in nginx. */
export const UNIX_PEER = 'unix:';
