import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfiguration } from '../config/configuration.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { definePlugin } from '../sdk/plugin.ts';
import { compile, retire } from './compile.ts';
import type { CompileResult } from './compile.ts';
import { inertHost } from './inert-host.ts';
import { type HeldInstance, Instances } from './instances.ts';
import { PersistentMap } from './persistent-map.ts';
import { pluginRegistry } from './plugin-registry.ts';
import type { Snapshot } from './snapshot.ts';

/** A plugin that writes down its life, and refuses what it is told to refuse. */
class Laboratory {
  readonly events: string[] = [];
  readonly closeFaults: string[] = [];
  private readonly registry;
  private revision = 0;

  constructor(more: readonly AnyPlugin[] = []) {
    const { events } = this;
    const probe = definePlugin({
      name: 'probe',
      priority: 1,
      summary: 's',
      schema: {
        type: 'object',
        properties: { value: { type: 'integer', default: 1 }, refuse: { type: 'boolean', default: false } },
      },
      metadataSchema: { type: 'object', properties: { unit: { type: 'string', default: 's' } } },
      create({ value, refuse }, { owner }, metadata) {
        const name = `${owner.object} ${value} ${(metadata as { unit: string }).unit}`;
        if (refuse || (metadata as { unit: string }).unit === 'bad') throw new Error(`cannot do ${value}`);
        events.push(`made ${name}`);
        return {
          access: () => undefined,
          close() {
            events.push(`closed ${name}`);
            if (value === 13) throw new Error('stuck');
          },
        };
      },
    });
    this.registry = pluginRegistry([probe, ...more]);
  }

  compile(document: unknown, previous?: Snapshot): CompileResult {
    const { objects } = parseConfiguration(JSON.stringify(document), {
      format: 'json',
      dialect: 'gatewright',
      env: {},
    });
    return compile(objects, {
      settings: { router: 'radixtree_host_uri', merge_slashes: true },
      revision: ++this.revision,
      plugins: this.registry,
      hostFor: inertHost,
      onCloseFault: ({ object }, error) => this.closeFaults.push(`${object}: ${(error as Error).message}`),
      ...(previous === undefined ? {} : { previous }),
    });
  }

  /** What happened since the last call. */
  take(): string[] {
    return this.events.splice(0);
  }
}

const upstream = { nodes: { '127.0.0.1:1': 1 } };
const route = (id: string, probe: unknown, more: object = {}) => ({
  id,
  uri: `/${id}`,
  upstream,
  plugins: { probe },
  ...more,
});

const accessOf = (snapshot: Snapshot, id: string) => {
  const compiled = snapshot.memory?.routes.get(id)?.entry.value ?? null;
  return snapshot.chains?.chainOf(compiled, null).access[0]?.instance;
};

test('an instance is reused while its configuration is the same, and closed with the last Snapshot that has it', async () => {
  const lab = new Laboratory();
  const first = lab.compile({ routes: [route('a', {}), route('b', { value: 2 })] }).snapshot;
  assert.deepEqual(lab.take(), ['made routes/a 1 s', 'made routes/b 2 s']);
  // The same configuration in other words, on an object that changed.
  const second = lab.compile(
    { routes: [route('a', { value: 1 }, { desc: 'new' }), route('b', { value: 3 })] },
    first,
  ).snapshot;
  assert.deepEqual(lab.take(), ['made routes/b 3 s']);
  assert.equal(accessOf(second, 'a'), accessOf(first, 'a'));
  await retire(first);
  assert.deepEqual(lab.take(), ['closed routes/b 2 s']);
  await retire(first);
  assert.deepEqual(lab.take(), [], 'a second call does nothing');
  await retire(second);
  assert.deepEqual(lab.take(), ['closed routes/a 1 s', 'closed routes/b 3 s']);
});

test('Snapshots are retired in any order', async () => {
  const lab = new Laboratory();
  const first = lab.compile({ routes: [route('a', {})] }).snapshot;
  const second = lab.compile({ routes: [] }, first).snapshot;
  const third = lab.compile({ routes: [route('a', {})] }, second).snapshot;
  assert.equal(accessOf(third, 'a'), accessOf(first, 'a'), 'it is still open, so it serves again');
  await retire(third);
  assert.deepEqual(lab.take(), ['made routes/a 1 s']);
  await retire(first);
  assert.deepEqual(lab.take(), ['closed routes/a 1 s']);
  await retire(second);
  assert.deepEqual(lab.take(), []);
});

test('each owner has its own instance of the same configuration', () => {
  const lab = new Laboratory();
  lab.compile({ routes: [route('a', {}), route('b', {})], global_rules: [{ id: 'g', plugins: { probe: {} } }] });
  assert.deepEqual(lab.take().toSorted(), ['made global_rules/g 1 s', 'made routes/a 1 s', 'made routes/b 1 s']);
});

test('what is switched off is not made, and _meta makes no other instance', () => {
  const lab = new Laboratory();
  const first = lab.compile({ routes: [route('a', { _meta: { disable: true } }), route('b', {})] }).snapshot;
  const second = lab.compile({ routes: [route('b', { _meta: { priority: 7 } })] }, first).snapshot;
  assert.deepEqual(lab.take(), ['made routes/b 1 s']);
  assert.equal(accessOf(second, 'b'), accessOf(first, 'b'));
});

