import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompiledNode } from '../compile/snapshot.ts';
import { expandNodes } from './expand-nodes.ts';
import type { NameAnswer } from './name-answers.ts';

function node(host: string, weight = 1, port = 80): CompiledNode {
  const authority = `${host}:${port}`;
  return { host, port, weight, priority: 0, authority, address: host, endpoint: authority };
}

const at = (...addresses: readonly string[]): NameAnswer =>
  addresses.map((address) => ({ address, port: 0, weight: 1, priority: 0 }));
const names = { queries: [], service: null, retries: null };
const brief = (nodes: readonly CompiledNode[]): string[] =>
  nodes.map(({ authority, endpoint, weight }) => `${authority} at ${endpoint} weight ${weight}`);

test('an upstream of addresses stays as it is', () => {
  const nodes = [node('10.0.0.1')];
  assert.equal(expandNodes({ nodes }, () => undefined).nodes, nodes);
});

test('each address of a name is a node, and together they have its weight', () => {
  const answers: Record<string, NameAnswer> = {
    two: at('10.0.0.1', '10.0.0.2'),
    three: at('10.1.0.1', '10.1.0.2', '::3'),
  };
  const nodes = [node('two', 3, 8080), node('Three'), node('10.2.0.1', 2), node('two', 0, 81)];
  const expanded = expandNodes({ nodes, names }, (_, name) => answers[name]);
  assert.equal(expanded.isPending, false);
  assert.deepEqual(brief(expanded.nodes), [
    'two:8080 at 10.0.0.1:8080 weight 9',
    'two:8080 at 10.0.0.2:8080 weight 9',
    'Three:80 at 10.1.0.1:80 weight 2',
    'Three:80 at 10.1.0.2:80 weight 2',
    'Three:80 at [::3]:80 weight 2',
    '10.2.0.1:80 at 10.2.0.1:80 weight 12',
    'two:81 at 10.0.0.1:81 weight 0',
    'two:81 at 10.0.0.2:81 weight 0',
  ]);
});

test('a name without an answer leaves the others to serve, and says that it is coming; one without addresses is left out', () => {
  const answers: Record<string, NameAnswer> = { gone: [] };
  const nodes = [node('unknown'), node('gone'), node('10.0.0.1')];
  const expanded = expandNodes({ nodes, names }, (_, name) => answers[name]);
  assert.deepEqual([brief(expanded.nodes), expanded.isPending], [['10.0.0.1:80 at 10.0.0.1:80 weight 1'], true]);
});

test('a service has the ports, weights and priorities of its records, unless its name has a port', () => {
  const answer: NameAnswer = [
    { address: '10.0.0.1', port: 1980, weight: 60, priority: -10 },
    { address: '10.0.0.2', port: 0, weight: 20, priority: -20 },
    { address: '10.0.0.2', port: 0, weight: 20, priority: -20 },
  ];
  const service = (port: number) => ({ queries: [], service: { name: 'blah', port, fallbackPort: 80 }, retries: null });
  const expanded = expandNodes({ nodes: [], names: service(0) }, (kind) => (kind === 'service' ? answer : undefined));
  assert.deepEqual(
    expanded.nodes.map(({ endpoint, weight, priority }) => [endpoint, weight, priority]),
    [
      ['10.0.0.1:1980', 60, -10],
      ['10.0.0.2:80', 20, -20],
    ],
  );
  const { nodes } = expandNodes({ nodes: [], names: service(8848) }, () => answer);
  assert.deepEqual(
    nodes.map(({ endpoint }) => endpoint),
    ['10.0.0.1:8848', '10.0.0.2:8848'],
  );
  assert.equal(expandNodes({ nodes: [], names: service(0) }, () => undefined).isPending, true);
});

test('whatever the numbers of addresses are, names keep their shares', () => {
  const seed = Date.now() % 1_000_000;
  let state = seed;
  const random = (below: number): number =>
    ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % below;
  for (let round = 0; round < 300; round++) {
    const counts = Array.from({ length: 1 + random(8) }, () => 1 + random(12));
    const nodes = counts.map((_, i) => node(`n${i}`, random(1_000_000)));
    const { nodes: expanded } = expandNodes({ nodes, names }, (_, name) => {
      const i = Number(name.slice(1));
      return at(...Array.from({ length: counts[i]! }, (_unused, k) => `10.${i}.0.${k}`));
    });
    const sum = (host?: string): number =>
      expanded.reduce((total, one) => total + (host === undefined || one.host === host ? one.weight : 0), 0);
    const all = nodes.reduce((total, { weight }) => total + weight, 0);
    assert.ok(Number.isSafeInteger(sum()) && expanded.every(({ weight }) => Number.isInteger(weight)));
    for (const { host, weight } of nodes) {
      const share = all === 0 ? 0 : sum(host) / sum();
      assert.ok(Math.abs(share - (all === 0 ? 0 : weight / all)) < 1e-3, `seed ${seed}, round ${round}: ${share}`);
    }
  }
});
