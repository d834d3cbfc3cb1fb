import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandClock, openLab, type Lab } from '../../test/plugins/lab.ts';
import type { QuotaList } from '../sdk/quotas.ts';
import { countersFor } from '../threads/host.ts';
import { QuotaReader } from './consumer-quotas.ts';

const limit = (count: number, more: object = {}): object => ({
  count,
  time_window: 60,
  key: 'consumer_name',
  rejected_code: 429,
  ...more,
});
const upstream = { nodes: { $UPSTREAM: 1 } };
const auth = { 'key-auth': {} };

const DOCUMENT = {
  consumers: ['jack', 'jill', 'joan', 'june'].map((username) => ({
    username,
    ...(username === 'jill' && { group_id: 'gold' }),
    plugins: {
      'key-auth': { key: `${username}-key` },
      ...(username === 'joan' && { 'limit-count': limit(7, { window_type: 'sliding' }) }),
      ...(username === 'june' && { 'limit-count': { _meta: { disable: true } } }),
    },
  })),
  consumer_groups: [{ id: 'gold', plugins: { 'limit-count': limit(100, { key: 'consumer_group_id' }) } }],
  services: [{ id: 's', upstream, plugins: { ...auth, 'limit-count': limit(20) } }],
  plugin_configs: [{ id: 'p', plugins: { 'limit-count': limit(30, { key_type: 'constant', key: 'all' }) } }],
  global_rules: [{ id: 'g', plugins: { 'limit-token-bucket': { rate: 1, capacity: 40, key: 'consumer_name' } } }],
  routes: [
    { id: 'a', uri: '/a', service_id: 's' },
    { id: 'b', uri: '/b', service_id: 's' },
    { id: 'c', uri: '/c', service_id: 's', plugin_config_id: 'p' },
    { id: 'd', uri: '/d', upstream, plugins: { ...auth, 'limit-count': limit(50, { group: 'plan' }) } },
    {
      id: 'e',
      uri: '/e',
      upstream,
      plugins: {
        ...auth,
        'limit-count': {
          rules: [
            { count: 5, time_window: 10, key: '$consumer_name', header_prefix: 'Burst' },
            { count: '$http_x_quota', time_window: 60, key: '$consumer_name' },
            { count: 6, time_window: 60, key: '$consumer_name $remote_addr' },
          ],
        },
      },
    },
    {
      id: 'f',
      uri: '/f',
      upstream,
      plugins: { ...auth, 'limit-count': limit(9, { _meta: { filter: [['arg_x', '==', '1']] } }) },
    },
    {
      id: 'w',
      uri: '/w',
      upstream,
      plugins: {
        ...auth,
        workflow: {
          rules: [{ case: [['arg_x', '==', '1']], actions: [['limit-count', limit(8)]] }],
        },
      },
    },
    {
      id: 'r',
      uri: '/r',
      upstream,
      plugins: { ...auth, 'limit-count': limit(3, { policy: 'redis', redis_host: '127.0.0.1' }) },
    },
    { id: 'off', uri: '/off', status: 0, upstream, plugins: { ...auth, 'limit-count': limit(2) } },
  ],
};

function read(lab: Lab, username: string, range = { first: 0, most: 100 }): QuotaList {
  const { snapshot } = lab.worker;
  const consumer = snapshot.consumers?.named(username);
  assert.ok(consumer !== undefined);
  return new QuotaReader((owner) => countersFor(lab.counters, owner)).read(snapshot, consumer, range);
}

/** `object policy key: remaining of limit`, in the order of names. */
function told(lab: Lab, username: string): string[] {
  return read(lab, username)
    .quotas.map(
      ({ object, policy, key, remaining, limit: most, is_conditional }) =>
        `${object} ${policy} ${key}: ${remaining} of ${most}${is_conditional ? ' perhaps' : ''}`,
    )
    .toSorted();
}

const ask = async (lab: Lab, name: string, path: string): Promise<void> => {
  assert.equal((await lab.request(path, { headers: { apikey: `${name}-key` } })).status, 200);
};

