/** An address as it is logged and forwarded: IPv4 in its own spelling, also where a listener for both families gives it as IPv6. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
