/** What a change is made of, as text. */
import { checkedDifferences } from '../compile/checked.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { ChangedObject } from './messages.ts';

/** What workers have to be told, so that they come from one Snapshot to the next. */
export function differenceOf({ memory: before }: Snapshot, { memory: after }: Snapshot): ChangedObject[] {
  if (after === undefined) return [];
  return Array.from(checkedDifferences(before, after), ({ key, value }) => ({
    key,
    text: value === null ? null : JSON.stringify(value),
  }));
}
