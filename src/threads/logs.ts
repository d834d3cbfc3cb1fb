/** The logs of a thread, as the settings ask for them. */
import { isatty } from 'node:tty';
import type { Clock } from '../clock/clock.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { Problem } from '../model/problem.ts';
import { AccessLog } from '../observe/access-log.ts';
import { type Destination, openDestination, openDestinationLater } from '../observe/destination.ts';
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

/** Throws StartError if a file of theirs cannot be opened. Later, a thread that takes another one's place begins without. */
export function checkLogs({ error_log, access_log }: GatewaySettings): void {
  checkLog('gateway.error_log.path', error_log.path);
  if (access_log !== false) checkLog('gateway.access_log.path', access_log.path);
}

function checkLog(attribute: string, path: string): void {
  if (path === 'stdout' || path === 'stderr') return;
  try {
    openDestination(path).close();
  } catch (error) {
    throw new StartError(`${attribute}: cannot open "${path}": ${(error as Error).message}`, { cause: error });
  }
}

export function openErrorLog(settings: GatewaySettings, clock: Clock, streams: StandardStreams): ErrorLog {
  const { path, level } = settings.error_log;
  return new ErrorLog({ destination: openLogLater(path, streams), level, clock, schedule });
}

/** Null if none is asked for. */
export function openAccessLog(
  settings: GatewaySettings,
  errorLog: ErrorLog,
  streams: StandardStreams,
): AccessLog | null {
  if (settings.access_log === false) return null;
  const { path, format } = settings.access_log;
  return new AccessLog({ destination: openLogLater(path, streams), format, schedule, errorLog });
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

/** Throws StartError if the path cannot be opened. */
export function openLog(attribute: string, path: string, streams: StandardStreams): Destination {
  checkLog(attribute, path);
  return openLogLater(path, streams);
}

/** A file that cannot be opened now loses what is written until it can. */
function openLogLater(path: string, streams: StandardStreams): Destination {
  if (path === 'stdout' || path === 'stderr') return streams.destination(path, isatty(path === 'stdout' ? 1 : 2));
  return openDestinationLater(path);
}