test('a create that throws is a problem of its object: a new route becomes a tombstone, an old one serves on', async () => {
  const lab = new Laboratory();
  const first = lab.compile({ routes: [route('old', {})] }).snapshot;
  const changed = lab.compile(
    { routes: [route('old', { refuse: true, value: 5 }), route('new', { refuse: true })] },
    first,
  );
  assert.deepEqual(
    changed.problems.map(({ path, message }) => `${path}: ${message}`),
    [
      'routes[0].plugins.probe: the plugin "probe" refuses this configuration: cannot do 5',
      'routes[1].plugins.probe: the plugin "probe" refuses this configuration: cannot do 1',
    ],
  );
  assert.equal(accessOf(changed.snapshot, 'old'), accessOf(first, 'old'));
  assert.equal(changed.snapshot.memory?.routes.get('new')?.entry.value.refusal?.code, 'config_invalid');
  await retire(first);
  assert.deepEqual(lab.take(), ['made routes/old 1 s'], 'the instance in use is not closed');
});

test('a global rule whose plugin cannot be made blocks the change, and what was made for it is closed', () => {
  const lab = new Laboratory();
  const first = lab.compile({ routes: [] }).snapshot;
  const { isBlocked, snapshot } = lab.compile(
    { routes: [route('a', {})], global_rules: [{ id: 'g', plugins: { probe: { refuse: true } } }] },
    first,
  );
  assert.deepEqual([isBlocked, snapshot === first], [true, true]);
  assert.deepEqual(lab.take(), ['made routes/a 1 s', 'closed routes/a 1 s']);
});

test('plugin metadata reach every instance; a change of them makes new ones, and what it breaks serves on', async () => {
  const lab = new Laboratory();
  const document = (unit: string) => ({ plugin_metadata: [{ id: 'probe', unit }], routes: [route('a', {})] });
  const first = lab.compile(document('ms')).snapshot;
  const second = lab.compile(document('min'), first).snapshot;
  assert.deepEqual(lab.take(), ['made routes/a 1 ms', 'made routes/a 1 min']);
  const third = lab.compile(document('bad'), second);
  assert.deepEqual(
    third.problems.map(({ path }) => path),
    ['routes[0].plugins.probe'],
  );
  assert.equal(accessOf(third.snapshot, 'a'), accessOf(second, 'a'));
  const again = lab.compile(document('bad'), third.snapshot);
  assert.equal(again.problems.length, 1, 'the problem stays as long as its cause does');
  await Promise.all([retire(first), retire(second), retire(third.snapshot)]);
  assert.deepEqual(lab.take(), ['closed routes/a 1 ms']);
});

test('a plugin that is taken out of the list of plugins runs on where it was, and that is a problem', () => {
  const lab = new Laboratory();
  const document = { plugins: [{ name: 'probe' }], routes: [route('a', {})] };
  const first = lab.compile(document).snapshot;
  const second = lab.compile({ ...document, plugins: [] }, first);
  assert.deepEqual(
    second.problems.map(({ path, code }) => `${path} ${code}`),
    ['routes[0].plugins.probe not_available'],
  );
  assert.equal(accessOf(second.snapshot, 'a'), accessOf(first, 'a'), 'a route never loses what may be guarding it');
});

test('what create returns must be an instance', () => {
  const make = (name: string, created: unknown): AnyPlugin =>
    definePlugin({ name, priority: 1, summary: 's', schema: { type: 'object' }, create: () => created as object });
  const lab = new Laboratory([make('nothing', undefined), make('wrong', { access: 'deny' })]);
  const { problems } = lab.compile({ routes: [{ id: 'a', uri: '/a', upstream, plugins: { nothing: {}, wrong: {} } }] });
  assert.deepEqual(
    problems.map(({ message }) => message),
    [
      'the plugin "nothing" refuses this configuration: create returned no instance',
      'the plugin "wrong" refuses this configuration: access is no function',
    ],
  );
});

test('an instance that cannot be closed is reported, and the others are closed', async () => {
  const lab = new Laboratory();
  const { snapshot } = lab.compile({ routes: [route('a', { value: 13 }), route('b', {})] });
  await retire(snapshot);
  assert.deepEqual(lab.closeFaults, ['routes/a: stuck']);
  assert.deepEqual(lab.take().slice(2), ['closed routes/a 13 s', 'closed routes/b 1 s']);
});

