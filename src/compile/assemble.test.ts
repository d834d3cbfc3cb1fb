import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { EMPTY_OBJECTS, type Kind, type ObjectSet, type RawObject } from '../model/object-set.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { assemble } from './assemble.ts';
import { changeOfChecked, checkedDifferences, type CheckedObject } from './checked.ts';
import { compile, EMPTY_SNAPSHOT, retire } from './compile.ts';
import { inertHost } from './inert-host.ts';
import { Instances } from './instances.ts';
import { checkedPluginRegistry, pluginRegistry } from './plugin-registry.ts';
import type { Snapshot } from './snapshot.ts';

const settings = { router: 'radixtree_host_uri', merge_slashes: true } as const;
const plugins = pluginRegistry(ALL_PLUGINS);
const checked = checkedPluginRegistry(ALL_PLUGINS);

/** What assembles Snapshots of what was checked elsewhere: a worker. */
class Copy {
  snapshot: Snapshot = EMPTY_SNAPSHOT;
  readonly instances = new Instances(inertHost);

  take(objects: Iterable<CheckedObject>, revision: number): void {
    const received = JSON.parse(JSON.stringify([...objects])) as CheckedObject[];
    const matching = { mode: settings.router, mergeSlashes: settings.merge_slashes };
    const options = { revision, matching, plugins: checked, instances: this.instances };
    const steps = assemble(changeOfChecked(received), options, this.snapshot.memory);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const { snapshot } = step.value;
    assert.ok(snapshot !== null, 'what was put in force there is sound here');
    void retire(this.snapshot);
    this.snapshot = snapshot;
  }
}

/** Everything that decides what becomes of a request, as plain data. */
function describe({ memory }: Snapshot): unknown {
  if (memory === undefined) return {};
  const byKey = <T, R>(entries: Iterable<[string, T]>, what: (value: T) => R): [string, R][] =>
    Array.from(entries, ([key, value]): [string, R] => [key, what(value)]).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    routes: byKey(memory.routes, ({ entry: { value, ...match } }) => ({
      match,
      refusal: value.refusal,
      upstream: value.upstream,
      timeouts: value.timeouts,
      plugins: value.plugins?.enabled.map(({ plugin, object, step }) => [plugin, object, step.priority]) ?? null,
    })),
    upstreams: byKey(memory.upstreams, ({ compiled }) => compiled),
    instances: byKey(memory.held, () => null).map(([key]) => key),
    globals: memory.chains.globals.map(({ plugin, object }) => [plugin, object]),
    consumers: byKey(memory.consumers.byName, ({ plugins: brought }) => brought?.enabled.map(({ plugin }) => plugin)),
    credentials: byKey(memory.consumers.byPlugin, (keys) =>
      byKey(keys, ({ match }) => [match.consumer.username, match.credentialId]),
    ),
    size: memory.table.size,
  };
}

/** Few ids, so that objects meet, vanish and come back. */
class World {
  readonly objects = new Map<string, RawObject['value']>();
  private readonly random: () => number;

  constructor(random: () => number) {
    this.random = random;
  }

  private draw(most: number): number {
    return Math.floor(this.random() * most);
  }

  private pick<T>(...choices: readonly [T, ...T[]]): T {
    return choices[this.draw(choices.length)] ?? choices[0];
  }

  edit(): void {
    const [kind, make] = this.pick<readonly [Kind, (id: string) => object]>(
      ['routes', (id) => this.route(id)],
      ['routes', (id) => this.route(id)],
      ['services', (id) => this.service(id)],
      ['upstreams', (id) => ({ id, nodes: this.nodes() })],
      ['plugin_configs', (id) => ({ id, plugins: this.plugins() })],
      ['global_rules', (id) => ({ id, plugins: { 'response-rewrite': { headers: { set: { 'X-G': id } } } } })],
      ['consumers', (username) => ({ username, ...this.consumer() })],
      ['consumer_groups', (id) => ({ id, plugins: { cors: { max_age: this.draw(3) } } })],
      ['plugin_metadata', () => ({ id: 'no-such-plugin' })],
    );
    const id = kind === 'plugin_metadata' ? 'no-such-plugin' : `${kind.slice(0, 2)}${this.draw(5)}`;
    const isGone = this.draw(kind === 'plugin_metadata' ? 2 : 4) === 0;
    if (isGone) this.objects.delete(`${kind}/${id}`);
    else this.objects.set(`${kind}/${id}`, make(id) as RawObject['value']);
  }

