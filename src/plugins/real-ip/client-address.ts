/** Addresses as proxies write them: one, or a list with the nearest last, each perhaps with a port. */
import type { AddressSet } from '../../sdk/addresses.ts';
import { createAddressSet } from '../../sdk/addresses.ts';

export interface ClientAddress {
  readonly address: string;
  /** '' if there is none. */
  readonly port: string;
}

const ADDRESSES = createAddressSet(['0.0.0.0/0', '::/0']);
const BRACKETED = /^\[([^\]]+)\](?::([0-9]{1,5}))?$/;
const WITH_PORT = /^([0-9.]+):([0-9]{1,5})$/;

/** Null for what is no address. */
export function parseAddress(text: string): ClientAddress | null {
  const match = BRACKETED.exec(text) ?? WITH_PORT.exec(text);
  const address = match?.[1] ?? text;
  const port = match?.[2] ?? '';
  if (text.includes('%') || !ADDRESSES.has(address) || Number(port) > 65_535) return null;
  return { address, port };
}

/**
 * The client of a list: its last address or, where proxies are known, the last one that is none of them, the first one if all
 * are. Null where that is no address: nobody can say who the client is then.
 */
export function clientOf(list: string, proxies: AddressSet | null): ClientAddress | null {
  const items = list.split(',').map((item) => item.trim());
  for (let at = items.length - 1; at >= 0; at--) {
    const found = parseAddress(items[at]!);
    if (found === null || at === 0 || proxies === null || !proxies.has(found.address)) return found;
  }
  return null;
}
