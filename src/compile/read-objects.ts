/** Raw objects → checked ones; where one is bad, its last good version takes its place. */
import { KINDS } from '../model/object-set.ts';
import type { Kind, ObjectSet, RawObject } from '../model/object-set.ts';
import { reporter } from '../model/object-model.ts';
import { MODELS } from '../model/models.ts';
import type { ObjectOf } from '../model/models.ts';
import type { Problem } from '../model/problem.ts';
import { NO_PLUGINS } from './object-plugins.ts';
import type { ObjectPlugins, PluginReader } from './object-plugins.ts';
import { RULES } from './rules.ts';
import type { RuleContext } from './rules.ts';
import type { GoodObject } from './snapshot.ts';

/** What became of one object. */
export interface Reading<T> {
  readonly raw: RawObject;
  /** The object, or its last good version; null if it is bad and there is none. */
  readonly value: T | null;
  /** Of that version; none if it is bad. */
  readonly plugins: ObjectPlugins;
}

/** What objects are checked by, besides their own schemas. */
export interface CheckContext extends RuleContext {
  readonly plugins: PluginReader;
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

export function readAll(set: ObjectSet, context: CheckContext, previous: ReadonlyMap<string, GoodObject>): ReadResult {
  const good = new Map<string, GoodObject>();
  const isClosed = set.unknownAttributes === 'error';
  const readOne = (kind: Kind, raw: RawObject, { problems, warnings }: Findings): Reading<unknown> => {
    const key = `${kind}/${raw.id}`;
    const text = JSON.stringify(raw.value);
    const last = previous.get(key);
    if (
      raw.problem === undefined &&
      last !== undefined &&
      last.text === text &&
      context.plugins.isCurrent(last.plugins)
    ) {
      good.set(key, last);
      return { raw, value: last.value, plugins: last.plugins };
    }
    const found = checkObject(kind, raw, context, last?.plugins);
    warnings.push(...(isClosed ? [] : found.unknown));
    const wrong = isClosed ? [...found.problems, ...found.unknown] : found.problems;
    problems.push(...wrong);
    if (wrong.length === 0) {
      // A version with warnings is read again every time, so that the warnings stay.
      const { value, plugins } = found;
      good.set(key, { text: found.unknown.length > 0 ? '' : text, value, plugins });
      return { raw, value, plugins };
    }
    // The text of the last good version stays: were the bad one kept under its own, it would pass for good.
    if (last !== undefined) good.set(key, last);
    return { raw, value: last?.value ?? null, plugins: last?.plugins ?? NO_PLUGINS };
  };
  const found = new Map<Kind, Findings & { readonly readings: ReadonlyMap<string, Reading<unknown>> }>();
  for (const kind of READING_ORDER) {
    const findings: Findings = { problems: [], warnings: [] };
    const readings = readKind(set.objects[kind], (raw) => readOne(kind, raw, findings));
    found.set(kind, { ...findings, readings });
    if (kind === 'plugin_metadata') takeMetadata(readings, context.plugins);
  }
  const all = KINDS.flatMap((kind) => found.get(kind) ?? []);
  return {
    readings: Object.fromEntries(Array.from(found, ([kind, one]) => [kind, one.readings])) as unknown as AllReadings,
    good,
    problems: all.flatMap(({ problems }) => problems),
    warnings: all.flatMap(({ warnings }) => warnings),
  };
}

interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** Plugins are made with their metadata, so that must be known before any object that has them. */
const READING_ORDER: readonly Kind[] = ['plugin_metadata', ...KINDS.filter((kind) => kind !== 'plugin_metadata')];

function takeMetadata(readings: ReadonlyMap<string, Reading<unknown>>, reader: PluginReader): void {
  for (const [name, { plugins }] of readings) {
    if (plugins.metadata !== null) reader.takeMetadata(name, plugins.metadata);
  }
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

/** Shape, cross-field rules, the rules that need the router and the balancers, and the plugins. */
export function checkObject(
  kind: Kind,
  raw: RawObject,
  context: CheckContext,
  before: ObjectPlugins | undefined,
): CheckedObject {
  if (raw.problem !== undefined) return { value: null, plugins: NO_PLUGINS, problems: [raw.problem], unknown: [] };
  const { value, problems, unknown } = MODELS[kind].read(raw);
  if (value === null) return { value, plugins: NO_PLUGINS, problems, unknown };
  const broken: Problem[] = [];
  const rule = RULES[kind] as
    | ((value: unknown, context: RuleContext, report: ReturnType<typeof reporter>) => void)
    | undefined;
  rule?.(value, context, reporter(raw.path, broken));
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
