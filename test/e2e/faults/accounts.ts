/** What became of every request: the clients' account beside the gateway's own. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { RunningGateway } from '../gateway.ts';
import type { Account } from '../load.ts';
import { eventually } from '../waiting.ts';

export interface LoggedExchange {
  readonly status: number;
  /** Why the gateway answered itself, or broke an answer off. */
  readonly error_code: string | null;
  readonly upstream_addr: readonly string[];
}

export const ACCESS_LOG = { path: 'access.log', format: 'json' };

/** To be read after the gateway stopped. */
export function exchangesOf(gateway: RunningGateway): LoggedExchange[] {
  return gateway.lines('access.log').map((line) => JSON.parse(line) as LoggedExchange);
}

/** Every request that was sent was answered, by what the log says too, and with nothing but these statuses. */
export function assertAccounts(gateway: RunningGateway, account: Account, statuses: readonly number[]): void {
  assert.deepEqual(account.failed, []);
  const told = Object.keys(account.answered).map(Number);
  assert.deepEqual(
    told.filter((status) => !statuses.includes(status)),
    [],
    `${JSON.stringify(account.answered)} ${JSON.stringify(errorsOf(gateway))}`,
  );
  const logged: Record<number, number> = {};
  for (const { status } of exchangesOf(gateway)) logged[status] = (logged[status] ?? 0) + 1;
  assert.deepEqual(logged, account.answered, 'the log has each answer once');
}

/** How often the gateway answered itself, by its reason. */
export function errorsOf(gateway: RunningGateway): Record<string, number> {
  const errors: Record<string, number> = {};
  for (const { error_code } of exchangesOf(gateway)) {
    if (error_code !== null) errors[error_code] = (errors[error_code] ?? 0) + 1;
  }
  return errors;
}

/** Open descriptors of the gateway. */
export function descriptorsOf({ pid }: { readonly pid: number }): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Waits until the gateway has no more descriptors than it had, some idle upstream connections aside. */
export async function assertNoLeak(gateway: RunningGateway, before: number, upstreams: number): Promise<void> {
  await eventually(
    () => descriptorsOf(gateway) <= before + upstreams,
    () => `${descriptorsOf(gateway)} descriptors are open, ${before} were before`,
  );
}
