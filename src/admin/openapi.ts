/** The OpenAPI 3.1 description of the Admin API, made of the schemas that it checks objects by. */
import { metaSchema } from '../compile/meta.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import { MODELS } from '../model/models.ts';
import type { Kind } from '../model/object-set.ts';
import { publishSchema } from '../model/publish.ts';
import type { Schema } from '../sdk/schema.ts';
import { DOCUMENT_KINDS, versionKey } from './configs.ts';
import { methodsOf } from './objects.ts';
import { RESOURCES } from './resource.ts';
import type { Resource } from './resource.ts';

const PREFIX = '/apisix/admin';

/** Parameters of paths, by name. */
const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  id: 'Id of the object.',
  username: 'Name of the consumer.',
  credential_id: 'Id of the credential.',
  plugin_name: 'Name of the plugin.',
  manager: 'vault, aws or gcp.',
  path: 'Path of the attribute, its members separated by slashes.',
  kind: 'A kind of object, such as routes.',
};

/** Where the objects of a kind are: all of them, and one. */
function placesOf(kind: Kind): readonly [all: string, one: string] {
  if (kind === 'credentials') {
    return [`${PREFIX}/consumers/{username}/credentials`, `${PREFIX}/consumers/{username}/credentials/{credential_id}`];
  }
  if (kind === 'secrets') return [`${PREFIX}/secrets`, `${PREFIX}/secrets/{manager}/{id}`];
  const name = kind === 'consumers' ? 'username' : kind === 'plugin_metadata' ? 'plugin_name' : 'id';
  return [`${PREFIX}/${kind}`, `${PREFIX}/${kind}/{${name}}`];
}

export function openApiDocument(plugins: PluginRegistry): object {
  const paths: Record<string, object> = {};
  for (const resource of RESOURCES.values()) {
    const [all, one] = placesOf(resource.kind);
    paths[all] = pathItem(all, resource, { id: null, within: [] });
    paths[one] = pathItem(one, resource, { id: 'any', within: [] });
    if (resource.hasPatch) paths[`${one}/{path}`] = pathItem(`${one}/{path}`, resource, { id: 'any', within: ['any'] });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gatewright Admin API',
      version: 'v3',
      description: "Objects of the gateway, under the paths of APISIX's Admin API.",
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:9180' }],
    security: [{ header: [] }, { argument: [] }, { cookie: [] }],
    tags: Array.from(RESOURCES.values(), ({ noun, kind }) => ({
      name: noun,
      description: MODELS[kind].schema.description,
    })),
    paths: { ...paths, ...otherPaths() },
    components: {
      securitySchemes: {
        header: { type: 'apiKey', in: 'header', name: 'X-API-KEY' },
        argument: { type: 'apiKey', in: 'query', name: 'api_key' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'x_api_key' },
      },
      schemas: { ...objectSchemas(), ...pluginSchemas(plugins), ...ANSWERS },
    },
  };
}

type Place = Parameters<typeof methodsOf>[1];

function pathItem(path: string, resource: Resource, place: Place): object {
  const operations = methodsOf(resource, place)
    .filter((method) => method !== 'HEAD')
    .map((method) => [method.toLowerCase(), operation(method, resource, place)] as const);
  return { parameters: parametersOf(path), ...Object.fromEntries(operations) };
}

function parametersOf(path: string): object[] {
  return Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_PARAMETERS[name],
    schema: { type: 'string' },
  }));
}

const SUMMARIES: Readonly<Record<string, string>> = {
  GET: 'Reads one',
  PUT: 'Creates or replaces one',
  POST: 'Creates one with an id of its own',
  PATCH: 'Merges into one',
  DELETE: 'Removes one',
};

function summaryOf(method: string, isList: boolean, isAttribute: boolean): string {
  if (isList) return 'Lists them';
  return isAttribute ? 'Replaces an attribute of one' : (SUMMARIES[method] ?? method);
}

