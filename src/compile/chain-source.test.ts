import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Consumer } from '../sdk/exchange.ts';
import type { AnyPlugin, PluginInstance } from '../sdk/plugin.ts';
import { definePlugin } from '../sdk/plugin.ts';
import type { Schema } from '../sdk/schema.ts';
import { parseConfiguration } from '../config/configuration.ts';
import type { Chain, ChainSource } from './chain.ts';
import { Chains, EMPTY_CHAIN } from './chain-source.ts';
import { compile } from './compile.ts';
import type { CompileResult } from './compile.ts';
import { mergeConsumer, mergeRoute } from './merge.ts';
import { NO_PLUGINS } from './object-plugins.ts';
import { pluginRegistry } from './plugin-registry.ts';
import type { CompiledRoute, Snapshot } from './snapshot.ts';

type Phase = Exclude<keyof PluginInstance, 'prepare' | 'quotas' | 'close' | 'responseBody'>;
const PHASES: readonly Phase[] = ['rewrite', 'access', 'beforeProxy', 'responseHead', 'log'];

const schema = { type: 'object', properties: { tag: { type: 'string', default: '' } } } as const satisfies Schema;

/** A plugin whose phases do nothing; its instances carry the tag of their configuration. */
function tagged(name: string, priority: number, phases: readonly Phase[], more: Partial<AnyPlugin> = {}): AnyPlugin {
  const create = ({ tag }: { readonly tag: string }): PluginInstance =>
    Object.assign(Object.fromEntries(phases.map((phase) => [phase, () => undefined])) as PluginInstance, { tag });
  return definePlugin({ name, priority, summary: name, schema, create, ...(more as object) });
}

const consumerSchema = {
  type: 'object',
  required: ['key'],
  properties: { key: { type: 'string', secret: true } },
} as const;

const PLUGINS: readonly AnyPlugin[] = [
  tagged('auth', 2500, ['rewrite'], {
    kind: 'auth',
    consumerSchema,
    consumerKey: (config: { readonly key: string }) => config.key,
  }),
  tagged('limit', 1000, ['rewrite', 'access', 'responseHead']),
  tagged('alpha', 500, ['rewrite', 'access', 'beforeProxy', 'responseHead', 'log']),
  tagged('beta', 500, ['rewrite', 'access', 'log']),
  tagged('meter', 100, ['log'], { prefersRoute: true }),
];
const REGISTRY = pluginRegistry(PLUGINS);

function compileObjects(document: unknown, previous?: Snapshot): CompileResult {
  const { objects } = parseConfiguration(JSON.stringify(document), { format: 'json', dialect: 'gatewright', env: {} });
  return compile(objects, {
    settings: { router: 'radixtree_host_uri', merge_slashes: true },
    revision: (previous?.revision ?? 0) + 1,
    plugins: REGISTRY,
    ...(previous === undefined ? {} : { previous }),
  });
}

function routeOf(snapshot: Snapshot, path: string): CompiledRoute {
  const request = { method: 'GET', host: 'h', path, remoteAddress: '192.0.2.1', variable: () => undefined };
  const found = snapshot.router.find(request);
  assert.ok(typeof found === 'object' && 'upstream' in found, `no route for ${path}`);
  return found;
}

function chainsOf(snapshot: Snapshot): ChainSource {
  assert.ok(snapshot.chains !== undefined, 'the Snapshot has chains');
  return snapshot.chains;
}

/** `plugin:tag` of each step, by phase. */
function tags(chain: Chain): Record<string, string[]> {
  return Object.fromEntries(
    [...PHASES, 'consumerRewrite' as const].map((phase) => [
      phase,
      chain[phase].map(({ plugin, instance }) => `${plugin}:${(instance as unknown as { tag: string }).tag}`),
    ]),
  );
}

const upstream = { nodes: { '127.0.0.1:1': 1 } };

