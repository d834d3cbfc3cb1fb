/** The metrics of one thread: numbers in shared memory that it alone writes, and news of its series for who sums them up. */
import type { MetricFamily, Series } from '../observe/metric-family.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import type { FeedMessage } from './messages.ts';

export class MetricFeed {
  readonly registry: MetricRegistry;
  private cells: Float64Array = new Float64Array(0);
  /** News that nobody takes yet. */
  private pending: FeedMessage[] = [];
  private post: (message: FeedMessage) => void = (message) => void this.pending.push(message);

  constructor(now_ms: () => number) {
    this.registry = new MetricRegistry({
      now_ms,
      allocate: (length) => {
        const buffer = new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT);
        const grown = new Float64Array(buffer);
        this.post({ type: 'cells', buffer });
        return (this.cells = grown);
      },
      observer: {
        onAdded: (family, { labelText, at }) => {
          const { shape, expire_ms } = family;
          this.post({ type: 'series', family: { ...shape, expire_ms }, labelText, at });
        },
        onGone: (family, series) => this.tellGone(family, series),
      },
    });
  }

  /** Passes on what there is already, and everything from now on. */
  connect(post: (message: FeedMessage) => void): void {
    const { pending } = this;
    this.pending = [];
    this.post = post;
    for (const message of pending) post(message);
  }

  /** Brings the numbers that are only known by looking up to date, forgets what expired, and says when that is done. */
  collect(id: number): void {
    this.registry.collect();
    this.post({ type: 'collected', id });
  }

  private tellGone(family: MetricFamily, { at }: Series): void {
    const numbers = [...this.cells.subarray(at, at + family.width)];
    this.post({ type: 'gone', name: family.shape.name, at, numbers });
  }
}
