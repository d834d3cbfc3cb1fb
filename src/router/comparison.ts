/** The operators of an expression: what they ask of their constant, and what they say of a variable's value. */
import { checkCidr, createAddressSet } from './cidr.ts';
import { checkRegex, compileRegex } from './regex.ts';
import type { VariableValue } from './variable-source.ts';

/** Says whether the value satisfies the condition. Never throws. */
export type Comparison = (value: VariableValue) => boolean;

interface Operator {
  /** What is wrong with the constant on the right, null if nothing is. */
  check(constant: unknown): string | null;
  compile(constant: unknown): Comparison;
}

type Scalar = string | number | boolean | null;

const OPERATORS: Readonly<Record<string, Operator>> = {
  '==': { check: checkScalar, compile: (constant) => equals(constant as Scalar) },
  '~=': { check: checkScalar, compile: (constant) => not(equals(constant as Scalar)) },
  '>': ordered((value, bound) => value > bound),
  '>=': ordered((value, bound) => value >= bound),
  '<': ordered((value, bound) => value < bound),
  '<=': ordered((value, bound) => value <= bound),
  '~~': { check: checkPattern, compile: (constant) => matches(constant as string, false) },
  '~*': { check: checkPattern, compile: (constant) => matches(constant as string, true) },
  in: { check: checkMembers, compile: (constant) => isIn(constant as readonly Scalar[]) },
  has: { check: checkScalar, compile: (constant) => has(constant as Scalar) },
  ipmatch: { check: checkAddresses, compile: (constant) => isWithin(addressesOf(constant)) },
};

export const OPERATOR_NAMES: readonly string[] = Object.keys(OPERATORS);

/** What is wrong with a constant to the right of an operator, null if nothing is. */
export function checkConstant(operator: string, constant: unknown): string | null {
  return OPERATORS[operator].check(constant);
}

/** To be called with what `checkConstant` found nothing wrong with. */
export function compileComparison(operator: string, constant: unknown): Comparison {
  return OPERATORS[operator].compile(constant);
}

export function not(comparison: Comparison): Comparison {
  return (value) => !comparison(value);
}

/**
 * A number compares with every spelling of it (`1`, `1.0`), a string only with itself. A variable without value equals
 * null alone.
 */
function equals(constant: Scalar): Comparison {
  if (typeof constant === 'number') return (value) => numberOf(value) === constant;
  if (constant === null) return (value) => value === undefined || value === null;
  return (value) => value === constant;
}

/** Both sides are numbers, also where they are written as strings; false if the value is none. */
function ordered(holds: (value: number, bound: number) => boolean): Operator {
  return {
    check(constant) {
      return numberOf(constant) === undefined ? `compares numbers, and ${describe(constant)} is none` : null;
    },
    compile(constant) {
      const bound = numberOf(constant) as number;
      return (value) => {
        const number = numberOf(value);
        return number !== undefined && holds(number, bound);
      };
    },
  };
}

/** Decimal notation only: what `Number` makes of '', ' ' or '0x10' is a surprise in a rule. */
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' && value.length <= 64 && NUMBER.test(value) ? Number(value) : undefined;
}

function matches(pattern: string, ignoreCase: boolean): Comparison {
  const regex = compileRegex(pattern, { ignoreCase });
  return (value) => {
    if (typeof value === 'string') return regex.test(value);
    return typeof value === 'number' || typeof value === 'boolean' ? regex.test(String(value)) : false;
  };
}

function isIn(members: readonly Scalar[]): Comparison {
  const strings = new Set(members.filter((member) => typeof member === 'string'));
  const others = members.filter((member) => typeof member !== 'string').map(equals);
  return (value) => (typeof value === 'string' && strings.has(value)) || others.some((isEqual) => isEqual(value));
}

function has(item: Scalar): Comparison {
  const isEqual = equals(item);
  return (value) => Array.isArray(value) && value.some(isEqual);
}

function isWithin(cidrs: readonly string[]): Comparison {
  const addresses = createAddressSet(cidrs);
  return (value) => typeof value === 'string' && addresses.has(value);
}

function checkScalar(constant: unknown): string | null {
  const isScalar = constant === null || ['string', 'number', 'boolean'].includes(typeof constant);
  return isScalar ? null : `takes one value, and ${describe(constant)} is none: for several use "in"`;
}

function checkPattern(constant: unknown): string | null {
  if (typeof constant !== 'string') return `takes a regular expression, and ${describe(constant)} is no string`;
  const problem = checkRegex(constant);
  return problem === null ? null : `takes a regular expression: ${problem}`;
}

function checkMembers(constant: unknown): string | null {
  if (!Array.isArray(constant)) return `takes a list, and ${describe(constant)} is none: put it into brackets`;
  const index = constant.findIndex((member) => checkScalar(member) !== null);
  return index < 0 ? null : `takes a list of values, and member ${index} is ${describe(constant[index])}`;
}

function checkAddresses(constant: unknown): string | null {
  const texts: readonly unknown[] = Array.isArray(constant) ? constant : [constant];
  if (texts.length === 0) return 'takes addresses, and the list is empty';
  for (const text of texts) {
    const problem = typeof text === 'string' ? checkCidr(text) : `${describe(text)} is no address`;
    if (problem !== null) return `takes addresses: ${problem}`;
  }
  return null;
}

function addressesOf(constant: unknown): readonly string[] {
  return Array.isArray(constant) ? (constant as string[]) : [constant as string];
}

/** A value as a message names it. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 56)}…"` : text;
}