function operation(method: string, resource: Resource, { id, within }: Place): object {
  const isList = method === 'GET' && id === null;
  const hasBody = method === 'PUT' || method === 'POST' || method === 'PATCH';
  const name = `${method.toLowerCase()}_${resource.kind}${isList ? '' : id === null ? '_new' : '_one'}${within.length > 0 ? '_attribute' : ''}`;
  return {
    operationId: name,
    tags: [resource.noun],
    summary: summaryOf(method, isList, within.length > 0),
    ...parameters(queryOf(method, isList, resource)),
    ...(hasBody ? { requestBody: bodyOf(method, resource, within.length > 0) } : {}),
    responses: responsesOf(method, isList, resource),
  };
}

function parameters(list: readonly object[]): object {
  return list.length === 0 ? {} : { parameters: list };
}

function bodyOf(method: string, { kind }: Resource, isAttribute: boolean): object {
  const schema = isAttribute ? {} : method === 'PATCH' ? { type: 'object' } : { $ref: `#/components/schemas/${kind}` };
  return { required: true, content: json(schema) };
}

function queryOf(method: string, isList: boolean, { kind, filters }: Resource): object[] {
  const parameter = (name: string, description: string, schema: Schema) => ({ name, in: 'query', description, schema });
  const wait = parameter('wait', 'true: answer once every worker serves the change.', { type: 'boolean' });
  if (isList) {
    return [
      parameter('page', 'Which page, from 1.', { type: 'integer', minimum: 1 }),
      parameter('page_size', 'Objects on a page.', { type: 'integer', minimum: 10, maximum: 500 }),
      parameter('name', 'A part of the name.', { type: 'string' }),
      parameter('label', 'A part of the key of a label, or KEY:VALUE.', { type: 'string' }),
      ...(kind === 'routes' ? [parameter('uri', 'A part of one of its paths.', { type: 'string' })] : []),
      ...(filters.length > 0 ? [parameter('filter', `${filters.join('=ID, ')}=ID, encoded.`, { type: 'string' })] : []),
    ];
  }
  if (method === 'DELETE') {
    return [parameter('force', 'true: also while something refers to it.', { type: 'boolean' }), wait];
  }
  if (method === 'GET') return [];
  return [parameter('ttl', 'Seconds until the object vanishes; 0: never.', { type: 'integer', minimum: 0 }), wait];
}

function responsesOf(method: string, isList: boolean, { kind }: Resource): object {
  const item = { $ref: '#/components/schemas/item' };
  const answer = isList
    ? { $ref: '#/components/schemas/list' }
    : method === 'DELETE'
      ? { $ref: '#/components/schemas/deleted' }
      : item;
  const isWrite = method !== 'GET';
  const writes = {
    ...(method === 'PUT' || method === 'POST' ? { 201: response('Created.', item) } : {}),
    202: response('Stored, but not every worker serves it yet; only with wait=true.', answer),
    400: error('Something is wrong with the request: the message names the path of each problem.'),
    409: error('Others changed the same objects at the same moment.'),
    412: error('The object is not the one that If-Match or If-None-Match names.'),
    413: error('The body is too large.'),
  };
  return {
    ...(method === 'POST' ? {} : { 200: response(isList ? 'The objects.' : `The ${kind}.`, answer) }),
    ...(isWrite ? writes : {}),
    401: error('The key is missing or wrong.'),
    403: error('The address or the role of the key does not allow this.'),
    404: response('There is no such object.', { $ref: '#/components/schemas/not_found' }),
    503: error('The store cannot be reached.'),
  };
}

const json = (schema: object) => ({ 'application/json': { schema } });
const response = (description: string, schema: object) => ({ description, content: json(schema) });
const error = (description: string) => response(description, { $ref: '#/components/schemas/error' });

