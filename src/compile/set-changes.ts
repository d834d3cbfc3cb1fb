/** What differs between two sets of objects: found without looking at what stands where it stood, so that it costs what it changes. */
import { KINDS } from '../model/object-set.ts';
import type { Kind, ObjectSet, RawObject } from '../model/object-set.ts';
import type { Change } from './assemble.ts';
import { isUnchanged } from './read-objects.ts';
import type { Reading } from './read-objects.ts';
import type { PersistentMap } from './persistent-map.ts';
import type { CompileMemory } from './snapshot.ts';

type List = readonly RawObject[];
type Readings = PersistentMap<Reading>;

/** Objects of one kind that are to be read, and ids of those that are gone. */
interface Difference {
  readonly changed: List;
  readonly removed: readonly string[];
}

/** What is no longer where it was, and what is there instead. */
interface Replaced {
  readonly was: List;
  readonly is: List;
}

interface Known {
  readonly readings: Readings;
  /** All that differ; undefined where that is to be found out. */
  readonly places: readonly number[] | undefined;
}

/** What is not as it was. Of objects with the same id the first counts; that there are others is a problem already. */
export function changeOf(set: ObjectSet, memory: CompileMemory | undefined): Change {
  const { objects, isIncomplete, unknownAttributes } = set;
  const changed: (readonly [Kind, RawObject])[] = [];
  const removed: (readonly [Kind, string])[] = [];
  const doubtful = Map.groupBy(memory?.findings.entries() ?? [], ([key]) => key.slice(0, key.indexOf('/')));
  for (const kind of KINDS) {
    const readings = memory?.readings[kind] as unknown as Readings | undefined;
    const before = memory?.lists?.[kind];
    const places = set.changes?.since === memory?.lists ? set.changes?.places[kind] : undefined;
    const found =
      readings === undefined || before === undefined ? null : differenceOf(before, objects[kind], { readings, places });
    const difference = found ?? allOf(objects[kind], readings);
    for (const raw of difference.changed) changed.push([kind, raw]);
    for (const id of difference.removed) removed.push([kind, id]);
    if (found === null || readings === undefined) continue;
    const known = new Set([...found.changed.map(({ id }) => id), ...found.removed]);
    for (const [key] of doubtful.get(kind) ?? []) {
      const id = key.slice(kind.length + 1);
      const last = readings.get(id);
      // What is wrong with it may be wrong no longer.
      if (last !== undefined && !known.has(id) && !isUnchanged(last, last.raw)) changed.push([kind, last.raw]);
    }
  }
  const idsOf = (kind: Kind): string[] => objects[kind].map(({ id }) => id);
  const order = { consumers: idsOf('consumers'), credentials: idsOf('credentials') };
  return { changed, removed, isIncomplete, isClosed: unknownAttributes === 'error', order, lists: objects };
}

/** Looks at every object. */
function allOf(list: List, readings: Readings | undefined): Difference {
  const changed: RawObject[] = [];
  const seen = new Set<string>();
  for (const raw of list) {
    if (seen.has(raw.id)) continue;
    seen.add(raw.id);
    const last = readings?.get(raw.id);
    if (last === undefined || !isUnchanged(last, raw)) changed.push(raw);
  }
  const removed: string[] = [];
  for (const [id] of readings ?? []) if (!seen.has(id)) removed.push(id);
  return { changed, removed };
}

/** Looks at those that are not the very same in the same place. Null where ids are there twice: then the order decides. */
function differenceOf(before: List, list: List, { readings, places }: Known): Difference | null {
  if (before.length !== readings.size) return null;
  const { was, is } = places === undefined ? betweenSameEnds(before, list) : inPlaces(places, before, list);
  const gone = new Set(was.map(({ id }) => id));
  const ids = new Set<string>();
  const changed: RawObject[] = [];
  for (const raw of is) {
    const last = readings.get(raw.id);
    const isElsewhere = last !== undefined && !gone.has(raw.id);
    if (isElsewhere || ids.has(raw.id)) return null;
    ids.add(raw.id);
    if (last === undefined || !isUnchanged(last, raw)) changed.push(raw);
  }
  return { changed, removed: [...gone].filter((id) => !ids.has(id)) };
}

function inPlaces(places: readonly number[], before: List, list: List): Replaced {
  const at = (all: List): List => places.flatMap((place) => all[place] ?? []);
  return { was: at(before), is: at(list) };
}

function betweenSameEnds(before: List, list: List): Replaced {
  if (before === list) return { was: [], is: [] };
  const shorter = Math.min(before.length, list.length);
  let start = 0;
  while (start < shorter && before[start] === list[start]) start++;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === list[list.length - 1 - end]) end++;
  const was = before.slice(start, before.length - end);
  const is = list.slice(start, list.length - end);
  if (was.length !== is.length) return { was, is };
  return { was: was.filter((raw, i) => raw !== is[i]), is: is.filter((raw, i) => raw !== was[i]) };
}
