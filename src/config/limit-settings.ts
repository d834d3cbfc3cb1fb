/** `gateway.limits`: what exceeds one of them is refused. */
import type { Schema } from '../sdk/schema.ts';

const bytes = <const D extends number>(value: D, minimum: number, description: string) =>
  ({ type: 'integer', minimum, maximum: Number.MAX_SAFE_INTEGER, default: value, description }) as const;

export const LIMITS = {
  type: 'object',
  default: {},
  description: 'Bounds; what exceeds one is refused.',
  properties: {
    line_bytes: bytes(8192, 256, 'Longest request line (414) and longest header field (431), in bytes.'),
    head_bytes: bytes(32768, 1024, 'Longest header section, in bytes (431).'),
    fields: bytes(100, 1, 'Most header fields (431).'),
    body_bytes: bytes(0, 0, 'Longest request body, in bytes (413); 0 is no limit.'),
    pipelined_bytes: bytes(65536, 1024, 'Most bytes of further requests kept while a response is under way.'),
    connections: bytes(
      0,
      0,
      'Most client connections at once, of all workers together; what comes beyond is closed. 0 is no limit.',
    ),
    concurrent_streams: {
      ...bytes(128, 1, 'Most requests at once on one connection of HTTP/2; more are refused with REFUSED_STREAM.'),
      maximum: 65_535,
    },
    stream_window_bytes: {
      ...bytes(262_144, 65_535, 'Bytes of a request body that a client of HTTP/2 may send ahead, per request.'),
      maximum: 16_777_216,
    },
    connection_window_bytes: {
      ...bytes(1_048_576, 65_535, 'The same for all requests of one connection.'),
      maximum: 67_108_864,
    },
    held_bytes: bytes(
      268_435_456,
      0,
      'Most bytes that a worker holds for all its clients of HTTP/2 together: of responses that they do not take, and of request bodies that nobody has taken. Beyond it, the connection that has most of them ends; 0 is no limit.',
    ),
  },
} as const satisfies Schema;
