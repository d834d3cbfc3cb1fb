import type { Schema } from '../../sdk/index.ts';

const integer = <const D extends number>(value: D, minimum: number, maximum: number, description: string) =>
  ({ type: 'integer', minimum, maximum, default: value, description }) as const;
const HOUR_MS = 3_600_000;

export const schema = {
  type: 'object',
  properties: {
    failure_statuses: {
      type: 'array',
      uniqueItems: true,
      items: { type: 'integer', minimum: 400, maximum: 599 },
      default: [500, 502, 503, 504],
      description:
        'Statuses of a node that are failures. No connection, no answer in time, and an answer that breaks off always are.',
    },
    consecutive_failures: integer(5, 0, 10_000, 'Failures in a row that open the circuit of a node; 0 for none.'),
    failure_percent: integer(50, 1, 100, 'Share of failures that opens it, in percent.'),
    slow_ms: {
      type: 'integer',
      minimum: 1,
      maximum: HOUR_MS,
      description: 'Time to the head of the answer above which a call is slow; without it, none is.',
    },
    slow_percent: integer(80, 1, 100, 'Share of slow calls that opens it, in percent.'),
    min_calls: integer(20, 1, 1_000_000, 'Calls in the window below which shares mean nothing.'),
    window_ms: integer(10_000, 100, HOUR_MS, 'Time that shares are about: a call of so long ago weighs 37 %.'),
    open_ms: integer(5_000, 100, HOUR_MS, 'How long a node is left out. It doubles with each time in a row.'),
    max_open_ms: integer(300_000, 100, 24 * HOUR_MS, 'The longest of these times.'),
    half_open_calls: integer(
      1,
      1,
      1_000,
      'Probes at a time, of all workers, once that time is over; each lasts until the head of its answer.',
    ),
    half_open_successes: integer(
      3,
      1,
      1_000,
      'Good probes in a row that close the circuit. A failed or slow one opens it again.',
    ),
  },
} as const satisfies Schema;