function otherPaths(): Record<string, object> {
  const ok = (description: string, schema: object = {}) => ({
    200: response(description, schema),
    400: error('Something is wrong with the request.'),
    401: error('The key is missing or wrong.'),
  });
  const document = { required: true, content: json({ $ref: '#/components/schemas/configs' }) };
  const get = (operationId: string, summary: string, responses: object) => ({
    operationId,
    tags: ['about'],
    summary,
    responses,
  });
  return {
    [`${PREFIX}/plugins/list`]: {
      get: get('list_plugins', 'Names the plugins', ok('The names.', { type: 'array', items: { type: 'string' } })),
    },
    [`${PREFIX}/plugins/{plugin_name}`]: {
      parameters: parametersOf('{plugin_name}'),
      get: get('get_plugin', 'Gives the schema of a plugin', {
        ...ok('JSON Schema.'),
        404: error('There is no such plugin.'),
      }),
    },
    [`${PREFIX}/schema/validate/{kind}`]: {
      parameters: parametersOf('{kind}'),
      post: {
        ...get('validate_object', 'Checks an object, changes nothing', ok('Nothing is wrong.')),
        requestBody: { required: true, content: json({ type: 'object' }) },
      },
    },
    [`${PREFIX}/configs`]: {
      get: get(
        'get_configs',
        'Gives the whole configuration',
        ok('All objects.', { $ref: '#/components/schemas/configs' }),
      ),
      put: {
        operationId: 'put_configs',
        tags: ['about'],
        summary: 'Replaces the whole configuration',
        requestBody: document,
        responses: {
          ...ok('Accepted.'),
          202: { description: 'Accepted.' },
          204: { description: 'The digest is known.' },
        },
      },
    },
    [`${PREFIX}/configs/validate`]: {
      post: {
        ...get('validate_configs', 'Checks many objects, changes nothing', ok('Nothing is wrong.')),
        requestBody: document,
      },
    },
  };
}

function objectSchemas(): Record<string, object> {
  const schemas = Array.from(RESOURCES.keys(), (kind) => [kind, publishSchema(MODELS[kind].schema)] as const);
  const items = DOCUMENT_KINDS.map((kind) => [kind, { type: 'array', items: { type: 'object' } }] as const);
  const versions = DOCUMENT_KINDS.map((kind) => [versionKey(kind), { type: 'integer' }] as const);
  return {
    ...Object.fromEntries(schemas),
    configs: { type: 'object', properties: { ...Object.fromEntries(items), ...Object.fromEntries(versions) } },
  };
}

function pluginSchemas(plugins: PluginRegistry): Record<string, object> {
  const schemas = Array.from(plugins.values(), ({ name, definition }) => [
    `plugin_${name}`,
    publishSchema({ ...definition.schema, properties: { ...definition.schema.properties, _meta: metaSchema } }),
  ]);
  return Object.fromEntries(schemas) as Record<string, object>;
}

const INDEX = { type: 'integer', description: 'Revision of the store.' } as const;
const VALUE = { type: 'object', description: 'The object as it is stored.' } as const;

const ANSWERS = {
  item: {
    type: 'object',
    required: ['key', 'value'],
    properties: { key: { type: 'string' }, value: VALUE, createdIndex: INDEX, modifiedIndex: INDEX },
  },
  list: {
    type: 'object',
    required: ['total', 'list'],
    properties: { total: { type: 'integer' }, list: { type: 'array', items: { $ref: '#/components/schemas/item' } } },
  },
  deleted: {
    type: 'object',
    required: ['key', 'deleted'],
    properties: { key: { type: 'string' }, deleted: { const: '1' } },
  },
  not_found: { type: 'object', properties: { message: { type: 'string' }, error_msg: { type: 'string' } } },
  error: {
    type: 'object',
    required: ['error_msg'],
    properties: {
      error_msg: { type: 'string', description: 'What is wrong, with the path of each problem.' },
      problems: {
        type: 'array',
        description: 'The problems of an object, one by one.',
        items: {
          type: 'object',
          required: ['path', 'code', 'message'],
          properties: { path: { type: 'string' }, code: { type: 'string' }, message: { type: 'string' }, value: {} },
        },
      },
    },
  },
} as const;
