/** What carries bytes and events between sockets in memory: each hop takes a turn of the event loop, and no time. */
export class Wire {
  private queue: (() => void)[] = [];
  private isScheduled = false;
  private readonly onFault: (error: unknown) => void;
  /** Hops so far. */
  hops = 0;

  constructor(onFault: (error: unknown) => void) {
    this.onFault = onFault;
  }

  get isIdle(): boolean {
    return this.queue.length === 0;
  }

  /** Runs it in the next turn, in the order of posting. */
  post(hop: () => void): void {
    this.queue.push(hop);
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    const hops = this.queue;
    this.queue = [];
    this.isScheduled = false;
    for (const hop of hops) {
      this.hops++;
      try {
        hop();
      } catch (error) {
        this.onFault(error);
      }
    }
  }
}
