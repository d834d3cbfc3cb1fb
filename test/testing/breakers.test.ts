/** Breakers and health, on both transports: minutes pass, and no test waits for real. */
import assert from 'node:assert/strict';
import type { AnswerOrShort } from '../../src/testing/index.ts';
import { attemptsOf, ONE, routeTo, scenario, TWO } from './scenario.ts';

const BREAKER = {
  break_response_code: 503,
  max_breaker_sec: 8,
  unhealthy: { http_statuses: [500], failures: 2 },
  healthy: { http_statuses: [200], successes: 2 },
};

/** So often each. */
const answers = (...of: readonly (readonly [AnswerOrShort, number])[]): AnswerOrShort[] =>
  of.flatMap(([answer, times]) => new Array<AnswerOrShort>(times).fill(answer));

scenario(
  'api-breaker breaks after failures, for 2 s, then 4, 8 and no longer',
  { config: routeTo(ONE, { 'api-breaker': BREAKER }), upstreams: { '10.0.0.1:80': 500 } },
  async (ask, gateway) => {
    for (const duration_ms of [2000, 4000, 8000, 8000]) {
      assert.equal((await ask('/')).status, 500);
      assert.equal((await ask('/')).status, 500);
      const broken = await ask('/');
      assert.equal(
        `${broken.status} ${broken.repliedBy} ${broken.seen.length} ${broken.headers['retry-after']}`,
        `503 api-breaker 0 ${duration_ms / 1000}`,
      );
      await gateway.clock.advance(duration_ms - 1);
      assert.equal((await ask('/')).status, 503);
      await gateway.clock.advance(1);
    }
    assert.equal((await ask('/')).status, 500);
  },
);

scenario(
  'enough healthy answers in a row mend it',
  {
    config: routeTo(ONE, { 'api-breaker': BREAKER }),
    upstreams: { '10.0.0.1:80': answers([500, 2], [200, 2], [500, 2], [200, 1]) },
  },
  async (ask, gateway) => {
    for (let i = 0; i < 2; i++) await ask('/');
    assert.equal((await ask('/')).status, 503);
    await gateway.clock.advance('2s');
    for (let i = 0; i < 2; i++) assert.equal((await ask('/')).status, 200);
    // Healthy again: it takes all failures anew, and breaks for the shortest time.
    for (let i = 0; i < 2; i++) assert.equal((await ask('/')).status, 500);
    assert.equal((await ask('/')).headers['retry-after'], '2');
  },
);

scenario(
  'an upstream that cannot be reached counts with the status that the client gets',
  {
    config: routeTo(ONE, { 'api-breaker': { ...BREAKER, unhealthy: { http_statuses: [502], failures: 2 } } }),
    upstreams: { '10.0.0.1:80': 'refused' },
  },
  async (ask) => {
    const got: string[] = [];
    for (let i = 0; i < 3; i++) got.push(String((await ask('/')).status));
    assert.equal(got.join(' '), '502 502 503');
  },
);

scenario(
  'what is answered in its place is what the configuration says',
  {
    config: routeTo(ONE, {
      'api-breaker': {
        ...BREAKER,
        break_response_body: 'closed',
        break_response_headers: [{ key: 'X-Why', value: 'broken' }],
      },
    }),
    upstreams: { '10.0.0.1:80': 500 },
  },
  async (ask) => {
    for (let i = 0; i < 2; i++) await ask('/');
    const { status, body, headers } = await ask('/');
    assert.equal(`${status} ${body} ${headers['x-why']}`, '503 closed broken');
  },
);

// circuit-breaker.

scenario(
  'circuit-breaker leaves a node out that fails in a row, tries it again in time, and lets it back',
  {
    config: routeTo(TWO, { 'circuit-breaker': { consecutive_failures: 2, open_ms: 1000, half_open_successes: 2 } }),
    upstreams: { '10.0.0.1:80': answers([500, 2], [200, 20]), '10.0.0.2:80': 200 },
  },
  async (ask, gateway) => {
    const nodes = async (count: number): Promise<number> => {
      let first = 0;
      for (let i = 0; i < count; i++) if ((await ask('/')).attempts[0]?.node === '10.0.0.1:80') first++;
      return first;
    };
    assert.equal(await nodes(4), 2);
    assert.equal(await nodes(4), 0);
    await gateway.clock.advance('999ms');
    assert.equal(await nodes(4), 0);
    await gateway.clock.advance('1ms');
    assert.ok((await nodes(8)) >= 3);
    assert.deepEqual(
      gateway.log.map(({ event }) => event),
      ['circuit_open', 'circuit_closed'],
    );
  },
);

scenario(
  'a failed probe opens the circuit again, for twice the time',
  {
    config: routeTo(TWO, { 'circuit-breaker': { consecutive_failures: 1, open_ms: 1000 } }),
    upstreams: { '10.0.0.1:80': 500, '10.0.0.2:80': 200 },
  },
  async (ask, gateway) => {
    const isTried = async (): Promise<boolean> => {
      const got = [await ask('/'), await ask('/')];
      return got.some(({ attempts }) => attempts[0]?.node === '10.0.0.1:80');
    };
    assert.equal(await isTried(), true);
    await gateway.clock.advance('1s');
    assert.equal(await isTried(), true);
    await gateway.clock.advance('1s');
    assert.equal(await isTried(), false);
    await gateway.clock.advance('1s');
    assert.equal(await isTried(), true);
  },
);