test('what an instance has to prepare is done before the Snapshot is there, in steps; if it fails, the object is bad', async () => {
  const seen: string[] = [];
  const slow = definePlugin({
    name: 'slow',
    priority: 2,
    summary: 's',
    schema: { type: 'object', properties: { steps: { type: 'integer' } } },
    create: ({ steps = 1 }, { owner }) => ({
      *prepare() {
        for (let i = 0; i < steps; i++) yield void seen.push(`${owner.object} ${i}`);
        if (steps === 3) throw new Error('three is too much');
      },
      access: () => undefined,
      close: () => void seen.push(`closed ${owner.object}`),
    }),
  });
  const lab = new Laboratory([slow]);
  const first = lab.compile({ routes: [{ id: 'a', uri: '/a', upstream, plugins: { slow: { steps: 2 } } }] });
  assert.deepEqual([first.problems, seen.splice(0)], [[], ['routes/a 0', 'routes/a 1']]);
  const route = (id: string, steps: number) => ({ id, uri: `/${id}`, upstream, plugins: { slow: { steps } } });
  const { snapshot, problems } = lab.compile({ routes: [route('a', 3), route('b', 1)] }, first.snapshot);
  assert.deepEqual(
    problems.map(({ path, message }) => `${path}: ${message}`),
    ['routes[0]: the plugin "slow" refuses this configuration: three is too much'],
  );
  assert.deepEqual(seen.splice(0), ['routes/a 0', 'routes/a 1', 'routes/a 2', 'routes/b 0', 'closed routes/a']);
  await retire(first.snapshot);
  assert.deepEqual(seen, [], 'the last good version serves on, prepared as it was');
  assert.equal(snapshot.memory?.instances.size, 2);
});

test('what a Snapshot in the making was given is not closed with another one that had it', async () => {
  const { instances, obtain, held, closed } = loose();
  const [first, third] = [{}, {}];
  steps(instances.keep(first, held(obtain('a'))));
  steps(instances.keep({}, held()));
  const again = obtain('a');
  await instances.retire(first);
  assert.deepEqual(closed, []);
  steps(instances.keep(third, held(again)));
  assert.deepEqual(closed, []);
  await instances.retire(third);
  assert.deepEqual(closed, ['a']);
  obtain('b');
  steps(instances.sweep());
  assert.deepEqual(closed, ['a', 'b'], 'it never came to be');
});

test('between a few that are closed others run, and may take what is not closed yet', async () => {
  const ids = Array.from({ length: 100 }, (_, i) => `r${i}`);
  const turns: (() => void)[] = [];
  const { instances, obtain, held, closed } = loose(() => new Promise((resolve) => turns.push(resolve)));
  const turn = async (): Promise<void> => {
    turns.shift()?.();
    await new Promise(setImmediate);
  };
  const first = {};
  steps(instances.keep(first, held(...ids.map(obtain))));
  const over = instances.retire(first);
  await turn();
  const rest = ids.filter((id) => !closed.includes(id));
  assert.ok(closed.length > 0 && rest.length > closed.length, `${closed.length} at once`);
  const taken = obtain(rest.at(-1) ?? '');
  steps(instances.keep({}, held(taken)));
  while (turns.length > 0) await turn();
  await over;
  assert.deepEqual(closed.toSorted(), ids.filter((id) => id !== taken.owner.object).toSorted());
  assert.equal(instances.size, 1);
});

function steps(all: Iterable<void>): void {
  for (const _ of all) continue;
}

/** Instances without Snapshots: each is named by its object. */
function loose(pause?: () => Promise<void>) {
  const closed: string[] = [];
  const named = definePlugin({
    name: 'named',
    priority: 1,
    summary: 's',
    schema: { type: 'object' },
    create: (_, { owner }) => ({ close: () => void closed.push(owner.object) }),
  });
  const shape = pluginRegistry([named]).get('named');
  assert.ok(shape !== undefined);
  const instances = new Instances(inertHost, undefined, pause);
  const around = { metadata: shape.metadata, upstreams: new Map(), plugins: new Map() };
  return {
    instances,
    closed,
    obtain: (object: string) => instances.obtain(shape, object, {}, around),
    held(...all: readonly HeldInstance[]) {
      const edit = PersistentMap.empty<HeldInstance>().edit();
      for (const one of all) edit.set(one.key, one);
      return edit.done();
    },
  };
}

test('a hundred random edits leave open what the last configuration has, and nothing else', async () => {
  const lab = new Laboratory();
  let seed = 20_260_101;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  let snapshots: Snapshot[] = [];
  const open = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const routes = Array.from({ length: random(6) }, (_, n) =>
      route(`r${n}`, { value: random(3), refuse: random(5) === 0 }),
    );
    snapshots.push(lab.compile({ routes }, snapshots.at(-1)).snapshot);
    // Some stay in use for a while; never the one in force.
    const over = snapshots.filter((_, n) => n < snapshots.length - 1 && random(3) === 0);
    snapshots = snapshots.filter((snapshot) => !over.includes(snapshot));
    for (const snapshot of over) await retire(snapshot);
  }
  const last = snapshots.pop();
  assert.ok(last !== undefined);
  for (const snapshot of snapshots) await retire(snapshot);
  for (const event of lab.take()) {
    const [what = '', ...name] = event.split(' ');
    if (what === 'made') assert.ok(!open.has(name.join(' ')), `${event}: made twice`);
    if (what === 'made') open.add(name.join(' '));
    else assert.ok(open.delete(name.join(' ')), `${event}: closed twice`);
  }
  const inForce = [...(last.memory?.held ?? [])];
  assert.equal(open.size, inForce.length);
  assert.equal(last.memory?.instances.size, inForce.length);
});
