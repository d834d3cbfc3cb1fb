/** What the Control API tells of: the objects that the control thread checked last, as they are in force. */
import type { ControlContext, ControlObject } from '../admin/control-api.ts';
import { Defaults } from '../admin/defaults.ts';
import { Redactor } from '../admin/redact.ts';
import type { AlarmClock } from '../clock/clock.ts';
import { QuotaReader } from '../compile/consumer-quotas.ts';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import { KINDS } from '../model/object-set.ts';
import { CounterTable } from '../limit/counter-table.ts';
import { countersFor, sha256 } from './host.ts';
import type { SharedMemory } from './shared-memory.ts';
import { generationOf } from './system-parts.ts';

/** What does not change with the configuration. */
interface Fixed {
  readonly plugins: PluginRegistry;
  readonly redactor: Redactor;
  readonly defaults: Defaults;
  readonly quotas: QuotaReader;
}

function controlContext(snapshot: Snapshot, { quotas, ...fixed }: Fixed): ControlContext {
  const { memory, consumers } = snapshot;
  const kinds = KINDS.map((kind) => {
    const objects: ControlObject[] = [];
    for (const { raw, value } of memory?.readings[kind].values() ?? []) {
      objects.push({ id: raw.id, written: raw.value, inForce: value });
    }
    return [kind, objects] as const;
  });
  return {
    objects: Object.fromEntries(kinds) as unknown as ControlContext['objects'],
    ...fixed,
    quotas(username, range) {
      const consumer = consumers?.named(username);
      return consumer === undefined ? null : quotas.read(snapshot, consumer, range);
    },
  };
}

interface ContextParts {
  readonly registry: PluginRegistry;
  readonly clock: AlarmClock;
  readonly data: { readonly memory: Pick<SharedMemory, 'limits'>; readonly thread: number };
}

/** For a thread that is asked again and again: what the workers count is read from the memory that they count in. */
export function controlContexts(
  { registry, clock, data }: ContextParts,
  inForce: () => Snapshot,
): () => ControlContext {
  const { memory, thread } = data;
  const use = { now_ms: () => clock.monotonic_ms(), digest: sha256, generation: generationOf(thread) };
  const table = new CounterTable(memory.limits.counters, use);
  const quotas = new QuotaReader((owner) => countersFor(table, owner));
  // Without an environment: what references stand for is not shown.
  const plugins = pluginRegistry(
    Array.from(registry.values(), ({ definition }) => definition),
    null,
  );
  const fixed = { plugins, redactor: new Redactor(plugins), defaults: new Defaults(plugins), quotas };
  return () => controlContext(inForce(), fixed);
}
