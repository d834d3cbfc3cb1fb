/** The error log: what the gateway itself has to say, for its operators. Never shown to clients. */
import type { Clock } from '../clock/clock.ts';
import type { Destination } from './destination.ts';
import { describeDetail } from './detail.ts';
import { LineWriter } from './line-writer.ts';
import type { Schedule } from './line-writer.ts';
import { LogTime } from './log-time.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface ErrorLogOptions {
  /** See `openDestination`. */
  readonly destination: Destination;
  /** The least severe lines that are written. */
  readonly level: LogLevel;
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** Lines a second that one event may write for long; more are counted and summed up. Default 10. */
  readonly maxPerSecond?: number;
  /** Lines that one event may write at once after a quiet time. Default 100. */
  readonly burst?: number;
}

const MAX_PER_SECOND = 10;
const BURST = 100;
/** Events are names in the code, few of them; what exceeds this shares one count, so that nobody can grow the map. */
const MAX_EVENTS = 256;
const REPORT_BELOW_BYTES = 1024 * 1024;
const OVERFLOW = 'other events';

interface Flood {
  readonly level: LogLevel;
  readonly event: string;
  /** Lines that may be written now. */
  allowance: number;
  suppressed: number;
}

export class ErrorLog {
  private readonly options: ErrorLogOptions;
  private readonly threshold: number;
  private readonly maxPerSecond: number;
  private readonly burst: number;
  private readonly writer: LineWriter;
  private readonly time = new LogTime();
  private readonly floods = new Map<string, Flood>();
  private cancelSecond: (() => void) | null = null;
  private reportedDrops = 0;

  constructor(options: ErrorLogOptions) {
    this.options = options;
    this.threshold = SEVERITY[options.level];
    this.maxPerSecond = options.maxPerSecond ?? MAX_PER_SECOND;
    this.burst = options.burst ?? BURST;
    this.writer = new LineWriter({
      destination: options.destination,
      schedule: options.schedule,
      encoding: 'utf8',
      flush_ms: 0,
    });
  }

  /** Lines that could not be written for want of memory, a reader or a disk. */
  get dropped(): number {
    return this.writer.dropped;
  }

  /** Whether lines of that level are written: for details that cost something to find out. */
  writes(level: LogLevel): boolean {
    return SEVERITY[level] >= this.threshold;
  }

  debug(event: string, detail?: Record<string, unknown>): void {
    this.log('debug', event, detail);
  }

  info(event: string, detail?: Record<string, unknown>): void {
    this.log('info', event, detail);
  }

  warn(event: string, detail?: Record<string, unknown>): void {
    this.log('warn', event, detail);
  }

  error(event: string, detail?: Record<string, unknown>): void {
    this.log('error', event, detail);
  }

  /** Resolves once every line so far is written or given up. */
  flush(): Promise<void> {
    return this.writer.flush();
  }

  /** After the file was renamed: later lines go to a new file of the same path. */
  reopen(): void {
    try {
      this.writer.reopen();
    } catch (error) {
      this.warn('error_log_reopen_failed', { path: this.options.destination.name, error });
    }
  }

  /** Sums up what was held back, writes what is pending, for two seconds at most, and gives up the file. */
  close(): Promise<void> {
    this.cancelSecond?.();
    this.sumUp();
    return this.writer.close();
  }

  private log(level: LogLevel, event: string, detail: Record<string, unknown> | undefined): void {
    if (SEVERITY[level] < this.threshold) return;
    const flood = this.floodOf(level, event);
    if (flood.allowance <= 0) {
      flood.suppressed++;
      return;
    }
    flood.allowance--;
    this.put(level, event, detail);
  }

  private put(level: LogLevel, event: string, detail: Record<string, unknown> | undefined): void {
    const { dropped, pending_bytes } = this.writer;
    // Not while memory is full: the reports would take the room that the lines lack.
    if (dropped > this.reportedDrops && pending_bytes < REPORT_BELOW_BYTES) {
      this.writer.write(this.line('warn', 'error_log_lines_dropped', { lines: dropped - this.reportedDrops }));
      this.reportedDrops = dropped;
    }
    this.writer.write(this.line(level, event, detail));
  }

  private line(level: LogLevel, event: string, detail: Record<string, unknown> | undefined): string {
    const time = this.time.isoMilliseconds(this.options.clock.wall_ms());
    return `${time} ${level.padEnd(5)} ${event}${describeDetail(detail)}\n`;
  }

  private floodOf(level: LogLevel, event: string): Flood {
    const key = `${level} ${event}`;
    const known = this.floods.get(key);
    if (known !== undefined) return known;
    if (this.floods.size >= MAX_EVENTS && event !== OVERFLOW) return this.floodOf(level, OVERFLOW);
    const flood: Flood = { level, event, allowance: this.burst, suppressed: 0 };
    this.floods.set(key, flood);
    this.cancelSecond ??= this.options.schedule(1000, () => this.nextSecond());
    return flood;
  }

  private nextSecond(): void {
    this.sumUp();
    for (const [key, flood] of this.floods) {
      flood.allowance += this.maxPerSecond;
      if (flood.allowance >= this.burst) this.floods.delete(key);
    }
    this.cancelSecond = this.floods.size === 0 ? null : this.options.schedule(1000, () => this.nextSecond());
  }

  private sumUp(): void {
    for (const flood of this.floods.values()) {
      const { level, event, suppressed } = flood;
      flood.suppressed = 0;
      if (suppressed > 0) this.put(level, 'lines_suppressed', { event, lines: suppressed });
    }
  }
}
