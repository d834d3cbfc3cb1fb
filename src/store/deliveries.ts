/** Hands what happened in a store to its watchers: each goes at its own pace and gets everything since its own revision. */
import type { StoreChanges, StoreParts, StoreState, StoreStatus, Watch, Watcher } from './store.ts';

/** What a store tells of its past; null if `revision` is the current one. */
export type Since = (revision: number | undefined) => StoreChanges | StoreState | null;

export class Deliveries {
  private readonly since: Since;
  private readonly parts: StoreParts;
  private readonly followers = new Set<Follower>();
  private isAwake = false;
  private current: StoreStatus;

  /** @param since throws if the store cannot be read now; what is due comes with the next `wake` then */
  constructor(since: Since, parts: StoreParts, begin: Omit<StoreStatus, 'since_ms'> = { state: 'live', reason: '' }) {
    this.since = since;
    this.parts = parts;
    this.current = { ...begin, since_ms: parts.now_ms() };
  }

  get status(): StoreStatus {
    return this.current;
  }

  /** Tells of a new status, unless it is the one that is known. */
  report(state: StoreStatus['state'], reason: string): void {
    if (state === this.current.state && reason === this.current.reason) return;
    this.current = { state, reason, since_ms: this.parts.now_ms() };
    this.wake();
  }

  add(watcher: Watcher, after: number | undefined): Watch {
    const follower: Follower = { watcher, revision: after, status: null };
    this.followers.add(follower);
    this.wake();
    return { close: () => void this.followers.delete(follower) };
  }

  /** Something may have happened: it is told after whatever runs now. */
  wake(): void {
    if (this.isAwake) return;
    this.isAwake = true;
    queueMicrotask(() => {
      this.isAwake = false;
      for (const follower of this.followers) this.deliver(follower);
    });
  }

  /** What was told so far does not count any more: everyone is told everything. */
  restart(): void {
    for (const follower of this.followers) follower.revision = undefined;
    this.wake();
  }

  close(): void {
    this.followers.clear();
  }

  private deliver(follower: Follower): void {
    const { watcher } = follower;
    try {
      if (follower.status !== this.current) {
        follower.status = this.current;
        watcher.onStatus?.(this.current);
      }
      const news = this.since(follower.revision);
      if (news === null || !this.followers.has(follower)) return;
      follower.revision = news.revision;
      if ('objects' in news) watcher.onState(news);
      else watcher.onChanges(news);
    } catch (error) {
      this.parts.onFault(error);
    }
  }
}

interface Follower {
  readonly watcher: Watcher;
  /** It knows everything up to here; undefined if nothing. */
  revision: number | undefined;
  status: StoreStatus | null;
}
