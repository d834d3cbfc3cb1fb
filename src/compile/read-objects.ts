/** Raw objects → checked ones; where one is bad, its last good version takes its place. */
import { KINDS } from '../model/object-set.ts';
import type { Kind, ObjectSet, RawObject } from '../model/object-set.ts';
import { reporter } from '../model/object-model.ts';
import { MODELS } from '../model/models.ts';
import type { ObjectOf } from '../model/models.ts';
import type { Problem } from '../model/problem.ts';
import { RULES } from './rules.ts';
import type { RuleContext } from './rules.ts';
import type { GoodObject } from './snapshot.ts';

/** What became of one object. */
export interface Reading<T> {
  readonly raw: RawObject;
  /** The object, or its last good version; null if it is bad and there is none. */
  readonly value: T | null;
}

/** Objects of one kind by id. */
export type Readings<K extends Kind> = ReadonlyMap<string, Reading<ObjectOf<K>>>;

export type AllReadings = { readonly [K in Kind]: Readings<K> };

export interface ReadResult {
  readonly readings: AllReadings;
  /** Good versions by kind and id, for the next time. */
  readonly good: ReadonlyMap<string, GoodObject>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export function readAll(set: ObjectSet, context: RuleContext, previous: ReadonlyMap<string, GoodObject>): ReadResult {
  const good = new Map<string, GoodObject>();
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const isClosed = set.unknownAttributes === 'error';
  const readOne = (kind: Kind, raw: RawObject): Reading<unknown> => {
    const key = `${kind}/${raw.id}`;
    const text = JSON.stringify(raw.value);
    const last = previous.get(key);
    if (last !== undefined && last.text === text) {
      good.set(key, last);
      return { raw, value: last.value };
    }
    const found = checkObject(kind, raw, context);
    warnings.push(...(isClosed ? [] : found.unknown));
    const wrong = isClosed ? [...found.problems, ...found.unknown] : found.problems;
    problems.push(...wrong);
    if (wrong.length === 0) {
      // A version with warnings is read again every time, so that the warnings stay.
      good.set(key, { text: found.unknown.length > 0 ? '' : text, value: found.value });
      return { raw, value: found.value };
    }
    // The text of the last good version stays: were the bad one kept under its own, it would pass for good.
    if (last !== undefined) good.set(key, last);
    return { raw, value: last?.value ?? null };
  };
  const readings = Object.fromEntries(
    KINDS.map((kind) => [kind, readKind(set.objects[kind], (raw) => readOne(kind, raw))]),
  ) as unknown as AllReadings;
  return { readings, good, problems, warnings };
}

/** Of objects with the same id the first counts; that there are others is a problem already. */
function readKind(
  objects: readonly RawObject[],
  readOne: (raw: RawObject) => Reading<unknown>,
): Map<string, Reading<unknown>> {
  const readings = new Map<string, Reading<unknown>>();
  for (const raw of objects) if (!readings.has(raw.id)) readings.set(raw.id, readOne(raw));
  return readings;
}

/** Shape, cross-field rules, and the rules that need the router, the balancers or the plugins. */
export function checkObject(
  kind: Kind,
  raw: RawObject,
  context: RuleContext,
): { readonly value: unknown; readonly problems: readonly Problem[]; readonly unknown: readonly Problem[] } {
  const { value, problems, unknown } = MODELS[kind].read(raw);
  if (value === null) return { value, problems, unknown };
  const broken: Problem[] = [];
  const rule = RULES[kind] as
    | ((value: unknown, context: RuleContext, report: ReturnType<typeof reporter>) => void)
    | undefined;
  rule?.(value, context, reporter(raw.path, broken));
  return { value, problems: [...problems, ...broken], unknown };
}
