/** What the Admin API tells of plugins: their names, schemas and properties. */
import { metaSchema } from '../compile/meta.ts';
import type { PluginRegistry, PluginShape } from '../compile/plugins.ts';
import { nearest } from '../model/problem.ts';
import { publishSchema } from '../model/publish.ts';
import type { Schema } from '../sdk/schema.ts';
import { refuse, refuseMethod } from './answer.ts';
import type { Answer } from './answer.ts';
import type { AdminRequest } from './request.ts';

/** `/plugins`, `/plugins/list`, `/plugins/NAME`. Throws Refused. */
export function answerPlugins({ method, query }: AdminRequest, name: string | null, plugins: PluginRegistry): Answer {
  if (method !== 'GET' && method !== 'HEAD') throw refuseMethod(method, 'plugins', ['GET', 'HEAD']);
  const subsystem = query.get('subsystem') ?? 'http';
  if (subsystem !== 'http' && subsystem !== 'stream') throw refuse(400, 'subsystem: expected http or stream');
  // None of the plugins is one for streams.
  const offered = subsystem === 'http' ? plugins : new Map<string, PluginShape>();
  const shapes = [...offered.values()].toSorted((a, b) => b.definition.priority - a.definition.priority);
  if (name === 'list') return { status: 200, body: shapes.map((shape) => shape.name) };
  if (name === null) {
    if (query.get('all') !== 'true') throw refuse(400, 'all: expected true; /plugins/list has the names alone');
    return { status: 200, body: Object.fromEntries(shapes.map((shape) => [shape.name, propertiesOf(shape)])) };
  }
  const shape = offered.get(name);
  if (shape === undefined) throw notFound(name, subsystem, offered);
  return { status: 200, body: schemaFor(shape, query.get('schema_type')) };
}

function notFound(name: string, subsystem: string, plugins: PluginRegistry) {
  const near = nearest(name, plugins.keys());
  const hint = near === undefined ? '' : `, did you mean "${near}"?`;
  return refuse(404, `plugin not found in subsystem ${subsystem}${hint}`);
}

function schemaFor({ definition }: PluginShape, type: string | null): object {
  if (type === null) return withMeta(definition.schema);
  if (type !== 'consumer' && type !== 'metadata') throw refuse(400, 'schema_type: expected consumer or metadata');
  const schema = type === 'consumer' ? definition.consumerSchema : definition.metadataSchema;
  if (schema === undefined) throw refuse(404, `schema_type: the plugin ${definition.name} has no ${type} schema`);
  return type === 'consumer' ? withMeta(schema) : publishSchema(schema);
}

/** `/plugins/reload`: nothing is to be done as long as what runs is what the files hold. Throws Refused. */
export function answerReload({ method }: AdminRequest, isCodeCurrent: boolean): Answer {
  if (method !== 'PUT') throw refuseMethod(method, 'plugins', ['PUT']);
  if (!isCodeCurrent)
    throw refuse(501, 'plugin files have changed: a new process loads them, "gatewright upgrade" starts one');
  return { status: 200, body: { message: 'done' } };
}

/** All about one plugin, under APISIX's names. */
export function propertiesOf({ definition }: PluginShape): object {
  const { schema, consumerSchema, metadataSchema, priority, kind } = definition;
  return {
    priority,
    version: 0.1,
    ...(kind === 'auth' ? { type: 'auth' } : {}),
    schema: withMeta(schema),
    ...(consumerSchema === undefined ? {} : { consumer_schema: withMeta(consumerSchema) }),
    ...(metadataSchema === undefined ? {} : { metadata_schema: publishSchema(metadataSchema) }),
  };
}

function withMeta(schema: Schema): object {
  return publishSchema({ ...schema, properties: { ...schema.properties, _meta: metaSchema } });
}
