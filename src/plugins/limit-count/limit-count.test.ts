import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { seededRandom } from '../../../test/fuzz/random.ts';
import { HandClock, openLab, routeWith } from '../../../test/plugins/lab.ts';
import type { Answer, Ask, Lab } from '../../../test/plugins/lab.ts';
import { definePlugin } from '../../sdk/index.ts';

type Attributes = Readonly<Record<string, unknown>>;

async function open(t: TestContext, yamlText: string): Promise<{ lab: Lab; clock: HandClock }> {
  const clock = new HandClock();
  return { lab: await openLab(t, yamlText, { clock }), clock };
}

const limited = (attributes: Attributes): string =>
  routeWith({ 'limit-count': { time_window: 30, rejected_code: 429, ...attributes } });

const rules = (list: readonly Attributes[], more: Attributes = {}): string =>
  routeWith({ 'limit-count': { rules: list, rejected_code: 429, ...more } });

/** Several objects in one text; JSON is YAML. */
const objects = (lists: Readonly<Record<string, readonly object[]>>): string => JSON.stringify(lists);

async function statuses(lab: Lab, asks: readonly Ask[], path = '/get'): Promise<number[]> {
  const seen: number[] = [];
  for (const ask of asks) seen.push((await lab.request(path, ask)).status);
  return seen;
}

const times = (count: number, ask: Ask = {}): Ask[] => Array.from({ length: count }, () => ask);
const withHeader = (name: string, ...values: string[]): Ask[] =>
  values.map((value) => ({ headers: { [name]: value } }));

const quota = ({ headers }: Answer, prefix = 'x-ratelimit-'): (string | undefined)[] =>
  ['limit', 'remaining', 'reset'].map((name) => headers[prefix + name]);

const UPSTREAM = { nodes: { $UPSTREAM: 1 } };

const consumer = (username: string, plugins: object = {}): object => ({
  username,
  plugins: { 'key-auth': { key: `${username}-key` }, ...plugins },
});

describe('the examples of the documentation', () => {
  it('one request in 30 seconds from each address', async (t) => {
    const { lab, clock } = await open(t, limited({ count: 1, key_type: 'var', key: 'remote_addr', policy: 'local' }));
    const first = await lab.request('/get');
    assert.deepEqual([first.status, ...quota(first)], [200, '1', '0', '30']);
    clock.pass(12_500);
    const second = await lab.request('/get');
    assert.deepEqual([second.status, ...quota(second)], [429, '1', '0', '18']);
    assert.equal(second.headers['retry-after'], '18');
    assert.equal((await lab.request('/get', { from: '127.0.0.2' })).status, 200);
    clock.pass(17_499);
    assert.equal((await lab.request('/get')).status, 429);
    clock.pass(1);
    assert.equal((await lab.request('/get')).status, 200);
  });

  it('one request for each consumer and address', async (t) => {
    const limit = { count: 1, time_window: 30, rejected_code: 429 };
    const key = { key_type: 'var_combination', key: '$remote_addr $consumer_name' };
    const plugins = { 'key-auth': {}, 'limit-count': { ...limit, ...key } };
    const { lab } = await open(
      t,
      objects({
        consumers: [consumer('john'), consumer('jane')],
        routes: [{ uri: '/*', plugins, upstream: UPSTREAM }],
      }),
    );
    const asks = withHeader('apikey', 'jane-key', 'jane-key', 'john-key', 'john-key');
    assert.deepEqual(await statuses(lab, asks), [200, 429, 200, 429]);
    assert.equal((await lab.request('/get', { ...asks[0], from: '127.0.0.2' })).status, 200);
  });

  it('routes of a group share their count, wherever it is configured', async (t) => {
    const limit = { count: 1, time_window: 30, rejected_code: 429, policy: 'local', group: 'srv1' };
    const other = { 'limit-count': { ...limit, group: 'srv2' } };
    const { lab } = await open(
      t,
      objects({
        services: [{ id: 'one', plugins: { 'limit-count': limit }, upstream: UPSTREAM }],
        routes: [
          { uri: '/get', service_id: 'one' },
          { uri: '/headers', service_id: 'one' },
          { uri: '/own', plugins: { 'limit-count': limit }, upstream: UPSTREAM },
          { uri: '/other', plugins: other, upstream: UPSTREAM },
        ],
      }),
    );
    const seen: number[] = [];
    for (const path of ['/get', '/headers', '/own', '/other', '/other']) seen.push((await lab.request(path)).status);
    assert.deepEqual(seen, [200, 429, 429, 200, 429]);
  });

  it('a sliding window does not begin anew all at once', async (t) => {
    const { lab, clock } = await open(t, limited({ count: 10, time_window: 60, window_type: 'sliding' }));
    assert.deepEqual(await statuses(lab, times(11)), [...Array.from({ length: 10 }, () => 200), 429]);
    clock.pass(60_000);
    const atBoundary = await lab.request('/get');
    assert.deepEqual([atBoundary.status, ...quota(atBoundary)], [429, '10', '0', '6']);
    clock.pass(6000);
    assert.deepEqual(await statuses(lab, times(2)), [200, 429]);
  });

  it('anonymous callers get less', async (t) => {
    const limit = (count: number): object => ({ 'limit-count': { count, time_window: 30, rejected_code: 429 } });
    const plugins = { 'key-auth': { anonymous_consumer: 'anonymous' } };
    const { lab } = await open(
      t,
      objects({
        consumers: [consumer('john', limit(3)), { username: 'anonymous', plugins: limit(1) }],
        routes: [{ uri: '/*', plugins, upstream: UPSTREAM }],
      }),
    );
    assert.deepEqual(await statuses(lab, times(5, { headers: { apikey: 'john-key' } })), [200, 200, 200, 429, 429]);
    assert.deepEqual(await statuses(lab, times(5)), [200, 429, 429, 429, 429]);
  });

  it('metadata names the headers', async (t) => {
    const metadata = {
      id: 'limit-count',
      limit_header: 'X-Custom-RateLimit-Limit',
      remaining_header: 'X-Custom-RateLimit-Remaining',
      reset_header: 'X-Custom-RateLimit-Reset',
    };
    const route = { uri: '/*', plugins: { 'limit-count': { count: 1, time_window: 30 } }, upstream: UPSTREAM };
    const { lab } = await open(t, objects({ plugin_metadata: [metadata], routes: [route] }));
    const answer = await lab.request('/get');
    assert.deepEqual(quota(answer, 'x-custom-ratelimit-'), ['1', '0', '30']);
    assert.deepEqual(quota(answer), [undefined, undefined, undefined]);
  });
});

