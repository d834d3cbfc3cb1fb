/** What is wrong with the configuration that was read last, for the log, the metric and the status. */
import { KINDS, type Kind, type ObjectSet } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import { configProblems } from './gateway-metrics.ts';
import { describe } from './problem-text.ts';

/** What came of reading one source of configuration. */
export interface Found {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Why none of it came into force; '' if it did. */
  readonly refusal: string;
  /** What the problems are about. */
  readonly objects: ObjectSet['objects'];
}

/** The status of a gateway that serves, though not by all that is written. It names no value: the log has the messages. */
export interface Degraded {
  readonly status: 'degraded';
  readonly problems: number;
  /** Whether what was read last is served as far as it is sound, or everything is as it was before. */
  readonly change: 'in_force' | 'refused';
  readonly objects: readonly BadObject[];
  /** More that are not listed. */
  readonly omitted: number;
}

/** An object with a problem; a part of the file that is none has no kind and no id. */
interface BadObject {
  readonly kind?: Kind;
  readonly id?: string;
  /** Of its first problem. */
  readonly path: string;
  readonly code: Problem['code'];
}

type Lines = Pick<ErrorLog, 'info' | 'warn' | 'error'>;
type Source = 'file' | 'store';

const MOST_OBJECTS = 20;
const MOST_CHARACTERS = 256;

export class ProblemReport {
  private readonly errorLog: Lines;
  /** Sources that something is wrong with. */
  private readonly bad = new Map<Source, Degraded>();

  constructor(errorLog: Lines, metrics: MetricRegistry) {
    this.errorLog = errorLog;
    const gauge = configProblems(metrics);
    metrics.onCollect(() => gauge.set(this.count));
  }

  /** Problems in what was read last, of all sources. */
  get count(): number {
    return this.bad.values().reduce((sum, { problems }) => sum + problems, 0);
  }

  /** Null while what was read last is in force without a problem. */
  get degraded(): Degraded | null {
    const [first, ...others] = this.bad.values();
    if (first === undefined) return null;
    return others.reduce((all, one) => {
      const objects = [...all.objects, ...one.objects];
      return {
        status: 'degraded',
        problems: all.problems + one.problems,
        change: all.change === 'refused' ? 'refused' : one.change,
        objects: objects.slice(0, MOST_OBJECTS),
        omitted: all.omitted + one.omitted + Math.max(0, objects.length - MOST_OBJECTS),
      };
    }, first);
  }

  /** A source was read; what was found there before is over. @param revision in force now */
  take(source: Source, revision: number, found: Found): void {
    const { problems, warnings, refusal } = found;
    for (const problem of problems) this.errorLog.error('configuration_problem', { problem: describe(problem) });
    for (const warning of warnings) this.errorLog.warn('configuration_warning', { problem: describe(warning) });
    const wasBad = this.bad.delete(source);
    if (problems.length > 0 || refusal !== '') this.bad.set(source, degradedBy(found));
    else if (wasBad) this.errorLog.info('configuration_healed', { source, revision });
    if (refusal === '') return;
    this.errorLog.error('configuration_refused', { revision, problems: this.count, reason: refusal });
  }
}

function degradedBy({ problems, refusal, objects }: Found): Degraded {
  const named = namesOf(objects);
  const bad = new Map<string, BadObject>();
  for (const { path, code } of problems) {
    const object = objectAt(path, named);
    const key = object === undefined ? path : `${object.kind} ${object.id}`;
    if (!bad.has(key)) bad.set(key, { ...object, path: path.slice(0, MOST_CHARACTERS), code });
  }
  return {
    status: 'degraded',
    problems: problems.length,
    change: refusal === '' ? 'in_force' : 'refused',
    objects: [...bad.values().take(MOST_OBJECTS)],
    omitted: Math.max(0, bad.size - MOST_OBJECTS),
  };
}

type Names = ReadonlyMap<string, Required<Pick<BadObject, 'kind' | 'id'>>>;

function namesOf(objects: ObjectSet['objects']): Names {
  const named = new Map<string, Required<Pick<BadObject, 'kind' | 'id'>>>();
  for (const kind of KINDS) for (const { id, path } of objects[kind]) named.set(path, { kind, id });
  return named;
}

/** The object that a path lies in: `routes[3].uri` in `routes[3]`, `/apisix/routes/a.uri` in `/apisix/routes/a`. */
function objectAt(path: string, named: Names) {
  // Ids may have dots: the longest beginning that is an object's path is the object's.
  for (let end = path.length; end > 0; end = Math.max(path.lastIndexOf('.', end - 1), path.lastIndexOf('[', end - 1))) {
    const object = named.get(path.slice(0, end));
    if (object !== undefined) return object;
  }
  return undefined;
}
