import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, EMPTY_SNAPSHOT } from '../compile/compile.ts';
import { EMPTY_OBJECTS, type RawObject } from '../model/object-set.ts';
import { expose } from '../observe/exposition.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import { HealthBoard } from '../upstream/health-board.ts';
import { TCP_FAILURE } from '../upstream/health-state.ts';
import { healthKey } from '../upstream/upstream-health.ts';
import { UpstreamView } from './health.ts';

const settings = { router: 'radixtree_host_uri', merge_slashes: true } as const;

function upstream(id: string, more: object = {}): RawObject {
  return { id, path: `/upstreams/${id}`, value: { nodes: { '127.0.0.1:80': 1 }, ...more } };
}

const CHECKS = { checks: { active: { http_path: '/up' } } };
const NAMED = { nodes: { 'example.test:80': 1 } };

test('main is told of the upstreams that have checks or names whenever one of those changed, and of nothing else', () => {
  const told: string[] = [];
  const memory = new SharedArrayBuffer(HealthBoard.bytes({ slots: 16 }));
  const view = new UpstreamView(memory, new MetricRegistry({ now_ms: () => 0 }), (checked, queries) => {
    told.push([...checked.map(({ key }) => key), ...queries.map(({ name }) => name)].toSorted().join(' '));
  });
  let snapshot = EMPTY_SNAPSHOT;
  const put = (...upstreams: RawObject[]): string[] => {
    const set = { ...EMPTY_OBJECTS, objects: { ...EMPTY_OBJECTS.objects, upstreams } };
    const compiled = compile(set, { settings, revision: snapshot.revision + 1, previous: snapshot });
    assert.deepEqual(compiled.problems, []);
    ({ snapshot } = compiled);
    view.update(snapshot);
    return told.splice(0);
  };
  const plain = Array.from({ length: 50 }, (_, i) => upstream(`plain${i}`));
  assert.deepEqual(put(...plain), []);
  assert.deepEqual(put(...plain, upstream('a', CHECKS)), ['upstreams/a']);
  assert.deepEqual(put(...plain.slice(1), upstream('a', CHECKS)), []);
  assert.deepEqual(put(...plain, upstream('a', CHECKS), upstream('b', NAMED)), ['example.test upstreams/a']);
  assert.deepEqual(put(...plain, upstream('a', { ...CHECKS, retries: 1 }), upstream('b', NAMED)).length, 1);
  assert.deepEqual(put(...plain, upstream('a'), upstream('b', NAMED)), ['example.test']);
  assert.deepEqual(put(...plain, upstream('a')), ['']);
  assert.deepEqual(put(upstream('a')), []);
});

test('the metric tells nodes on one machine apart, also where all are probed at one port', () => {
  const memory = new SharedArrayBuffer(HealthBoard.bytes({ slots: 16 }));
  const metrics = new MetricRegistry({ now_ms: () => 0 });
  const view = new UpstreamView(memory, metrics, () => undefined);
  const checks = { active: { port: 9000 } };
  const upstreams = [upstream('a', { nodes: { '127.0.0.1:8081': 1, '127.0.0.1:8082': 1 }, checks })];
  const set = { ...EMPTY_OBJECTS, objects: { ...EMPTY_OBJECTS.objects, upstreams } };
  const { snapshot } = compile(set, { settings, revision: 1, previous: EMPTY_SNAPSHOT });
  view.update(snapshot);
  const { compiled } = snapshot.memory!.upstreams.get('upstreams/a')!;
  const board = new HealthBoard(memory);
  const slot = board.claim(healthKey(compiled.key, compiled.checks!, compiled.nodes[0]!))!;
  board.report(slot, TCP_FAILURE, [1, 1, 1, 1]);
  const lines = [...expose(metrics, 'text')].join('').match(/^apisix_upstream_status\{.*$/gm);
  assert.deepEqual(lines?.toSorted(), [
    'apisix_upstream_status{name="/apisix/upstreams/a",ip="127.0.0.1",port="8081"} 0',
    'apisix_upstream_status{name="/apisix/upstreams/a",ip="127.0.0.1",port="8082"} 1',
  ]);
  assert.deepEqual(
    view.report()[0]?.nodes.map(({ port }) => port),
    [9000, 9000],
  );
});
