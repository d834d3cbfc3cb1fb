/** The schema of a whole configuration file. */
import type { Schema } from '../sdk/schema.ts';
import { MODELS } from '../model/models.ts';
import { settingsSchema } from './settings.ts';

const PLUGIN_LIST = {
  type: 'array',
  description: 'The enabled plugins; all if absent.',
  items: {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', minLength: 1, description: 'Name of the plugin.' },
      stream: { type: 'boolean', description: 'Whether it is meant for stream routes.' },
    },
  },
} as const satisfies Schema;

const listOf = <const S extends Schema>(items: S) => ({ type: 'array', items }) as const;

/** Every key that a file may have at its top level. Consumers may also be credentials, told by their id. */
export const fileSchema = {
  type: 'object',
  description: 'A configuration file.',
  properties: {
    gateway: settingsSchema,
    plugins: PLUGIN_LIST,
    routes: listOf(MODELS.routes.schema),
    services: listOf(MODELS.services.schema),
    upstreams: listOf(MODELS.upstreams.schema),
    consumers: listOf({ anyOf: [MODELS.consumers.schema, MODELS.credentials.schema] }),
    consumer_groups: listOf(MODELS.consumer_groups.schema),
    plugin_configs: listOf(MODELS.plugin_configs.schema),
    global_rules: listOf(MODELS.global_rules.schema),
    plugin_metadata: listOf(MODELS.plugin_metadata.schema),
    ssls: listOf(MODELS.ssls.schema),
    stream_routes: listOf(MODELS.stream_routes.schema),
    protos: listOf(MODELS.protos.schema),
    secrets: listOf(MODELS.secrets.schema),
  },
} as const satisfies Schema;
