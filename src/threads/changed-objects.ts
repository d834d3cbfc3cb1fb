/** What a change is made of, as text. */
import { checkedDifferences, type CheckedObject } from '../compile/checked.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { ChangedObject } from './messages.ts';

/** Objects in one message. */
const MOST_OBJECTS = 200;
/** Characters in one message: what a worker parses in a fraction of a slice. */
const MOST_LENGTH = 131_072;

/** What workers have to be told, so that they come from one Snapshot to the next. */
export function differenceOf(before: Snapshot, after: Snapshot): ChangedObject[] {
  return [...differences(before, after)];
}

/** The same, made while it is asked for. */
export function* differences({ memory: before }: Snapshot, { memory: after }: Snapshot): Generator<ChangedObject> {
  if (after === undefined) return;
  for (const { key, value } of checkedDifferences(before, after)) {
    yield { key, text: value === null ? null : JSON.stringify(value) };
  }
}

/** JSON lists of pairs of key and object, null for one that is gone. */
export function* batches(objects: Iterable<ChangedObject>): Generator<string> {
  let pairs: string[] = [];
  let length = 0;
  for (const { key, text } of objects) {
    const pair = `[${JSON.stringify(key)},${text ?? 'null'}]`;
    if (pairs.length === MOST_OBJECTS || (length + pair.length > MOST_LENGTH && pairs.length > 0)) {
      yield `[${pairs.join(',')}]`;
      pairs = [];
      length = 0;
    }
    pairs.push(pair);
    length += pair.length;
  }
  if (pairs.length > 0) yield `[${pairs.join(',')}]`;
}

/** What stands in one of them. */
export function objectsIn(batch: string): CheckedObject[] {
  return (JSON.parse(batch) as [key: string, value: CheckedObject['value']][]).map(([key, value]) => ({ key, value }));
}
