/** The secrets of the embedded store: AES-256-GCM, each text bound to its place, with the id of its key in front. */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { pathOf, quote } from '../model/problem.ts';
import type { ChangeSecret, Secrets } from '../model/secrets.ts';
import { CipherError, type FieldCipher } from './field-cipher.ts';
import { nameOf } from './object-key.ts';
import type { ObjectRef, ObjectValue } from './store.ts';

/** What sealed texts begin with: then come the key's id, a colon, and nonce, ciphertext and tag in base64. */
const MARK = 'gatewright:aes-256-gcm:';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const KEY_BYTES = 32;

export interface SealingKey {
  /** Tells keys apart; nothing follows from it about the key. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** @throws RangeError unless there are 32 bytes */
export function sealingKey(bytes: Uint8Array): SealingKey {
  if (bytes.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes, this one ${bytes.length}`);
  return { id: hash('sha256', Buffer.concat([Buffer.from('gatewright key id\0'), bytes]), 'hex').slice(0, 12), bytes };
}

export class GcmCipher implements FieldCipher {
  private readonly secrets: Secrets;
  private readonly keys: ReadonlyMap<string, SealingKey>;
  private readonly first: SealingKey;

  /** @param keys the first seals, all of them open */
  constructor(secrets: Secrets, keys: readonly [SealingKey, ...SealingKey[]]) {
    this.secrets = secrets;
    this.keys = new Map(keys.map((key) => [key.id, key]));
    this.first = keys[0];
  }

  seal(ref: ObjectRef, value: ObjectValue): ObjectValue {
    const place = nameOf(ref);
    const done = new Set<string>();
    const seal: ChangeSecret = (text, path) => {
      done.add(path);
      return this.sealText(text, `${place}\0${path}`);
    };
    const sealed = this.secrets.replace(ref.kind, value, seal);
    // What only looks sealed is sealed too: `open` goes by the looks, because what is secret may change with a version.
    return replaceMarked(sealed, (text, path) => (done.has(path) ? text : seal(text, path)));
  }

  open(ref: ObjectRef, value: ObjectValue): ObjectValue {
    const place = nameOf(ref);
    return replaceMarked(value, (text, path) => this.openText(text, path, `${place}\0${path}`));
  }

  private sealText(text: string, place: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.first.bytes, nonce);
    cipher.setAAD(Buffer.from(place));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${MARK}${this.first.id}:${sealed.toString('base64')}`;
  }

  private openText(text: string, path: string, place: string): string {
    const colon = text.indexOf(':', MARK.length);
    const id = text.slice(MARK.length, colon);
    const key = this.keys.get(id);
    if (key === undefined)
      throw new CipherError(`${path} is encrypted with the key ${quote(id)}, which is not configured`);
    try {
      const sealed = Buffer.from(text.slice(colon + 1), 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, sealed.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch (error) {
      throw new CipherError(`${path} is not what was encrypted there: it was changed or moved`, { cause: error });
    }
  }
}

/** Every text that begins with the mark, wherever it stands. */
function replaceMarked(value: ObjectValue, change: ChangeSecret): ObjectValue {
  return JSON.stringify(value).includes(MARK) ? (replaceIn(value, '', change) as ObjectValue) : value;
}

function replaceIn(value: unknown, path: string, change: ChangeSecret): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? change(value, path) : value;
  if (Array.isArray(value)) return value.map((item: unknown, i) => replaceIn(item, pathOf(path, i), change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, replaceIn(member, pathOf(path, name), change)]),
  );
}
