/** From a checked configuration to the Snapshot of one gateway, as a worker assembles it. */
import { assemble } from '../compile/assemble.ts';
import { changeOfChecked, type CheckedObject, checkedDifferences } from '../compile/checked.ts';
import type { Instances } from '../compile/instances.ts';
import { matchingOf } from '../compile/snapshot.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { CheckedConfiguration } from './compiled-configuration.ts';

/** What is in force, and what it was made from. */
export interface Current {
  readonly snapshot: Snapshot;
  readonly from: CheckedConfiguration;
}

/**
 * Throws Error if an instance of a plugin cannot be made.
 * @param current null at first @param objects that change; without it, all that differ
 */
export function assembled(
  next: CheckedConfiguration,
  instances: Instances,
  current: Current | null,
  objects: readonly CheckedObject[] = [...checkedDifferences(current?.from.memory, next.memory)],
): Snapshot {
  const { settings, plugins } = next;
  const options = {
    revision: (current?.snapshot.revision ?? 0) + 1,
    matching: matchingOf(settings),
    plugins: current?.from.plugins ?? plugins,
    instances,
  };
  const steps = assemble(changeOfChecked(objects), options, current?.snapshot.memory);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const { snapshot, findings } = step.value;
  for (const { key, value } of objects) {
    const [problem] = value === null ? [] : (findings.get(key)?.read ?? []);
    if (problem !== undefined) throw new Error(`${problem.path}: ${problem.message}`);
  }
  if (snapshot === null) throw new Error('the configuration cannot be assembled');
  return snapshot;
}