test('later objects win, whole: service, then plugin config, then route', () => {
  const { snapshot, problems } = compileObjects({
    services: [{ id: 's', upstream, plugins: { alpha: { tag: 's' }, beta: { tag: 's' }, limit: { tag: 's' } } }],
    plugin_configs: [{ id: 'p', plugins: { beta: { tag: 'p' }, limit: { tag: 'p' } } }],
    routes: [{ id: 'r', uri: '/', service_id: 's', plugin_config_id: 'p', plugins: { limit: {} } }],
  });
  assert.deepEqual(problems, []);
  const found = tags(chainsOf(snapshot).chainOf(routeOf(snapshot, '/'), null));
  assert.deepEqual(found['access'], ['limit:', 'alpha:s', 'beta:p']);
  assert.deepEqual(found['beforeProxy'], ['alpha:s']);
  assert.deepEqual(found['consumerRewrite'], []);
});

test('a route switches off what its service has, without repeating its attributes', () => {
  const { snapshot, problems } = compileObjects({
    services: [{ id: 's', upstream, plugins: { alpha: { tag: 's' } } }],
    routes: [{ id: 'r', uri: '/', service_id: 's', plugins: { alpha: { _meta: { disable: true } } } }],
  });
  assert.deepEqual(problems, []);
  assert.equal(chainsOf(snapshot).chainOf(routeOf(snapshot, '/'), null), EMPTY_CHAIN);
});

test('priority orders, `_meta.priority` overrides it, and names decide ties', () => {
  const { snapshot } = compileObjects({
    routes: [
      { id: 'a', uri: '/a', upstream, plugins: { beta: {}, alpha: {}, limit: {} } },
      { id: 'b', uri: '/b', upstream, plugins: { beta: { _meta: { priority: 9999 } }, alpha: {}, limit: {} } },
    ],
  });
  const access = (path: string) => tags(chainsOf(snapshot).chainOf(routeOf(snapshot, path), null))['access'];
  assert.deepEqual(access('/a'), ['limit:', 'alpha:', 'beta:']);
  assert.deepEqual(access('/b'), ['beta:', 'limit:', 'alpha:']);
});

test('global rules run first, in every phase, and without a route alone', () => {
  const { snapshot } = compileObjects({
    global_rules: [
      { id: '1', plugins: { alpha: { tag: 'g' } } },
      { id: '2', plugins: { limit: { tag: 'g' }, beta: { _meta: { disable: true } } } },
    ],
    routes: [{ id: 'r', uri: '/', upstream, plugins: { limit: { tag: 'r', _meta: { priority: 99_999 } } } }],
  });
  const chains = chainsOf(snapshot);
  assert.deepEqual(tags(chains.chainOf(routeOf(snapshot, '/'), null))['rewrite'], ['limit:g', 'alpha:g', 'limit:r']);
  assert.deepEqual(tags(chains.chainOf(null, null))['access'], ['limit:g', 'alpha:g']);
});

test('a global plugin that prefers the route is skipped where the route has it, switched on', () => {
  const { snapshot } = compileObjects({
    global_rules: [{ id: '1', plugins: { meter: { tag: 'g' } } }],
    routes: [
      { id: 'own', uri: '/own', upstream, plugins: { meter: { tag: 'r' } } },
      { id: 'off', uri: '/off', upstream, plugins: { meter: { _meta: { disable: true } } } },
      { id: 'none', uri: '/none', upstream },
    ],
  });
  const log = (path: string) => tags(chainsOf(snapshot).chainOf(routeOf(snapshot, path), null))['log'];
  assert.deepEqual([log('/own'), log('/off'), log('/none')], [['meter:r'], ['meter:g'], ['meter:g']]);
});

function consumer(snapshot: Snapshot, username: string): Consumer {
  const found = snapshot.consumers?.named(username);
  assert.ok(found !== undefined, `no consumer ${username}`);
  return found;
}

test("a consumer's plugins win over its group's, and both over the route's, but not in rewrite", () => {
  const { snapshot, problems } = compileObjects({
    consumer_groups: [{ id: 'g', plugins: { limit: { tag: 'group' }, beta: { tag: 'group' } } }],
    consumers: [{ username: 'jack', group_id: 'g', plugins: { auth: { key: 'k' }, limit: { tag: 'jack' } } }],
    routes: [{ id: 'r', uri: '/', upstream, plugins: { auth: {}, limit: { tag: 'r' }, alpha: { tag: 'r' } } }],
  });
  assert.deepEqual(problems, []);
  const route = routeOf(snapshot, '/');
  const before = tags(chainsOf(snapshot).chainOf(route, null));
  const after = tags(chainsOf(snapshot).chainOf(route, consumer(snapshot, 'jack')));
  assert.deepEqual(before['rewrite'], ['auth:', 'limit:r', 'alpha:r']);
  assert.deepEqual(after['rewrite'], before['rewrite'], 'what has run already does not change');
  assert.deepEqual(after['consumerRewrite'], ['beta:group']);
  assert.deepEqual(after['access'], ['limit:jack', 'alpha:r', 'beta:group']);
  assert.deepEqual(after['responseHead'], ['limit:jack', 'alpha:r']);
});

