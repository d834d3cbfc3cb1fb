/** Checks values against schema literals and says what is wrong in our own words. */
import { createRequire } from 'node:module';
import type * as ajv2020 from 'ajv/dist/2020.js';
import type { Ajv2020, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { Schema } from '../sdk/schema.ts';
import { fillerOf, isBranchFor, typeOf } from './fill.ts';
import type { Fill } from './fill.ts';
import { nearest, pathOf, quote } from './problem.ts';
import type { Problem, ProblemCode } from './problem.ts';

export interface Checked {
  /** A copy with defaults and without unknown attributes; meaningful only if `problems` is empty. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Unknown attributes: an error or a warning, as the kind of file decides. */
  readonly unknown: readonly Problem[];
}

/** A hostile document must not turn into a report of a million lines. */
const MAX_ERRORS = 100;

/**
 * A function that checks values against `schema`. The schema is compiled at the first call: a gateway without SSL objects
 * never pays for their schema.
 */
export function validator(schema: Schema): (value: unknown, path: string) => Checked {
  let validate: ValidateFunction | undefined;
  let fill: Fill | undefined;
  return (value, path) => {
    validate ??= createAjv().compile(schema);
    fill ??= fillerOf(schema);
    const unknown: Problem[] = [];
    const filled = fill(value, path, unknown);
    if (validate(filled)) return { value: filled, problems: [], unknown };
    const errors = relevantErrors((validate.errors ?? []).slice(0, MAX_ERRORS));
    return { value: filled, problems: errors.map((error) => describe(error, filled, path)), unknown };
  };
}

/** The same for values that were checked before: only fills in defaults, and leaves out what is unknown. */
export function fillerFor(schema: Schema): (value: unknown, path: string) => Checked {
  let fill: Fill | undefined;
  return (value, path) => {
    fill ??= fillerOf(schema);
    return { value: fill(value, path, []), problems: [], unknown: [] };
  };
}

/** Strict: a slip in a schema literal is an exception at its first use, not a constraint that never fires. */
export function createAjv(): Ajv2020 {
  // Loaded when it is first needed: workers have objects that were checked elsewhere, and never do.
  const ajvModule = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof ajv2020;
  const ajv = new ajvModule.Ajv2020({
    strict: true,
    // `required` stands apart from `properties` where it says which attributes exclude each other.
    strictRequired: false,
    allErrors: true,
    verbose: true,
    ownProperties: true,
    unicodeRegExp: true,
  });
  ajv.addVocabulary(['secret', 'remedy']);
  return ajv;
}

/** Of a failed union only the errors of the branch that was meant; the union's own error if none can be told. */
function relevantErrors(errors: readonly ErrorObject[]): ErrorObject[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  let kept = [...errors];
  for (const union of unions) {
    if (!kept.includes(union)) continue;
    const branches = union.schema as readonly Schema[];
    const isInside = (error: ErrorObject, index: string): boolean =>
      error.instancePath.startsWith(union.instancePath) && error.schemaPath.startsWith(`${union.schemaPath}/${index}`);
    const meant = branches.findIndex((branch) => isBranchFor(branch, union.data));
    const isTold = meant >= 0 && isPureUnion(union) && kept.some((error) => isInside(error, `${meant}/`));
    kept = kept.filter((error) =>
      error === union ? !isTold : !isInside(error, '') || (isTold && isInside(error, `${meant}/`)),
    );
  }
  return kept.filter((error) => error.keyword !== 'if');
}

/** Beside `type`, a union only says which attributes go together: then its remedy is the better message. */
function isPureUnion(union: ErrorObject): boolean {
  return (union.parentSchema as Schema).type === undefined;
}

function describe(error: ErrorObject, root: unknown, base: string): Problem {
  const schema = (error.parentSchema ?? {}) as Schema;
  const path = locate(error, root, base);
  const [code, message] = explain(error, schema);
  const isScalar = typeof error.data !== 'object' || error.data === null;
  if (schema.secret === true || !isScalar) return { path, code, message };
  const value = error.data as string | number | boolean | null;
  return typeof value === 'string' && value.length > 200 ? { path, code, message } : { path, value, code, message };
}

function locate(error: ErrorObject, root: unknown, base: string): string {
  let path = base;
  let value = root;
  for (const part of error.instancePath.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path = pathOf(path, Array.isArray(value) ? Number(key) : key);
    value = (value as Record<string, unknown> | null)?.[key];
  }
  if (error.keyword === 'required') return pathOf(path, String(error.params['missingProperty']));
  return error.propertyName === undefined ? path : pathOf(path, error.propertyName);
}

function explain(error: ErrorObject, schema: Schema): [ProblemCode, string] {
  const { keyword, params, data } = error;
  const shown = schema.secret === true ? 'the value' : quote(data);
  switch (keyword) {
    case 'type':
      return ['wrong_type', wrongType(schema, data, shown)];
    case 'required':
      return ['missing_attribute', `missing attribute "${String(params['missingProperty'])}"`];
    case 'dependentRequired':
      return [
        'missing_attribute',
        `"${String(params['property'])}" needs "${String(params['missingProperty'])}" beside it`,
      ];
    case 'enum':
      return ['invalid_value', notOneOf(schema.enum ?? [], data, shown)];
    case 'const':
      return ['invalid_value', `${shown} is not ${quote(schema.const)}`];
    case 'minimum':
      return ['out_of_range', `${shown} is less than the minimum ${schema.minimum}`];
    case 'maximum':
      return ['out_of_range', `${shown} is more than the maximum ${schema.maximum}`];
    case 'exclusiveMinimum':
      return ['out_of_range', `${shown} must be more than ${schema.exclusiveMinimum}`];
    case 'exclusiveMaximum':
      return ['out_of_range', `${shown} must be less than ${schema.exclusiveMaximum}`];
    case 'minLength':
      return [
        'wrong_length',
        schema.minLength === 1 ? 'must not be empty' : `needs at least ${schema.minLength} characters`,
      ];
    case 'maxLength':
      return [
        'wrong_length',
        `has ${Array.from(String(data)).length} characters, at most ${schema.maxLength} are allowed`,
      ];
    case 'minItems':
      return [
        'wrong_length',
        schema.minItems === 1 ? 'the list must not be empty' : `needs at least ${schema.minItems} items`,
      ];
    case 'maxItems':
      return ['wrong_length', `has ${(data as unknown[]).length} items, at most ${schema.maxItems} are allowed`];
    case 'minProperties':
      return [
        'wrong_length',
        schema.minProperties === 1 ? 'must not be empty' : `needs at least ${schema.minProperties} attributes`,
      ];
    case 'maxProperties':
      return ['wrong_length', `has too many attributes, at most ${schema.maxProperties} are allowed`];
    case 'uniqueItems':
      return ['duplicate', `items ${String(params['j'])} and ${String(params['i'])} are equal`];
    case 'pattern':
      return ['invalid_value', `${shown} ${schema.remedy ?? `does not match ${schema.pattern}`}`];
    case 'not':
      return ['conflict', schema.remedy ?? 'these attributes exclude each other'];
    case 'anyOf':
    case 'oneOf':
      return variant(schema, data, shown);
    default:
      return ['invalid_value', `${shown} is not valid here: ${error.message ?? keyword}`];
  }
}

function variant(schema: Schema, data: unknown, shown: string): [ProblemCode, string] {
  const branches = schema.anyOf ?? schema.oneOf ?? [];
  if (schema.type !== undefined) return ['missing_attribute', schema.remedy ?? missingOneOf(branches)];
  if (schema.remedy !== undefined) return ['invalid_value', `${shown} ${schema.remedy}`];
  const choices = branches.map((branch) =>
    Object.hasOwn(branch, 'const') ? quote(branch.const) : (branch.enum?.map(quote).join(', ') ?? article(branch.type)),
  );
  return ['wrong_type', `expected ${choices.join(' or ')}, found ${found(data, shown)}`];
}

function missingOneOf(branches: readonly Schema[]): string {
  return `one of these attributes is needed: ${branches.map((branch) => (branch.required ?? []).join(' with ')).join(', ')}`;
}

function article(type: string | undefined): string {
  if (type === undefined) return 'another value';
  if (type === 'null') return 'null';
  if (type === 'array') return 'a list';
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function found(data: unknown, shown: string): string {
  const type = typeOf(data);
  if (type === 'array' || type === 'object' || type === 'null') return article(type);
  return `the ${type === 'integer' ? 'number' : type} ${shown}`;
}

const YAML11_BOOLEAN = /^(?:y|yes|n|no|on|off|true|false)$/i;

function wrongType(schema: Schema, data: unknown, shown: string): string {
  const problem = `expected ${article(schema.type)}, found ${found(data, shown)}`;
  if (schema.type === 'boolean' && typeof data === 'string' && YAML11_BOOLEAN.test(data)) {
    const meant = /^(?:y|yes|on|true)$/i.test(data);
    return `${problem}; write ${meant} without quotes`;
  }
  const isNumeric = schema.type === 'integer' || schema.type === 'number';
  if (isNumeric && typeof data === 'string' && /^-?\d+(?:\.\d+)?$/.test(data))
    return `${problem}; write it without quotes`;
  if (schema.type === 'string' && (typeof data === 'number' || typeof data === 'boolean'))
    return `${problem}; put it in quotes`;
  return problem;
}

function notOneOf(choices: readonly unknown[], data: unknown, shown: string): string {
  const names = choices.filter((choice) => typeof choice === 'string');
  const near = typeof data === 'string' ? nearest(data, names) : undefined;
  const hint = near === undefined ? '' : `, did you mean ${quote(near)}?`;
  return `${shown} is not one of ${choices.map(quote).join(', ')}${hint}`;
}
