/**
 * Lets virtual time pass: from one thing that is due to the next, and never while anything is still under way at the
 * present moment.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Network } from './network.ts';
import { OutsideWork } from './outside-work.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Turns of the event loop without anything happening, after which nothing is under way: what waits for a promise or for the end of a turn has had its turn. */
const QUIET_TURNS = 4;
/** Turns that work of the thread pool may take: some seconds. After them nobody waits for it any more. */
const MOST_TURNS = 1_000_000;

/** Deadlines that are not of the clock. */
export interface Deadlines {
  readonly nextDeadline_ms: number;
  tick(): void;
}

export class Conductor {
  private readonly clock: VirtualClock;
  private readonly network: Network;
  private readonly deadlines: Deadlines;
  private readonly work = new OutsideWork();
  /** Only one lets time pass at a time; the others wait for their turn. */
  private turn: Promise<void> = Promise.resolve();
  private users = 0;
  private alarms = 0;

  constructor(clock: VirtualClock, network: Network, deadlines: Deadlines) {
    this.clock = clock;
    this.network = network;
    this.deadlines = deadlines;
  }

  /** To be called before something begins that time may have to wait for; `leave` when it is over. */
  enter(): void {
    if (this.users++ === 0) this.work.begin();
  }

  leave(): void {
    if (--this.users === 0) this.work.end();
  }

  /** Lets so much time pass. Resolves when everything that was due by then has happened. */
  advance(duration_ms: number): Promise<void> {
    return this.alone(async () => {
      const end_ms = this.clock.monotonic_ms() + duration_ms;
      await this.settle();
      for (;;) {
        const next_ms = this.next_ms;
        if (next_ms > end_ms) break;
        await this.stepTo(next_ms);
      }
      await this.stepTo(end_ms);
    });
  }

  /**
   * Lets time pass until something is so.
   * @param most_ms how long that may take
   * @returns whether it is
   */
  async until(isSo: () => boolean, most_ms: number): Promise<boolean> {
    const end_ms = this.clock.monotonic_ms() + most_ms;
    let isOver = false;
    while (!isOver && !isSo()) {
      await this.alone(async () => {
        await this.settle();
        if (isSo()) return;
        const next_ms = this.next_ms;
        if (next_ms > end_ms) isOver = true;
        else await this.stepTo(next_ms);
      });
    }
    return isSo();
  }

  /** Resolves when nothing is under way at this moment. */
  async settle(): Promise<void> {
    const { network, work } = this;
    let events = -1;
    for (let quiet = 0, turns = 0; quiet < QUIET_TURNS && turns < MOST_TURNS; turns++) {
      await nextTurn();
      const isQuiet = network.isIdle && work.isIdle && network.events + this.alarms === events;
      events = network.events + this.alarms;
      quiet = isQuiet ? quiet + 1 : 0;
    }
  }

  private get next_ms(): number {
    return Math.min(this.clock.next_ms, this.deadlines.nextDeadline_ms);
  }

  /** Alarms of one moment go off one after the other, each with all that follows from it. */
  private async stepTo(now_ms: number): Promise<void> {
    this.clock.moveTo(now_ms);
    this.deadlines.tick();
    while (this.clock.fire()) {
      this.alarms++;
      await this.settle();
    }
    this.alarms++;
    await this.settle();
  }

  private async alone(run: () => Promise<void>): Promise<void> {
    const before = this.turn;
    let release = (): void => {};
    this.turn = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    try {
      await run();
    } finally {
      release();
    }
  }
}
