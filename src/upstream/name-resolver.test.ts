import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HandTimers } from '../../test/hand-timers.ts';
import type { NameQuery } from '../compile/snapshot.ts';
import { type Found, LookupError } from './dns-lookup.ts';
import { NameAnswers, type ToldAnswer } from './name-answers.ts';
import { type NameFailure, NameResolver } from './name-resolver.ts';

const host = (name: string): NameQuery => ({ kind: 'host', name });
const found = (ttl_ms: number, ...addresses: readonly string[]): Found => ({
  answer: addresses.map((address) => ({ address, port: 0, weight: 1, priority: 0 })),
  ttl_ms,
});
const GONE = new LookupError('there is no a', true);
const DOWN = new LookupError('a: timeout', false);

class Lab {
  readonly timers = new HandTimers();
  readonly told: string[] = [];
  readonly failures: NameFailure[] = [];
  recovered = 0;
  asked = 0;
  underWay = 0;
  mostUnderWay = 0;
  readonly results = new Map<string, Found | Error>();
  readonly resolver: NameResolver;
  /** Lookups wait until a test lets them go. */
  isHolding = false;
  private readonly held: (() => void)[] = [];

  constructor(most = 16) {
    this.resolver = new NameResolver({
      lookup: async ({ name }) => {
        this.asked++;
        this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
        if (this.isHolding) await new Promise<void>((resolve) => this.held.push(resolve));
        this.underWay--;
        const result = this.results.get(name) ?? GONE;
        if (result instanceof Error) throw result;
        return result;
      },
      now_ms: () => this.timers.now_ms,
      random: () => 1,
      startTimer: this.timers.start,
      minTtl_ms: 1_000,
      maxTtl_ms: 60_000,
      onTold: (told) => this.told.push(...told.map(brief)),
      onFailed: (failure) => this.failures.push(failure),
      onRecovered: () => this.recovered++,
      most,
    });
  }

  letGo(): void {
    for (const go of this.held.splice(0)) go();
  }

  /** Lets time pass in steps that let lookups end. */
  async pass(duration_ms: number): Promise<void> {
    for (let passed = 0; passed < duration_ms; passed += 500) {
      this.timers.pass(Math.min(500, duration_ms - passed));
      await settled();
    }
  }
}