describe('refusals', () => {
  it('are 503 with a JSON body unless configured otherwise', async (t) => {
    const { lab } = await open(t, routeWith({ 'limit-count': { count: 1, time_window: 30 } }));
    await lab.request('/get');
    const answer = await lab.request('/get');
    assert.equal(answer.status, 503);
    assert.deepEqual(JSON.parse(answer.text), { error_msg: 'the limit of requests is reached' });
    assert.equal(lab.log.at(-1)?.errorCode, 'limit_count');
    assert.equal(lab.seen.length, 1);
  });

  it('have the configured status and message, and no quota where it is not to be shown', async (t) => {
    const shown = { rejected_code: 420, rejected_msg: 'slowly "now"', show_limit_quota_header: false };
    const { lab } = await open(t, limited({ count: 1, ...shown }));
    assert.deepEqual(quota(await lab.request('/get')), [undefined, undefined, undefined]);
    const answer = await lab.request('/get');
    assert.equal(answer.status, 420);
    assert.deepEqual(JSON.parse(answer.text), { error_msg: 'slowly "now"' });
    assert.deepEqual(quota(answer), [undefined, undefined, undefined]);
    assert.equal(answer.headers['retry-after'], '30');
  });

  it('replace a quota that the upstream names', async (t) => {
    const { lab } = await open(t, limited({ count: 5 }));
    assert.deepEqual(quota(await lab.request('/headers?X-RateLimit-Limit=9')), ['5', '4', '30']);
  });
});