scenario(
  'where every circuit is open, the answer says so and when to come again',
  {
    config: routeTo(ONE, { 'circuit-breaker': { consecutive_failures: 1, open_ms: 5000 } }),
    upstreams: { '10.0.0.1:80': 500 },
  },
  async (ask) => {
    assert.equal((await ask('/')).status, 500);
    const { status, repliedBy, headers } = await ask('/');
    assert.equal(`${status} ${repliedBy} ${headers['retry-after']}`, '503 circuit-breaker 5');
  },
);

scenario(
  'active checks take a node out after failures, and back after successes',
  {
    config: routeTo(
      TWO,
      {},
      {
        checks: {
          active: {
            http_path: '/health',
            healthy: { interval: 2, successes: 2 },
            unhealthy: { interval: 1, http_failures: 3, http_statuses: [500] },
          },
        },
      },
    ),
    upstreams: {
      '10.0.0.1:80': { answers: { body: 'one' }, probe: [...answers([500, 5]), 200] },
      '10.0.0.2:80': { answers: { body: 'two' }, probe: 200 },
    },
  },
  async (ask, gateway) => {
    const states = () =>
      gateway
        .health()
        .flatMap(({ nodes }) => nodes.map(({ status }) => status))
        .join(' ');
    const bodies = async (): Promise<string> => {
      const got = new Set<string>();
      for (let i = 0; i < 4; i++) got.add((await ask('/')).body);
      return [...got].toSorted().join(' ');
    };
    assert.equal(`${states()}: ${await bodies()}`, 'healthy healthy: one two');
    // The third failure in a row comes within three intervals of a node that is up.
    await gateway.clock.advance('6s');
    assert.equal(`${states()}: ${await bodies()}`, 'unhealthy healthy: two');
    // Two more failures and two successes, a second apart.
    await gateway.clock.advance('4s');
    assert.equal(`${states()}: ${await bodies()}`, 'healthy healthy: one two');
    assert.deepEqual(
      gateway.log.map(({ event }) => event),
      ['node_down', 'node_up'],
    );
  },
);

scenario(
  'probes that are not answered count as timeouts',
  {
    config: routeTo(
      TWO,
      {},
      {
        checks: {
          active: { timeout: 1, http_path: '/', healthy: { interval: 2 }, unhealthy: { interval: 1, timeouts: 2 } },
        },
      },
    ),
    upstreams: { '10.0.0.1:80': { answers: 200, probe: 'silent' }, '10.0.0.2:80': 200 },
  },
  async (ask, gateway) => {
    await gateway.clock.advance('8s');
    for (let i = 0; i < 3; i++) assert.equal(attemptsOf(await ask('/')), '10.0.0.2:80 200');
  },
);

scenario(
  'probes that cannot connect count as failures of TCP',
  {
    config: routeTo(
      TWO,
      {},
      { checks: { active: { type: 'tcp', healthy: { interval: 1 }, unhealthy: { interval: 1, tcp_failures: 2 } } } },
    ),
    upstreams: { '10.0.0.1:80': { answers: 200, probe: 'refused' }, '10.0.0.2:80': 200 },
  },
  async (ask, gateway) => {
    await gateway.clock.advance('3s');
    for (let i = 0; i < 3; i++) assert.equal(attemptsOf(await ask('/')), '10.0.0.2:80 200');
  },
);

const PASSIVE = {
  active: {
    http_path: '/health',
    healthy: { interval: 30, successes: 1 },
    unhealthy: { interval: 10, http_failures: 9 },
  },
  passive: { unhealthy: { http_statuses: [500], http_failures: 2 } },
};

scenario(
  'what traffic says takes a node out, and probes bring it back',
  {
    config: routeTo(TWO, {}, { checks: PASSIVE }),
    upstreams: { '10.0.0.1:80': { answers: 500, probe: 200 }, '10.0.0.2:80': { answers: 200, probe: 200 } },
  },
  async (ask, gateway) => {
    const got: string[] = [];
    for (let i = 0; i < 6; i++) got.push(attemptsOf(await ask('/')).slice(5));
    assert.equal(got.filter((one) => one === '0.1:80 500').length, 2);
    await gateway.clock.advance('1s');
    assert.equal(gateway.log.map(({ event }) => event).join(' '), 'node_down');
    // The next probe finds it well; within an interval at most.
    await gateway.clock.advance('31s');
    assert.equal(gateway.log.map(({ event }) => event).join(' '), 'node_down node_up');
    assert.match(`${attemptsOf(await ask('/'))}, ${attemptsOf(await ask('/'))}`, /10\.0\.0\.1:80 500/);
  },
);

scenario(
  'connections that are refused take a node out, too',
  {
    config: routeTo(TWO, {}, { checks: { ...PASSIVE, passive: { unhealthy: { tcp_failures: 2 } } } }),
    upstreams: { '10.0.0.1:80': { answers: 'refused', probe: 200 }, '10.0.0.2:80': { answers: 200, probe: 200 } },
  },
  async (ask) => {
    const got: string[] = [];
    for (let i = 0; i < 6; i++) got.push(attemptsOf(await ask('/')));
    assert.equal(got.filter((one) => one === '10.0.0.1:80 upstream_refused, 10.0.0.2:80 200').length, 2);
  },
);

scenario(
  'where all nodes are down, all of them serve',
  {
    config: routeTo(
      TWO,
      {},
      { checks: { ...PASSIVE, passive: { unhealthy: { http_statuses: [500], http_failures: 1 } } } },
    ),
    upstreams: { '10.0.0.1:80': { answers: 500, probe: 500 }, '10.0.0.2:80': { answers: 500, probe: 500 } },
  },
  async (ask) => {
    const nodes = new Set<string>();
    for (let i = 0; i < 6; i++) nodes.add((await ask('/')).attempts[0]?.node ?? '');
    assert.equal(nodes.size, 2);
  },
);
