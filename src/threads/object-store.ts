/** The store that the settings ask for. */
import type { Clock } from '../clock/clock.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { openStore } from '../store/open-store.ts';
import { StoreError } from '../store/store-error.ts';
import type { Store } from '../store/store.ts';
import { schedule } from './logs.ts';
import { StartError } from './start-error.ts';

export interface StoreSurroundings {
  readonly settings: GatewaySettings;
  readonly plugins: PluginRegistry;
  /** Of the configuration file: paths are relative to it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

/** Null if objects stand in the configuration file. Rejects with StartError. */
export async function openObjectStore(surroundings: StoreSurroundings): Promise<Store | null> {
  const { settings, plugins, folder, clock, onFault } = surroundings;
  try {
    return await openStore({
      settings: settings.store,
      folder,
      pluginNamed: (name) => plugins.get(name)?.definition,
      parts: { now_ms: () => clock.wall_ms(), schedule, onFault },
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StartError(`gateway.store: ${error.message}`, { cause: error });
  }
}
