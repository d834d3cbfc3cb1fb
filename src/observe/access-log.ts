/** The access log: one line for each exchange, once, always. */
import type { AccessRecord } from './access-record.ts';
import type { Destination } from './destination.ts';
import { compileFormat } from './format.ts';
import { LineWriter } from './line-writer.ts';
import type { Schedule } from './line-writer.ts';

export interface AccessLogOptions {
  /** See `openDestination`. */
  readonly destination: Destination;
  /** `text`, `json`, or a line with $variables; see `checkFormat`. */
  readonly format: string;
  readonly schedule: Schedule;
  /** Where the log's own troubles are told. */
  readonly errorLog: { warn(event: string, detail: Record<string, unknown>): void };
  /** Memory for lines that wait. Default 8 MiB. */
  readonly maxPending_bytes?: number;
}

/** Drops are told soon, and then once a minute. */
const FIRST_REPORT_MS = 1000;
const REPORT_MS = 60_000;
/** A person at a terminal does not wait a second for a line. */
const TERMINAL_FLUSH_MS = 20;

export class AccessLog {
  private readonly format: (record: AccessRecord) => string;
  private readonly writer: LineWriter;
  private readonly options: AccessLogOptions;
  private reported = 0;
  private cancelReport: (() => void) | null = null;

  /** @throws {TypeError} for a format that `checkFormat` finds fault with */
  constructor(options: AccessLogOptions) {
    const { destination, schedule, errorLog, maxPending_bytes } = options;
    this.options = options;
    this.format = compileFormat(options.format).format;
    this.writer = new LineWriter({
      destination,
      schedule,
      encoding: 'latin1',
      ...(destination.isTerminal ? { flush_ms: TERMINAL_FLUSH_MS } : {}),
      ...(maxPending_bytes === undefined ? {} : { maxPending_bytes }),
      onFailure: (error) => errorLog.warn('access_log_write_failed', { path: destination.name, error }),
    });
  }

  /** Lines that could not be kept, since the start. */
  get dropped(): number {
    return this.writer.dropped;
  }

  /** Called once for each exchange, when it is over. Never throws, never waits. */
  write(record: AccessRecord): void {
    this.writer.write(this.format(record));
    if (this.writer.dropped !== this.reported) {
      this.cancelReport ??= this.options.schedule(FIRST_REPORT_MS, () => this.reportAndRest());
    }
  }

  /** Resolves once every line so far is written or given up; while nobody reads a full pipe it does not. */
  flush(): Promise<void> {
    return this.writer.flush();
  }

  /** After the file was renamed: later lines, and those still pending, go to a new file of the same path. */
  reopen(): void {
    try {
      this.writer.reopen();
    } catch (error) {
      this.options.errorLog.warn('access_log_reopen_failed', { path: this.options.destination.name, error });
    }
  }

  /** Writes what is pending, for two seconds at most, and gives up the file. */
  async close(): Promise<void> {
    await this.writer.close();
    this.cancelReport?.();
    this.report();
  }

  private reportAndRest(): void {
    const hasNews = this.writer.dropped !== this.reported;
    this.report();
    this.cancelReport = hasNews ? this.options.schedule(REPORT_MS, () => this.reportAndRest()) : null;
  }

  private report(): void {
    const lines = this.writer.dropped - this.reported;
    if (lines === 0) return;
    this.reported += lines;
    this.options.errorLog.warn('access_log_lines_dropped', { path: this.options.destination.name, lines });
  }
}
