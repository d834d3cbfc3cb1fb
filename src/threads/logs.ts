/** The logs of a thread, as the settings ask for them. */
import { isatty } from 'node:tty';
import type { Clock } from '../clock/clock.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { Problem } from '../model/problem.ts';
import { AccessLog } from '../observe/access-log.ts';
import { type Destination, openDestination } from '../observe/destination.ts';
import { ErrorLog } from '../observe/error-log.ts';
import { checkFormat } from '../observe/format.ts';
import type { Schedule } from '../observe/line-writer.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import { StreamWriter } from './log-relay.ts';
import type { LogBatch, LogWritten } from './messages.ts';
import { StartError } from './start-error.ts';

export const schedule: Schedule = (delay_ms, callback) => {
  const timer = setTimeout(callback, delay_ms);
  return () => clearTimeout(timer);
};

/** Where a thread's lines for a standard stream go. */
export interface StandardStreams {
  destination(stream: LogBatch['stream'], isTerminal: boolean): Destination;
}

/** Main's own: it writes for all. */
export class MainStreams implements StandardStreams {
  private readonly writers = new Map<LogBatch['stream'], StreamWriter>();

  writer(stream: LogBatch['stream']): StreamWriter {
    let writer = this.writers.get(stream);
    if (writer === undefined) this.writers.set(stream, (writer = new StreamWriter(openDestination(stream), schedule)));
    return writer;
  }

  /** Writes what another thread has for one, and tells it what became of that. */
  take({ id, stream, bytes }: LogBatch, reply: (message: LogWritten) => void): void {
    this.writer(stream).write(bytes, (error) => {
      const told = error === null ? null : { message: error.message, code: error.code ?? '' };
      reply({ type: 'log_written', id, written: error === null ? bytes.length : 0, error: told });
    });
  }

  destination(stream: LogBatch['stream'], isTerminal: boolean): Destination {
    return {
      name: stream,
      isTerminal,
      canRecover: false,
      write: (bytes, done) =>
        this.writer(stream).write(new Uint8Array(bytes), (error) => done(error, error === null ? bytes.length : 0)),
      reopen: () => undefined,
      close: () => undefined,
    };
  }
}

/** Throws StartError if the path cannot be opened. */
export function openErrorLog(settings: GatewaySettings, clock: Clock, streams: StandardStreams): ErrorLog {
  const { path, level } = settings.error_log;
  return new ErrorLog({ destination: openLog('gateway.error_log.path', path, streams), level, clock, schedule });
}

/** Null if none is asked for. Throws StartError if the path cannot be opened. */
export function openAccessLog(
  settings: GatewaySettings,
  errorLog: ErrorLog,
  streams: StandardStreams,
): AccessLog | null {
  if (settings.access_log === false) return null;
  const { path, format } = settings.access_log;
  return new AccessLog({ destination: openLog('gateway.access_log.path', path, streams), format, schedule, errorLog });
}

/** Counts the lines that a thread's logs had to give up. */
export function countDrops(
  metrics: MetricRegistry,
  logs: Readonly<Record<string, { readonly dropped: number }>>,
): void {
  const counter = metrics.counter('gatewright_log_lines_dropped_total', {
    help: 'Log lines given up for want of memory, a reader or a disk.',
    labels: ['log'],
  });
  const counted = Object.entries(logs).map(([name, log]) => ({ name, log, before: 0 }));
  metrics.onCollect(() => {
    for (const one of counted) {
      counter.add(one.log.dropped - one.before, one.name);
      one.before = one.log.dropped;
    }
  });
}

/** What is wrong with the format of the access log. */
export function checkAccessLog(settings: GatewaySettings): Problem[] {
  if (settings.access_log === false) return [];
  const { format } = settings.access_log;
  return checkFormat(format).map((message) => ({ path: 'gateway.access_log.format', code: 'invalid_value', message }));
}

export function openLog(attribute: string, path: string, streams: StandardStreams): Destination {
  if (path === 'stdout' || path === 'stderr') return streams.destination(path, isatty(path === 'stdout' ? 1 : 2));
  try {
    return openDestination(path);
  } catch (error) {
    throw new StartError(`${attribute}: cannot open "${path}": ${(error as Error).message}`, { cause: error });
  }
}