const brief = ({ query, answer }: ToldAnswer): string =>
  `${query.name}: ${answer === null ? 'forgotten' : answer.map(({ address }) => address).join(' ')}`;

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the name resolver', () => {
  it('asks again when the TTL is over, within its bounds, and tells changes only, in whatever order records come', async () => {
    const lab = new Lab();
    lab.results.set('a', found(5_000, '10.0.0.2', '10.0.0.1'));
    lab.resolver.update([host('a')]);
    await settled();
    assert.deepEqual(lab.told, ['a: 10.0.0.1 10.0.0.2']);
    lab.results.set('a', found(0, '10.0.0.1', '10.0.0.2'));
    await lab.pass(4_500);
    assert.equal(lab.asked, 1);
    await lab.pass(1_000);
    assert.deepEqual([lab.asked, lab.told.length], [2, 1]);
    lab.results.set('a', found(1e9, '10.0.0.3'));
    await lab.pass(1_000);
    assert.deepEqual(lab.told.slice(1), ['a: 10.0.0.3']);
    await lab.pass(59_000);
    assert.equal(lab.asked, 3, 'a TTL of 0 waits for a second, one of days for a minute');
    await lab.pass(1_500);
    assert.equal(lab.asked, 4);
  });

  it('keeps the last good answer through failures, and tries less and less often', async () => {
    const lab = new Lab();
    lab.results.set('a', found(1_000, '10.0.0.1'));
    lab.resolver.update([host('a')]);
    await settled();
    for (const failure of [DOWN, GONE]) {
      lab.results.set('a', failure);
      const before = lab.asked;
      await lab.pass(120_000);
      assert.ok(lab.asked - before < 12, `${lab.asked - before}`);
      assert.deepEqual(lab.told, ['a: 10.0.0.1']);
    }
    assert.equal(lab.failures.length, 1, 'one line for one failure, however long');
    assert.equal(lab.failures[0]!.isStale, true);
    lab.results.set('a', found(1_000, '10.0.0.9'));
    await lab.pass(30_000);
    assert.deepEqual(lab.told.at(-1), 'a: 10.0.0.9');
    assert.equal(lab.recovered, 1);
  });

  it('says that there is nothing where there never was an answer, and finds out when there is', async () => {
    const lab = new Lab();
    lab.resolver.update([host('a')]);
    await settled();
    assert.deepEqual(lab.told, ['a: ']);
    assert.deepEqual(lab.failures[0], { query: host('a'), reason: 'there is no a', isStale: false });
    lab.results.set('a', found(1_000, '10.0.0.1'));
    await lab.pass(1_500);
    assert.deepEqual(lab.told, ['a: ', 'a: 10.0.0.1']);
  });

  it('asks no more than it may at once, and each name in its turn', async () => {
    const lab = new Lab(4);
    lab.isHolding = true;
    const queries = Array.from({ length: 30 }, (_, i) => host(`n${i}`));
    lab.resolver.update(queries);
    for (let round = 0; round < 10; round++) {
      await settled();
      lab.letGo();
    }
    await settled();
    assert.deepEqual([lab.asked, lab.mostUnderWay, lab.told.length], [30, 4, 30]);
  });

  it('names that fail keep no others waiting, and are asked for all the same', async () => {
    const lab = new Lab(4);
    const dead = Array.from({ length: 20 }, (_, i) => host(`dead${i}`));
    for (const { name } of dead) lab.results.set(name, DOWN);
    lab.results.set('good', found(1_000, '10.0.0.1'));
    lab.resolver.update([...dead, host('good')]);
    await lab.pass(500);
    assert.equal(lab.asked, 21);
    // From now on nobody answers for those that failed.
    lab.isHolding = true;
    await lab.pass(2_000);
    assert.equal(lab.underWay, 3, 'two of them, and the good one');
    lab.letGo();
    await settled();
    lab.results.set('good', found(1_000, '10.0.0.2'));
    lab.isHolding = false;
    await lab.pass(2_000);
    lab.letGo();
    await settled();
    assert.equal(lab.told.at(-1), 'good: 10.0.0.2');
    await lab.pass(60_000);
    assert.ok(lab.asked > 21 + 2 * 20, `${lab.asked}`);
  });

  it('forgets names that left the configuration, and those that were only asked for after an hour', async () => {
    const lab = new Lab();
    for (const name of ['a', 'b', 'c']) lab.results.set(name, found(60_000, '10.0.0.1'));
    lab.resolver.update([host('a'), host('b')]);
    lab.resolver.ask([host('c')]);
    await settled();
    assert.equal(lab.resolver.all().length, 3);
    lab.resolver.ask([host('b')]);
    assert.equal(lab.told.at(-1), 'b: 10.0.0.1', 'who asks is told what is known');
    lab.resolver.update([host('b')]);
    assert.equal(lab.told.at(-1), 'a: forgotten');
    assert.equal(lab.resolver.size, 2);
    for (let i = 0; i < 61; i++) await lab.pass(60_000);
    assert.equal(lab.told.at(-1), 'c: forgotten');
    assert.equal(lab.resolver.size, 1);
    lab.resolver.close();
    assert.equal(lab.timers.pending, 0);
  });

  it('an answer that comes after its name was given up changes nothing', async () => {
    const lab = new Lab();
    lab.results.set('a', found(1_000, '10.0.0.1'));
    lab.isHolding = true;
    lab.resolver.update([host('a')]);
    await settled();
    lab.resolver.update([]);
    lab.letGo();
    await settled();
    assert.deepEqual(lab.told, ['a: forgotten']);
    assert.equal(lab.timers.pending, 0);
  });
});

describe('answers in a thread', () => {
  it('are asked for once, and wake up who waits for them', () => {
    const asked: string[] = [];
    const answers = new NameAnswers((queries) => asked.push(...queries.map(({ name }) => name)));
    assert.equal(answers.get(host('a')), undefined);
    assert.equal(answers.get(host('a')), undefined);
    assert.deepEqual(asked, ['a']);
    let woken = 0;
    answers.onChange(() => woken++);
    answers.onChange(() => woken++)();
    const { version } = answers;
    answers.tell([{ query: host('a'), answer: found(1, '10.0.0.1').answer }]);
    assert.deepEqual([woken, answers.version], [1, version + 1]);
    assert.equal(answers.get(host('a'))?.[0]?.address, '10.0.0.1');
    answers.tell([{ query: host('a'), answer: null }]);
    assert.equal(answers.get(host('a')), undefined);
    assert.deepEqual(asked, ['a', 'a'], 'what was forgotten is asked for again');
  });
});