test('what a consumer switches off does not run for it; what the route switched off runs by the consumer alone', () => {
  const off = { _meta: { disable: true } };
  const { snapshot } = compileObjects({
    consumers: [{ username: 'jack', plugins: { limit: off, alpha: { tag: 'jack' } } }],
    routes: [{ id: 'r', uri: '/', upstream, plugins: { limit: {}, alpha: off } }],
  });
  const found = tags(chainsOf(snapshot).chainOf(routeOf(snapshot, '/'), consumer(snapshot, 'jack')));
  assert.deepEqual([found['rewrite'], found['consumerRewrite']], [['limit:'], ['alpha:jack']]);
  assert.deepEqual([found['access'], found['responseHead']], [['alpha:jack'], ['alpha:jack']]);
});

test('a chain stays the same object while nothing that it is made of changes', () => {
  const document = (tag: string, other: string) => ({
    global_rules: [{ id: '1', plugins: { meter: {} } }],
    services: [{ id: 's', upstream, plugins: { alpha: { tag } } }],
    routes: [
      { id: 'r', uri: '/r', service_id: 's', plugins: { limit: {} } },
      { id: 'o', uri: `/${other}`, upstream, plugins: { limit: {} } },
    ],
    consumers: [{ username: 'jack', plugins: { beta: {} } }],
  });
  const first = compileObjects(document('a', 'x')).snapshot;
  const second = compileObjects(document('a', 'y'), first).snapshot;
  const third = compileObjects(document('b', 'y'), second).snapshot;
  const pick = (snapshot: Snapshot) => [
    chainsOf(snapshot).chainOf(routeOf(snapshot, '/r'), null),
    chainsOf(snapshot).chainOf(routeOf(snapshot, '/r'), consumer(snapshot, 'jack')),
  ];
  const [one, two, three] = [pick(first), pick(second), pick(third)];
  assert.ok(one[0] === two[0] && one[1] === two[1], 'an unrelated edit');
  assert.ok(three[0] !== two[0] && three[1] !== two[1], "an edit of the service's plugin");
  assert.equal(routeOf(third, '/y'), routeOf(second, '/y'), 'an edit of another service');
});

test('the chains of a million consumers do not pile up', () => {
  const bound = 100;
  const chains = new Chains([], bound);
  const use = {
    plugin: 'limit',
    prefersRoute: false,
    object: 'o',
    step: {
      plugin: 'limit',
      priority: 1,
      instance: { access: () => undefined },
      filter: null,
      errorResponse: undefined,
      number: 0,
    },
  };
  const withUse = { ...NO_PLUGINS, uses: [use] };
  const plugins = mergeRoute([NO_PLUGINS, NO_PLUGINS, withUse]);
  const favourite = mergeConsumer(withUse, NO_PLUGINS);
  const expected = tags(chains.chainFor(plugins, favourite));
  for (let i = 0; i < 10_000; i++) {
    chains.chainFor(
      i % 3 === 0 ? plugins : mergeRoute([NO_PLUGINS, NO_PLUGINS, withUse]),
      mergeConsumer(withUse, NO_PLUGINS),
    );
    assert.ok(chains.consumerChainCount <= bound, `${chains.consumerChainCount} chains`);
    if (i % 50 !== 0) continue;
    const made = chains.chainFor(plugins, favourite);
    assert.deepEqual(tags(made), expected);
    assert.equal(chains.chainFor(plugins, favourite), made, 'what was made last is kept');
  }
});

// Random models against the rules as they are written down, followed one by one.

interface Config {
  readonly plugin: string;
  readonly tag: string;
  readonly disable: boolean;
  readonly priority: number | undefined;
}

const NAMES = PLUGINS.map(({ name }) => name);
const ORDINARY = NAMES.filter((name) => name !== 'auth');

