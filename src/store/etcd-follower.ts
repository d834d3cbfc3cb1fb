/**
 * Keeps a replica of what etcd has below a prefix: reads everything, watches from there, resumes where a watch broke off, and
 * reads everything again where that is not possible. While etcd cannot be reached, the replica stays as it was.
 */
import type { EtcdClient } from './etcd-client.ts';
import { encode, numberOf, rangeEnd, type WatchResponse } from './etcd-messages.ts';
import { entryOf, type EtcdEntry, type EtcdObjects, readPrefix } from './etcd-objects.ts';
import { EtcdWatch } from './etcd-watch.ts';
import { Replica } from './replica.ts';
import type { StoredObject, StoreParts, StoreStatus } from './store.ts';

/** Between two attempts to reach etcd; doubled from the first to the last. */
const FIRST_DELAY_ms = 100;
const LAST_DELAY_ms = 5_000;

/** Whom the replica belongs to, and what it was made of: enough to begin with it after a restart. */
export interface KnownState {
  readonly clusterId: string;
  readonly revision: number;
  readonly entries: readonly EtcdEntry[];
}

export interface FollowerOptions {
  readonly client: EtcdClient;
  readonly objects: EtcdObjects;
  readonly parts: StoreParts;
  /** How often etcd is asked whether it is still there, while nothing comes from it. */
  readonly health_ms: number;
  /** What was known before the start; null if nothing. */
  readonly known: KnownState | null;
  readonly onStatus: (state: StoreStatus['state'], reason: string) => void;
  /** The replica changed; `isAnother` if it is a new one, that has nothing to do with the one before. */
  readonly onChange: (isAnother: boolean) => void;
}

/** The watch cannot go on from where the replica is. */
class LostPosition extends Error {}

export class EtcdFollower {
  private readonly options: FollowerOptions;
  private readonly range: { readonly key: string; readonly range_end: string };
  /** As etcd has them, for the local snapshot. */
  private entries = new Map<string, EtcdEntry>();
  private clusterId = '';
  private current: Replica | null = null;
  private mustLoad = true;
  private isLive = false;
  private isClosed = false;
  private failures = 0;
  private watch: EtcdWatch | null = null;
  private wake: () => void = () => undefined;
  private cancelHealth: () => void = () => undefined;

  constructor(options: FollowerOptions) {
    this.options = options;
    const start = `${options.objects.prefix}/`;
    this.range = { key: encode(start), range_end: rangeEnd(start) };
    if (options.known !== null) this.begin(options.known);
  }

  /** Null as long as nothing is known. */
  get replica(): Replica | null {
    return this.current;
  }

  /** Whether the replica is what etcd has, as far as can be known. */
  get isStale(): boolean {
    return !this.isLive;
  }

  /** What to begin with next time; null while nothing is known. */
  get state(): KnownState | null {
    if (this.current === null) return null;
    return { clusterId: this.clusterId, revision: this.current.revision, entries: [...this.entries.values()] };
  }

  /** Begins to follow; resolves after the first attempt to reach etcd, whatever came of it. */
  start(): Promise<void> {
    return new Promise((resolve) => void this.run(resolve));
  }

  close(): void {
    this.isClosed = true;
    this.cancelHealth();
    this.watch?.close();
    this.wake();
  }

  private async run(onAttempted: () => void): Promise<void> {
    while (!this.isClosed) {
      try {
        await this.options.client.authorize();
        if (this.mustLoad) await this.load();
        await this.follow(onAttempted);
      } catch (error) {
        if (this.isClosed) break;
        this.note(error as Error);
      }
      onAttempted();
      if (!this.isClosed) await this.pause();
    }
    onAttempted();
  }

  private note(error: Error): void {
    const { client } = this.options;
    if (error instanceof LostPosition) this.mustLoad = true;
    // A watch is ended with nothing but a text for its reason.
    if (/auth|token|permission/i.test(error.message)) client.forgetToken();
    // Broken off, it often comes back at once: that is tried first, and not worth a word.
    if (this.failures++ === 0 && this.isLive) return;
    client.turn();
    this.isLive = false;
    const where = error.message.startsWith('etcd at ') ? '' : `etcd at ${client.endpoint}: `;
    this.options.onStatus(this.current === null ? 'waiting' : 'stale', `${where}${error.message}`);
  }