it('every limit that a consumer may meet is told, with what it has left', async (t) => {
  const lab = await openLab(t, JSON.stringify(DOCUMENT), { clock: new HandClock() });
  const untouched = [
    'global_rules/g default $consumer_name: 40 of 40',
    'plugin_configs/p default all: 30 of 30',
    'routes/d default $consumer_name: 50 of 50',
    'routes/e 2 $consumer_name: null of null',
    'routes/e 3 $consumer_name $remote_addr: null of 6',
    'routes/e Burst $consumer_name: 5 of 5',
    'routes/f default $consumer_name: 9 of 9 perhaps',
    'routes/r default $consumer_name: null of 3',
    'routes/w default $consumer_name: 8 of 8 perhaps',
    'services/s default $consumer_name: 20 of 20',
  ];
  assert.deepEqual(told(lab, 'jack'), untouched);
  for (const path of ['/a', '/b', '/b', '/c', '/d', '/f', '/f?x=1', '/w', '/w?x=1']) await ask(lab, 'jack', path);
  const used = [
    'global_rules/g default $consumer_name: 31 of 40',
    'plugin_configs/p default all: 29 of 30',
    'routes/d default $consumer_name: 49 of 50',
    'routes/e 2 $consumer_name: null of null',
    'routes/e 3 $consumer_name $remote_addr: null of 6',
    'routes/e Burst $consumer_name: 5 of 5',
    'routes/f default $consumer_name: 8 of 9 perhaps',
    'routes/r default $consumer_name: null of 3',
    'routes/w default $consumer_name: 7 of 8 perhaps',
    'services/s default $consumer_name: 17 of 20',
  ];
  for (let i = 0; i < 2; i++) assert.deepEqual(told(lab, 'jack'), used, 'asking costs nothing');
  const { quotas } = read(lab, 'jack');
  const reasons = quotas.filter(({ remaining }) => remaining === null).map(({ reason }) => reason);
  assert.deepEqual(
    new Set(reasons),
    new Set([
      'each request says what is allowed',
      'it is counted by what requests say, not by the consumer alone',
      'it is counted in Redis, which is not asked here',
    ]),
  );
  assert.equal(quotas.find(({ object }) => object === 'routes/d')?.group, 'plan');
});

it('what a consumer or its group brings takes the place of what routes have', async (t) => {
  const lab = await openLab(t, JSON.stringify(DOCUMENT), { clock: new HandClock() });
  const others = ['global_rules/g default $consumer_name: 40 of 40'];
  // A limit inside of another plugin stays: that plugin is not the consumer's.
  const inside = ['routes/w default $consumer_name: 8 of 8 perhaps'];
  assert.deepEqual(told(lab, 'june'), [...others, ...inside], 'switched off');
  for (let i = 0; i < 2; i++) {
    await ask(lab, 'joan', '/d');
    await ask(lab, 'jill', '/a');
  }
  const now = ['global_rules/g default $consumer_name: 38 of 40'];
  assert.deepEqual(told(lab, 'joan'), ['consumers/joan default $consumer_name: 5 of 7', ...now, ...inside]);
  assert.deepEqual(told(lab, 'jill'), [
    'consumer_groups/gold default $consumer_group_id: 98 of 100',
    ...now,
    ...inside,
  ]);
});

it('what is asked for is bounded, and what another configuration brings is told', async (t) => {
  const lab = await openLab(t, JSON.stringify(DOCUMENT), { clock: new HandClock() });
  const { snapshot } = lab.worker;
  const all = read(lab, 'jack');
  assert.equal(all.total, 8, 'instances, of which one has three rules');
  const pages = [0, 3, 6].map((first) => read(lab, 'jack', { first, most: 3 }).quotas);
  assert.deepEqual(pages.flat(), all.quotas);
  assert.deepEqual(read(lab, 'jack', { first: 9, most: 3 }), { consumer: 'jack', quotas: [], total: 8 });
  const reader = new QuotaReader((owner) => countersFor(lab.counters, owner));
  const jack = snapshot.consumers?.named('jack');
  assert.ok(jack !== undefined);
  assert.equal(reader.read(snapshot, jack, { first: 0, most: 100 }).total, 8);
  lab.reload(JSON.stringify({ ...DOCUMENT, global_rules: [], routes: DOCUMENT.routes.slice(0, 1) }));
  assert.deepEqual(
    reader.read(lab.worker.snapshot, jack, { first: 0, most: 100 }).quotas.map(({ object }) => object),
    ['services/s'],
  );
});