describe('what is ours', () => {
  it('a request may count for more than one', async (t) => {
    const { lab } = await open(t, limited({ count: 5, cost: '${http_cost ?? 2}' }));
    const seen: unknown[] = [];
    for (const headers of [{}, { Cost: '4' }, { Cost: '3' }, { Cost: '1' }, { Cost: '0' }, { Cost: 'x' }]) {
      const answer = await lab.request('/get', { headers });
      seen.push([answer.status, quota(answer)[1]]);
    }
    const refused = [429, '0'];
    assert.deepEqual(seen, [[200, '3'], refused, [200, '0'], refused, [200, '0'], [500, undefined]]);
  });

  it('the standard header fields, one for each rule', async (t) => {
    const list = [
      { count: 2, time_window: 1, key: '$remote_addr', header_prefix: 'Burst' },
      { count: 3, time_window: 3600, key: '$remote_addr' },
    ];
    const { lab } = await open(t, rules(list, { standard_headers: true, show_limit_quota_header: false }));
    const { headers } = await lab.request('/get');
    assert.equal(headers['ratelimit-policy'], '"Burst";q=2;w=1, "2";q=3;w=3600');
    assert.equal(headers['ratelimit'], '"Burst";r=1;t=1, "2";r=2;t=3600');
    assert.equal(headers['x-burst-ratelimit-limit'], undefined);
  });

  it('addresses of one IPv6 network count as one where that is asked for', async (t) => {
    const addressed = definePlugin({
      name: 'address-of-header',
      priority: 99_999,
      summary: 'Takes the address of the client from a header.',
      schema: { type: 'object', properties: {} },
      create: () => ({
        rewrite: (exchange) => exchange.setVariable('remote_addr', exchange.request.header('x-from') ?? ''),
      }),
    });
    const attributes = { count: 1, time_window: 30, rejected_code: 429, ipv6_prefix: 64 };
    for (const more of [{}, { key_type: 'var_combination', key: '$remote_addr' }, { key: 'http_missing' }]) {
      const text = routeWith({ 'limit-count': { ...attributes, ...more }, 'address-of-header': {} });
      const lab = await openLab(t, text, { clock: new HandClock(), plugins: [addressed] });
      const addresses = ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '192.0.2.1', '192.0.2.2', '::ffff:192.0.2.1'];
      const seen = await statuses(lab, withHeader('X-From', ...addresses));
      assert.deepEqual(seen, [200, 429, 200, 200, 200, 429], JSON.stringify(more));
    }
  });
});

describe('keys', () => {
  const KEYS: [title: string, attributes: Attributes, asks: readonly Ask[], expected: number[]][] = [
    ['a header', { key: 'http_x_user' }, withHeader('X-User', 'a', 'b', 'a'), [200, 200, 429]],
    ['the address where the header is missing', { key: 'http_x_user' }, times(2), [200, 429]],
    ['the address where the header is empty', { key: 'http_x_user' }, [...withHeader('X-User', ''), {}], [200, 429]],
    ['a name with a hyphen', { key: 'cookie_a-b' }, withHeader('Cookie', 'a-b=1', 'a-b=2', 'a-b=1'), [200, 200, 429]],
    ['the same for everybody', { key_type: 'constant', key: 'remote_addr' }, [{}, { from: '127.0.0.2' }], [200, 429]],
    [
      'a combination of which a part is missing',
      { key_type: 'var_combination', key: '$http_x_user ${http_x_team}' },
      withHeader('X-User', 'a', 'b', 'a'),
      [200, 200, 429],
    ],
    [
      'the address where the whole combination is missing',
      { key_type: 'var_combination', key: '$http_x_user-$http_x_team' },
      [{}, {}, { from: '127.0.0.2' }],
      [200, 429, 200],
    ],
    [
      'a header that holds the address of another client does not use up what that one has',
      { key: 'http_x_user' },
      [...withHeader('X-User', '127.0.0.1'), {}, {}],
      [200, 200, 429],
    ],
    [
      'parts that only look alike when joined are different',
      { key_type: 'var_combination', key: '$http_a$http_b' },
      [{ headers: { A: '1.2.3.4', B: '5' } }, { headers: { A: '1.2.3.45' } }, { headers: { A: '1.2.3.4', B: '5' } }],
      [200, 200, 429],
    ],
    [
      'enormous values are told apart by their ends',
      { key: 'http_x_user' },
      withHeader('X-User', `${'x'.repeat(7000)}1`, `${'x'.repeat(7000)}2`, `${'x'.repeat(7000)}1`),
      [200, 200, 429],
    ],
    [
      'of a repeated header the first counts',
      { key: 'http_x_user' },
      [{ headers: { 'X-User': ['a', 'b'] } }, ...withHeader('X-User', 'b', 'a')],
      [200, 200, 429],
    ],
  ];
  for (const [title, attributes, asks, expected] of KEYS) {
    it(title, async (t) => {
      const { lab } = await open(t, limited({ count: 1, ...attributes }));
      assert.deepEqual(await statuses(lab, asks), expected);
    });
  }
});

