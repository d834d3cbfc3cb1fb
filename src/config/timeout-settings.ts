/** `gateway.timeouts`: how long clients, and threads, may take. */
import type { Schema } from '../sdk/schema.ts';

export const milliseconds = <const D extends number>(value: D, description: string) =>
  ({ type: 'integer', minimum: 0, maximum: 2_147_483_647, default: value, description }) as const;
export const positive = <const D extends number>(value: D, description: string) =>
  ({ type: 'integer', minimum: 1, maximum: 2_147_483_647, default: value, description }) as const;

export const TIMEOUTS = {
  type: 'object',
  default: {},
  description: 'Deadlines on the client side.',
  properties: {
    head_ms: positive(10_000, 'Until a request head is complete, from its first byte.'),
    body_ms: positive(60_000, 'Between two reads of a request body.'),
    idle_ms: positive(60_000, 'Until an idle client connection is closed.'),
    send_ms: positive(180_000, 'How long a client may take nothing of a response.'),
    linger_ms: positive(5_000, 'How long an unread request body may be quiet after an early response.'),
    linger_total_ms: positive(30_000, 'How long such a body is read at most.'),
    tunnel_idle_ms: positive(300_000, 'Until a WebSocket connection without a byte in either direction is closed.'),
    max_stale_ms: {
      type: 'integer',
      minimum: 0,
      maximum: 2_147_483_647,
      description:
        'How long a WebSocket goes on after its consumer, or the credential it was opened with, was removed or changed; then it is closed with 1008. Unset: it goes on.',
    },
    tunnel_drain_ms: milliseconds(10_000, 'How long WebSockets go on at a stop until they are closed with 1001.'),
    drain_timeout_ms: milliseconds(30_000, 'How long running exchanges may take to end at a stop.'),
    stall_ms: positive(
      5_000,
      'How long the loop of a worker may stand still until the worker is replaced; time in which the machine has no core for it does not count.',
    ),
    control_stall_ms: positive(
      60_000,
      'The same of the control thread, which a large configuration keeps busy for seconds.',
    ),
    drain_delay_ms: milliseconds(0, 'How long connections are still accepted after readiness turned 503.'),
  },
} as const satisfies Schema;
