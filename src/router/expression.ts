/**
 * Conditions on variables, as `vars`, `_meta.filter` and the match rules of plugins hold them: `[variable, operator, value]`,
 * `!` before the operator to negate it, and lists of them joined by AND, OR, !AND and !OR. The language is that of
 * lua-resty-expr, after its documentation.
 */
import { checkConstant, compileComparison, describe, not, OPERATOR_NAMES } from './comparison.ts';
import { normalizePattern } from './path.ts';
import { checkBodyVariable } from './variable-path.ts';
import type { VariableSource } from './variable-source.ts';
import { isBodyVariable } from './variable-source.ts';

export interface Expression {
  /** Whether a condition asks for the request's body. */
  readonly needsBody: boolean;
  /** Undefined if it takes the body to decide, and `source.body` is not there. Never throws unless `variable` does. */
  evaluate(source: VariableSource): boolean | undefined;
}

export interface ExpressionProblem {
  /** From the expression on: `[1][2]`; '' is the expression itself. */
  readonly path: string;
  readonly message: string;
}

type Condition = (source: VariableSource) => boolean | undefined;

const LOGIC: ReadonlySet<string> = new Set(['AND', 'OR', '!AND', '!OR']);
const MAX_DEPTH = 32;

/** Everything that is wrong with an expression; nothing is for one that can be compiled. */
export function checkExpression(value: unknown): ExpressionProblem[] {
  const reader = new Reader();
  reader.top(value);
  return reader.problems;
}

/** @throws {TypeError} for a value that `checkExpression` finds fault with */
export function compileExpression(value: unknown): Expression {
  const reader = new Reader();
  const condition = reader.top(value);
  const [problem] = reader.problems;
  if (problem !== undefined)
    throw new TypeError(`${problem.path === '' ? 'expression' : problem.path}: ${problem.message}`);
  return { needsBody: reader.needsBody, evaluate: condition };
}

/** Reads an expression once, for its problems and for its meaning. */
class Reader {
  readonly problems: ExpressionProblem[] = [];
  needsBody = false;

  /** A list of conditions that must all hold, unless its first member is AND, OR, !AND or !OR. */
  top(value: unknown): Condition {
    if (!Array.isArray(value)) {
      return this.problem('', `an expression is a list of conditions, not ${describe(value)}`);
    }
    if (isLogic(value)) return this.logic(value, '', 0);
    if (typeof value[0] === 'string') {
      return this.problem(
        '',
        `an expression is a list of conditions: put the one on "${value[0]}" into brackets of its own`,
      );
    }
    return all(value.map((member, i) => this.node(member, `[${i}]`, 1)));
  }

  private node(value: unknown, path: string, depth: number): Condition {
    if (depth > MAX_DEPTH) return this.problem(path, `conditions are nested deeper than ${MAX_DEPTH}`);
    if (!Array.isArray(value) || value.length === 0) {
      return this.problem(path, `a condition is written [variable, operator, value], not ${describe(value)}`);
    }
    if (isLogic(value)) return this.logic(value, path, depth);
    if (Array.isArray(value[0])) {
      return this.problem(path, 'a nested list of conditions begins with AND, OR, !AND or !OR');
    }
    return this.comparison(value, path);
  }

  private logic(value: readonly unknown[], path: string, depth: number): Condition {
    const [operator, ...operands] = value as [string, ...unknown[]];
    if (operands.length === 0) return this.problem(path, `${operator} joins conditions, and none follows`);
    const conditions = operands.map((operand, i) => this.node(operand, `${path}[${i + 1}]`, depth + 1));
    const joined = operator.endsWith('OR') ? any(conditions) : all(conditions);
    return operator.startsWith('!') ? negated(joined) : joined;
  }

  private comparison(value: readonly unknown[], path: string): Condition {
    const isNegated = value[1] === '!';
    const at = isNegated ? 2 : 1;
    const [name, operator, constant] = [value[0], value[at], value[at + 1]];
    if (typeof name !== 'string' || name === '') {
      return this.problem(`${path}[0]`, `a condition begins with the name of a variable, not ${describe(name)}`);
    }
    if (typeof operator !== 'string' || !OPERATOR_NAMES.includes(operator)) {
      return this.problem(
        `${path}[${at}]`,
        `${describe(operator)} is no operator: use one of ${OPERATOR_NAMES.join(' ')}`,
      );
    }
    if (value.length !== at + 2) {
      const form = isNegated ? '[variable, "!", operator, value]' : '[variable, operator, value]';
      return this.problem(path, `a condition has ${at + 2} members, ${form}, and not ${value.length}`);
    }
    const isFromBody = isBodyVariable(name);
    const unknown = isFromBody ? checkBodyVariable(name) : null;
    if (unknown !== null) return this.problem(`${path}[0]`, unknown);
    const problem = checkConstant(operator, constant);
    if (problem !== null) return this.problem(`${path}[${at + 1}]`, `"${operator}" ${problem}`);
    const compared = compileComparison(operator, spelled(name, operator, constant));
    const holds = isNegated ? not(compared) : compared;
    if (isFromBody) {
      this.needsBody = true;
      return (source) => (source.body === undefined ? undefined : holds(source.body.value(name)));
    }
    const canonical = canonicalName(name);
    return (source) => holds(source.variable(canonical));
  }

  private problem(path: string, message: string): Condition {
    this.problems.push({ path, message });
    return () => false;
  }
}

function isLogic(value: readonly unknown[]): boolean {
  // ["AND", "==", "x"] would be a condition on a variable of that name.
  return typeof value[0] === 'string' && LOGIC.has(value[0]) && typeof value[1] !== 'string';
}

/** nginx names the header User-Agent http_user_agent; people also write http_User-Agent. */
function canonicalName(name: string): string {
  return name.startsWith('http_') || name.startsWith('sent_http_') ? name.toLowerCase().replaceAll('-', '_') : name;
}

/** The variable `uri` is normalised, so what it is compared with must be too. */
function spelled(name: string, operator: string, constant: unknown): unknown {
  if (name !== 'uri' || !['==', '~=', 'in'].includes(operator)) return constant;
  const spell = (value: unknown): unknown =>
    typeof value === 'string' ? (normalizePattern(value, false) ?? value) : value;
  return Array.isArray(constant) ? constant.map(spell) : spell(constant);
}

/** False as soon as one is false; otherwise undefined if one is undecided. */
function all(conditions: readonly Condition[]): Condition {
  if (conditions.length === 1) return conditions[0];
  return (source) => {
    let result: boolean | undefined = true;
    for (const condition of conditions) {
      const holds = condition(source);
      if (holds === false) return false;
      if (holds === undefined) result = undefined;
    }
    return result;
  };
}

function any(conditions: readonly Condition[]): Condition {
  const none = all(conditions.map(negated));
  return negated(none);
}

function negated(condition: Condition): Condition {
  return (source) => {
    const holds = condition(source);
    return holds === undefined ? undefined : !holds;
  };
}
