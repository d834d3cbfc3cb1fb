/** /etc/hosts and /etc/resolv.conf, as far as they bear on which addresses a name has (hosts(5), resolv.conf(5)). */
import { isIP } from 'node:net';

/** Addresses by name, in lower case and without a dot at the end. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const key = bare(name);
      const known = hosts.get(key);
      if (known === undefined) hosts.set(key, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return hosts;
}

export interface Search {
  /** Domains that are appended to a name, in this order. */
  readonly domains: readonly string[];
  /** A name with fewer dots is tried with the domains first. */
  readonly ndots: number;
}

/** As the C library reads it: the last of several `search` and `domain` lines counts, `ndots` is 1 by default and 15 at most. */
export function parseSearch(text: string): Search {
  let domains: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'search') domains = values.map(bare).filter((domain) => domain !== '');
    else if (keyword === 'domain')
      domains = values
        .slice(0, 1)
        .map(bare)
        .filter((domain) => domain !== '');
    else if (keyword === 'options') {
      for (const option of values) {
        const match = /^ndots:(\d{1,3})$/.exec(option);
        if (match !== null) ndots = Math.min(15, Number(match[1]));
      }
    }
  }
  return { domains, ndots };
}

/** The names to ask for, in order. One with a dot at the end is complete. */
export function candidates(name: string, { domains, ndots }: Search): readonly string[] {
  if (name.endsWith('.')) return [bare(name)];
  const dots = name.split('.').length - 1;
  const searched = domains.map((domain) => `${name}.${domain}`);
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}

/** In lower case, without a dot at the end: equal for equal names. */
export function bare(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}