function configs(names: readonly string[], owner: string): fc.Arbitrary<readonly Config[]> {
  const config = fc.record({
    plugin: fc.constantFrom(...names),
    tag: fc.constant(owner),
    disable: fc.boolean(),
    priority: fc.option(fc.constantFrom(0, 500, 1000, 5000), { nil: undefined }),
  });
  return fc.uniqueArray(config, { selector: ({ plugin }) => plugin, maxLength: 5 });
}

const written = (all: readonly Config[]) =>
  Object.fromEntries(
    all.map(({ plugin, tag, disable, priority }) => [
      plugin,
      { tag, _meta: { disable, ...(priority === undefined ? {} : { priority }) } },
    ]),
  );

const model = fc.record({
  global: configs(NAMES, 'global'),
  service: configs(NAMES, 'service'),
  config: configs(NAMES, 'config'),
  route: configs(NAMES, 'route'),
  group: configs(ORDINARY, 'group'),
  own: configs(ORDINARY, 'own'),
});

/** The last configuration of each plugin, unless that is switched off. */
function naiveMerge(...layers: (readonly Config[])[]): Config[] {
  return NAMES.flatMap((name) => layers.flat().findLast(({ plugin }) => plugin === name) ?? []).filter(
    ({ disable }) => !disable,
  );
}

function naiveOrder(all: readonly Config[], phase: Phase): string[] {
  const definition = (name: string) => PLUGINS.find((plugin) => plugin.name === name) as AnyPlugin;
  const priority = (config: Config): number => config.priority ?? definition(config.plugin).priority;
  const has = ({ plugin }: Config): boolean =>
    phase in definition(plugin).create({ tag: '' } as never, {} as never, undefined);
  const steps = all.filter(has);
  const ordered: Config[] = [];
  while (ordered.length < steps.length) {
    const rest = steps.filter((config) => !ordered.includes(config));
    const highest = Math.max(...rest.map(priority));
    const [next] = rest
      .filter((config) => priority(config) === highest)
      .toSorted((a, b) => (a.plugin < b.plugin ? -1 : 1));
    if (next !== undefined) ordered.push(next);
  }
  return ordered.map(({ plugin, tag }) => `${plugin}:${tag}`);
}

test('merging and order are what the rules say, on random models', () => {
  fc.assert(
    fc.property(model, ({ global, service, config, route, group, own }) => {
      const { snapshot, problems } = compileObjects({
        global_rules: [{ id: 'g', plugins: written(global) }],
        services: [{ id: 's', upstream, plugins: written(service) }],
        plugin_configs: [{ id: 'p', plugins: written(config) }],
        routes: [{ id: 'r', uri: '/', service_id: 's', plugin_config_id: 'p', plugins: written(route) }],
        consumer_groups: [{ id: 'g', plugins: written(group) }],
        consumers: [{ username: 'jack', group_id: 'g', plugins: written(own) }],
      });
      assert.deepEqual(problems, []);
      const ofRoute = naiveMerge(service, config, route);
      const ofBoth = naiveMerge(service, config, route, group, own);
      const ofConsumer = naiveMerge(group, own).filter(
        ({ plugin }) => !ofRoute.some((other) => other.plugin === plugin),
      );
      const first = naiveMerge(global).filter(
        ({ plugin }) => plugin !== 'meter' || !ofRoute.some((other) => other.plugin === plugin),
      );
      const chainOf = (who: Consumer | null): Record<string, string[]> =>
        tags(snapshot.chains?.chainOf(routeOf(snapshot, '/'), who) ?? EMPTY_CHAIN);
      const [anonymous, known] = [chainOf(null), chainOf(consumer(snapshot, 'jack'))];
      for (const phase of PHASES) {
        const before = naiveOrder(first, phase);
        assert.deepEqual(anonymous[phase], [...before, ...naiveOrder(ofRoute, phase)], phase);
        const late = phase === 'rewrite' ? ofRoute : ofBoth;
        assert.deepEqual(known[phase], [...before, ...naiveOrder(late, phase)], `${phase} of the consumer`);
      }
      assert.deepEqual(anonymous['consumerRewrite'], []);
      assert.deepEqual(known['consumerRewrite'], naiveOrder(ofConsumer, 'rewrite'));
    }),
    { numRuns: 500 },
  );
});
