import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { HandTimers } from '../../test/hand-timers.ts';
import { RedisServer } from '../../test/limit/redis.ts';
import { openLab, type Lab } from '../../test/plugins/lab.ts';
import { requireProgram } from '../../test/require-program.ts';
import { eventually } from '../../test/e2e/waiting.ts';
import { ClientError } from '../sdk/clients.ts';
import type { LimitDecision, LimitQuery } from '../sdk/index.ts';
import { SyncedLimits, type SyncOptions } from './limit-sync.ts';

/** Counts as Redis does, and answers when its time has come. */
class SlowRedis {
  readonly timers: HandTimers;
  readonly delay_ms: number;
  readonly windows = new Map<string, { expires_ms: number; counted: number }>();
  fault: ClientError | null = null;
  asked = 0;
  underWay = 0;

  constructor(timers: HandTimers, delay_ms: number) {
    this.timers = timers;
    this.delay_ms = delay_ms;
  }

  readonly add: SyncOptions['redis']['add'] = async (space, { key, window_ms, cost }) => {
    this.asked++;
    this.underWay++;
    await this.passes(this.delay_ms / 2);
    const { fault } = this;
    const id = `${space} ${key}`;
    let window = this.windows.get(id);
    if (fault === null) {
      if (window === undefined || window.expires_ms <= this.timers.now_ms) {
        window = { expires_ms: this.timers.now_ms + window_ms, counted: 0 };
        if (cost > 0) this.windows.set(id, window);
      }
      window.counted += cost;
    }
    const { counted = 0, expires_ms = 0 } = window ?? {};
    const reset_ms = expires_ms - this.timers.now_ms;
    await this.passes(this.delay_ms / 2);
    this.underWay--;
    if (fault !== null) throw fault;
    return { counted, reset_ms };
  };

  readonly fixedWindow = (): Promise<LimitDecision> =>
    Promise.resolve({ isAllowed: true, remaining: 7_777, reset_ms: 1 });

  private passes(delay_ms: number): Promise<void> {
    return new Promise((resolve) => void this.timers.start(delay_ms, resolve));
  }
}

const query = (limit: number, more: Partial<LimitQuery> = {}): LimitQuery => ({
  key: 'k',
  limit,
  window_ms: 60_000,
  cost: 1,
  ...more,
});

function synced(redis: SlowRedis, interval_ms: number, mostKeys?: number): SyncedLimits {
  const { timers } = redis;
  return new SyncedLimits({
    redis,
    interval_ms,
    clock: { monotonic_ms: () => timers.now_ms },
    startTimer: timers.start,
    ...(mostKeys !== undefined && { mostKeys }),
  });
}

/** Step by step, with all that follows from each. */
async function pass(timers: HandTimers, duration_ms: number): Promise<void> {
  for (let left = duration_ms; left > 0; left -= 5) {
    timers.pass(Math.min(5, left));
    await turn();
  }
}

async function isAllowed(limits: SyncedLimits, asked: LimitQuery): Promise<boolean> {
  return (await limits.fixedWindow('s', asked)).isAllowed;
}

