/** What names resolve to in a test: as it says, else each to an address of its own. */
import type { NameQuery } from '../compile/snapshot.ts';
import type { Found, Lookup } from '../upstream/dns-lookup.ts';
import { LookupError } from '../upstream/dns-lookup.ts';
import type { ResolvedAddress } from '../upstream/name-answers.ts';
import { type Duration, milliseconds } from './duration.ts';

/** Addresses, of services with ports; null: there is no such name. */
export type NameScript = NameRecords | null | { readonly records: NameRecords | null; readonly ttl: Duration };
export type NameRecords = readonly (string | (Partial<ResolvedAddress> & { readonly address: string }))[];
export type Names = Readonly<Record<string, NameScript>>;

const TTL_MS = 60_000;

export class ScriptedNames {
  private readonly scripts = new Map<string, NameScript>();
  private readonly made = new Map<string, string>();

  constructor(names: Names) {
    for (const [name, script] of Object.entries(names)) this.set(name, script);
  }

  /** Holds from the next query on: what is known is asked for again when its TTL is over. */
  set(name: string, script: NameScript): void {
    this.scripts.set(name.toLowerCase(), script);
  }

  readonly lookup: Lookup = async ({ name }: NameQuery): Promise<Found> => {
    const script = this.scripts.get(name.toLowerCase());
    if (script === undefined) return { answer: [addressAt(this.ownAddress(name))], ttl_ms: TTL_MS };
    const isTimed = script !== null && 'ttl' in script;
    const records = isTimed ? script.records : script;
    if (records === null) throw new LookupError(`there is no name ${name}`, true);
    const answer = records.map((record) =>
      typeof record === 'string' ? addressAt(record) : { ...addressAt(record.address), ...record },
    );
    return { answer, ttl_ms: isTimed ? milliseconds(script.ttl) : TTL_MS };
  };

  /** Of 198.18.0.0/15, which is for tests (RFC 2544). */
  private ownAddress(name: string): string {
    let address = this.made.get(name);
    if (address === undefined) {
      const index = this.made.size + 1;
      address = `198.${18 + ((index >> 16) & 1)}.${(index >> 8) & 255}.${index & 255}`;
      this.made.set(name, address);
    }
    return address;
  }
}

const addressAt = (address: string): ResolvedAddress => ({ address, port: 0, weight: 1, priority: 0 });
