/** A number in a configuration that may depend on the request: 5, "5", "$http_quota", "${http_quota ?? 5}". */
import type { Variables } from './limit-key.ts';

const VARIABLE = /^\$(?:([A-Za-z_]\w*)|\{\s*([A-Za-z_]\w*)\s*(?:\?\?\s*(\d{1,10})\s*)?\})$/;
const WHOLE = /^(?:0|[1-9]\d{0,9})$/;

export const LARGEST_AMOUNT = 2_147_483_647;

/** Such a number in a schema; `checkAmount` says whether a text is one. */
export const amountSchema = <const M extends 0 | 1>(minimum: M) =>
  ({
    anyOf: [
      { type: 'integer', minimum, maximum: LARGEST_AMOUNT },
      { type: 'string', minLength: 1 },
    ],
  }) as const;

/** What is wrong with such a number, null if nothing is. @param least 1, or 0 */
export function checkAmount(value: number | string, least: 0 | 1 = 1): string | null {
  if (typeof value === 'number') {
    return Number.isInteger(value) && value >= least && value <= LARGEST_AMOUNT
      ? null
      : `${value} is no whole number from ${least} to ${LARGEST_AMOUNT}`;
  }
  const from = least === 1 ? 'above 0' : 'from 0 on';
  const fallback = VARIABLE.exec(value)?.[3];
  if (fallback !== undefined) return amountOf(fallback) >= least ? null : `${fallback} is no whole number ${from}`;
  if (VARIABLE.test(value) || amountOf(value) >= least) return null;
  return `${JSON.stringify(value)} is neither a whole number ${from} nor a variable: write 5, "$http_quota" or "\${http_quota ?? 5}"`;
}

/** Compiled: negative where the request gives no valid number. */
export function compileAmount(value: number | string): (exchange: Variables) => number {
  if (typeof value === 'number') return () => value;
  const match = VARIABLE.exec(value);
  if (match === null) {
    const fixed = amountOf(value);
    return () => fixed;
  }
  const name = match[1] ?? match[2] ?? '';
  const fallback = match[3] === undefined ? -1 : amountOf(match[3]);
  return (exchange) => {
    const text = exchange.variable(name);
    return text === undefined || text === '' ? fallback : amountOf(text);
  };
}

function amountOf(text: string): number {
  if (!WHOLE.test(text)) return -1;
  const value = Number(text);
  return value <= LARGEST_AMOUNT ? value : -1;
}
