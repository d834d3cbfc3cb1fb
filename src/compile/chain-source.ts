/** The chains of a Snapshot: compiled when a route is first asked for, and kept as long as nothing they are made of changes. */
import type { Consumer } from '../sdk/exchange.ts';
import type { PluginInstance } from '../sdk/plugin.ts';
import type { Chain, ChainSource, Step } from './chain.ts';
import { pluginsOfConsumer } from './known-consumer.ts';
import { inOrder, isActive, NO_ROUTE_PLUGINS } from './merge.ts';
import type { ActiveUse, ConsumerPlugins, RoutePlugins } from './merge.ts';
import type { CompiledRoute } from './snapshot.ts';

const NO_STEPS: readonly Step[] = Object.freeze([]);

/** Where nothing runs. */
export const EMPTY_CHAIN: Chain = Object.freeze({
  rewrite: NO_STEPS,
  consumerRewrite: NO_STEPS,
  access: NO_STEPS,
  beforeProxy: NO_STEPS,
  responseHead: NO_STEPS,
  responseBody: NO_STEPS,
  log: NO_STEPS,
  isEmpty: true,
});

/**
 * Chains of routes with consumers that are kept: the newest between this number and twice as many. One takes about half a
 * kilobyte; consumers without plugins, and consumers of one group without plugins of their own, share theirs.
 */
const KEPT_CONSUMER_CHAINS = 8_192;

type ConsumerChains = Map<RoutePlugins, Map<ConsumerPlugins, Chain>>;

export class Chains implements ChainSource {
  /** Of all global rules, in their order. */
  readonly globals: readonly ActiveUse[];
  private readonly globalChain: Chain;
  private readonly routes = new WeakMap<RoutePlugins, Chain>();
  private readonly bound: number;
  private young: ConsumerChains = new Map();
  private youngCount = 0;
  private old: ConsumerChains = new Map();
  private oldCount = 0;

  /** @param globals see `inOrder` @param bound how many chains with consumers are kept at least, at most twice as many */
  constructor(globals: readonly ActiveUse[], bound = KEPT_CONSUMER_CHAINS) {
    this.globals = globals;
    this.bound = bound;
    this.globalChain = chain(globals, NO_ROUTE_PLUGINS, null);
  }

  /** Chains with consumers that are kept now. */
  get consumerChainCount(): number {
    return this.youngCount + this.oldCount;
  }

  chainOf(route: CompiledRoute | null, consumer: Consumer | null): Chain {
    const plugins = route === null ? null : (route.plugins ?? null);
    if (plugins === null) return this.globalChain;
    const brought = consumer === null ? null : pluginsOfConsumer(consumer);
    return brought === null ? this.routeChain(plugins) : this.consumerChain(plugins, brought);
  }

  private routeChain(plugins: RoutePlugins): Chain {
    let compiled = this.routes.get(plugins);
    if (compiled === undefined) {
      compiled = chain(this.globals, plugins, null);
      this.routes.set(plugins, compiled);
    }
    return compiled;
  }

  /** The chain of a route with what a consumer brings. Two generations: what is asked for moves to the young one, and when that is full the old one goes. */
  consumerChain(plugins: RoutePlugins, brought: ConsumerPlugins): Chain {
    const kept = this.young.get(plugins)?.get(brought);
    if (kept !== undefined) return kept;
    const compiled = this.old.get(plugins)?.get(brought) ?? chain(this.globals, plugins, brought);
    if (this.youngCount >= this.bound) {
      this.old = this.young;
      this.oldCount = this.youngCount;
      this.young = new Map();
      this.youngCount = 0;
    }
    let ofRoute = this.young.get(plugins);
    if (ofRoute === undefined) this.young.set(plugins, (ofRoute = new Map<ConsumerPlugins, Chain>()));
    ofRoute.set(brought, compiled);
    this.youngCount++;
    return compiled;
  }
}

type Phase = Exclude<keyof PluginInstance, 'close'>;

/**
 * A plugin that a consumer brings besides its route runs by the route's configuration in `rewrite`, which is over when the
 * consumer is known, and by the consumer's afterwards. One that the route has switched off counts as the consumer's alone.
 */
function chain(globals: readonly ActiveUse[], route: RoutePlugins, consumer: ConsumerPlugins | null): Chain {
  const before = globals.filter(({ prefersRoute, plugin }) => !(prefersRoute && isEnabled(route, plugin)));
  const early = [...before, ...route.enabled];
  const own = consumer === null ? [] : inOrder(consumer.merged.values());
  const late =
    consumer === null ? early : [...before, ...inOrder(new Map([...route.merged, ...consumer.merged]).values())];
  const compiled = {
    rewrite: stepsOf(early, 'rewrite'),
    consumerRewrite: stepsOf(
      own.filter(({ plugin }) => !isEnabled(route, plugin)),
      'rewrite',
    ),
    access: stepsOf(late, 'access'),
    beforeProxy: stepsOf(late, 'beforeProxy'),
    responseHead: stepsOf(late, 'responseHead'),
    responseBody: stepsOf(late, 'responseBody'),
    log: stepsOf(late, 'log'),
  };
  const isEmpty = Object.values(compiled).every((steps) => steps.length === 0);
  return isEmpty ? EMPTY_CHAIN : { ...compiled, isEmpty };
}

function isEnabled(route: RoutePlugins, plugin: string): boolean {
  const use = route.merged.get(plugin);
  return use !== undefined && isActive(use);
}

function stepsOf(uses: readonly ActiveUse[], phase: Phase): readonly Step[] {
  const steps = uses.filter(({ step }) => step.instance[phase] !== undefined).map(({ step }) => step);
  return steps.length === 0 ? NO_STEPS : steps;
}
