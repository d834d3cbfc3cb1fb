/**
 * Conditions on variables, as attributes named `vars` hold them: the language of the routes' own `vars`. Check in `check`,
 * compile in `create`; an Exchange is the source that they are evaluated on.
 */
export { checkExpression, compileExpression } from '../router/expression.ts';
export type { Expression, ExpressionProblem } from '../router/expression.ts';
/** For conditions on the body, which an Exchange does not know by itself: what they are evaluated on then. */
export { createBodyVariables } from '../router/body-variables.ts';
/** Whether a variable is one of the body: `post_arg.*`, `graphql_*`. */
export { isBodyVariable } from '../router/variable-source.ts';
export type { VariableSource as ConditionSource } from '../router/variable-source.ts';