describe('counts that are told now and then', () => {
  it('are wrong by no more than they say, whoever asks when', async () => {
    const seed = Math.floor(performance.timeOrigin) % 1_000_000;
    const random = seededRandom(seed);
    let over = 0;
    for (let round = 0; round < 30; round++) {
      const timers = new HandTimers();
      const delay_ms = [2, 10, 40][round % 3]!;
      const interval_ms = [100, 300, 1_000][Math.floor(random() * 3)]!;
      const redis = new SlowRedis(timers, delay_ms);
      const workers = Array.from({ length: 1 + (round % 4) }, () => synced(redis, interval_ms));
      const limit = [1, 5, 30, 200][Math.floor(random() * 4)]!;
      const pace_ms = [5, 20, 100][Math.floor(random() * 3)]!;
      const where = `seed ${seed}, round ${round}`;
      const own = workers.map(() => 0);
      /** When each was first let in somebody after it was certain that everybody had told. */
      const late_ms = workers.map(() => Infinity);
      let total = 0;
      let reached_ms = Infinity;
      while (timers.now_ms < 20_000) {
        const at = Math.floor(random() * workers.length);
        const burst = random() < 0.05 ? 50 : 1;
        for (let i = 0; i < burst; i++) {
          if (!(await isAllowed(workers[at]!, query(limit)))) continue;
          own[at]!++;
          total++;
          if (timers.now_ms > reached_ms + 2 * (interval_ms + delay_ms) + 5) {
            late_ms[at] = Math.min(late_ms[at]!, timers.now_ms);
            assert.ok(timers.now_ms <= late_ms[at] + delay_ms + 5, `too late: ${where}`);
          }
          if (total === limit) reached_ms = timers.now_ms;
        }
        await pass(timers, pace_ms);
      }
      assert.ok(Math.max(...own) <= limit, where);
      assert.ok(
        total >= limit || own.length * 20_000 < limit * pace_ms,
        `none too few: ${total} of ${limit}, ${where}`,
      );
      over += total - limit;
    }
    assert.ok(over > 0, 'they are approximate indeed');
  });

  it('are wrong by one for each worker at most, where requests come more slowly than they are told', async () => {
    const timers = new HandTimers();
    const redis = new SlowRedis(timers, 4);
    const workers = [synced(redis, 100), synced(redis, 100), synced(redis, 100)];
    const seen: boolean[] = [];
    for (let i = 0; i < 20; i++) {
      seen.push(await isAllowed(workers[i % 3]!, query(5)));
      await pass(timers, 250);
    }
    const passed = seen.filter(Boolean).length;
    assert.ok(passed >= 5 && passed <= 5 + 3, `${passed}`);
    assert.deepEqual(
      seen.slice(8),
      Array.from({ length: 12 }, () => false),
    );
    await pass(timers, 60_000);
    assert.equal(await isAllowed(workers[0]!, query(5)), true, 'the next window');
    const alone = synced(redis, 100);
    const own: boolean[] = [];
    for (let i = 0; i < 8; i++) own.push(await isAllowed(alone, query(5, { key: 'own' })));
    assert.equal(own.filter(Boolean).length, 5, 'one alone is exact');
  });

  it('hold back nobody, and ask once in an interval however many requests come', async () => {
    const timers = new HandTimers();
    const redis = new SlowRedis(timers, 10);
    const limits = synced(redis, 1_000);
    for (let i = 0; i < 10_000; i++) assert.ok(!(limits.fixedWindow('s', query(1_000_000)) instanceof Promise));
    await pass(timers, 1_100);
    assert.equal(redis.asked, 2, 'at once, and after the interval');
    assert.equal(redis.windows.get('s k')?.counted, 10_000);
    await pass(timers, 5_000);
    assert.equal(redis.asked, 2, 'nothing to tell, nothing asked');
    assert.equal(timers.pending, 0);
  });

  it('refuse while Redis does not answer, and go on when it does', async () => {
    const timers = new HandTimers();
    const redis = new SlowRedis(timers, 10);
    const limits = synced(redis, 100);
    assert.equal(await isAllowed(limits, query(10)), true);
    await pass(timers, 500);
    redis.fault = new ClientError('refused', 'nobody there');
    assert.equal(await isAllowed(limits, query(10)), true, 'nobody knows yet');
    await pass(timers, 200);
    await assert.rejects(isAllowed(limits, query(10)), redis.fault);
    const before = redis.asked;
    for (let i = 0; i < 100; i++) {
      await assert.rejects(isAllowed(limits, query(10, { key: `k${i}` })), redis.fault);
      await pass(timers, 5);
    }
    assert.ok(redis.asked - before <= 10, 'it is asked once in an interval, whoever comes');
    redis.fault = null;
    await pass(timers, 200);
    assert.equal(await isAllowed(limits, query(10)), true);
    await pass(timers, 200);
    assert.equal(redis.windows.get('s k')?.counted, 3, 'what could not be told is told later');
  });

  it('tell nothing twice where the answer was lost', async () => {
    const timers = new HandTimers();
    const redis = new SlowRedis(timers, 10);
    const limits = synced(redis, 100);
    for (let i = 0; i < 3; i++) await isAllowed(limits, query(4));
    redis.fault = new ClientError('timeout', 'too late');
    await pass(timers, 200);
    redis.fault = null;
    await assert.rejects(isAllowed(limits, query(4)));
    await pass(timers, 300);
    const { counted = 0 } = redis.windows.get('s k') ?? {};
    assert.ok(counted < 3, 'nobody knows whether it was counted');
  });

  it('leave to Redis what there is no room for, until there is', async () => {
    const timers = new HandTimers();
    const redis = new SlowRedis(timers, 10);
    const limits = synced(redis, 100, 2);
    const remaining = async (key: string): Promise<number> =>
      (await limits.fixedWindow('s', query(5, { key }))).remaining;
    assert.deepEqual([await remaining('a'), await remaining('b'), await remaining('c')], [4, 4, 7_777]);
    await pass(timers, 61_000);
    assert.deepEqual([await remaining('c'), await remaining('c'), await remaining('d')], [4, 3, 4]);
  });

  it('are told to the end when the limit is taken away', async () => {
    const timers = new HandTimers();
    const redis = new SlowRedis(timers, 10);
    const limits = synced(redis, 1_000);
    for (const key of ['a', 'b']) for (let i = 0; i < 3; i++) await isAllowed(limits, query(5, { key }));
    await pass(timers, 50);
    const closed = limits.close();
    await pass(timers, 50);
    await closed;
    assert.deepEqual([redis.windows.get('s a')?.counted, redis.windows.get('s b')?.counted], [3, 3]);
    assert.equal(timers.pending, 0);
  });
});