  private pause(): Promise<void> {
    // Nothing to wait for after a first failure of what worked.
    const exponent = this.failures - 2;
    if (exponent < 0) return Promise.resolve();
    const delay_ms = Math.min(FIRST_DELAY_ms * 2 ** exponent, LAST_DELAY_ms);
    return new Promise((resolve) => {
      const cancel = this.options.parts.schedule(delay_ms, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }

  private async load(): Promise<void> {
    const state = await readPrefix(this.options.client, `${this.options.objects.prefix}/`);
    if (this.isClosed) return;
    const isSame =
      this.current !== null && this.clusterId === state.clusterId && state.revision >= this.current.revision;
    if (isSame) {
      this.entries = new Map(state.entries.map((entry) => [entry.key, entry]));
      this.current?.catchUp(state.revision, this.readAll(state.entries));
    } else this.begin(state);
    this.mustLoad = false;
    this.options.onChange(!isSame);
  }

  /** Another etcd than before, or one that was set back: what was known does not count. */
  private begin({ clusterId, revision, entries }: KnownState): void {
    this.clusterId = clusterId;
    this.entries = new Map(entries.map((entry) => [entry.key, entry]));
    this.current = new Replica(revision, this.readAll(entries));
    this.mustLoad = false;
  }

  private readAll(entries: readonly EtcdEntry[]): StoredObject[] {
    return entries.flatMap((entry) => this.options.objects.read(entry) ?? []);
  }

  /** Rejects when the watch is over. */
  private follow(onWatching: () => void): Promise<never> {
    return new Promise((_, reject) => {
      let hasBegun = false;
      const start_revision = String((this.current?.revision ?? 0) + 1);
      const end = (error: Error): void => {
        this.cancelHealth();
        this.watch?.close();
        this.watch = null;
        reject(error);
      };
      this.watch = new EtcdWatch(
        this.options.client,
        { ...this.range, start_revision },
        {
          onMessage: (message) => {
            try {
              this.take(message);
              if (message.created !== true) return;
              hasBegun = true;
              onWatching();
            } catch (error) {
              end(error as Error);
            }
          },
          onEnd: end,
        },
      );
      this.checkHealth(() => hasBegun, end);
    });
  }

  private take(message: WatchResponse): void {
    const { header, created, canceled, compact_revision, cancel_reason, events = [] } = message;
    const revision = numberOf(header?.revision);
    if (numberOf(compact_revision) > 0) throw new LostPosition('the revision to resume from was compacted');
    if (canceled === true) throw new Error(cancel_reason ?? 'the watch was ended');
    if (created === true) {
      const isSame = header?.cluster_id === this.clusterId && revision >= (this.current?.revision ?? 0);
      if (!isSame) throw new LostPosition('it is not the cluster that it was, or was set back');
      this.failures = 0;
      this.isLive = true;
      this.options.onStatus('live', '');
    }
    for (const event of events) this.apply(entryOf(event.kv), event.type === 'DELETE');
    // Only a message without events says that nothing is missing up to its revision.
    if (events.length === 0 && created !== true) this.current?.advance(revision);
    if (events.length > 0) this.options.onChange(false);
  }

  private apply(entry: EtcdEntry, isDeleted: boolean): void {
    const { objects } = this.options;
    if (isDeleted) this.entries.delete(entry.key);
    else this.entries.set(entry.key, entry);
    const object = isDeleted ? null : objects.read(entry);
    const ref = objects.refOf(entry.key);
    if (object !== null) this.current?.put(object);
    else if (ref !== null) this.current?.delete(ref, entry.modified);
    else this.current?.advance(entry.modified);
  }

  /** A connection can be open with nobody at its other end. */
  private checkHealth(hasBegun: () => boolean, onFailure: (error: Error) => void): void {
    this.cancelHealth = this.options.parts.schedule(this.options.health_ms, () => {
      const watch = this.watch;
      this.options.client.read('/v3/kv/range', { ...this.range, count_only: true }).then(
        () => {
          if (this.watch !== watch || this.isClosed) return;
          if (hasBegun()) this.checkHealth(hasBegun, onFailure);
          else onFailure(new Error('it answers, but its watch does not begin'));
        },
        (error: unknown) => {
          if (this.watch === watch && !this.isClosed) onFailure(error as Error);
        },
      );
    });
  }
}
