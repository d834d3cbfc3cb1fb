/** Stream route: which TCP and UDP connections it matches, and where they go. */
import type { Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, HOST, ID, LABELS, NAME, PLUGINS } from './attributes.ts';
import { defineModel } from './object-model.ts';
import { upstreamSchema } from './upstream.ts';

const ADDRESS = { type: 'string', minLength: 1, maxLength: 64 } as const satisfies Schema;

export const streamRouteSchema = {
  type: 'object',
  description: 'Which TCP and UDP connections are matched, and where they go.',
  properties: {
    ...BOOKKEEPING,
    name: NAME,
    desc: DESCRIPTION,
    labels: LABELS,
    remote_addr: { ...ADDRESS, description: 'Address or CIDR block of clients to match.' },
    server_addr: { ...ADDRESS, description: 'Address or CIDR block of the gateway to match.' },
    server_port: { type: 'integer', minimum: 1, maximum: 65535, description: 'Port of the gateway to match.' },
    sni: { ...HOST, description: 'Server name to match.' },
    upstream: upstreamSchema,
    upstream_id: ID,
    service_id: ID,
    plugins: PLUGINS,
    protocol: {
      type: 'object',
      required: ['name'],
      description: 'The protocol inside.',
      properties: {
        name: { type: 'string', minLength: 1 },
        superior_id: ID,
        conf: { type: 'object', additionalProperties: true },
        logger: { type: 'array', items: { type: 'object', additionalProperties: true } },
      },
    },
  },
} as const satisfies Schema;

export const streamRouteModel = defineModel({
  kind: 'stream_routes',
  noun: 'stream route',
  schema: streamRouteSchema,
  check(_, report) {
    report('', 'not_available', 'stream routes are not available in this version');
  },
});
