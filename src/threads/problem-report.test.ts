import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_OBJECTS, type ObjectSet } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import { MetricFeed } from './metric-feed.ts';
import { type Found, ProblemReport } from './problem-report.ts';

const problem = (path: string): Problem => ({ path, code: 'invalid_value', message: 'the value is "s3cret"' });

function routes(paths: Readonly<Record<string, string>>): ObjectSet['objects'] {
  const found = Object.entries(paths).map(([id, path]) => ({ id, path, value: {} }));
  return { ...EMPTY_OBJECTS.objects, routes: found };
}

const found = (objects: ObjectSet['objects'], paths: readonly string[], refusal = ''): Found => ({
  problems: paths.map(problem),
  warnings: [],
  refusal,
  objects,
});

function start(): { readonly report: ProblemReport; readonly events: string[] } {
  const events: string[] = [];
  const log = (event: string): void => void events.push(event);
  return { report: new ProblemReport({ info: log, warn: log, error: log }, new MetricFeed(() => 0).registry), events };
}

test('each bad object is named once, with its first problem and no value', () => {
  const { report } = start();
  const objects = routes({ a: 'routes[0]', b: 'routes[1]', c: 'routes[10]' });
  report.take('file', 1, found(objects, ['routes[10].uri', 'routes[0].plugins["x"].y', 'routes[10]', 'gateway.http']));
  assert.deepEqual(report.degraded, {
    status: 'degraded',
    problems: 4,
    change: 'in_force',
    objects: [
      { kind: 'routes', id: 'c', path: 'routes[10].uri', code: 'invalid_value' },
      { kind: 'routes', id: 'a', path: 'routes[0].plugins["x"].y', code: 'invalid_value' },
      { path: 'gateway.http', code: 'invalid_value' },
    ],
    omitted: 0,
  });
  assert.doesNotMatch(JSON.stringify(report.degraded), /s3cret/);
});

test('ids with dots are told from the attributes of shorter ids', () => {
  const { report } = start();
  const objects = routes({ a: '/apisix/routes/a', 'a.b': '/apisix/routes/a.b' });
  report.take('store', 1, found(objects, ['/apisix/routes/a.b.uri', '/apisix/routes/a.uri', '/apisix/routes/ab.uri']));
  const ids = report.degraded?.objects.map(({ id }) => id);
  assert.deepEqual(ids, ['a.b', 'a', undefined]);
});

test('the list is bounded, and so is each path; the count is not', () => {
  const { report } = start();
  const names = Array.from({ length: 1000 }, (_, i) => [`r${i}`, `routes[${i}]`] as const);
  const paths = names.map(([, path]) => `${path}.${'x'.repeat(5000)}`);
  report.take('file', 1, found(routes(Object.fromEntries(names)), paths));
  report.take('store', 1, found(EMPTY_OBJECTS.objects, ['elsewhere', 'else.where'], 'for a reason'));
  const { problems, objects, omitted, change } = report.degraded ?? assert.fail();
  assert.deepEqual([problems, objects.length, omitted, change], [1002, 20, 982, 'refused']);
  assert.ok(JSON.stringify(report.degraded).length < 10_000);
});

test('a repaired source says nothing of the other one', () => {
  const { report, events } = start();
  const bad = found(EMPTY_OBJECTS.objects, ['a']);
  const good = found(EMPTY_OBJECTS.objects, []);
  report.take('file', 1, bad);
  report.take('store', 1, bad);
  report.take('store', 2, found(EMPTY_OBJECTS.objects, [], 'a worker could not'));
  assert.deepEqual([report.count, report.degraded?.change], [1, 'refused']);
  report.take('store', 3, good);
  assert.deepEqual([report.count, report.degraded?.change], [1, 'in_force']);
  report.take('file', 3, good);
  report.take('file', 4, good);
  assert.deepEqual([report.count, report.degraded], [0, null]);
  assert.deepEqual(events, [
    'configuration_problem',
    'configuration_problem',
    'configuration_refused',
    'configuration_healed',
    'configuration_healed',
  ]);
});
