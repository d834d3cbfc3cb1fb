/** From settings to an open store. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { StoreSettings } from '../config/store-settings.ts';
import { type PluginSchemas, Secrets } from '../model/secrets.ts';
import { ApisixCipher } from './apisix-cipher.ts';
import { EmbeddedStore } from './embedded.ts';
import { EtcdStore } from './etcd.ts';
import type { EtcdTls } from './etcd-client.ts';
import { type FieldCipher, PLAIN } from './field-cipher.ts';
import { GcmCipher, type SealingKey } from './gcm-cipher.ts';
import { loadKeys, readKey } from './key-file.ts';
import { DEFAULT_PREFIX } from './object-key.ts';
import { StoreError } from './store-error.ts';
import type { Store, StoreParts } from './store.ts';

const DATABASE = 'gatewright.db';
const MAX_BYTES = 1_073_741_824;
const ENDPOINT = 'http://127.0.0.1:2379';
const SNAPSHOT = 'gatewright-etcd.snapshot';
const TIMEOUT_ms = 5_000;
const HEALTH_ms = 3_000;

export interface OpenStoreOptions {
  /** Checked. */
  readonly settings: StoreSettings;
  /** That of the configuration file: relative paths begin there. */
  readonly folder: string;
  /** The schemas of a plugin, undefined if there is none of that name. */
  readonly pluginNamed: (name: string) => PluginSchemas | undefined;
  readonly parts: StoreParts;
}

/**
 * Opens what is configured; null for the type `file`, which is open already. Rejects with a StoreError if it cannot be used.
 * An etcd that cannot be reached is no error: the store says so in its status, and goes on trying.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store | null> {
  switch (options.settings.type) {
    case 'file':
      return null;
    case 'embedded':
      return openEmbedded(options);
    case 'etcd':
      return openEtcd(options);
  }
}

function openEmbedded({ settings, folder, pluginNamed, parts }: OpenStoreOptions): Store {
  const file = path.resolve(folder, settings.path ?? DATABASE);
  const keys = keysOf(
    settings,
    settings.key_file === undefined ? `${file}.key` : path.resolve(folder, settings.key_file),
  );
  const cipher = new GcmCipher(new Secrets(pluginNamed), keys);
  const knownKeyIds = keys.map(({ id }) => id);
  const max_bytes = settings.max_bytes ?? MAX_BYTES;
  return new EmbeddedStore({ path: file, max_bytes, cipher, keyId: keys[0].id, knownKeyIds }, parts);
}

function keysOf({ keys: configured = [] }: StoreSettings, file: string): readonly [SealingKey, ...SealingKey[]] {
  const [first, ...others] = configured.flatMap((text) => readKey(text) ?? []);
  return first === undefined ? loadKeys(file).keys : [first, ...others];
}

function openEtcd({ settings, folder, pluginNamed, parts }: OpenStoreOptions): Promise<Store> {
  const { hosts = [ENDPOINT], prefix = DEFAULT_PREFIX, user = '', password = '', snapshot = SNAPSHOT } = settings;
  return EtcdStore.open(
    {
      endpoints: hosts,
      prefix,
      user,
      password,
      tls: readTls(settings.tls ?? {}, folder),
      timeout_ms: settings.timeout_ms ?? TIMEOUT_ms,
      health_ms: settings.health_ms ?? HEALTH_ms,
      cipher: etcdCipher(settings, pluginNamed),
      snapshot: snapshot === false ? null : path.resolve(folder, snapshot),
      isFollowed: true,
    },
    parts,
  );
}

function etcdCipher({ encryption }: StoreSettings, pluginNamed: OpenStoreOptions['pluginNamed']): FieldCipher {
  if (encryption === undefined || encryption === 'off') return PLAIN;
  const [first = '', ...others] = encryption.keyring;
  const isKnown = (name: string): boolean => pluginNamed(name) !== undefined;
  return new ApisixCipher({ keyring: [first, ...others], secrets: new Secrets(pluginNamed), isKnown });
}

function readTls(tls: NonNullable<StoreSettings['tls']>, folder: string): EtcdTls {
  const { ca, cert, key, sni, verify = true } = tls;
  const files = Object.entries({ ca, cert, key }).flatMap(([name, file]) =>
    file === undefined ? [] : [[name, readPem(`tls.${name}`, path.resolve(folder, file))]],
  );
  const contents = Object.fromEntries(files) as Pick<EtcdTls, 'ca' | 'cert' | 'key'>;
  return { ...contents, ...(sni === undefined ? {} : { servername: sni }), rejectUnauthorized: verify };
}

function readPem(attribute: string, file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (!text.includes('-----BEGIN ')) throw new Error('it is no PEM file');
    return text;
  } catch (error) {
    throw new StoreError('unavailable', `${attribute}: cannot use ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
