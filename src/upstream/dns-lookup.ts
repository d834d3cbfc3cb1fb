/** How main finds the addresses of a name: /etc/hosts, then the DNS, with the search domains of the system. */
import type { NameQuery } from '../compile/snapshot.ts';
import type { NameAnswer, ResolvedAddress } from './name-answers.ts';
import { bare, candidates, type Hosts, type Search } from './system-names.ts';

export interface Found {
  readonly answer: NameAnswer;
  /** How long it is good for. */
  readonly ttl_ms: number;
}

/** Finds the answer to a query. Rejects with a LookupError if there is none. */
export type Lookup = (query: NameQuery) => Promise<Found>;

export class LookupError extends Error {
  override readonly name = 'LookupError';
  /** A name server said that there is no such name, or that it has no address. Otherwise nobody could say. */
  readonly isNegative: boolean;

  constructor(message: string, isNegative: boolean) {
    super(message);
    this.isNegative = isNegative;
  }
}

export interface TimedAddress {
  readonly address: string;
  /** Seconds. */
  readonly ttl: number;
}

export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** Of Node's `dns.promises.Resolver`; rejects with a `code`. */
export interface DnsClient {
  resolve4(name: string): Promise<readonly TimedAddress[]>;
  resolve6(name: string): Promise<readonly TimedAddress[]>;
  resolveSrv(name: string): Promise<readonly ServiceRecord[]>;
}

/** Which addresses count of a name that has both kinds. */
export type Family = 'ipv4_first' | 'ipv6_first' | 'both';

export interface LookupOptions {
  readonly family: Family;
  /** The system's as it is now. */
  readonly system: () => Promise<{ readonly hosts: Hosts; readonly search: Search; readonly client: DnsClient }>;
}

/** What /etc/hosts says is looked at again after this time. */
const HOSTS_TTL_MS = 5_000;
/** Node tells no TTL of SRV records: those of the addresses count, up to this. */
const SERVICE_TTL_MS = 30_000;
const LOCAL = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];
/** A name server answered, and has nothing. */
const NEGATIVE: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA']);

export function createLookup({ family, system }: LookupOptions): Lookup {
  return async ({ kind, name }) => {
    const { hosts, search, client } = await system();
    const asker = new Asker(client, hosts, search, family);
    return kind === 'host' ? asker.host(name) : asker.service(name);
  };
}

class Asker {
  private readonly client: DnsClient;
  private readonly hosts: Hosts;
  private readonly search: Search;
  private readonly family: Family;

  constructor(client: DnsClient, hosts: Hosts, search: Search, family: Family) {
    this.client = client;
    this.hosts = hosts;
    this.search = search;
    this.family = family;
  }

  async host(name: string): Promise<Found> {
    const local = this.local(name);
    if (local.length > 0) return { answer: local.map(plain), ttl_ms: HOSTS_TTL_MS };
    return this.first(name, async (candidate) => {
      const found = await this.addresses(candidate);
      return { answer: found.map(({ address }) => plain(address)), ttl_ms: ttlOf(found) };
    });
  }

  /** SRV records, or else addresses. */
  async service(name: string): Promise<Found> {
    try {
      return await this.first(name, (candidate) => this.records(candidate));
    } catch (error) {
      // A server that has no SRV records may still have addresses; one that does not answer may have them all.
      if (!(error instanceof LookupError) || !error.isNegative) throw error;
      return this.host(name);
    }
  }

