/** Back from checked objects to a Snapshot, for a thread that was not there when they were checked. */
import { assemble } from './assemble.ts';
import type { Matching, Snapshot } from './snapshot.ts';
import { changeOfChecked, type CheckedObject } from './checked.ts';
import { inertHost } from './inert-host.ts';
import { Instances } from './instances.ts';
import type { PluginRegistry } from './plugins.ts';

export interface RestoreOptions {
  readonly revision: number;
  readonly matching: Matching;
  readonly plugins: PluginRegistry;
}

/** Good for `previous` of compile. Throws an Error if what an object matches is not known any more. */
export function restore(objects: readonly CheckedObject[], options: RestoreOptions): Snapshot {
  const steps = assemble(changeOfChecked(objects), { ...options, instances: new Instances(inertHost) }, undefined);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const { snapshot } = step.value;
  if (snapshot === null) throw new Error('what is in force cannot be put together again');
  return snapshot;
}