  private nodes(): object {
    return { [`10.0.0.${this.draw(3)}:80`]: 1 };
  }

  private target(): object {
    return this.pick<object>(
      { upstream_id: `up${this.draw(6)}` },
      { service_id: `se${this.draw(6)}` },
      { upstream: { nodes: this.nodes() } },
      { service_id: `se${this.draw(6)}`, plugin_config_id: `pl${this.draw(6)}` },
    );
  }

  private plugins(): object {
    return this.pick<object>(
      { 'proxy-rewrite': { headers: { set: { 'X-P': String(this.draw(3)) } } } },
      { 'key-auth': {} },
      { 'limit-count': { count: 1 + this.draw(3), time_window: 60 }, cors: {} },
      { cors: { _meta: { disable: true } } },
    );
  }

  private route(id: string): object {
    const bad = this.draw(20) === 0 ? { methods: ['NONSENSE'] } : {};
    const own = this.draw(2) === 0 ? { plugins: this.plugins() } : {};
    const status = this.draw(8) === 0 ? { status: 0 } : {};
    return { id, uri: `/${this.pick('a', 'b', 'c/*')}`, ...this.target(), ...own, ...bad, ...status };
  }

  private service(id: string): object {
    const bad = this.draw(20) === 0 ? { upstream: { nodes: 'none' } } : {};
    const hosts = this.draw(2) === 0 ? { hosts: [`h${this.draw(3)}.example`] } : {};
    return {
      id,
      ...hosts,
      ...this.pick<object>({ upstream_id: `up${this.draw(6)}` }, { plugins: this.plugins() }),
      ...bad,
    };
  }

  private consumer(): object {
    const group = this.draw(3) === 0 ? { group_id: `co${this.draw(6)}` } : {};
    return { ...group, plugins: { 'key-auth': { key: `key ${this.draw(20)}` } } };
  }

  get set(): ObjectSet {
    const lists = structuredClone(EMPTY_OBJECTS.objects) as unknown as Record<Kind, RawObject[]>;
    for (const [key, value] of this.objects) {
      const [kind, id] = key.split('/') as [Kind, string];
      lists[kind].push({ id, value, path: `${kind}[${lists[kind].length}]` });
    }
    return { ...EMPTY_OBJECTS, objects: lists };
  }
}

test('after random edits, what was assembled piece by piece is what is made from nothing, in control and in workers', (t) => {
  const seed = Math.floor(performance.timeOrigin) % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const world = new World(seededRandom(seed));
  const follower = new Copy();
  let snapshot = EMPTY_SNAPSHOT;
  let [changes, blocked, sound] = [0, 0, 0];
  for (let revision = 1; revision <= 300; revision++) {
    for (let edits = revision % 7; edits >= 0; edits--) world.edit();
    const result = compile(world.set, {
      settings,
      revision,
      plugins,
      ...(snapshot.memory === undefined ? {} : { previous: snapshot }),
    });
    const fresh = compile(world.set, { settings, revision, plugins });
    if (result.isBlocked) {
      blocked++;
      continue;
    }
    const { memory } = result.snapshot;
    assert.ok(memory !== undefined);
    follower.take(checkedDifferences(snapshot.memory, memory), revision);
    void retire(snapshot);
    ({ snapshot } = result);
    changes++;
    const expected = describe(snapshot);
    assert.deepEqual(describe(follower.snapshot), expected, `revision ${revision}: a worker that followed`);
    const newcomer = new Copy();
    newcomer.take(checkedDifferences(undefined, memory), revision);
    assert.deepEqual(describe(newcomer.snapshot), expected, `revision ${revision}: a worker that came later`);
    assert.equal(memory.instances.size, memory.held.size, 'no instance is left behind');
    assert.equal(follower.instances.size, memory.held.size);
    // Where something is bad or claimed twice, what was before decides, and a fresh start has no before.
    if (result.problems.some(({ code }) => code !== 'dangling_reference' && code !== 'missing_attribute')) continue;
    assert.deepEqual(describe(fresh.snapshot), expected, `revision ${revision}: from nothing`);
    assert.deepEqual(result.problems, fresh.problems, `revision ${revision}`);
    sound++;
  }
  t.diagnostic(`${changes} changes, ${sound} without problems, ${blocked} blocked`);
  assert.ok(changes > 100 && sound > 10);
});
