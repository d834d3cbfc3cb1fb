/** What the Control API tells of: the objects that the control thread checked last, as they are in force. */
import type { ControlContext, ControlObject } from '../admin/control-api.ts';
import { Redactor } from '../admin/redact.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import { KINDS } from '../model/object-set.ts';

export function controlContext({ memory }: Snapshot, plugins: PluginRegistry): ControlContext {
  const kinds = KINDS.map((kind) => {
    const objects: ControlObject[] = [];
    for (const { raw, value } of memory?.readings[kind].values() ?? []) {
      objects.push({ id: raw.id, written: raw.value, inForce: value });
    }
    return [kind, objects] as const;
  });
  return {
    objects: Object.fromEntries(kinds) as unknown as ControlContext['objects'],
    plugins,
    redactor: new Redactor(plugins),
  };
}
