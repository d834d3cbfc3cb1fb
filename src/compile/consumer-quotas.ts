/** The limits that requests of a consumer may meet, wherever they stand, and how they stand for it. */
import type { Consumer } from '../sdk/exchange.ts';
import type { Counters, Owner } from '../sdk/host.ts';
import type { QuotaList, PlacedQuota } from '../sdk/quotas.ts';
import type { HeldInstance } from './instances.ts';
import { pluginsOfConsumer } from './known-consumer.ts';
import { isActive } from './merge.ts';
import type { ObjectPlugins, PluginUse } from './object-plugins.ts';
import type { CompileMemory, Snapshot } from './snapshot.ts';

/** An instance that has limits. */
interface Placed {
  readonly held: HeldInstance;
  /** The plugin of the object: another one where the instance stands inside of it. */
  readonly use: string;
  readonly isConditional: boolean;
}

/** Which instances are listed: from the first one on, and how many. */
export interface QuotaRange {
  readonly first: number;
  readonly most: number;
}

/** The limits of a Snapshot, whoever asks. */
interface Known {
  readonly everywhere: readonly Placed[];
  /** Of services, plugin configs and routes. */
  readonly ofRoutes: readonly Placed[];
}

/** Reads the limits of a Snapshot; it remembers where they are as long as there is that Snapshot. */
export class QuotaReader {
  private readonly countersOf: (owner: Owner) => Counters;
  private readonly known = new WeakMap<CompileMemory, Known>();

  /** @param countersOf what the instances of an owner count with */
  constructor(countersOf: (owner: Owner) => Counters) {
    this.countersOf = countersOf;
  }

  read({ memory }: Snapshot, consumer: Consumer, { first, most }: QuotaRange): QuotaList {
    const { everywhere, ofRoutes } = memory === undefined ? NOTHING : this.knownOf(memory);
    const brought = pluginsOfConsumer(consumer);
    const own: Placed[] = [];
    for (const use of brought?.merged.values() ?? []) {
      for (const plugins of [brought?.own, brought?.group]) if (plugins !== undefined) collect(own, use, plugins);
    }
    const isMet = ({ use }: Placed): boolean => brought?.merged.has(use) !== true;
    const all = [...everywhere, ...own, ...ofRoutes.filter(isMet)];
    const quotas: PlacedQuota[] = [];
    for (const { held, isConditional } of all.slice(first, first + most)) {
      const { instance, owner } = held;
      const { object, plugin } = owner;
      for (const quota of instance.quotas?.(consumer, this.countersOf(owner)) ?? []) {
        quotas.push({ object, plugin, is_conditional: isConditional, ...quota });
      }
    }
    return { consumer: consumer.username, quotas, total: all.length };
  }

  private knownOf(memory: CompileMemory): Known {
    let known = this.known.get(memory);
    if (known === undefined) this.known.set(memory, (known = limitsOf(memory)));
    return known;
  }
}

const NOTHING: Known = { everywhere: [], ofRoutes: [] };

function limitsOf(memory: CompileMemory): Known {
  const everywhere: Placed[] = [];
  for (const { plugins } of memory.readings.global_rules.values()) {
    for (const use of plugins.uses) collect(everywhere, use, plugins);
  }
  const ofRoutes: Placed[] = [];
  // Those of services and plugin configs stand on many routes.
  const seen = new Set<PluginUse>();
  for (const { entry } of memory.routes.values()) {
    const { plugins = null } = entry.value;
    if (plugins === null) continue;
    for (const use of plugins.merged.values()) {
      if (!mayHaveLimits(use) || seen.has(use)) continue;
      seen.add(use);
      for (const layer of plugins.layers) collect(ofRoutes, use, layer);
    }
  }
  return { everywhere, ofRoutes };
}

/** Quickly: there may be very many routes, and few limits. */
function mayHaveLimits({ step, inner }: PluginUse): boolean {
  return step?.instance.quotas !== undefined || inner !== undefined;
}

/** Adds what a use has of limits: itself, or those that stand inside of it. */
function collect(found: Placed[], use: PluginUse, { uses, instances }: ObjectPlugins): void {
  if (!mayHaveLimits(use) || !isActive(use) || !uses.includes(use)) return;
  const { step, inner } = use;
  for (const held of instances) {
    if (held.instance.quotas === undefined) continue;
    if (held.instance === step.instance) found.push({ held, use: use.plugin, isConditional: step.filter !== null });
    else if (inner?.includes(held) === true) found.push({ held, use: use.plugin, isConditional: true });
  }
}
