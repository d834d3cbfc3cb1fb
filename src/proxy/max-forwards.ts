/** How many more intermediaries a request may pass (RFC 9110 §7.6.2). OPTIONS alone: TRACE goes nowhere. */
import type { Exchange } from './exchange.ts';

const NAME = 'max-forwards';

/** `last`: the gateway is whom the client means. */
export type Hop = 'passed' | 'last' | 'malformed';

/** Counts this one. To be called once for an exchange, before its request is sent. */
export function countHop(exchange: Exchange): Hop {
  const { head } = exchange;
  const index = head.indexOf(NAME, 0);
  if (index < 0) return 'passed';
  const value = head.value(index);
  // What cannot be counted down could go round for ever.
  if (head.indexOf(NAME, index + 1) >= 0 || !/^[0-9]{1,9}$/.test(value)) return 'malformed';
  const left = Number(value);
  if (left === 0) return 'last';
  exchange.request.setHeader('Max-Forwards', String(left - 1));
  return 'passed';
}
