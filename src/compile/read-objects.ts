/** Raw objects → checked ones; where one is bad, its last good version takes its place. */
import type { Kind, RawObject } from '../model/object-set.ts';
import { reporter } from '../model/object-model.ts';
import { isSameJson } from '../model/canonical.ts';
import { MODELS } from '../model/models.ts';
import type { ObjectOf } from '../model/models.ts';
import type { Problem } from '../model/problem.ts';
import { NO_PLUGINS } from './object-plugins.ts';
import type { ObjectPlugins, PluginReader } from './object-plugins.ts';
import type { PersistentMap } from './persistent-map.ts';
import { RULES } from './rules.ts';
import type { RuleContext } from './rules.ts';

/** What became of one object. */
export interface Reading<T = unknown> {
  readonly raw: RawObject;
  /** The object, or its last good version; null if it is bad and there is none. */
  readonly value: T | null;
  /** Of that version; none if it is bad. */
  readonly plugins: ObjectPlugins;
  /** As that version was written; null if there is none. */
  readonly good: RawObject['value'] | null;
  readonly problems: readonly Problem[];
  /** Unknown attributes where they are tolerated. */
  readonly warnings: readonly Problem[];
}

/** What objects are checked by, besides their own schemas. */
export interface CheckContext extends RuleContext {
  readonly plugins: PluginReader;
  /** Whether an attribute that nobody knows is an error. */
  readonly isClosed: boolean;
}

/** Objects of one kind by id. */
export type Readings<K extends Kind> = PersistentMap<Reading<ObjectOf<K>>>;

export type AllReadings = { readonly [K in Kind]: Readings<K> };

const NONE: readonly Problem[] = Object.freeze([]);

/** Whether an object that was read before would be read the same now, its place in a document apart. */
export function isUnchanged(last: Reading, raw: RawObject): boolean {
  // What is wrong with it stands under its path; and it may be wrong no longer, for reasons outside of it.
  if (last.problems.length > 0 || last.warnings.length > 0 || raw.problem !== undefined) return false;
  return last.raw === raw || (last.raw.path === raw.path && isSameJson(last.raw.value, raw.value));
}

/** @param last of the same object in the previous Snapshot */
export function readObject(kind: Kind, raw: RawObject, last: Reading | undefined, context: CheckContext): Reading {
  const isSame =
    last !== undefined &&
    raw.problem === undefined &&
    last.good !== null &&
    last.warnings.length === 0 &&
    context.plugins.isCurrent(last.plugins) &&
    isSameJson(last.good, raw.value);
  if (isSame) {
    if (last.problems.length === 0 && last.raw === raw) return last;
    return { ...last, raw, problems: NONE };
  }
  const found = checkObject(kind, raw, context, last?.plugins);
  const wrong = context.isClosed ? [...found.problems, ...found.unknown] : found.problems;
  const warnings = context.isClosed ? NONE : found.unknown;
  if (wrong.length > 0) return { ...badReading(raw, last, wrong), warnings };
  return { raw, value: found.value, plugins: found.plugins, good: raw.value, problems: NONE, warnings };
}

/** Of an object that is bad: its last good version serves. */
export function badReading(raw: RawObject, last: Reading | undefined, problems: readonly Problem[]): Reading {
  const { value = null, plugins = NO_PLUGINS, good = null } = last ?? {};
  return { raw, value, plugins, good, problems, warnings: NONE };
}

/** Shape, cross-field rules, the rules that need the router and the balancers, and the plugins. */
export function checkObject(
  kind: Kind,
  raw: RawObject,
  context: Omit<CheckContext, 'isClosed'>,
  before: ObjectPlugins | undefined,
): CheckedObject {
  if (raw.problem !== undefined) return { value: null, plugins: NO_PLUGINS, problems: [raw.problem], unknown: [] };
  const { value, problems, unknown } = MODELS[kind].read(raw);
  if (value === null) return { value, plugins: NO_PLUGINS, problems, unknown };
  const broken: Problem[] = [];
  const rule = RULES[kind] as
    | ((value: unknown, context: RuleContext, report: ReturnType<typeof reporter>) => void)
    | undefined;
  if (raw.isChecked !== true) rule?.(value, context, reporter(raw.path, broken));
  const read = context.plugins.read(kind, raw, value, before);
  return {
    value,
    plugins: read.plugins,
    problems: [...problems, ...broken, ...read.problems],
    unknown: [...unknown, ...read.unknown],
  };
}

interface CheckedObject {
  readonly value: unknown;
  readonly plugins: ObjectPlugins;
  readonly problems: readonly Problem[];
  readonly unknown: readonly Problem[];
}
