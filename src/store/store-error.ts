/** Why a store refused something. */
import type { ObjectRef } from './store.ts';

/**
 * - `conflict`: an expectation did not hold: someone else wrote in between, the object is there already, or not there.
 * - `not_found`: what is to be deleted or changed does not exist.
 * - `read_only`: the store takes no writes at all, or its file may not be written now.
 * - `full`: there is no room: of the disk, or of etcd's quota.
 * - `too_large`: the object, or the number of changes in one transaction.
 * - `invalid`: no id of that kind, a value that is no object, the same object twice in one transaction.
 * - `unavailable`: the store cannot be reached or answered nothing of use; what was read last is served on.
 * - `closed`: the store was closed.
 */
export type StoreErrorCode =
  | 'conflict'
  | 'not_found'
  | 'read_only'
  | 'full'
  | 'too_large'
  | 'invalid'
  | 'unavailable'
  | 'closed';

interface Details {
  /** The object that it is about. */
  readonly ref?: ObjectRef;
  /** The write may have been carried out all the same: it was sent, and no answer came. */
  readonly isOutcomeUnknown?: boolean;
  readonly cause?: unknown;
}

/** With any of these nothing was changed, unless `isOutcomeUnknown`. Messages hold no secrets. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly ref: ObjectRef | null;
  readonly isOutcomeUnknown: boolean;

  constructor(code: StoreErrorCode, message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'StoreError';
    this.code = code;
    this.ref = details.ref ?? null;
    this.isOutcomeUnknown = details.isOutcomeUnknown ?? false;
  }
}
