/** What a client is told where the store did not do what it was asked for. */
import type { StoreError, StoreErrorCode } from '../store/store-error.ts';
import { refuse } from './answer.ts';
import type { Refused } from './answer.ts';

const STATUS: Readonly<Record<StoreErrorCode, number>> = {
  conflict: 409,
  not_found: 404,
  read_only: 403,
  full: 507,
  too_large: 413,
  invalid: 400,
  unavailable: 503,
  closed: 503,
};

export function refuseStoreError({ code, message, isOutcomeUnknown }: StoreError): Refused {
  const doubt = isOutcomeUnknown
    ? '; the change may have been carried out all the same: look before you try again'
    : '';
  return refuse(STATUS[code], `${message}${doubt}`);
}
