/** Follows a store: what it holds is put in force, the newest state only, one after the other. */
import type { ObjectSet } from '../model/object-set.ts';
import { followObjects, type Objects } from '../store/object-view.ts';
import type { Store, StoreStatus, Watch } from '../store/store.ts';

export interface StoreFeedOptions {
  readonly store: Store;
  /** The enabled plugins; null for all. */
  readonly plugins: readonly string[] | null;
  /** Puts objects in force; resolves with whether every worker serves them now. Never rejects. */
  apply(set: ObjectSet): Promise<boolean>;
  onStatus(status: StoreStatus): void;
}

interface Waiter {
  readonly revision: number;
  readonly settle: (isServed: boolean) => void;
}

export class StoreFeed {
  private readonly options: StoreFeedOptions;
  private readonly watch: Watch;
  private readonly arrival = Promise.withResolvers<Objects>();
  /** The newest that was not taken up yet. */
  private next: Objects | null = null;
  private isApplying = true;
  /** Up to here everything was applied, or refused. */
  private settled = -1;
  private isServed = false;
  private waiters: Waiter[] = [];

  constructor(options: StoreFeedOptions) {
    this.options = options;
    this.watch = followObjects(options.store, {
      plugins: options.plugins,
      onObjects: (objects) => this.take(objects),
      onStatus: (status) => options.onStatus(status),
    });
  }

  /** What the store holds at first. Nothing is applied before `begin`. */
  get first(): Promise<Objects> {
    return this.arrival.promise;
  }

  /** @param served the revision that is in force already, and whether it is */
  begin(served: number, isServed: boolean): void {
    this.settle(served, isServed);
    this.isApplying = false;
    if (this.next?.revision === served) this.next = null;
    if (this.next !== null) void this.applyAll();
  }

  /** Resolves with whether the store's revision, or a later one, is served by every worker; with false after `within_ms`. */
  reached(revision: number, within_ms: number): Promise<boolean> {
    if (this.settled >= revision) return Promise.resolve(this.isServed);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        revision,
        settle: (isServed) => {
          clearTimeout(timer);
          resolve(isServed);
        },
      };
      const timer = setTimeout(() => {
        this.waiters = this.waiters.filter((one) => one !== waiter);
        resolve(false);
      }, within_ms);
      this.waiters.push(waiter);
    });
  }

  close(): void {
    this.watch.close();
    const { waiters } = this;
    this.waiters = [];
    for (const { settle } of waiters) settle(false);
  }

  private take(objects: Objects): void {
    this.arrival.resolve(objects);
    this.next = objects;
    if (!this.isApplying) void this.applyAll();
  }

  private async applyAll(): Promise<void> {
    this.isApplying = true;
    while (this.next !== null) {
      const { set, revision } = this.next;
      this.next = null;
      this.settle(revision, await this.options.apply(set));
    }
    this.isApplying = false;
  }

  private settle(revision: number, isServed: boolean): void {
    this.settled = revision;
    this.isServed = isServed;
    const due = this.waiters.filter((waiter) => waiter.revision <= revision);
    this.waiters = this.waiters.filter((waiter) => waiter.revision > revision);
    for (const { settle } of due) settle(isServed);
  }
}
