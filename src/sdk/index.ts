/** `gatewright/sdk`: what plugins are written with. */
export { ClientError } from './clients.ts';
export type * from './clients.ts';
export { checkExpression, compileExpression } from './conditions.ts';
export type { Expression, ExpressionProblem } from './conditions.ts';
export type * from './attempt.ts';
export { exchangeKey, JWT_PAYLOAD } from './exchange.ts';
export type * from './exchange.ts';
export type * from './host.ts';
export { definePlugin } from './plugin.ts';
export type * from './plugin.ts';
export { MOST_LISTED } from './quotas.ts';
export type * from './quotas.ts';
export { checkRegex, compileRegex } from './regex.ts';
export type { Regex, RegexMatch, RegexOptions } from './regex.ts';
export type { Reply } from './reply.ts';
export type { Infer, Offer, Schema } from './schema.ts';
export { ERRORS } from './errors.ts';
export type { ErrorCode, ErrorRow, ErrorSource } from './errors.ts';
