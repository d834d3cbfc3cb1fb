/** What tests of stores are made of: a naive copy of a store, short ways to write and to refuse. Not part of the gateway. */
import assert from 'node:assert/strict';
import { nameOf } from './object-key.ts';
import { StoreError, type StoreErrorCode } from './store-error.ts';
import type { ObjectRef, Put, StoreChanges, StoredObject, StoreState, StoreStatus, Watcher } from './store.ts';

export const ROUTE: ObjectRef = { kind: 'routes', id: '1' };

export const put = (ref: ObjectRef, value: Put['value'], more: Partial<Put> = {}): Put => ({
  op: 'put',
  ...ref,
  value,
  ...more,
});

/** Keeps what a watch tells, as a naive copy of the store. */
export class Mirror implements Watcher {
  readonly objects = new Map<string, StoredObject>();
  readonly log: string[] = [];
  readonly statuses: StoreStatus[] = [];
  revision = -1;
  isStale = false;
  private waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  onState({ revision, objects, isStale }: StoreState): void {
    this.objects.clear();
    for (const object of objects) this.objects.set(nameOf(object), object);
    this.isStale = isStale;
    this.note(revision, 'state');
  }

  onChanges({ revision, changed, deleted }: StoreChanges): void {
    assert.ok(revision > this.revision, `revision ${revision} came after ${this.revision}`);
    for (const object of changed) this.objects.set(nameOf(object), object);
    for (const ref of deleted) this.objects.delete(nameOf(ref));
    this.note(revision, [...changed.map(nameOf), ...deleted.map((ref) => `-${nameOf(ref)}`)].toSorted().join(' '));
  }

  onStatus(status: StoreStatus): void {
    this.statuses.push(status);
    this.check();
  }

  /** Resolves once the condition is met; the test's own time limit bounds it. */
  until(isMet: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ isMet, resolve });
      this.check();
    });
  }

  reaches(revision: number): Promise<void> {
    return this.until(() => this.revision >= revision);
  }

  /** Names and values, for comparisons. */
  get content(): Record<string, unknown> {
    return contentOf([...this.objects.values()]);
  }

  private note(revision: number, what: string): void {
    this.revision = revision;
    this.log.push(what);
    this.check();
  }

  private check(): void {
    const met = this.waiting.filter(({ isMet }) => isMet());
    this.waiting = this.waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }
}

export function contentOf(objects: readonly StoredObject[]): Record<string, unknown> {
  const byName = objects.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return Object.fromEntries(
    byName.map((object) => [nameOf(object), [object.value, object.createdRevision, object.modifiedRevision]]),
  );
}

/** Rejects with a StoreError of that code whose message matches. */
export async function refuses(code: StoreErrorCode, act: Promise<unknown>, message = /./): Promise<StoreError> {
  let caught: unknown;
  await act.catch((error: unknown) => (caught = error));
  assert.ok(caught instanceof StoreError, `expected to be refused with ${code}, got ${String(caught)}`);
  assert.equal(caught.code, code, caught.message);
  assert.match(caught.message, message);
  return caught;
}

export interface Random {
  (): number;
  readonly seed: number;
}

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
  return Object.assign(next, { seed });
}
