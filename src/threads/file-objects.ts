/** The Admin API of a gateway whose objects stand in its configuration file: it shows them, and refuses to change them. */
import type { SideServer } from '../admin/side-server.ts';
import type { Configuration } from '../config/configuration.ts';
import { FileStore } from '../store/file.ts';
import { startAdmin } from './admin-listener.ts';
import type { AdminListener, AdminParts } from './admin-listener.ts';
import { schedule } from './logs.ts';

export interface FileObjectsOptions extends Omit<AdminParts, 'store' | 'streams' | 'isServed'> {
  /** The configuration file. */
  readonly path: string;
  readonly configuration: Configuration;
}

export class FileObjects {
  private readonly options: FileObjectsOptions;
  private readonly store: FileStore;
  private admin: AdminListener | null = null;

  constructor(options: FileObjectsOptions) {
    const { path, configuration, clock, onFault } = options;
    this.options = options;
    this.store = new FileStore(path, configuration, { now_ms: () => clock.wall_ms(), schedule, onFault });
  }

  /** The file was read again. */
  take(configuration: Configuration): void {
    this.store.take(configuration);
  }

  /** Opens the Admin API, null if none is asked for. Rejects as `startAdmin` does. */
  async listen(streams: AdminParts['streams']): Promise<SideServer | null> {
    // Nothing is ever written, so nobody waits for it.
    const isServed = async (): Promise<boolean> => false;
    return (this.admin = await startAdmin({ ...this.options, store: this.store, streams, isServed }));
  }

  /** Opens the audit log anew, after it was renamed. */
  reopenLogs(): void {
    this.admin?.reopenLogs();
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
