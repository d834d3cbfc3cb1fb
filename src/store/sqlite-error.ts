/** What SQLite's errors mean to the users of a store. */
import { StoreError } from './store-error.ts';

/** Primary result codes: https://sqlite.org/rescode.html */
const BUSY = 5;
const LOCKED = 6;
const READ_ONLY = 8;
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

/** A StoreError stays what it is; anything but an error of SQLite is thrown on. */
export function storeErrorOf(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const extended = (error as { readonly errcode?: unknown }).errcode;
  if (typeof extended !== 'number') throw error;
  const reason = (error as Error).message;
  const details = { cause: error };
  switch (extended & 0xff) {
    case FULL:
      return new StoreError(
        'full',
        `there is no room for the write: the disk of ${path} is full, or max_bytes reached`,
        details,
      );
    case READ_ONLY:
      return new StoreError('read_only', `${path} may not be written: ${reason}`, details);
    case BUSY:
    case LOCKED:
      return new StoreError('unavailable', `another process keeps ${path} locked: try again`, details);
    case CORRUPT:
    case NOT_A_DATABASE:
      return new StoreError(
        'unavailable',
        `${path} is damaged, or no store: ${reason}; restore it from a copy`,
        details,
      );
    case CANNOT_OPEN:
      return new StoreError(
        'unavailable',
        `cannot open ${path}: does its directory exist, and may it be written?`,
        details,
      );
    case IO_ERROR:
      return new StoreError('unavailable', `the disk of ${path} fails: ${reason}`, details);
    default:
      return new StoreError('unavailable', `${path}: ${reason}`, details);
  }
}
