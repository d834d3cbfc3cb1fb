/** The chains of a Snapshot: compiled when a route is first asked for, and kept as long as nothing they are made of changes. */
import type { Consumer } from '../sdk/exchange.ts';
import type { PluginInstance } from '../sdk/plugin.ts';
import type { Chain, ChainSource, Step } from './chain.ts';
import { pluginsOfConsumer } from './known-consumer.ts';
import { inOrder, isActive } from './merge.ts';
import type { ActiveUse, ConsumerPlugins, RoutePlugins } from './merge.ts';
import type { CompiledRoute } from './snapshot.ts';

const NO_STEPS: readonly Step[] = Object.freeze([]);
const NO_NAMES: readonly string[] = Object.freeze([]);

/** Where nothing runs. */
export const EMPTY_CHAIN: Chain = Object.freeze({
  rewrite: NO_STEPS,
  consumerRewrite: NO_STEPS,
  access: NO_STEPS,
  beforeProxy: NO_STEPS,
  responseHead: NO_STEPS,
  responseBody: NO_STEPS,
  log: NO_STEPS,
  attempts: NO_STEPS,
  claimed: NO_NAMES,
  secretArguments: NO_NAMES,
  isEmpty: true,
});

/**
 * Chains of routes with consumers that are kept at most; one takes about half a kilobyte. Consumers without plugins need
 * none, and those of one group without plugins of their own share theirs.
 */
const MOST_CONSUMER_CHAINS = 32_768;

/** The chains of one route with one set of global rules. */
export interface RouteChains {
  readonly madeBy: Chains;
  /** Without a consumer. */
  readonly chain: Chain;
  readonly byConsumer: Map<ConsumerPlugins, Chain>;
}

export class Chains implements ChainSource {
  /** Of all global rules, in their order. */
  readonly globals: readonly ActiveUse[];
  private readonly globalChain: Chain;
  private readonly bound: number;
  /** Whose chains with consumers are kept. */
  private kept: RouteChains[] = [];
  private keptCount = 0;

  /** @param globals see `inOrder` @param bound how many chains with consumers are kept at most */
  constructor(globals: readonly ActiveUse[], bound = MOST_CONSUMER_CHAINS) {
    this.globals = globals;
    this.bound = bound;
    this.globalChain = chainOfSteps(globals, [], globals);
  }

  /** Chains with consumers that are kept now. */
  get consumerChainCount(): number {
    return this.keptCount;
  }

  chainOf(route: CompiledRoute | null, consumer: Consumer | null): Chain {
    const plugins = route === null ? null : (route.plugins ?? null);
    if (plugins === null) return this.globalChain;
    const brought = consumer === null ? null : pluginsOfConsumer(consumer);
    return this.chainFor(plugins, brought);
  }

  /** @param brought what a consumer brings, null for nothing */
  chainFor(plugins: RoutePlugins, brought: ConsumerPlugins | null): Chain {
    let { chains } = plugins;
    if (chains?.madeBy !== this) {
      plugins.chains = chains = { madeBy: this, chain: routeChain(this.globals, plugins), byConsumer: new Map() };
    }
    if (brought === null) return chains.chain;
    return chains.byConsumer.get(brought) ?? this.addConsumer(plugins, chains, brought);
  }

  private addConsumer(plugins: RoutePlugins, chains: RouteChains, brought: ConsumerPlugins): Chain {
    // To find out which of them are in use would cost more than to make those again.
    if (this.keptCount >= this.bound) {
      for (const { byConsumer } of this.kept) byConsumer.clear();
      this.kept = [];
      this.keptCount = 0;
    }
    const made = consumerChain(this.globals, plugins, chains.chain, brought);
    if (chains.byConsumer.size === 0) this.kept.push(chains);
    chains.byConsumer.set(brought, made);
    this.keptCount++;
    return made;
  }
}

function routeChain(globals: readonly ActiveUse[], route: RoutePlugins): Chain {
  const all = [...globalsBefore(globals, route), ...route.enabled];
  return chainOfSteps(all, [], all);
}

/**
 * A plugin that a consumer brings besides its route runs by the route's configuration in `rewrite`, which is over when the
 * consumer is known, and by the consumer's afterwards. One that the route has switched off counts as the consumer's alone.
 */
function consumerChain(
  globals: readonly ActiveUse[],
  route: RoutePlugins,
  { rewrite, secretArguments }: Chain,
  consumer: ConsumerPlugins,
): Chain {
  const others = route.enabled.filter(({ plugin }) => !consumer.merged.has(plugin));
  const late = inOrder([...others, ...consumer.enabled]);
  const alone = consumer.enabled.filter(({ plugin }) => !isEnabled(route, plugin));
  const made = chainOfSteps([], alone, [...globalsBefore(globals, route), ...late]);
  const isEmpty = made.isEmpty && rewrite.length === 0;
  return isEmpty ? EMPTY_CHAIN : { ...made, rewrite, secretArguments, isEmpty };
}

function globalsBefore(globals: readonly ActiveUse[], route: RoutePlugins): readonly ActiveUse[] {
  return globals.filter(({ prefersRoute, plugin }) => !(prefersRoute && isEnabled(route, plugin)));
}

function isEnabled(route: RoutePlugins, plugin: string): boolean {
  const use = route.merged.get(plugin);
  return use !== undefined && isActive(use);
}

/** @param early before the consumer is known @param alone what only the consumer brought @param late afterwards */
function chainOfSteps(early: readonly ActiveUse[], alone: readonly ActiveUse[], late: readonly ActiveUse[]): Chain {
  const made = {
    rewrite: stepsOf(early, 'rewrite'),
    consumerRewrite: stepsOf(alone, 'rewrite'),
    access: stepsOf(late, 'access'),
    beforeProxy: stepsOf(late, 'beforeProxy'),
    responseHead: stepsOf(late, 'responseHead'),
    responseBody: stepsOf(late, 'responseBody'),
    log: stepsOf(late, 'log'),
    attempts: stepsOf(late, 'attempts'),
    claimed: namesOf(early, 'claims'),
    secretArguments: namesOf(early, 'secretArguments'),
  };
  return Object.values(made).every((steps) => steps.length === 0) ? EMPTY_CHAIN : { ...made, isEmpty: false };
}

function stepsOf(
  uses: readonly ActiveUse[],
  phase: Exclude<keyof PluginInstance, 'prepare' | 'quotas' | 'close'>,
): readonly Step[] {
  const steps = uses.filter(({ step }) => step.instance[phase] !== undefined).map(({ step }) => step);
  return steps.length === 0 ? NO_STEPS : steps;
}

function namesOf(uses: readonly ActiveUse[], which: 'claims' | 'secretArguments'): readonly string[] {
  const names = new Set(uses.flatMap((use) => use[which] ?? NO_NAMES));
  return names.size === 0 ? NO_NAMES : [...names];
}