describe('amounts from the request', () => {
  const AMOUNTS: [title: string, count: unknown, header: string | null, limit: string | number][] = [
    ['a variable', '$http_quota', '3', '3'],
    ['a variable in braces', '${http_quota}', '7', '7'],
    ['a number written as text', '4', null, '4'],
    ['a fallback for what is missing', '${http_quota ?? 5}', null, '5'],
    ['a fallback that is not needed', '${http_quota ?? 5}', '6', '6'],
    ['nothing there', '$http_quota', null, 500],
    ['zero', '$http_quota', '0', 500],
    ['negative', '$http_quota', '-1', 500],
    ['a fraction', '$http_quota', '1.5', 500],
    ['an exponent', '$http_quota', '1e9', 500],
    ['enormous', '$http_quota', '99999999999999999999', 500],
    ['words, which no fallback repairs', '${http_quota ?? 5}', 'many', 500],
  ];
  for (const [title, count, header, expected] of AMOUNTS) {
    it(`${title}: ${String(count)} with ${header ?? 'no header'}`, async (t) => {
      const { lab } = await open(t, limited({ count }));
      const answer = await lab.request('/get', header === null ? {} : { headers: { Quota: header } });
      if (typeof expected === 'string') assert.deepEqual([answer.status, quota(answer)[0]], [200, expected]);
      else {
        assert.equal(answer.status, expected);
        assert.equal(lab.log[0]?.errorCode, 'limit_undetermined');
      }
    });
  }

  it('the window may be one of them', async (t) => {
    const { lab, clock } = await open(t, limited({ count: 1, time_window: '${http_window ?? 10}' }));
    const [short] = withHeader('Window', '2');
    assert.deepEqual(await statuses(lab, times(2, short)), [200, 429]);
    clock.pass(2000);
    assert.deepEqual(await statuses(lab, times(1, short)), [200]);
    assert.equal(quota(await lab.request('/get'))[2], '10');
  });

  it('what cannot be determined passes with allow_degradation', async (t) => {
    const { lab } = await open(t, limited({ count: '$http_quota', allow_degradation: true }));
    const answer = await lab.request('/get');
    assert.deepEqual([answer.status, ...quota(answer)], [200, undefined, undefined, undefined]);
  });
});

describe('rules', () => {
  const BURST_AND_HOUR = [
    { count: 2, time_window: 1, key: '$remote_addr', header_prefix: 'Burst' },
    { count: 3, time_window: 3600, key: '$remote_addr' },
  ];

  it('hold all at once, each with headers of its own', async (t) => {
    const { lab, clock } = await open(t, rules(BURST_AND_HOUR));
    await lab.request('/get');
    const second = await lab.request('/get');
    assert.deepEqual(quota(second, 'x-burst-ratelimit-'), ['2', '0', '1']);
    assert.deepEqual(quota(second, 'x-2-ratelimit-'), ['3', '1', '3600']);
    assert.deepEqual(quota(second), [undefined, undefined, undefined]);
    const third = await lab.request('/get');
    assert.equal(third.status, 429);
    assert.deepEqual(quota(third, 'x-burst-ratelimit-'), ['2', '0', '1']);
    assert.deepEqual(quota(third, 'x-2-ratelimit-'), [undefined, undefined, undefined]);
    clock.pass(1000);
    assert.deepEqual(await statuses(lab, times(2)), [200, 429]);
  });

  it('are skipped where their key is missing', async (t) => {
    const { lab } = await open(t, rules([{ count: 1, time_window: 30, key: '$http_a $http_b' }]));
    assert.deepEqual(await statuses(lab, times(3)), [200, 200, 200]);
    assert.deepEqual(await statuses(lab, withHeader('A', '1', '1', '2')), [200, 429, 200]);
  });

  it('of a group share their counts by place, and a group named like a rule is another one', async (t) => {
    const rule = { count: 1, time_window: 30, key: '$remote_addr' };
    const plugin = (group: string): object => ({ 'limit-count': { rules: [rule, rule], group, rejected_code: 429 } });
    const plain = (group: string): object => ({
      // What a rule makes of the address: only the space tells them apart.
      'limit-count': { count: 1, time_window: 30, key_type: 'constant', key: '9:127.0.0.1', group },
    });
    const all = [plugin('a'), plugin('a'), plugin('b'), plain('a'), plain('a#0'), plain('rule 0/a')];
    const routes = all.map((plugins, i) => ({ uri: `/${i}`, plugins, upstream: UPSTREAM }));
    const { lab } = await open(t, objects({ routes }));
    const seen: number[] = [];
    for (const path of all.keys()) seen.push((await lab.request(`/${path}`)).status);
    assert.deepEqual(seen, [200, 429, 200, 200, 200, 200]);
  });
});

