/** Service: what several routes share. */
import type { Infer, Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, HOSTS, ID, LABELS, NAME, PLUGINS } from './attributes.ts';
import { defineModel } from './object-model.ts';
import { checkUpstream, upstreamSchema } from './upstream.ts';

export const serviceSchema = {
  type: 'object',
  description: 'What several routes share: plugins, an upstream, hosts.',
  properties: {
    ...BOOKKEEPING,
    name: NAME,
    desc: DESCRIPTION,
    labels: LABELS,
    hosts: { ...HOSTS, description: 'Hosts to match for routes that name none.' },
    plugins: { ...PLUGINS, description: "Plugins of all its routes; a route's configuration of the same plugin wins." },
    upstream: { ...upstreamSchema, description: 'The upstream of routes that name none.' },
    upstream_id: { ...ID, description: 'Upstream object for routes that name none.' },
    enable_websocket: { type: 'boolean', description: 'Whether WebSocket upgrades pass on routes that do not say.' },
    script: { type: 'string', minLength: 10, maxLength: 102_400, description: 'A Lua script; refused.' },
  },
  allOf: [
    {
      not: { required: ['upstream', 'upstream_id'] },
      remedy: '"upstream" and "upstream_id" exclude each other: keep one',
    },
  ],
} as const satisfies Schema;

export type ServiceObject = Infer<typeof serviceSchema>;

export const serviceModel = defineModel({
  kind: 'services',
  noun: 'service',
  schema: serviceSchema,
  check(service, report) {
    if (service.upstream !== undefined) checkUpstream(service.upstream, 'upstream.', report);
    if (service.script !== undefined) {
      report('script', 'not_supported', 'script is Lua, which does not run here: write a plugin');
    }
  },
});
