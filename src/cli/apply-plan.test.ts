import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_OBJECTS, type Kind, type RawObject } from '../model/object-set.ts';
import { planApply, type Present } from './apply-plan.ts';

const OWNER = { owner: 'me', adopts: false };
const mine = (value: object): object => ({ ...value, labels: { 'managed-by': 'me' } });

function wanted(objects: readonly (readonly [Kind, string, object])[]) {
  const all = structuredClone(EMPTY_OBJECTS.objects) as { [K in Kind]: RawObject[] };
  for (const [kind, id, value] of objects) all[kind].push({ id, value: value as RawObject['value'], path: '' });
  return all;
}

const present = (objects: readonly (readonly [Kind, string, object])[]): Present[] =>
  objects.map(([kind, id, value]) => ({ kind, id, value: value as Present['value'] }));

const shown = (plan: ReturnType<typeof planApply>): string[] =>
  plan.steps.map(({ action, kind, id, changed }) => `${action} ${kind}/${id} ${changed.join(',')}`.trim());

test('what is missing is created, what differs updated, what equals left, each in an order that references allow', () => {
  const plan = planApply(
    wanted([
      ['routes', 'r', { uri: '/', service_id: 's' }],
      ['services', 's', { upstream_id: 'u' }],
      ['upstreams', 'u', { nodes: {} }],
      ['upstreams', 'same', { nodes: {} }],
    ]),
    present([
      ['services', 's', mine({ id: 's', upstream_id: 'old', create_time: 1, update_time: 2 })],
      ['upstreams', 'same', mine({ id: 'same', nodes: {}, create_time: 1 })],
      ['upstreams', 'old', mine({ nodes: {} })],
    ]),
    OWNER,
  );
  assert.deepEqual(shown(plan), [
    'create upstreams/u',
    'update services/s upstream_id',
    'create routes/r',
    'delete upstreams/old',
  ]);
  assert.equal(plan.unchanged, 1);
  assert.deepEqual(plan.steps[0]?.value, mine({ nodes: {} }));
});

test('what others own is neither removed nor replaced, unless it is adopted', () => {
  const objects = wanted([['routes', 'r', { uri: '/new' }]]);
  const there = present([
    ['routes', 'r', { uri: '/old', labels: { 'managed-by': 'adc' } }],
    ['routes', 'other', { uri: '/' }],
    ['consumers', 'jack', { username: 'jack', labels: { team: 'a' } }],
  ]);
  const plan = planApply(objects, there, OWNER);
  assert.deepEqual([plan.steps, plan.foreign], [[], ['routes/r (adc)']]);
  assert.deepEqual(shown(planApply(objects, there, { owner: 'me', adopts: true })), ['update routes/r labels,uri']);
});

test('kinds that have no labels are written and never removed', () => {
  const there = present([
    ['global_rules', 'g', { plugins: {} }],
    ['plugin_metadata', 'cors', {}],
  ]);
  assert.deepEqual(shown(planApply(wanted([]), there, OWNER)), []);
  const plan = planApply(wanted([['global_rules', 'g', { plugins: { cors: {} } }]]), there, OWNER);
  assert.deepEqual([shown(plan), plan.foreign], [['update global_rules/g plugins'], []]);
});

test('the credentials of a consumer go with it', () => {
  const there = present([
    ['consumers', 'jack', mine({ username: 'jack' })],
    ['credentials', 'jack/credentials/1', mine({})],
    ['credentials', 'jill/credentials/1', mine({})],
  ]);
  assert.deepEqual(shown(planApply(wanted([]), there, OWNER)), [
    'delete credentials/jill/credentials/1',
    'delete consumers/jack',
  ]);
});

test('a plan that is carried out leaves nothing to do, and touches nothing of others, whatever there is', () => {
  const kinds = ['routes', 'services', 'upstreams', 'plugin_configs'] as const;
  const object = fc.record({
    kind: fc.constantFrom(...kinds),
    id: fc.constantFrom('a', 'b', 'c'),
    desc: fc.constantFrom('x', 'y'),
    owner: fc.constantFrom('me', 'other', undefined),
  });
  const unique = fc.uniqueArray(object, { selector: ({ kind, id }) => `${kind}/${id}` });
  fc.assert(
    fc.property(unique, unique, (file, there) => {
      const objects = wanted(file.map(({ kind, id, desc }) => [kind, id, { desc }]));
      const before = new Map<string, Present>(
        there.map(({ kind, id, desc, owner }) => {
          const value = { desc, ...(owner === undefined ? {} : { labels: { 'managed-by': owner } }) };
          const one: Present = { kind, id, value };
          return [`${kind}/${id}`, one] as const;
        }),
      );
      const { steps, foreign } = planApply(objects, [...before.values()], OWNER);
      const after = new Map(before);
      for (const { action, kind, id, value } of steps) {
        if (action === 'delete') after.delete(`${kind}/${id}`);
        else after.set(`${kind}/${id}`, { kind, id, value: value ?? {} });
      }
      for (const [name, { value }] of before) {
        const owner = (value['labels'] as Record<string, string> | undefined)?.['managed-by'];
        if (owner !== 'me') assert.deepEqual(after.get(name)?.value, value, name);
      }
      const again = planApply(objects, [...after.values()], OWNER);
      assert.deepEqual([again.steps, again.foreign], [[], foreign]);
    }),
  );
});
