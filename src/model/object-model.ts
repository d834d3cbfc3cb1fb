/** What a kind of object is: its shape, and what a shape cannot say. */
import type { Infer, Schema } from '../sdk/schema.ts';
import type { Kind, RawObject } from './object-set.ts';
import type { Problem, ProblemCode } from './problem.ts';
import { fillerFor, validator } from './validate.ts';

/** Takes a problem of the object under check; `path` is relative to it, as in `upstream.nodes`. */
export type Report = (path: string, code: ProblemCode, message: string, value?: Problem['value']) => void;

export interface ObjectModel<T = unknown> {
  readonly kind: Kind;
  /** As people say it: `route`, `consumer group`. */
  readonly noun: string;
  readonly schema: Schema;
  /** The typed copy with defaults, or null, and everything that is wrong with it. Unknown attributes come apart. */
  read(object: RawObject): ReadObject<T>;
}

export interface ReadObject<T> {
  readonly value: T | null;
  readonly problems: readonly Problem[];
  readonly unknown: readonly Problem[];
}

interface Definition<S extends Schema> {
  readonly kind: Kind;
  readonly noun: string;
  readonly schema: S;
  /** Cross-field rules, run only on values that have the shape. */
  readonly check?: (value: Infer<S>, report: Report) => void;
}

export function defineModel<const S extends Schema>(definition: Definition<S>): ObjectModel<Infer<S>> {
  const validate = validator(definition.schema);
  const fill = fillerFor(definition.schema);
  return {
    kind: definition.kind,
    noun: definition.noun,
    schema: definition.schema,
    read(object) {
      if (object.isChecked === true) {
        return { value: fill(object.value, object.path).value as Infer<S>, problems: [], unknown: [] };
      }
      const checked = validate(object.value, object.path);
      if (checked.problems.length > 0) return { value: null, problems: checked.problems, unknown: checked.unknown };
      const value = checked.value as Infer<S>;
      const problems: Problem[] = [];
      definition.check?.(value, reporter(object.path, problems));
      return { value: problems.length === 0 ? value : null, problems, unknown: checked.unknown };
    },
  };
}

/** Collects problems under `base`. */
export function reporter(base: string, problems: Problem[]): Report {
  return (path, code, message, value) => {
    const where = path === '' ? base : `${base}.${path}`;
    problems.push(value === undefined ? { path: where, code, message } : { path: where, value, code, message });
  };
}
