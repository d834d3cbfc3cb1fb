/**
 * Objects → Snapshot: pure, without I/O, and every problem at once. A bad object never widens access: its last good
 * version serves on, or a tombstone answers in its place, or the whole change is held back.
 */
import type { RouterMode } from '../router/router.ts';
import { KINDS } from '../model/object-set.ts';
import type { ObjectSet } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import type { UpstreamObject } from '../model/upstream.ts';
import { Chains } from './chain-source.ts';
import { compileConsumers } from './consumers.ts';
import { inertHost } from './inert-host.ts';
import { Instances } from './instances.ts';
import type { CloseFault, HostFor } from './instances.ts';
import { inOrder, RouteMerger } from './merge.ts';
import { PluginReader } from './object-plugins.ts';
import { enabledPlugins } from './plugins.ts';
import type { PluginRegistry } from './plugins.ts';
import { readAll } from './read-objects.ts';
import type { AllReadings, CheckContext } from './read-objects.ts';
import { checkReferences } from './references.ts';
import { compileRoutes, isSameMatching, tableOf } from './routes.ts';
import type { CompileMemory, Matching, RouteMemory, Snapshot, UpstreamMemory } from './snapshot.ts';
import { renewUpstream } from './upstream.ts';

export interface CompileOptions {
  /** What of the settings bears on matching. */
  readonly settings: {
    readonly router: RouterMode;
    readonly merge_slashes: boolean;
  };
  /** Of the Snapshot to be made. */
  readonly revision: number;
  /** Where last good versions, and the parts that did not change, come from. */
  readonly previous?: Snapshot;
  /** The plugins that exist; none by default. */
  readonly plugins?: PluginRegistry;
  /**
   * What instances see of the gateway; without it they see nothing, which is enough to check a configuration. That of the
   * first compile counts for all that follow from it by `previous`.
   */
  readonly hostFor?: HostFor;
  /** Told of instances that cannot be closed. */
  readonly onCloseFault?: CloseFault;
}

export interface CompileResult {
  /** The new Snapshot; the previous one if the change is blocked. */
  readonly snapshot: Snapshot;
  /** At a start and in `check`, one is enough to fail; a running gateway serves the good part. */
  readonly problems: readonly Problem[];
  /** Unknown attributes where they are tolerated. */
  readonly warnings: readonly Problem[];
  /** True if nothing may change: what a bad route would match, or what a bad global rule would do, is not known. */
  readonly isBlocked: boolean;
}

/** The Snapshot before the first configuration: no route matches. */
export const EMPTY_SNAPSHOT: Snapshot = { revision: 0, router: { find: () => undefined } };

export function compile(objects: ObjectSet, options: CompileOptions): CompileResult {
  const previous = options.previous ?? EMPTY_SNAPSHOT;
  const { memory } = previous;
  const matching: Matching = { mode: options.settings.router, mergeSlashes: options.settings.merge_slashes };
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const unknownPlugins = objects.unknownAttributes === 'error' ? problems : warnings;
  const plugins = enabledPlugins(options.plugins ?? new Map(), objects.plugins, unknownPlugins);
  const instances = memory?.instances ?? new Instances(options.hostFor ?? inertHost, options.onCloseFault);
  const context: CheckContext = { plugins: new PluginReader(plugins, instances), matching };
  const read = readAll(objects, context, memory?.good ?? new Map());
  problems.push(...read.problems);
  warnings.push(...read.warnings);
  checkReferences(read.readings, problems);
  const upstreams = compileUpstreams(read.readings, memory?.upstreams ?? new Map());
  const known =
    memory !== undefined && isSameMatching(matching, memory) ? memory.routes : new Map<string, RouteMemory>();
  const merger = new RouteMerger(read.readings, memory);
  const routes = compileRoutes({ readings: read.readings, upstreams, merger }, context, known, problems);
  const consumers = compileConsumers(read.readings, memory?.consumers ?? null, problems);
  if (routes === null || objects.isIncomplete || hasLostGlobalRule(read.readings)) {
    instances.sweep();
    return { snapshot: previous, problems, warnings, isBlocked: true };
  }
  const table = tableOf(routes, matching, memory);
  const held = Array.from(read.good.values()).flatMap(({ plugins }) => plugins.instances);
  const chains = compileChains(read.readings, memory);
  const snapshot: Snapshot = {
    revision: options.revision,
    router: table,
    ...(held.length === 0 ? {} : { chains, upstreams }),
    ...(read.readings.consumers.size === 0 ? {} : { consumers }),
    memory: {
      good: read.good,
      upstreams,
      routes,
      table,
      matching,
      instances,
      sharedPlugins: merger.shared,
      chains,
      consumers,
    },
  };
  instances.keep(snapshot, held);
  return { snapshot, problems, warnings, isBlocked: false };
}

function compileUpstreams(
  readings: AllReadings,
  previous: ReadonlyMap<string, UpstreamMemory>,
): Map<string, UpstreamMemory> {
  const upstreams = new Map<string, UpstreamMemory>();
  const add = (key: string, upstream: UpstreamObject | undefined): void => {
    if (upstream !== undefined) upstreams.set(key, renewUpstream(upstream, key, previous.get(key)));
  };
  for (const [id, { value }] of readings.upstreams) if (value !== null) add(`upstreams/${id}`, value);
  for (const [id, { value }] of readings.services) add(`services/${id}`, value?.upstream);
  for (const [id, { value }] of readings.routes) if (value?.status !== 0) add(`routes/${id}`, value?.upstream);
  for (const kind of KINDS) {
    for (const { plugins } of readings[kind].values()) {
      for (const compiled of plugins.upstreams) upstreams.set(compiled.key, { compiled, source: compiled });
    }
  }
  return upstreams;
}

/**
 * To be called when a Snapshot has been replaced and its last exchange is over, or when it never came into force: closes the
 * instances of plugins that no other Snapshot holds. A second call does nothing. Resolves when they are closed; never rejects.
 */
export async function retire(snapshot: Snapshot): Promise<void> {
  await snapshot.memory?.instances.retire(snapshot);
}

/** The chains of the previous Snapshot, as long as the global rules are the same: those of a route are found through the route. */
function compileChains(readings: AllReadings, memory: CompileMemory | undefined): Chains {
  const globals = inOrder(Array.from(readings.global_rules.values()).flatMap(({ plugins }) => plugins.uses));
  const before = memory?.chains;
  const isSame = before?.globals.length === globals.length && globals.every((use, i) => use === before.globals[i]);
  return before !== undefined && isSame ? before : new Chains(globals);
}

function hasLostGlobalRule(readings: AllReadings): boolean {
  return [...readings.global_rules.values()].some(({ value }) => value === null);
}
