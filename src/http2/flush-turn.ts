/** Collects what connections have to write within one turn of the event loop, so that each writes once. */
export interface Flushable {
  flush(): void;
}

export class FlushTurn {
  private waiting: Flushable[] = [];
  private readonly schedule: (callback: () => void) => void;
  private readonly onFault: (error: unknown) => void;
  private isScheduled = false;
  private readonly run = (): void => this.flushAll();

  /** @param schedule runs a callback at the end of the current turn of the event loop: `setImmediate` */
  constructor(schedule: (callback: () => void) => void, onFault: (error: unknown) => void) {
    this.schedule = schedule;
    this.onFault = onFault;
  }

  add(connection: Flushable): void {
    this.waiting.push(connection);
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.schedule(this.run);
  }

  private flushAll(): void {
    this.isScheduled = false;
    const { waiting } = this;
    this.waiting = [];
    for (const connection of waiting) {
      try {
        connection.flush();
      } catch (error) {
        this.onFault(error);
      }
    }
  }
}
