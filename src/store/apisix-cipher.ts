/**
 * The secrets of a prefix that APISIX shares: AES-CBC with a keyring, exactly the attributes that APISIX encrypts and in its
 * form, so that either reads what the other wrote. Without authentication: who can write to etcd can change them unnoticed.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Kind } from '../model/object-set.ts';
import type { ChangeSecret, Secrets } from '../model/secrets.ts';
import { APISIX_ENCRYPT_FIELDS, APISIX_PLUGINS } from './apisix-encrypt-fields.ts';
import type { FieldCipher } from './field-cipher.ts';
import type { ObjectRef, ObjectValue } from './store.ts';

/** The key doubles as the initialisation vector, which has the length of a block. */
const BLOCK_BYTES = 16;

export interface ApisixCipherOptions {
  /** Of 16 characters (AES-128) or 32 (AES-256) each: the first seals, all of them open, in their order. */
  readonly keyring: readonly [string, ...string[]];
  readonly secrets: Secrets;
  /** Whether the plugin is one that this gateway has. */
  readonly isKnown: (plugin: string) => boolean;
}

export class ApisixCipher implements FieldCipher {
  private readonly options: ApisixCipherOptions;
  private readonly keys: readonly Buffer[];

  /** @throws RangeError if a key has neither 16 nor 32 bytes */
  constructor(options: ApisixCipherOptions) {
    this.options = options;
    this.keys = options.keyring.map((key) => Buffer.from(key, 'utf8'));
    const isBad = this.keys.some(({ length }) => length !== 16 && length !== 32);
    if (isBad) throw new RangeError('each key of the keyring has 16 or 32 characters');
  }

  seal({ kind }: ObjectRef, value: ObjectValue): ObjectValue {
    return this.replace(kind, value, (text) => this.encrypt(text));
  }

  /** What no key opens is plain, as in APISIX. */
  open({ kind }: ObjectRef, value: ObjectValue): ObjectValue {
    return this.replace(kind, value, (text) => this.decrypt(text) ?? text);
  }

  private encrypt(text: string): string {
    const [key = Buffer.alloc(0)] = this.keys;
    const cipher = createCipheriv(algorithmOf(key), key, key.subarray(0, BLOCK_BYTES));
    return Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
  }

  private decrypt(text: string): string | null {
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
    const sealed = Buffer.from(text, 'base64');
    if (sealed.length % BLOCK_BYTES !== 0) return null;
    for (const key of this.keys) {
      try {
        const decipher = createDecipheriv(algorithmOf(key), key, key.subarray(0, BLOCK_BYTES));
        const opened = Buffer.concat([decipher.update(sealed), decipher.final()]);
        // With a wrong key, one attempt in 256 ends well by chance; hardly any of those is text.
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(opened);
      } catch {
        // Not this key.
      }
    }
    return null;
  }

  private replace(kind: Kind, value: ObjectValue, change: ChangeSecret): ObjectValue {
    if (kind === 'ssls') return replaceAt(replaceAt(value, ['key'], change), ['keys'], change) as ObjectValue;
    if (kind === 'plugin_metadata')
      return this.replaceInPlugin(kind, String(value['id']), value, change) as ObjectValue;
    const { plugins } = value;
    if (!isObject(plugins)) return value;
    const replaced = Object.entries(plugins).map(([name, config]) => [
      name,
      this.replaceInPlugin(kind, name, config, change),
    ]);
    return { ...value, plugins: Object.fromEntries(replaced) as unknown };
  }

  private replaceInPlugin(kind: Kind, name: string, config: unknown, change: ChangeSecret): unknown {
    if (APISIX_PLUGINS.has(name)) {
      const fields = Object.hasOwn(APISIX_ENCRYPT_FIELDS, name) ? (APISIX_ENCRYPT_FIELDS[name] ?? []) : [];
      return fields.reduce<unknown>((changed, field) => replaceAt(changed, field.split('.'), change), config);
    }
    // A plugin that neither knows belongs to somebody else: it stays as it was written.
    if (!this.options.isKnown(name) || !isObject(config)) return config;
    if (kind === 'plugin_metadata') return this.options.secrets.replace(kind, config, change);
    const alone = this.options.secrets.replace(kind, { plugins: { [name]: config } }, change);
    return (alone['plugins'] as Readonly<Record<string, unknown>>)[name];
  }
}

const algorithmOf = (key: Buffer): string => (key.length === 16 ? 'aes-128-cbc' : 'aes-256-cbc');

/** Changes the texts at a path, and below it; lists on the way are gone through. */
function replaceAt(value: unknown, path: readonly string[], change: ChangeSecret): unknown {
  if (Array.isArray(value)) return value.map((item) => replaceAt(item, path, change));
  const [name, ...rest] = path;
  if (name === undefined) {
    if (typeof value === 'string') return change(value, '');
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, replaceAt(member, [], change)]));
  }
  if (!isObject(value) || !Object.hasOwn(value, name)) return value;
  return { ...value, [name]: replaceAt(value[name], rest, change) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
