/** The logs of a gateway, as its settings ask for them. */
import type { Clock } from '../clock/clock.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { Problem } from '../model/problem.ts';
import { AccessLog } from '../observe/access-log.ts';
import { type Destination, openDestination } from '../observe/destination.ts';
import { ErrorLog } from '../observe/error-log.ts';
import { checkFormat } from '../observe/format.ts';
import type { Schedule } from '../observe/line-writer.ts';
import { StartError } from './start-error.ts';

export const schedule: Schedule = (delay_ms, callback) => {
  const timer = setTimeout(callback, delay_ms);
  return () => clearTimeout(timer);
};

/** Throws StartError if the path cannot be opened. */
export function openErrorLog(settings: GatewaySettings, clock: Clock): ErrorLog {
  const { path, level } = settings.error_log;
  return new ErrorLog({ destination: openLog('gateway.error_log.path', path), level, clock, schedule });
}

/** Null if none is asked for. Throws StartError if the path cannot be opened. */
export function openAccessLog(settings: GatewaySettings, errorLog: ErrorLog): AccessLog | null {
  if (settings.access_log === false) return null;
  const { path, format } = settings.access_log;
  return new AccessLog({ destination: openLog('gateway.access_log.path', path), format, schedule, errorLog });
}

/** What is wrong with the format of the access log. */
export function checkAccessLog(settings: GatewaySettings): Problem[] {
  if (settings.access_log === false) return [];
  const { format } = settings.access_log;
  return checkFormat(format).map((message) => ({ path: 'gateway.access_log.format', code: 'invalid_value', message }));
}

function openLog(attribute: string, path: string): Destination {
  try {
    return openDestination(path);
  } catch (error) {
    throw new StartError(`${attribute}: cannot open "${path}": ${(error as Error).message}`, { cause: error });
  }
}
