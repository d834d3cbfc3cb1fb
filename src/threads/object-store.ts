/** The store that the settings ask for. */
import path from 'node:path';
import type { Clock } from '../clock/clock.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { Secrets } from '../model/secrets.ts';
import { EmbeddedStore } from '../store/embedded.ts';
import { GcmCipher } from '../store/gcm-cipher.ts';
import { loadKeys } from '../store/key-file.ts';
import { StoreError } from '../store/store-error.ts';
import type { Store } from '../store/store.ts';
import { schedule } from './logs.ts';
import { StartError } from './start-error.ts';

const DEFAULT_PATH = 'gatewright.db';
const DEFAULT_MAX_BYTES = 1_073_741_824;

export interface StoreSurroundings {
  readonly settings: GatewaySettings;
  readonly plugins: PluginRegistry;
  /** Of the configuration file: paths are relative to it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

/** Null if objects stand in the configuration file. Throws StartError. */
export function openStore({ settings, plugins, folder, clock, onFault }: StoreSurroundings): Store | null {
  const { type, path: file = DEFAULT_PATH, key_file, max_bytes = DEFAULT_MAX_BYTES } = settings.store;
  if (type !== 'embedded') return null;
  try {
    const database = path.resolve(folder, file);
    const { keys } = loadKeys(path.resolve(folder, key_file ?? `${file}.key`));
    const cipher = new GcmCipher(new Secrets((name) => plugins.get(name)?.definition), keys);
    const knownKeyIds = keys.map(({ id }) => id);
    return new EmbeddedStore(
      { path: database, max_bytes, cipher, keyId: keys[0].id, knownKeyIds },
      { now_ms: () => clock.wall_ms(), schedule, onFault },
    );
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StartError(`gateway.store: ${error.message}`, { cause: error });
  }
}