describe('limit-count with sync_interval', () => {
  const COUNT = 20;
  function open(t: Parameters<typeof openLab>[0], server: RedisServer, more: object = {}): Promise<Lab> {
    const redis = { policy: 'redis', redis_host: '127.0.0.1', redis_port: server.port, redis_timeout: 2_000 };
    const limit = { count: COUNT, time_window: 600, rejected_code: 429, sync_interval: 0.1, ...redis, ...more };
    const route = { id: 'r', uri: '/*', plugins: { 'limit-count': limit }, upstream: { nodes: { $UPSTREAM: 1 } } };
    return openLab(t, JSON.stringify({ routes: [route] }));
  }

  it('is one limit for two gateways, in the end, and at most twice of it', async (t) => {
    const program = requireProgram(t, 'redis-server');
    if (program === undefined) return;
    const server = await RedisServer.start(program);
    t.after(() => server.end());
    const labs = [await open(t, server), await open(t, server)];
    let passed = 0;
    let refusals = 0;
    await eventually(
      async () => {
        for (const lab of labs) {
          const { status } = await lab.request('/');
          if (status === 200) passed++;
          refusals = status === 429 ? refusals + 1 : 0;
        }
        return refusals >= 10;
      },
      () => `${passed} passed`,
    );
    assert.ok(passed >= COUNT && passed <= 2 * COUNT, `${passed}`);
    await eventually(
      () => server.ask('GET', server.ask('KEYS', '*')).split(' ')[1] === String(passed),
      () => `Redis has ${server.ask('GET', server.ask('KEYS', '*'))}, ${passed} passed`,
    );
    const refused = await labs[0]!.request('/');
    assert.deepEqual([refused.headers['x-ratelimit-remaining'], refused.headers['x-ratelimit-limit']], ['0', '20']);
    assert.ok(Number(refused.headers['retry-after']) > 0);
  });

  it('refuses with 503 while Redis is gone, or lets pass, and holds nobody up', async (t) => {
    const program = requireProgram(t, 'redis-server');
    if (program === undefined) return;
    const server = await RedisServer.start(program);
    t.after(() => server.end());
    const [strict, lenient] = [await open(t, server), await open(t, server, { allow_degradation: true, count: 1_000 })];
    assert.equal((await strict.request('/')).status, 200);
    await server.kill();
    await eventually(
      async () => {
        const { status, headers } = await strict.request('/');
        assert.ok((await lenient.request('/')).status === 200);
        return status === 503 && headers['x-gatewright-error'] === 'limit_unavailable';
      },
      () => 'nobody notices that Redis is gone',
    );
    await server.run();
    await eventually(
      async () => (await strict.request('/')).status === 200,
      () => 'nobody notices that Redis is there again',
    );
  });
});
