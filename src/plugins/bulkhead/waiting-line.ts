/**
 * Places for requests, and a line for those that find none. All workers share the places and the number of those that wait;
 * each has a line of its own, first come, first served. Who leaves lets the next of its own line in; a place that another
 * worker freed is found by looking often.
 */
import type { Place, Places, Timer } from '../../sdk/index.ts';

export interface WaitingLineOptions {
  readonly places: Places;
  readonly mostPlaces: number;
  /** Who waits, in all workers. */
  readonly waiting: Places;
  readonly mostWaiting: number;
  readonly patience_ms: number;
  now_ms(): number;
  startTimer(delay_ms: number, onExpired: () => void): Timer;
}

/** `full`: too many are waiting; `late`: its time was over; `gone`: it was given up. */
export type NoPlace = 'full' | 'late' | 'gone';

interface Waiter {
  readonly until_ms: number;
  readonly pending: Place;
  readonly resolve: (outcome: Place | NoPlace) => void;
}

/** How long a place that another worker freed may be empty while somebody waits for it. */
const LOOK_MS = 10;

export class WaitingLine {
  private readonly options: WaitingLineOptions;
  private readonly lines = new Map<string, Waiter[]>();
  private timer: Timer | null = null;

  constructor(options: WaitingLineOptions) {
    this.options = options;
  }

  /** Of this worker. */
  get length(): number {
    return [...this.lines.values()].reduce((sum, line) => sum + line.length, 0);
  }

  /**
   * A place, which is to be given back to `leave`, or why there is none; a Promise while that is not decided.
   * @param onGiveUp is handed what gives the waiting up, if there is any
   */
  enter(key: string, onGiveUp: (giveUp: () => void) => void): Place | NoPlace | Promise<Place | NoPlace> {
    const { places, mostPlaces, waiting, mostWaiting, patience_ms, now_ms } = this.options;
    // Who comes must not pass those who wait; nor may they be in the way while there is a place that another worker freed.
    this.admit(key);
    const place = this.lines.has(key) ? null : places.enter(key, mostPlaces);
    if (place !== null) return place;
    const pending = mostWaiting === 0 ? null : waiting.enter(key, mostWaiting);
    if (pending === null) return 'full';
    return new Promise((resolve) => {
      const waiter: Waiter = { until_ms: now_ms() + patience_ms, pending, resolve };
      const line = this.lines.get(key);
      if (line === undefined) this.lines.set(key, [waiter]);
      else line.push(waiter);
      onGiveUp(() => this.end(key, waiter, 'gone'));
      this.look();
    });
  }

  leave(key: string, place: Place): void {
    place.leave();
    this.admit(key);
  }

  private admit(key: string): void {
    for (let first = this.lines.get(key)?.[0]; first !== undefined; first = this.lines.get(key)?.[0]) {
      const place = this.options.places.enter(key, this.options.mostPlaces);
      if (place === null) return;
      this.end(key, first, place);
    }
  }

  private end(key: string, waiter: Waiter, outcome: Place | NoPlace): void {
    const line = this.lines.get(key);
    const index = line?.indexOf(waiter) ?? -1;
    if (line === undefined || index < 0) return;
    line.splice(index, 1);
    if (line.length === 0) this.lines.delete(key);
    waiter.pending.leave();
    waiter.resolve(outcome);
  }

  private look(): void {
    this.timer ??= this.options.startTimer(LOOK_MS, () => {
      this.timer = null;
      const now_ms = this.options.now_ms();
      for (const [key, line] of this.lines) {
        this.admit(key);
        for (const waiter of line.filter(({ until_ms }) => until_ms <= now_ms)) this.end(key, waiter, 'late');
      }
      if (this.lines.size > 0) this.look();
    });
  }
}
