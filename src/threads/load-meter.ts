/** Measures how much one thread has to do, for plugins that refuse requests while it is too much. */
import { totalmem } from 'node:os';
import type { GatewaySettings } from '../config/settings.ts';
import { type LoadSample, Shedding } from '../limit/shedding.ts';
import type { HostLog, Load } from '../sdk/host.ts';

/** Often enough to follow a second's overload, rarely enough to cost nothing. */
const SAMPLE_MS = 250;
/** How often the event loop is asked for a turn. */
const TICK_MS = 20;
/** Measuring ends after so long without a request that may be refused. */
const QUIET_MS = 10_000;
/** Of the memory that the process may use, unless the settings name a number of bytes. */
const MEMORY_SHARE = 0.9;

export interface LoadMeterOptions {
  readonly settings: GatewaySettings['load_shedding'];
  readonly errorLog: HostLog;
  readonly now_ms: () => number;
}

/** Measures only while requests come that may be refused: a gateway without them does not wake up for it. */
export class LoadMeter implements Load {
  private readonly shedding: Shedding;
  private readonly now_ms: () => number;
  private readonly memory_bytes: number;
  private timer: NodeJS.Timeout | null = null;
  private ticked_ms = 0;
  private sampled_ms = 0;
  /** Since the last sample. */
  private ticks = 0;
  private late_ms = 0;
  private isAsked = false;
  private asked_ms = 0;

  constructor({ settings, errorLog, now_ms }: LoadMeterOptions) {
    this.now_ms = now_ms;
    this.memory_bytes = settings.memory_bytes > 0 ? settings.memory_bytes : availableMemory() * MEMORY_SHARE;
    this.shedding = new Shedding(settings, (level, { delay_ms, memory_share }) => {
      const detail = { level, loop_delay_ms: Math.round(delay_ms), memory_percent: Math.round(memory_share * 100) };
      if (level === 0) errorLog.info('load_shedding_over', detail);
      else errorLog.warn('load_shedding', detail);
    });
  }

  admits(priority: number): boolean {
    this.isAsked = true;
    if (this.timer === null) this.begin();
    return this.shedding.admits(priority);
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private begin(): void {
    this.ticked_ms = this.sampled_ms = this.now_ms();
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  private tick(): void {
    const now_ms = this.now_ms();
    this.ticks++;
    this.late_ms += Math.max(0, now_ms - this.ticked_ms - TICK_MS);
    this.ticked_ms = now_ms;
    if (now_ms - this.sampled_ms < SAMPLE_MS) return;
    this.shedding.note(this.sample(), now_ms);
    this.sampled_ms = now_ms;
    if (this.isAsked) this.asked_ms = now_ms;
    this.isAsked = false;
    if (!this.shedding.isShedding && now_ms - this.asked_ms > QUIET_MS) this.close();
  }

  private sample(): LoadSample {
    const delay_ms = this.late_ms / this.ticks;
    this.ticks = this.late_ms = 0;
    return { delay_ms, memory_share: process.memoryUsage.rss() / this.memory_bytes };
  }
}

/** What the control group allows, or else what the machine has. */
function availableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
