/**
 * Objects → Snapshot: pure, without I/O, and every problem at once. A bad object never widens access: its last good
 * version serves on, or a tombstone answers in its place, or the whole change is held back.
 */
import { KINDS } from '../model/object-set.ts';
import type { ObjectSet } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import { assemble } from './assemble.ts';
import { inertHost } from './inert-host.ts';
import { Instances } from './instances.ts';
import type { CloseFault, HostFor } from './instances.ts';
import type { PersistentMap } from './persistent-map.ts';
import { enabledPlugins } from './plugins.ts';
import type { PluginRegistry } from './plugins.ts';
import type { Findings } from './references.ts';
import { changeOf } from './set-changes.ts';
import { matchingOf } from './snapshot.ts';
import type { MatchingSettings, Snapshot } from './snapshot.ts';

export interface CompileOptions {
  readonly settings: MatchingSettings;
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
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const isClosed = objects.unknownAttributes === 'error';
  const plugins = enabledPlugins(options.plugins ?? new Map(), objects.plugins, isClosed ? problems : warnings);
  const steps = assemble(
    changeOf(objects, memory),
    {
      revision: options.revision,
      matching: matchingOf(options.settings),
      plugins: isSameRegistry(plugins, memory?.plugins) ? memory.plugins : plugins,
      instances: memory?.instances ?? new Instances(options.hostFor ?? inertHost, options.onCloseFault),
    },
    memory,
  );
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const { snapshot, findings, ambiguities } = step.value;
  const found = inOrderOf(objects, findings);
  problems.push(...found.problems, ...ambiguities);
  warnings.push(...found.warnings);
  return { snapshot: snapshot ?? previous, problems, warnings, isBlocked: snapshot === null };
}

function isSameRegistry(plugins: PluginRegistry, before: PluginRegistry | undefined): before is PluginRegistry {
  if (before === undefined || plugins.size !== before.size) return false;
  return plugins === before || [...plugins].every(([name, shape]) => before.get(name) === shape);
}

const FINDINGS = ['read', 'warnings', 'uses', 'reference', 'route'] as const;

/** In the order of the document. */
function inOrderOf(
  { objects }: ObjectSet,
  findings: PersistentMap<Findings>,
): Readonly<Record<'problems' | 'warnings', Problem[]>> {
  const lists: Record<keyof Findings, Problem[]> = { read: [], warnings: [], uses: [], reference: [], route: [] };
  if (findings.size > 0) {
    for (const kind of KINDS) {
      for (const id of new Set(objects[kind].map((raw) => raw.id))) {
        const found = findings.get(`${kind}/${id}`);
        for (const name of FINDINGS) lists[name].push(...(found?.[name] ?? []));
      }
    }
  }
  return { problems: [...lists.read, ...lists.uses, ...lists.reference, ...lists.route], warnings: lists.warnings };
}

/**
 * To be called when a Snapshot has been replaced and its last exchange is over, or when it never came into force: closes the
 * instances of plugins that no other Snapshot holds. A second call does nothing. Resolves when they are closed; never rejects.
 */
export async function retire(snapshot: Snapshot): Promise<void> {
  const { hold } = snapshot;
  await hold?.instances.retire(hold);
}
