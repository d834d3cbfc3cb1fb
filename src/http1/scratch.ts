/**
 * Memory in which larger messages are put together. Messages of one turn stand in it side by side; it is used again once
 * the kernel has taken all of them. Leaving it to the collector would let tens of megabytes pile up before that runs.
 */
const SCRATCH_BYTES = 262_144 + 65_536;
const MOST_SPARES = 16;

export class Scratch {
  readonly memory = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  /** Up to here stand messages that wait to be written, or that the kernel has not taken. */
  used = 0;
  /** Writes that the kernel has not taken as a whole. */
  private borrowers = 0;

  get isLent(): boolean {
    return this.borrowers > 0;
  }

  lend(): void {
    this.borrowers++;
  }

  giveBack(): void {
    if (--this.borrowers > 0 || this === current || spares.length >= MOST_SPARES) return;
    this.used = 0;
    spares.push(this);
  }
}

let current = new Scratch();
const spares: Scratch[] = [];

/** Where the messages of this turn stand. */
export function currentScratch(): Scratch {
  return current;
}

/** To be called when no message waits to be written: the memory is free, but for what the kernel has not taken. */
export function recycle(): void {
  if (current.isLent) current = spares.pop() ?? new Scratch();
  else current.used = 0;
}
