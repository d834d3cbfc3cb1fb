/** The Admin API's own copy of all objects, kept current by following the store. */
import { KINDS } from '../model/object-set.ts';
import type { Kind } from '../model/object-set.ts';
import type { ObjectRef, Store, StoreChanges, StoredObject, StoreState, StoreStatus, Watch } from '../store/store.ts';
import type { View } from './view.ts';

interface Waiter {
  readonly revision: number;
  readonly resolve: (isThere: boolean) => void;
}

export class LiveView implements View {
  private kinds = emptyKinds();
  private readonly watch: Watch;
  private waiters: Waiter[] = [];
  private isLoaded = false;
  private known: StoreStatus;
  revision = 0;

  constructor(store: Store) {
    this.known = store.status;
    this.watch = store.watch({
      onState: (state) => this.replace(state),
      onChanges: (changes) => this.apply(changes),
      onStatus: (status) => (this.known = status),
    });
  }

  get status(): StoreStatus {
    return this.known;
  }

  /** Whether anything has arrived yet. */
  get isReady(): boolean {
    return this.isLoaded;
  }

  list(kind: Kind): ReadonlyMap<string, StoredObject> {
    return this.kinds[kind];
  }

  /** Resolves with true once it knows everything up to the revision, with false if that takes longer than `within_ms`. */
  reached(revision: number, within_ms: number): Promise<boolean> {
    if (this.isLoaded && this.revision >= revision) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.waiters = this.waiters.filter((waiter) => waiter !== mine);
        resolve(false);
      }, within_ms);
      const mine: Waiter = {
        revision,
        resolve: (isThere) => {
          clearTimeout(timer);
          resolve(isThere);
        },
      };
      this.waiters.push(mine);
    });
  }

  close(): void {
    this.watch.close();
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter.resolve(false);
  }

  private replace({ revision, objects }: StoreState): void {
    this.kinds = emptyKinds();
    for (const object of objects) this.kinds[object.kind].set(object.id, object);
    this.isLoaded = true;
    this.advance(revision);
  }

  private apply({ revision, changed, deleted }: StoreChanges): void {
    for (const { kind, id } of deleted satisfies readonly ObjectRef[]) this.kinds[kind].delete(id);
    for (const object of changed) this.kinds[object.kind].set(object.id, object);
    this.advance(revision);
  }

  private advance(revision: number): void {
    this.revision = revision;
    const due = this.waiters.filter((waiter) => waiter.revision <= revision);
    if (due.length === 0) return;
    this.waiters = this.waiters.filter((waiter) => waiter.revision > revision);
    for (const waiter of due) waiter.resolve(true);
  }
}

type Kinds = { readonly [K in Kind]: Map<string, StoredObject> };

function emptyKinds(): Kinds {
  return Object.fromEntries(KINDS.map((kind) => [kind, new Map<string, StoredObject>()])) as Kinds;
}
