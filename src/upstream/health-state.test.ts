import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HEALTHY,
  type HealthEvent,
  type HealthLimits,
  HTTP_FAILURE,
  MOSTLY_HEALTHY,
  MOSTLY_UNHEALTHY,
  nextHealth,
  type NodeHealth,
  readCounters,
  STATUSES,
  SUCCESS,
  TCP_FAILURE,
  TIMEOUT_FAILURE,
  UNHEALTHY,
} from './health-state.ts';

const LIMITS: HealthLimits = [2, 2, 3, 4];
const FRESH: NodeHealth = { state: HEALTHY, counters: 0 };

function after(events: readonly HealthEvent[], limits = LIMITS): readonly [string, ...number[]] {
  let health = FRESH;
  for (const event of events) health = nextHealth(health, event, limits);
  const { success, tcp_failure, http_failure, timeout_failure } = readCounters(health.counters);
  return [STATUSES[health.state]!, success, tcp_failure, http_failure, timeout_failure];
}

const [S, C, H, T] = [SUCCESS, TCP_FAILURE, HTTP_FAILURE, TIMEOUT_FAILURE] as const;

const CASES: readonly {
  readonly name: string;
  readonly events: readonly HealthEvent[];
  readonly is: readonly unknown[];
}[] = [
  {
    name: 'a node begins healthy, and successes do not count while it is',
    events: [S, S, S],
    is: ['healthy', 0, 0, 0, 0],
  },
  { name: 'one failure short of the limit leaves it up', events: [H, H], is: ['mostly_healthy', 0, 0, 2, 0] },
  { name: 'HTTP failures up to their limit', events: [H, H, H], is: ['unhealthy', 0, 0, 3, 0] },
  { name: 'TCP failures have a limit of their own', events: [H, H, C, C], is: ['unhealthy', 0, 2, 2, 0] },
  { name: 'timeouts too', events: [T, T, T, T], is: ['unhealthy', 0, 0, 0, 4] },
  { name: 'a success begins the count of failures anew', events: [H, H, S, H, H], is: ['mostly_healthy', 0, 0, 2, 0] },
  { name: 'enough successes make it wholly healthy again', events: [H, S, S], is: ['healthy', 2, 0, 0, 0] },
  { name: 'what is down stays as it went down', events: [C, C, C, T, H], is: ['unhealthy', 0, 2, 0, 0] },
  { name: 'one success short of the limit leaves it down', events: [C, C, S], is: ['mostly_unhealthy', 1, 0, 0, 0] },
  {
    name: 'a failure begins the count of successes anew',
    events: [C, C, S, C, S],
    is: ['mostly_unhealthy', 1, 0, 0, 0],
  },
  {
    name: 'failures on the way back bring it down for good again',
    events: [C, C, S, C, C],
    is: ['unhealthy', 0, 2, 0, 0],
  },
  { name: 'it comes back', events: [C, C, S, S], is: ['healthy', 2, 0, 0, 0] },
];

for (const { name, events, is } of CASES) test(name, () => assert.deepEqual(after(events), is));

test('a limit of 0 takes the kind out of the count', () => {
  assert.deepEqual(after([C, C, C, H, H, S], [0, 0, 5, 0]), ['mostly_healthy', 0, 0, 2, 0]);
});

test('any sequence of events ends where a plain count of events in a row says', () => {
  const seed = Date.now() % 1_000_000;
  let state = seed;
  const random = (below: number): number =>
    ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % below;
  for (let round = 0; round < 300; round++) {
    const limits: HealthLimits = [random(4), random(4), random(255), 1 + random(254)];
    let health = FRESH;
    let isDown = false;
    let row = [0, 0, 0, 0];
    for (let step = 0; step < 200; step++) {
      const event = (random(3) === 0 ? random(4) : 2) as HealthEvent;
      health = nextHealth(health, event, limits);
      if (limits[event] !== 0) {
        if (event === SUCCESS) row = [row[0]! + 1, 0, 0, 0];
        else {
          row[0] = 0;
          row[event]! += 1;
        }
        if (row[event]! >= limits[event]) {
          if (isDown !== (event !== SUCCESS)) row = [0, 0, 0, 0];
          isDown = event !== SUCCESS;
        }
      }
      assert.equal(health.state >= MOSTLY_UNHEALTHY, isDown, `seed ${seed}, round ${round}, step ${step}`);
      assert.ok(health.counters >= 0 && health.counters <= 0xffffffff);
      if (health.state === MOSTLY_HEALTHY || health.state === MOSTLY_UNHEALTHY) assert.notEqual(health.counters, 0);
      if (health.state === UNHEALTHY) assert.equal(readCounters(health.counters).success, 0);
    }
  }
});