describe('whose counts they are', () => {
  it("a consumer's configuration takes the place of the route's, on all routes together", async (t) => {
    const limit = (count: number): object => ({ 'limit-count': { count, time_window: 30, rejected_code: 429 } });
    const plugins = { 'key-auth': {}, ...limit(1) };
    const { lab } = await open(
      t,
      objects({
        consumers: [consumer('jack', limit(3)), consumer('jill')],
        routes: ['/a', '/b'].map((uri) => ({ uri, plugins, upstream: UPSTREAM })),
      }),
    );
    const [jack, jill] = withHeader('apikey', 'jack-key', 'jill-key');
    assert.deepEqual(await statuses(lab, times(2, jack), '/a'), [200, 200]);
    assert.deepEqual(await statuses(lab, times(2, jack), '/b'), [200, 429]);
    assert.deepEqual(await statuses(lab, times(2, jill), '/a'), [200, 429]);
    assert.deepEqual(await statuses(lab, times(2, jill), '/b'), [200, 429]);
  });

  it('routes without a group count apart, and an edit elsewhere resets nothing', async (t) => {
    const text = (count: number, extra: string): string => {
      const plugins = { 'limit-count': { count, time_window: 30, rejected_code: 429 } };
      return objects({
        routes: ['/a', '/b', extra].map((uri) => ({ id: uri.slice(1), uri, plugins, upstream: UPSTREAM })),
      });
    };
    const { lab } = await open(t, text(1, '/c'));
    assert.deepEqual(await statuses(lab, times(2), '/a'), [200, 429]);
    assert.deepEqual(await statuses(lab, times(1), '/b'), [200]);
    lab.reload(text(1, '/d'));
    assert.deepEqual(await statuses(lab, times(1), '/a'), [429]);
    lab.reload(text(2, '/d'));
    assert.deepEqual(await statuses(lab, times(3), '/a'), [200, 200, 429]);
  });
});

/** One key's window, the slow way: every unit that was let through, by its time. */
class NaiveWindow {
  private units: number[] = [];
  private origin = 0;
  private readonly isSliding: boolean;

  constructor(isSliding: boolean) {
    this.isSliding = isSliding;
  }

  /** What is left after a request at this time; −1 if it is refused. */
  ask(now: number, limit: number, window: number): number {
    const turn = (at: number): number => Math.floor((at - this.origin) / window);
    const last = this.units.at(-1);
    const lives = last !== undefined && turn(now) - turn(last) < (this.isSliding ? 2 : 1);
    if (!lives) [this.origin, this.units] = [now, []];
    const inTurn = (n: number): number => this.units.filter((at) => turn(at) === n).length;
    const left = window - ((now - this.origin) % window);
    const weight = this.isSliding ? (inTurn(turn(now) - 1) * left) / window : 0;
    const room = limit - inTurn(turn(now)) - weight;
    if (room < 1) return -1;
    this.units.push(now);
    return Math.floor(room - 1);
  }
}

for (const window_type of ['fixed', 'sliding']) {
  it(`a ${window_type} window decides as a naive one does, whatever comes when`, async (t) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    t.diagnostic(`seed ${seed}`);
    const random = seededRandom(seed);
    const { lab, clock } = await open(t, limited({ count: 4, time_window: 8, window_type, key: 'http_x_user' }));
    const models = new Map(['a', 'b', 'c'].map((user) => [user, new NaiveWindow(window_type === 'sliding')]));
    let refused = 0;
    for (let step = 0; step < 400; step++) {
      if (random() < 0.4) clock.pass(Math.floor(random() * (random() < 0.1 ? 80 : 16)) * 250);
      const user = 'abc'[Math.floor(random() * 3)] ?? 'a';
      const left = models.get(user)?.ask(clock.monotonic_ms(), 4, 8000) ?? 0;
      const answer = await lab.request('/get', { headers: { 'X-User': user } });
      const expected = left < 0 ? [429, '0'] : [200, String(left)];
      assert.deepEqual([answer.status, quota(answer)[1]], expected, `seed ${seed}, step ${step}, user ${user}`);
      if (left < 0) refused++;
    }
    assert.ok(refused > 5 && refused < 395, `${refused} of 400 refused: that shows little`);
  });
}
