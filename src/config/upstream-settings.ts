/** `gateway.health` and `gateway.dns`: what the gateway does for upstreams beside forwarding to them. */
import { isIP } from 'node:net';
import type { Infer, Schema } from '../sdk/schema.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';

const milliseconds = <const D extends number, const M extends number>(value: D, minimum: M, description: string) =>
  ({ type: 'integer', minimum, maximum: 2_147_483_647, default: value, description }) as const;

export const HEALTH_SETTINGS = {
  type: 'object',
  default: {},
  description: 'What health checks of upstreams lead to.',
  properties: {
    all_down: {
      enum: ['use_all', 'refuse'],
      default: 'use_all',
      description: 'An upstream whose nodes are all down: its nodes serve as if none were, or requests get 503.',
    },
    slow_start_ms: milliseconds(
      0,
      0,
      'How long a node that came back takes less than its share, growing evenly; 0 gives it its share at once.',
    ),
  },
} as const satisfies Schema;

export const DNS_SETTINGS = {
  type: 'object',
  default: {},
  description: 'How the names of upstream nodes and services are resolved.',
  properties: {
    servers: {
      type: 'array',
      default: [],
      maxItems: 16,
      items: { type: 'string', minLength: 1, maxLength: 255 },
      description: 'Name servers, address or address:port; by default those of the system.',
    },
    family: {
      enum: ['ipv4_first', 'ipv6_first', 'both'],
      default: 'ipv4_first',
      description: 'Which addresses count of a name that has both kinds: of one kind if there are any, or all.',
    },
    min_ttl_ms: milliseconds(1_000, 1, 'How long an answer is good for at least.'),
    max_ttl_ms: milliseconds(3_600_000, 1, 'How long an answer is good for at most.'),
  },
} as const satisfies Schema;

export function checkDns({ servers, min_ttl_ms, max_ttl_ms }: Infer<typeof DNS_SETTINGS>): Problem[] {
  const problems = servers.flatMap((server, i): Problem[] => {
    if (isServer(server)) return [];
    const path = pathOf('gateway.dns.servers', i);
    const message = `${quote(server)} is no name server: write an IP address, or address:port, or [IPv6 address]:port`;
    return [{ path, value: server, code: 'invalid_value', message }];
  });
  if (max_ttl_ms < min_ttl_ms) {
    const message = `${max_ttl_ms} is less than min_ttl_ms, ${min_ttl_ms}: write that or more`;
    problems.push({ path: 'gateway.dns.max_ttl_ms', value: max_ttl_ms, code: 'conflict', message });
  }
  return problems;
}

function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, v6, v4 = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isPort = port === undefined || (Number(port) >= 1 && Number(port) <= 65535);
  return isPort && (v6 === undefined ? isIP(v4) === 4 : isIP(v6) === 6);
}
