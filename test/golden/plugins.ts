/** Three small plugins for cases about plugins, and what compile makes of them: who runs in which phase, by whose configuration. */
import type { Chain, Step } from '../../src/compile/chain.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import type { PluginRegistry } from '../../src/compile/plugins.ts';
import type { Snapshot } from '../../src/compile/snapshot.ts';
import type { Host } from '../../src/sdk/host.ts';
import type { PluginInstance } from '../../src/sdk/plugin.ts';
import { definePlugin } from '../../src/sdk/plugin.ts';

/** An instance that can be told from others. */
interface Named extends PluginInstance {
  readonly label: string;
}

function instance(phases: PluginInstance, { owner }: Host, config: object, metadata: unknown): PluginInstance {
  const told = metadata === undefined ? '' : ` with ${JSON.stringify(metadata)}`;
  const named: Named = { ...phases, label: `${owner.plugin} of ${owner.object} ${JSON.stringify(config)}${told}` };
  return named;
}

const nothing = (): void => undefined;

export const TEST_PLUGINS: PluginRegistry = pluginRegistry([
  definePlugin({
    name: 'door',
    priority: 2500,
    summary: 'Lets callers in by a key.',
    kind: 'auth',
    schema: { type: 'object', properties: { header: { type: 'string', default: 'apikey' } } },
    consumerSchema: {
      type: 'object',
      required: ['key'],
      properties: { key: { type: 'string', minLength: 2, secret: true } },
    },
    consumerKey: ({ key }) => key,
    create: (config, host, metadata) => instance({ rewrite: nothing }, host, config, metadata),
  }),
  definePlugin({
    name: 'quota',
    priority: 1000,
    summary: 'Counts.',
    schema: {
      type: 'object',
      required: ['count'],
      properties: { count: { type: 'integer', minimum: 1 }, window: { type: 'integer', default: 60 } },
    },
    metadataSchema: { type: 'object', properties: { unit: { type: 'string', default: 's' } } },
    check: ({ count, window }) =>
      count > window ? [{ path: 'count', message: `${count} in ${window} s is no limit: use at most ${window}` }] : [],
    create(config, host, metadata) {
      if (config.window === 13) throw new Error('a window of 13 s is bad luck');
      return instance({ rewrite: nothing, access: nothing, responseHead: nothing }, host, config, metadata);
    },
  }),
  definePlugin({
    name: 'meter',
    priority: 500,
    summary: 'Measures.',
    prefersRoute: true,
    schema: { type: 'object', properties: { name: { type: 'string', default: 'all' } } },
    create: (config, host, metadata) => instance({ responseBody: (_, piece) => piece, log: nothing }, host, config, metadata),
  }),
]);

/** The chains of each route, without a consumer and with each that brings plugins, and whom keys lead to. */
export function describePlugins({ memory, chains, consumers }: Snapshot): Record<string, unknown> {
  const routes = Array.from(memory?.routes ?? [], ([id, { entry }]) => [`route ${id}`, entry.value] as const);
  const all: Record<string, unknown> = { 'no route': describeChain(chains?.chainOf(null, null)) };
  for (const [name, route] of routes) {
    const anonymous = chains?.chainOf(route, null);
    all[name] = describeChain(anonymous);
    for (const { username, credentialId } of memory?.consumers.sources ?? []) {
      const consumer = credentialId === '' ? consumers?.named(username) : undefined;
      const known = consumer === undefined ? anonymous : chains?.chainOf(route, consumer);
      if (known !== anonymous) all[`${name} for ${username}`] = describeChain(known);
    }
  }
  const keys = Array.from(memory?.consumers.byPlugin ?? []).flatMap(([plugin, claims]) =>
    Array.from(claims, ([key, { match }]) => {
      const { consumer, credentialId } = match;
      return [`${plugin} ${key}`, credentialId === '' ? consumer.username : `${consumer.username} by ${credentialId}`];
    }),
  );
  return { chains: all, keys: Object.fromEntries(keys) };
}

function describeChain(chain: Chain | undefined): unknown {
  if (chain === undefined || chain.isEmpty) return 'nothing runs';
  const { isEmpty: _isEmpty, claimed: _claimed, secretArguments: _secrets, ...phases } = chain;
  const used = Object.entries(phases).filter(([, steps]) => steps.length > 0);
  return Object.fromEntries(used.map(([phase, steps]) => [phase, steps.map(describeStep)]));
}

function describeStep({ plugin, priority, instance: made, filter, errorResponse }: Step): string {
  const own = TEST_PLUGINS.get(plugin)?.definition.priority;
  return [
    (made as Partial<Named>).label ?? plugin,
    own === undefined || own === priority ? '' : ` at ${priority}`,
    filter === null ? '' : ' filtered',
    errorResponse === undefined ? '' : ` refusing with ${JSON.stringify(errorResponse)}`,
  ].join('');
}
