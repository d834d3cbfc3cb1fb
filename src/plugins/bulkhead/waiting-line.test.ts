import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Place, Places } from '../../sdk/index.ts';
import { HandClock } from '../../../test/plugins/lab-host.ts';
import { type NoPlace, WaitingLine } from './waiting-line.ts';

/** Places without shared memory. */
class PlainPlaces implements Places {
  private readonly counts = new Map<string, number>();

  enter(key: string, most: number): Place | null {
    const taken = this.taken(key) + 1;
    if (taken > most) return null;
    this.counts.set(key, taken);
    let isLeft = false;
    return {
      taken,
      leave: () => {
        if (isLeft) return;
        isLeft = true;
        this.counts.set(key, this.taken(key) - 1);
      },
    };
  }

  taken(key: string): number {
    return this.counts.get(key) ?? 0;
  }
}

const PATIENCE_MS = 1_000;
const places = new PlainPlaces();
const waiting = new PlainPlaces();

function lineOf(clock: HandClock, mostPlaces: number, mostWaiting: number, shared = { places, waiting }): WaitingLine {
  return new WaitingLine({
    ...shared,
    mostPlaces,
    mostWaiting,
    patience_ms: PATIENCE_MS,
    now_ms: () => clock.monotonic_ms(),
    startTimer: (delay_ms, onExpired) => clock.startTimer(delay_ms, onExpired),
  });
}

const never = (): void => {};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who waits is let in in the order of arrival, and nobody passes them', async () => {
  const line = lineOf(new HandClock(), 1, 5);
  const first = line.enter('a', never) as Place;
  const order: number[] = [];
  const waiters = [1, 2, 3].map(async (name) => {
    const place = (await line.enter('a', never)) as Place;
    order.push(name);
    return place;
  });
  line.leave('a', first);
  const second = await waiters[0]!;
  const late = line.enter('a', never);
  assert.ok(late instanceof Promise);
  line.leave('a', second);
  line.leave('a', await waiters[1]!);
  line.leave('a', await waiters[2]!);
  line.leave('a', (await late) as Place);
  assert.deepEqual(order, [1, 2, 3]);
  assert.deepEqual([places.taken('a'), waiting.taken('a'), line.length], [0, 0, 0]);
});

test('too many to wait are refused at once, and who has waited its time is refused then', async () => {
  const clock = new HandClock();
  const line = lineOf(clock, 1, 1);
  const held = line.enter('b', never) as Place;
  const waiter = line.enter('b', never);
  assert.equal(line.enter('b', never), 'full');
  let outcome: Place | NoPlace | null = null;
  void (waiter as Promise<Place | NoPlace>).then((decided) => (outcome = decided));
  clock.pass(PATIENCE_MS - 1);
  await turn();
  assert.equal(outcome, null);
  clock.pass(10);
  await turn();
  assert.equal(outcome, 'late');
  line.leave('b', held);
  assert.deepEqual([places.taken('b'), waiting.taken('b')], [0, 0]);
});

test('who gives up leaves the line', async () => {
  const line = lineOf(new HandClock(), 1, 2);
  const held = line.enter('c', never) as Place;
  let giveUp = never;
  const waiter = line.enter('c', (callback) => (giveUp = callback));
  giveUp();
  assert.equal(await waiter, 'gone');
  giveUp();
  line.leave('c', held);
  assert.deepEqual([places.taken('c'), waiting.taken('c'), line.length], [0, 0, 0]);
});

test('a place that another worker freed is found', async () => {
  const clock = new HandClock();
  const [here, there] = [lineOf(clock, 1, 5), lineOf(clock, 1, 5)];
  const held = there.enter('d', never) as Place;
  const waiter = here.enter('d', never) as Promise<Place | NoPlace>;
  there.leave('d', held);
  clock.pass(10);
  const place = (await waiter) as Place;
  assert.equal(place.taken, 1);
  here.leave('d', place);
});

test('one upstream does not wait for another', async () => {
  const line = lineOf(new HandClock(), 1, 5);
  const held = line.enter('e', never) as Place;
  const waiter = line.enter('e', never) as Promise<Place>;
  const other = line.enter('f', never) as Place;
  assert.equal(other.taken, 1);
  line.leave('f', other);
  line.leave('e', held);
  line.leave('e', await waiter);
});

test('who comes finds a place that another worker freed: those that waited for it are not in the way', async () => {
  const clock = new HandClock();
  const [here, there] = [lineOf(clock, 1, 1), lineOf(clock, 1, 1)];
  const held = there.enter('g', never) as Place;
  const first = here.enter('g', never) as Promise<Place>;
  there.leave('g', held);
  const second = here.enter('g', never);
  assert.ok(second instanceof Promise, 'there is one place to wait in again');
  here.leave('g', await first);
  here.leave('g', (await second) as Place);
  assert.deepEqual([places.taken('g'), waiting.taken('g'), here.length], [0, 0, 0]);
});

test('in any course of arrivals and departures of two workers the bounds hold and nobody is forgotten', async (t) => {
  const seed = Number(process.env['SEED'] ?? 7);
  t.diagnostic(`seed ${seed}`);
  let state = seed;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const upTo = (most: number): number => Math.floor(random() * (most + 1));
  for (let run = 0; run < 30; run++) {
    const clock = new HandClock();
    const shared = { places: new PlainPlaces(), waiting: new PlainPlaces() };
    const [mostPlaces, mostWaiting] = [1 + upTo(3), upTo(4)];
    const lines = [lineOf(clock, mostPlaces, mostWaiting, shared), lineOf(clock, mostPlaces, mostWaiting, shared)];
    const inside: { line: WaitingLine; place: Place }[] = [];
    const counts = { come: 0, in: 0, full: 0, late: 0, gone: 0 };
    let outside = 0;
    const settle = (line: WaitingLine, outcome: Place | NoPlace): void => {
      if (typeof outcome === 'string') counts[outcome]++;
      else {
        counts.in++;
        inside.push({ line, place: outcome });
      }
    };
    const givers: (() => void)[] = [];
    for (let step = 0; step < 300; step++) {
      const choice = random();
      const line = lines[upTo(1)]!;
      if (choice < 0.45) {
        counts.come++;
        const outcome = line.enter('k', (giveUp) => givers.push(giveUp));
        if (!(outcome instanceof Promise)) {
          if (outcome === 'full') assert.equal(shared.waiting.taken('k'), mostWaiting);
          settle(line, outcome);
        } else {
          outside++;
          void outcome.then((decided) => {
            outside--;
            settle(line, decided);
          });
        }
      } else if (choice < 0.75) {
        const [left] = inside.splice(upTo(inside.length - 1), 1);
        left?.line.leave('k', left.place);
      } else if (choice < 0.85) givers[upTo(givers.length - 1)]?.();
      else clock.pass(upTo(400));
      await turn();
      assert.equal(shared.places.taken('k'), inside.length);
      assert.ok(inside.length <= mostPlaces);
      assert.equal(shared.waiting.taken('k'), outside);
      assert.ok(outside <= mostWaiting);
    }
    clock.pass(PATIENCE_MS + 10);
    await turn();
    assert.equal(outside, 0, 'nobody waits for ever');
    assert.equal(counts.come, counts.in + counts.full + counts.late + counts.gone);
  }
});
