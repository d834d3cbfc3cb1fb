/** What every Store has to do, as tests that each implementation runs. Not part of the gateway. */
import { test, type TestContext } from 'node:test';
import { type Random, seeded } from './mirror.ts';
import type { Store } from './store.ts';
import { READING, SEEDS } from './suite-reading.ts';
import { WATCHING } from './suite-watching.ts';
import { WRITING } from './suite-writing.ts';

/** A store that a test may write to. */
export interface Subject {
  readonly store: Store;
  /** Lets at least this much time pass, for objects that expire. */
  pass(ms: number): Promise<void>;
}

export type Case = (store: Store, subject: Subject & { readonly random: Random }) => Promise<void>;

export type OpenSubject = (t: TestContext) => Promise<Subject | undefined>;

/** Registers all tests, for a store that takes writes. `SEED` in the environment repeats a run. */
export function storeSuite(name: string, seed: number, open: OpenSubject): void {
  const random = seeded(Number(process.env['SEED'] ?? seed));
  for (const [sentence, run] of Object.entries({ ...WRITING, ...WATCHING })) {
    void test(`${name}: ${sentence}`, async (t) => {
      const subject = await open(t);
      if (subject !== undefined) await run(subject.store, { ...subject, random });
    });
  }
  for (const [sentence, run] of Object.entries(READING)) {
    void test(`${name}: ${sentence}`, async (t) => {
      const subject = await open(t);
      if (subject === undefined) return;
      await subject.store.write(SEEDS);
      await run(subject.store);
    });
  }
}

/** Registers the tests of a store that others fill: `open` gives one that holds SEEDS. */
export function readingSuite(name: string, open: (t: TestContext) => Promise<Store>): void {
  for (const [sentence, run] of Object.entries(READING)) {
    void test(`${name}: ${sentence}`, async (t) => run(await open(t)));
  }
}
