/** Health checks of an upstream: their shape. */
import type { Schema } from '../sdk/schema.ts';

const count = <const D extends number>(value: D, description: string) =>
  ({ type: 'integer', minimum: 1, maximum: 254, default: value, description }) as const;
const passiveCount = <const D extends number>(value: D, description: string) =>
  ({ type: 'integer', minimum: 0, maximum: 254, default: value, description }) as const;
const statuses = <const D extends readonly number[]>(value: D, description: string) =>
  ({
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    items: { type: 'integer', minimum: 200, maximum: 599 },
    default: value,
    description,
  }) as const;
const INTERVAL = { type: 'integer', minimum: 1, default: 1, description: 'Seconds between two probes.' } as const;
const FAILING = [429, 404, 500, 501, 502, 503, 504, 505] as const;

const ACTIVE = {
  type: 'object',
  description: 'Probes that the gateway sends.',
  properties: {
    type: { enum: ['http', 'https', 'tcp'], default: 'http', description: 'What a probe is.' },
    timeout: { type: 'number', exclusiveMinimum: 0, default: 1, description: 'Seconds until a probe has failed.' },
    http_method: {
      enum: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'],
      default: 'GET',
      description: 'Method of a probe.',
    },
    http_req_body: { type: 'string', description: 'Body of a probe.' },
    concurrency: { type: 'integer', minimum: 1, default: 10, description: 'Probes at once.' },
    host: { type: 'string', minLength: 1, description: 'Host header of a probe.' },
    port: { type: 'integer', minimum: 1, maximum: 65535, description: "Port to probe instead of the node's." },
    http_path: { type: 'string', default: '/', description: 'Path of a probe.' },
    https_verify_certificate: {
      type: 'boolean',
      default: true,
      description: "Whether the node's certificate is verified.",
    },
    req_headers: {
      type: 'array',
      minItems: 1,
      items: { type: 'string' },
      description: 'Further header lines of a probe.',
    },
    healthy: {
      type: 'object',
      default: {},
      properties: {
        interval: INTERVAL,
        http_statuses: statuses([200, 302], 'Statuses that count as a success.'),
        successes: count(2, 'Successes that make a node healthy.'),
      },
    },
    unhealthy: {
      type: 'object',
      default: {},
      properties: {
        interval: INTERVAL,
        http_statuses: statuses(FAILING, 'Statuses that count as a failure.'),
        http_failures: count(5, 'HTTP failures that make a node unhealthy.'),
        tcp_failures: count(2, 'TCP failures that make a node unhealthy.'),
        timeouts: count(3, 'Timeouts that make a node unhealthy.'),
      },
    },
  },
} as const satisfies Schema;

const PASSIVE = {
  type: 'object',
  description: 'Conclusions from the traffic itself.',
  properties: {
    type: { enum: ['http', 'https', 'tcp'], default: 'http', description: 'What is looked at.' },
    healthy: {
      type: 'object',
      default: {},
      properties: {
        http_statuses: statuses(
          [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308],
          'Statuses that count as a success.',
        ),
        successes: passiveCount(5, 'Successes that make a node healthy.'),
      },
    },
    unhealthy: {
      type: 'object',
      default: {},
      properties: {
        http_statuses: statuses([429, 500, 503], 'Statuses that count as a failure.'),
        tcp_failures: passiveCount(2, 'TCP failures that make a node unhealthy.'),
        timeouts: passiveCount(7, 'Timeouts that make a node unhealthy.'),
        http_failures: passiveCount(5, 'HTTP failures that make a node unhealthy.'),
      },
    },
  },
} as const satisfies Schema;

export const CHECKS = {
  type: 'object',
  description: 'Health checks; passive ones need active ones, which bring nodes back.',
  required: ['active'],
  properties: { active: ACTIVE, passive: PASSIVE },
} as const satisfies Schema;
