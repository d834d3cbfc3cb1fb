/**
 * One coarse timer wheel for every deadline of a worker. Arming a deadline is an integer store: an entry that is
 * armed again and again (a keep-alive connection, once per request) stays in its slot and is looked at only when
 * that slot comes round. A deadline of n ms fires after at least n and less than n + 2 ticks.
 */

/** Something that can expire. Implementers hold these fields and never touch them themselves. */
export interface Deadline {
  /** The tick at which the deadline expires; 0 while none is armed. Owned by the wheel. */
  expiresAt: number;
  /** The tick at whose slot the entry is filed; 0 while it is in no slot. Owned by the wheel. */
  filedAt: number;
  /** Neighbours in the slot's list. Owned by the wheel. */
  nextDeadline: Deadline | null;
  previousDeadline: Deadline | null;
  /** Called once when the deadline expires. It may arm again. */
  onDeadline(): void;
}

/** What the wheel keeps with an entry, for classes that have a deadline. */
export abstract class TimedEntry implements Deadline {
  expiresAt = 0;
  filedAt = 0;
  nextDeadline: Deadline | null = null;
  previousDeadline: Deadline | null = null;

  abstract onDeadline(): void;
}

const SLOTS = 1024;

export class TimerWheel {
  /** The tick whose slot was visited last. Starts at 1: 0 means "not armed". */
  private tick = 1;
  /** The tick that the clock has reached: ahead of `tick` while `advance` makes up for a busy loop. */
  private reached = 1;
  private readonly slots: (Deadline | null)[] = new Array<Deadline | null>(SLOTS).fill(null);
  /** When the wheel stood at tick 0; no time at all before the first `advance`. */
  private startedAt = Number.NaN;
  private armed = 0;

  readonly tick_ms: number;
  private readonly onFault: (error: unknown) => void;

  /**
   * @param tick_ms resolution of the wheel
   * @param onFault takes what an `onDeadline` threw: one faulty entry must not stop the others
   */
  constructor(tick_ms: number, onFault: (error: unknown) => void) {
    this.tick_ms = tick_ms;
    this.onFault = onFault;
  }

  /** Entries that are in a slot; for tests that count leaks. */
  get size(): number {
    return this.armed;
  }

  /** Time since the first `advance`, as coarse as the ticks. */
  get now_ms(): number {
    return this.reached * this.tick_ms;
  }

  /**
   * When the next slot with an entry comes round, on the clock that `advance` is told; Infinity where there is none. What
   * was disarmed since counts too. For clocks that jump from event to event.
   */
  get next_ms(): number {
    return this.startedAt + this.nextFiled() * this.tick_ms;
  }

  private nextFiled(): number {
    let next = Infinity;
    if (this.armed === 0) return next;
    for (const first of this.slots) {
      for (let entry: Deadline | null = first; entry !== null; entry = entry.nextDeadline)
        next = Math.min(next, entry.filedAt);
    }
    return next;
  }

  /** Lets `entry` expire `delay_ms` from now, instead of whatever it was armed for. */
  arm(entry: Deadline, delay_ms: number): void {
    const expiresAt = this.reached + Math.ceil(delay_ms / this.tick_ms) + 1;
    entry.expiresAt = expiresAt;
    if (entry.filedAt === 0) this.file(entry, expiresAt);
    else if (expiresAt < entry.filedAt) {
      this.unfile(entry);
      this.file(entry, expiresAt);
    }
  }

  /** Disarms `entry`. It leaves its slot when that comes round, unless it is armed again before. */
  disarm(entry: Deadline): void {
    entry.expiresAt = 0;
  }

  /** Disarms `entry` and forgets it at once: to be called when its owner ends. */
  remove(entry: Deadline): void {
    entry.expiresAt = 0;
    if (entry.filedAt !== 0) this.unfile(entry);
  }

  /** Moves the wheel to `now_ms` of a monotonic clock and expires what is due. The first call sets the origin. */
  advance(now_ms: number): void {
    if (Number.isNaN(this.startedAt)) this.startedAt = now_ms - this.tick * this.tick_ms;
    const target = Math.floor((now_ms - this.startedAt) / this.tick_ms);
    // What expires now and is armed again counts from now, however late this call came.
    if (target > this.reached) this.reached = target;
    while (this.tick < target) {
      // Of a clock that jumps, most ticks have nothing to expire.
      if (target - this.tick > SLOTS) this.tick = Math.min(target, this.nextFiled()) - 1;
      this.tick++;
      this.visit(this.tick);
    }
  }

  private visit(tick: number): void {
    const slot = tick % SLOTS;
    let entry = this.slots[slot] ?? null;
    if (entry === null) return;
    this.slots[slot] = null;
    // The list is detached as a whole first: an entry that expires may arm, disarm or remove any other one.
    const due: Deadline[] = [];
    while (entry !== null) {
      const next: Deadline | null = entry.nextDeadline;
      entry.nextDeadline = entry.previousDeadline = null;
      if (entry.filedAt > tick) this.link(entry, slot);
      else {
        this.armed--;
        entry.filedAt = 0;
        if (entry.expiresAt > tick) this.file(entry, entry.expiresAt);
        else if (entry.expiresAt !== 0) due.push(entry);
      }
      entry = next;
    }
    for (const expired of due) {
      // Disarmed or armed again by one that expired before it in this very tick.
      if (expired.expiresAt === 0 || expired.expiresAt > tick) continue;
      expired.expiresAt = 0;
      try {
        expired.onDeadline();
      } catch (error) {
        this.onFault(error);
      }
    }
  }

  private file(entry: Deadline, tick: number): void {
    entry.filedAt = tick;
    this.armed++;
    this.link(entry, tick % SLOTS);
  }

  private link(entry: Deadline, slot: number): void {
    const head = this.slots[slot] ?? null;
    entry.nextDeadline = head;
    entry.previousDeadline = null;
    if (head !== null) head.previousDeadline = entry;
    this.slots[slot] = entry;
  }

  private unfile(entry: Deadline): void {
    const { nextDeadline, previousDeadline } = entry;
    if (previousDeadline !== null) previousDeadline.nextDeadline = nextDeadline;
    else this.slots[entry.filedAt % SLOTS] = nextDeadline;
    if (nextDeadline !== null) nextDeadline.previousDeadline = previousDeadline;
    entry.nextDeadline = entry.previousDeadline = null;
    entry.filedAt = 0;
    this.armed--;
  }
}
