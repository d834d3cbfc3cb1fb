/** Objects as etcd has them: APISIX's keys below a prefix, JSON with the secrets encrypted. */
import type { EtcdClient } from './etcd-client.ts';
import {
  decode,
  encode,
  type EtcdHeader,
  type EtcdKeyValue,
  numberOf,
  rangeEnd,
  type RangeResponse,
} from './etcd-messages.ts';
import { CipherError, type FieldCipher } from './field-cipher.ts';
import { keyOf, nameOf, refOf } from './object-key.ts';
import type { ObjectRef, ObjectValue, StoredObject } from './store.ts';

/** What APISIX puts where a directory begins. */
const PLACEHOLDER = 'init_dir';
/** Keys that are asked for at once. */
const PAGE = 500;

/** One key with its value, as texts. */
export interface EtcdEntry {
  readonly key: string;
  readonly value: string;
  readonly created: number;
  readonly modified: number;
}

export const entryOf = ({ key, value, create_revision, mod_revision }: EtcdKeyValue): EtcdEntry => ({
  key: decode(key),
  value: decode(value),
  created: numberOf(create_revision),
  modified: numberOf(mod_revision),
});

export class EtcdObjects {
  /** Without a slash at its end. */
  readonly prefix: string;
  private readonly cipher: FieldCipher;

  constructor(prefix: string, cipher: FieldCipher) {
    this.prefix = prefix;
    this.cipher = cipher;
  }

  keyOf(ref: ObjectRef): string {
    return keyOf(ref, this.prefix);
  }

  refOf(key: string): ObjectRef | null {
    return refOf(key, this.prefix);
  }

  /** Null for what is no object. */
  read(entry: EtcdEntry): StoredObject | null {
    const { key, value, created, modified } = entry;
    const ref = this.refOf(key);
    if (ref === null || value === PLACEHOLDER) return null;
    const object = { ...ref, key, path: key, createdRevision: created, modifiedRevision: modified };
    try {
      const parsed: unknown = JSON.parse(value);
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new SyntaxError('no object');
      return { ...object, value: this.cipher.open(ref, parsed as ObjectValue) };
    } catch (error) {
      if (!(error instanceof CipherError) && !(error instanceof SyntaxError)) throw error;
      const message = error instanceof CipherError ? error.message : `the value of ${nameOf(ref)} is no JSON object`;
      return { ...object, value: {}, problem: { path: key, code: 'unreadable', message } };
    }
  }

  write(ref: ObjectRef, value: ObjectValue): string {
    return JSON.stringify(this.cipher.seal(ref, value));
  }
}

export interface EtcdState {
  readonly clusterId: string;
  readonly revision: number;
  readonly entries: readonly EtcdEntry[];
}

/** Everything whose key begins with `prefix`, at one revision. */
export async function readPrefix(client: EtcdClient, prefix: string): Promise<EtcdState> {
  const range_end = rangeEnd(prefix);
  const entries: EtcdEntry[] = [];
  let header: EtcdHeader = {};
  for (let key: string | null = encode(prefix); key !== null;) {
    // From the second page on at the revision of the first.
    const at = header.revision === undefined ? {} : { revision: header.revision };
    const page: RangeResponse = await client.read<RangeResponse>('/v3/kv/range', {
      key,
      range_end,
      limit: String(PAGE),
      ...at,
    });
    if (header.revision === undefined) header = page.header ?? {};
    for (const kv of page.kvs ?? []) entries.push(entryOf(kv));
    const last = entries.at(-1);
    key = page.more === true && last !== undefined ? encode(`${last.key}\0`) : null;
  }
  return { clusterId: header.cluster_id ?? '', revision: numberOf(header.revision), entries };
}
