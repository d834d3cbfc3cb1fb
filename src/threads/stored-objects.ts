/** The objects of a gateway whose configuration names a store: opened, followed, and changed through the Admin API. */
import type { SideServer } from '../admin/side-server.ts';
import type { ObjectSet } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { Store, StoreStatus } from '../store/store.ts';
import { startAdmin } from './admin-listener.ts';
import type { AdminListener, AdminParts } from './admin-listener.ts';
import { openObjectStore } from './object-store.ts';
import type { StoreSurroundings } from './object-store.ts';
import { StoreFeed } from './store-feed.ts';
import { storeLive } from './gateway-metrics.ts';

export interface StoredObjectsOptions extends StoreSurroundings {
  readonly errorLog: ErrorLog;
  readonly metrics: MetricRegistry;
  /** The enabled plugins, by the configuration file; null for all. */
  readonly enabled: ObjectSet['plugins'];
  /** Puts objects in force; resolves with whether every worker serves them now. Never rejects. */
  apply(set: ObjectSet): Promise<boolean>;
  /** Whether a state of the store is in force already. */
  readonly isInForce: boolean;
}

export class StoredObjects {
  private readonly options: StoredObjectsOptions;
  private readonly store: Store;
  private readonly feed: StoreFeed;
  private isLive = true;
  private hasApplied: boolean;
  private admin: AdminListener | null = null;

  /** Null if objects stand in the configuration file. Rejects with StartError. */
  static async open(options: StoredObjectsOptions): Promise<StoredObjects | null> {
    const store = await openObjectStore(options);
    return store === null ? null : new StoredObjects(options, store);
  }

  private constructor(options: StoredObjectsOptions, store: Store) {
    this.options = options;
    this.store = store;
    this.hasApplied = options.isInForce;
    this.feed = new StoreFeed({
      store,
      plugins: options.enabled,
      apply: (set) => this.apply(set),
      onStatus: (status) => this.noteStatus(status),
    });
    const live = storeLive(options.metrics);
    options.metrics.onCollect(() => live.set(store.status.state === 'live' ? 1 : 0));
  }

  /** Resolves once what the store holds is in force, as far as it is sound: for a store that knows nothing yet, that takes. */
  async begin(): Promise<void> {
    const { revision, set } = await this.feed.first;
    this.feed.begin(revision, await this.apply(set));
  }

  /** Whether any state of the store has been put in force: until then no answer would be the right one. */
  get isInForce(): boolean {
    return this.hasApplied;
  }

  /** What a probe should know although it changes nothing for traffic. */
  get remarks(): Readonly<Record<string, unknown>> {
    const { state, since_ms } = this.store.status;
    return state === 'live' ? {} : { store: { state, since: new Date(since_ms).toISOString() } };
  }

  private async apply(set: ObjectSet): Promise<boolean> {
    const isApplied = await this.options.apply(set);
    this.hasApplied ||= isApplied;
    return isApplied;
  }

  private noteStatus({ state, reason }: StoreStatus): void {
    const { errorLog } = this.options;
    const wasLive = this.isLive;
    this.isLive = state === 'live';
    if (!this.isLive) errorLog.warn('store_not_live', { state, reason });
    else if (!wasLive) errorLog.info('store_live', {});
  }

  /** Opens the Admin API, null if none is asked for. Rejects as `startAdmin` does. */
  async listen(streams: AdminParts['streams']): Promise<SideServer | null> {
    const { store, feed } = this;
    const isServed: AdminParts['isServed'] = (revision, within_ms) => feed.reached(revision, within_ms);
    return (this.admin = await startAdmin({ ...this.options, store, streams, isServed }));
  }

  /** Opens the audit log anew, after it was renamed. */
  reopenLogs(): void {
    this.admin?.reopenLogs();
  }

  async close(): Promise<void> {
    this.feed.close();
    await this.store.close();
  }
}

/** Kinds whose engine comes later: they are kept for it, which is no fault of theirs. */
const STORED_ONLY = ['stream_routes', 'protos', 'secrets'] as const;

/** Whether a problem says only that this version does not serve the object yet. */
export function isServedLater({ code, path }: Problem, { objects }: ObjectSet): boolean {
  if (code !== 'not_available') return false;
  return STORED_ONLY.some((kind) => objects[kind].some((object) => object.path === path));
}