  private async records(name: string): Promise<Found> {
    const records = await this.client.resolveSrv(name);
    // RFC 2782: a target of "." means that the service is not there.
    const targets = records.filter((record) => bare(record.name) !== '');
    const found = await Promise.allSettled(targets.map((record) => this.host(`${bare(record.name)}.`)));
    const groups = targets.flatMap((record, i) => {
      const result = found[i];
      return result?.status === 'fulfilled' ? [{ record, ...result.value }] : [];
    });
    // One target that cannot be resolved must not take the others along, but it must not seem to be gone either.
    const failure = found.find((one) => one.status === 'rejected' && !isNegative(one.reason));
    if (failure?.status === 'rejected') throw failure.reason;
    if (groups.length === 0) throw new LookupError(`${name}: no target of its SRV records has an address`, true);
    const ttl_ms = groups.reduce((least, group) => Math.min(least, group.ttl_ms), SERVICE_TTL_MS);
    const multiple = groups.reduce((product, { answer }) => leastMultiple(product, answer.length), 1);
    const answer = groups.flatMap((group) => {
      const { record } = group;
      // RFC 2782: a weight of 0 has a very small chance to be chosen.
      const weight = Math.max(1, Math.round(((record.weight || 1) * multiple) / group.answer.length));
      return group.answer.map(({ address }): ResolvedAddress => ({
        address,
        port: record.port,
        weight,
        // There the lowest number comes first.
        priority: 0 - record.priority,
      }));
    });
    return { answer, ttl_ms };
  }

  /** What the first candidate gives that has something. */
  private async first(name: string, ask: (candidate: string) => Promise<Found>): Promise<Found> {
    let failure: unknown = null;
    for (const candidate of candidates(name, this.search)) {
      try {
        return await ask(candidate);
      } catch (error) {
        if (!isNegative(error)) failure ??= error;
      }
    }
    if (failure === null) throw new LookupError(`there is no ${name}`, true);
    throw new LookupError(`${name}: ${failure instanceof Error ? failure.message : 'failed'}`, false);
  }

  private local(name: string): readonly string[] {
    const key = bare(name);
    const listed = this.hosts.get(key);
    if (listed !== undefined)
      return preferred(
        this.family,
        listed.filter(isV4),
        listed.filter((one) => !isV4(one)),
      );
    // RFC 6761 §6.3: such names never leave the machine.
    if (key !== 'localhost' && !key.endsWith('.localhost')) return [];
    const of = (wanted: number): string[] =>
      LOCAL.flatMap(({ address, family }) => (family === wanted ? [address] : []));
    return preferred(this.family, of(4), of(6));
  }

  private async addresses(name: string): Promise<readonly TimedAddress[]> {
    const { client, family } = this;
    const v4 = (): Promise<readonly TimedAddress[]> => client.resolve4(name);
    const v6 = (): Promise<readonly TimedAddress[]> => client.resolve6(name);
    if (family === 'both') {
      const results = await Promise.allSettled([v4(), v6()]);
      const found = results.flatMap((one) => (one.status === 'fulfilled' ? [...one.value] : []));
      if (found.length > 0) return found;
      const failures = results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
      throw failures.find((reason) => !isNegative(reason)) ?? failures[0];
    }
    const [ask, other] = family === 'ipv4_first' ? [v4, v6] : [v6, v4];
    try {
      return await ask();
    } catch (error) {
      // Not when nobody answered: traffic would swing to the other family and back.
      if (!isNegative(error)) throw error;
      return other();
    }
  }
}

const plain = (address: string): ResolvedAddress => ({ address, port: 0, weight: 1, priority: 0 });

const isV4 = (address: string): boolean => !address.includes(':');

function preferred(family: Family, v4: readonly string[], v6: readonly string[]): readonly string[] {
  if (family === 'both') return [...v4, ...v6];
  const [first, second] = family === 'ipv4_first' ? [v4, v6] : [v6, v4];
  return first.length > 0 ? first : second;
}

function ttlOf(found: readonly TimedAddress[]): number {
  return found.reduce((least, { ttl }) => Math.min(least, ttl), Infinity) * 1000;
}

function isNegative(error: unknown): boolean {
  if (error instanceof LookupError) return error.isNegative;
  return NEGATIVE.has((error as NodeJS.ErrnoException | null)?.code);
}

function leastMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  const multiple = (a / x) * b;
  return multiple <= 10_000 ? multiple : a;
}
