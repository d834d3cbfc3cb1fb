/** Route: which requests it matches, and what becomes of them. */
import type { Infer, Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, HOST, HOSTS, ID, LABELS, NAME, PLUGINS, TIMEOUT } from './attributes.ts';
import { defineModel } from './object-model.ts';
import { checkUpstream, upstreamSchema } from './upstream.ts';

const URI = {
  type: 'string',
  minLength: 1,
  maxLength: 4096,
  description: 'Path to match: exact, or a prefix that ends with *.',
} as const satisfies Schema;

const REMOTE_ADDRESS = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  description: 'Address or CIDR block of clients to match.',
} as const satisfies Schema;

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PURGE'] as const;

export const routeSchema = {
  type: 'object',
  description: 'Which requests are matched, and what becomes of them.',
  properties: {
    ...BOOKKEEPING,
    name: NAME,
    desc: DESCRIPTION,
    labels: LABELS,
    uri: URI,
    uris: { type: 'array', minItems: 1, uniqueItems: true, items: URI, description: 'Paths, any of which is matched.' },
    host: { ...HOST, description: 'Host to match, *.example.com for all below it.' },
    hosts: { ...HOSTS, description: 'Hosts, any of which is matched.' },
    methods: {
      type: 'array',
      uniqueItems: true,
      items: { enum: METHODS },
      description: 'Methods to match; all if empty or absent.',
    },
    remote_addr: REMOTE_ADDRESS,
    remote_addrs: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: REMOTE_ADDRESS,
      description: 'Addresses and blocks, any of which is matched.',
    },
    priority: {
      type: 'integer',
      default: 0,
      description: 'Among routes with the same path the highest is matched first.',
    },
    vars: { type: 'array', items: {}, description: 'Conditions on variables: [variable, operator, value].' },
    filter_func: { type: 'string', minLength: 10, description: 'A Lua function; refused.' },
    script: { type: 'string', minLength: 10, maxLength: 102_400, description: 'A Lua script; refused.' },
    script_id: ID,
    plugins: PLUGINS,
    plugin_config_id: { ...ID, description: 'Plugin config to merge below the plugins of the route.' },
    upstream: { ...upstreamSchema, description: 'The upstream to forward to.' },
    upstream_id: { ...ID, description: 'Upstream object to forward to.' },
    service_id: { ...ID, description: 'Service that the route belongs to.' },
    timeout: TIMEOUT,
    enable_websocket: {
      type: 'boolean',
      description: "Whether WebSocket upgrades pass; the service's value by default.",
    },
    status: { enum: [0, 1], default: 1, description: '1: enabled; 0: as if it were not there.' },
  },
  allOf: [
    { anyOf: [{ required: ['uri'] }, { required: ['uris'] }], type: 'object', remedy: 'a route needs "uri" or "uris"' },
    { not: { required: ['uri', 'uris'] }, remedy: '"uri" and "uris" exclude each other: keep one' },
    { not: { required: ['host', 'hosts'] }, remedy: '"host" and "hosts" exclude each other: keep one' },
    {
      not: { required: ['remote_addr', 'remote_addrs'] },
      remedy: '"remote_addr" and "remote_addrs" exclude each other: keep one',
    },
    {
      not: { required: ['upstream', 'upstream_id'] },
      remedy: '"upstream" and "upstream_id" exclude each other: keep one',
    },
    {
      not: { required: ['script', 'plugin_config_id'] },
      remedy: '"script" and "plugin_config_id" exclude each other: keep one',
    },
  ],
} as const satisfies Schema;

export type RouteObject = Infer<typeof routeSchema>;

/** The attributes that decide which requests a route matches. */
export const MATCH_ATTRIBUTES: readonly string[] = [
  'uri',
  'uris',
  'host',
  'hosts',
  'methods',
  'remote_addr',
  'remote_addrs',
  'vars',
  'priority',
  'filter_func',
  'status',
];

export const routeModel = defineModel({
  kind: 'routes',
  noun: 'route',
  schema: routeSchema,
  check(route, report) {
    const { upstream, upstream_id, service_id, plugins, plugin_config_id } = route;
    const isServed = [upstream, upstream_id, service_id, plugins, plugin_config_id].some((part) => part !== undefined);
    if (!isServed) {
      report('upstream', 'missing_attribute', 'a route needs "upstream", "upstream_id", "service_id" or "plugins"');
    }
    if (upstream !== undefined) checkUpstream(upstream, 'upstream.', report);
    if (route.filter_func !== undefined) {
      report(
        'filter_func',
        'not_supported',
        'filter_func is Lua, which does not run here: express the condition with "vars"',
      );
    }
    if (route.script !== undefined || route.script_id !== undefined) {
      const attribute = route.script === undefined ? 'script_id' : 'script';
      report(attribute, 'not_supported', `${attribute} is Lua, which does not run here: write a plugin`);
    }
    for (const method of route.methods ?? []) {
      if (method === 'CONNECT')
        report('methods', 'not_supported', 'CONNECT is always refused, so no route can match it', method);
    }
  },
});

/** The paths that a route matches, as they were written. */
export function urisOf(route: RouteObject): readonly string[] {
  return route.uris ?? (route.uri === undefined ? [] : [route.uri]);
}
