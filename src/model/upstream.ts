/** Upstream: the nodes that requests go to, and how one of them is chosen. */
import { isIPv6 } from 'node:net';
import type { Infer, Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, HOST, HOST_PATTERN, ID, LABELS, NAME, TIMEOUT } from './attributes.ts';
import { CHECKS, checkChecks } from './checks.ts';
import { defineModel } from './object-model.ts';
import type { Report } from './object-model.ts';
import { pairProblems } from './certificate.ts';
import { pathOf, quote } from './problem.ts';

const PORT = { type: 'integer', minimum: 1, maximum: 65535 } as const satisfies Schema;
const WEIGHT = {
  type: 'integer',
  minimum: 0,
  maximum: 1_000_000,
  description: 'Share of the traffic; 0 takes the node out of rotation.',
} as const satisfies Schema;

const NODES = {
  description:
    'Where requests go: a map of host:port, or unix:/path, to weight, or a list. Empty: every request is answered with 502.',
  anyOf: [
    { type: 'object', additionalProperties: WEIGHT },
    {
      type: 'array',
      items: {
        type: 'object',
        required: ['host', 'weight'],
        properties: {
          host: {
            ...HOST,
            pattern: `^unix:/|${HOST_PATTERN}`,
            remedy: 'is no host: use a name such as example.com, an address, or unix:/path, without scheme or port',
            description: 'Name or address of the node, or `unix:/path` for a UNIX domain socket.',
          },
          port: { ...PORT, description: "Port of the node; the scheme's by default." },
          weight: WEIGHT,
          priority: {
            type: 'integer',
            minimum: -1_000_000,
            maximum: 1_000_000,
            default: 0,
            description: 'Nodes of a lower priority serve when those of a higher one were tried or are down.',
          },
          metadata: { type: 'object', additionalProperties: true, description: 'What discovery knows of the node.' },
        },
      },
    },
  ],
} as const satisfies Schema;

const TLS = {
  type: 'object',
  description: 'TLS towards the nodes.',
  properties: {
    client_cert_id: { ...ID, description: 'SSL object whose certificate is presented.' },
    client_cert: { type: 'string', minLength: 1, description: 'Certificate to present, PEM.' },
    client_key: { type: 'string', minLength: 1, secret: true, description: 'Its private key, PEM.' },
    verify: {
      type: 'boolean',
      description:
        "Whether a node's certificate has to be valid, of a trusted authority and for the name that is asked for. By default it has to, unless the profile is apisix.",
    },
  },
  dependentRequired: { client_cert: ['client_key'], client_key: ['client_cert'] },
  not: { anyOf: [{ required: ['client_cert_id', 'client_cert'] }, { required: ['client_cert_id', 'client_key'] }] },
  remedy: '"client_cert_id" excludes "client_cert" and "client_key": keep one of the two ways',
} as const satisfies Schema;

const KEEPALIVE_POOL = {
  type: 'object',
  default: {},
  description: 'Idle connections kept to each node.',
  properties: {
    size: { type: 'integer', minimum: 1, maximum: 100_000, default: 320, description: 'How many are kept.' },
    idle_timeout: {
      type: 'number',
      minimum: 0,
      maximum: 2_147_483,
      default: 60,
      description: 'Seconds until an idle one is closed.',
    },
    requests: { type: 'integer', minimum: 1, default: 1000, description: 'Requests after which one is closed.' },
  },
} as const satisfies Schema;

/** All attributes except those that only a stored upstream has. */
const PROPERTIES = {
  type: {
    enum: ['roundrobin', 'chash', 'ewma', 'least_conn'],
    default: 'roundrobin',
    description: 'How a node is chosen; balancers written in Lua are not supported.',
  },
  nodes: NODES,
  service_name: { type: 'string', minLength: 1, maxLength: 256, description: 'Name that discovery resolves to nodes.' },
  discovery_type: { type: 'string', minLength: 1, description: 'Which discovery resolves it.' },
  discovery_args: { type: 'object', additionalProperties: true, description: 'What that discovery needs to know.' },
  hash_on: {
    enum: ['vars', 'header', 'cookie', 'consumer', 'vars_combinations'],
    default: 'vars',
    description: 'What the key of chash is made of.',
  },
  key: {
    type: 'string',
    minLength: 1,
    maxLength: 4096,
    description: 'The variable, header, cookie or combination that chash hashes.',
  },
  checks: CHECKS,
  retries: {
    type: 'integer',
    minimum: 0,
    maximum: 1000,
    description: 'Attempts after the first; one for each further node by default.',
  },
  retry_timeout: {
    type: 'number',
    minimum: 0,
    maximum: 2_147_483,
    default: 0,
    description: 'Seconds after which no further attempt begins; 0: no bound.',
  },
  timeout: TIMEOUT,
  scheme: {
    enum: ['http', 'https', 'grpc', 'grpcs', 'tcp', 'udp', 'tls', 'kafka'],
    default: 'http',
    description: 'The protocol that the nodes speak; grpc and grpcs are HTTP/2, in the clear and over TLS.',
  },
  pass_host: {
    enum: ['pass', 'node', 'rewrite'],
    default: 'pass',
    description: "Host that the upstream gets: the client's, the node's, or upstream_host.",
  },
  upstream_host: { ...HOST, description: 'The Host with pass_host: rewrite.' },
  tls: TLS,
  keepalive_pool: KEEPALIVE_POOL,
  name: NAME,
  desc: DESCRIPTION,
  labels: LABELS,
  create_time: BOOKKEEPING.create_time,
  update_time: BOOKKEEPING.update_time,
  id: BOOKKEEPING.id,
} as const;

export const upstreamSchema = {
  type: 'object',
  description: 'Nodes that requests go to, and how one of them is chosen.',
  properties: PROPERTIES,
  anyOf: [{ required: ['nodes'] }, { required: ['service_name', 'discovery_type'] }],
  not: { required: ['nodes', 'service_name'] },
  remedy: 'an upstream has either "nodes", or "service_name" with "discovery_type"',
} as const satisfies Schema;

export type UpstreamObject = Infer<typeof upstreamSchema>;

/** One node in the form of a list, whichever form it was written in. */
export interface NodeObject {
  readonly host: string;
  readonly port: number | undefined;
  readonly weight: number;
  readonly priority: number;
}

export const upstreamModel = defineModel({
  kind: 'upstreams',
  noun: 'upstream',
  schema: upstreamSchema,
  check: (upstream, report) => checkUpstream(upstream, '', report),
});

/** Cross-field rules, also of an upstream inside a route or service; `at` is its path with a dot at the end, or ''. */
export function checkUpstream(upstream: UpstreamObject, at: string, report: Report): void {
  if (upstream.pass_host === 'rewrite' && upstream.upstream_host === undefined) {
    report(`${at}upstream_host`, 'missing_attribute', 'pass_host: rewrite needs "upstream_host" beside it');
  }
  checkAvailable(upstream, at, report);
  if (upstream.checks !== undefined) checkChecks(upstream.checks, `${at}checks.`, report);
  checkService(upstream, at, report);
  checkNodes(upstream, at, report);
}

const SERVED: ReadonlySet<string> = new Set(['http', 'https', 'grpc', 'grpcs']);

/** Attributes with a valid shape that this version cannot honour: refused, because ignoring them would be wrong. */
function checkAvailable(upstream: UpstreamObject, at: string, report: Report): void {
  if (!SERVED.has(upstream.scheme)) {
    const message = `the scheme "${upstream.scheme}" is not available in this version: use http, https, grpc or grpcs`;
    report(`${at}scheme`, 'not_available', message, upstream.scheme);
  }
  checkTls(upstream, at, report);
  checkProbes(upstream, at, report);
  const { discovery_type, discovery_args } = upstream;
  if (discovery_type !== undefined && discovery_type !== 'dns') {
    const message = `discovery by ${quote(discovery_type)} is not available in this version: use dns, or list the nodes`;
    report(`${at}discovery_type`, 'not_available', message, discovery_type);
  }
  if (discovery_args !== undefined) {
    report(`${at}discovery_args`, 'not_supported', 'discovery by dns takes no arguments: leave this out');
  }
}

/** Probes speak HTTP/1.1, which nodes of gRPC do not. */
function checkProbes({ scheme, checks }: UpstreamObject, at: string, report: Report): void {
  if (scheme !== 'grpc' && scheme !== 'grpcs') return;
  const { type, port } = checks?.active ?? { type: 'tcp', port: undefined };
  if (type === 'tcp' || port !== undefined) return;
  const message = `nodes of ${scheme} speak HTTP/2 alone, and probes do not: use the type "tcp", or name the "port" of something else`;
  report(`${at}checks.active.type`, 'conflict', message, type);
}

function checkTls({ scheme, tls }: UpstreamObject, at: string, report: Report): void {
  if (tls === undefined) return;
  if (scheme === 'http' || scheme === 'grpc') {
    const message = `has no effect with the scheme "${scheme}": write "scheme": "${scheme === 'http' ? 'https' : 'grpcs'}" beside it, or leave it out`;
    report(`${at}tls`, 'conflict', message);
  }
  const { client_cert, client_key } = tls;
  if (client_cert === undefined || client_key === undefined) return;
  for (const { attribute, message } of pairProblems(client_cert, client_key, {
    cert: 'client_cert',
    key: 'client_key',
  })) {
    report(`${at}tls.${attribute}`, 'invalid_value', message);
  }
}

const SERVICE = /^(?!-)[0-9A-Za-z_.-]+$/;

/** The name and the port of a `service_name` of discovery by dns; port 0: that of the records, or the scheme's. */
export function parseServiceName(text: string): { readonly host: string; readonly port: number } {
  const [host = '', port = '0'] = text.split(':');
  return { host: host.toLowerCase(), port: Number(port) };
}

function checkService({ service_name, discovery_type }: UpstreamObject, at: string, report: Report): void {
  if (service_name === undefined || discovery_type !== 'dns') return;
  const [name = '', port, ...rest] = service_name.split(':');
  const isPort = port === undefined || (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65535);
  if (SERVICE.test(name) && isPort && rest.length === 0) return;
  const message = `${quote(service_name)} is no name to resolve: write name or name:port`;
  report(`${at}service_name`, 'invalid_value', message, service_name);
}

function checkNodes(upstream: UpstreamObject, at: string, report: Report): void {
  const { nodes } = upstream;
  if (nodes === undefined) return;
  if (!Array.isArray(nodes)) {
    for (const key of Object.keys(nodes)) {
      if (parseAuthority(key) === null) {
        const message = `${quote(key)} is no node: write host:port, an IPv6 address in brackets as in [::1]:80, or unix:/path`;
        report(pathOf(`${at}nodes`, key), 'invalid_value', message, key);
      }
    }
  }
  const seen = new Map<string, number>();
  nodesOf(upstream).forEach((node, i) => {
    const problem = socketProblem(node);
    if (problem !== null) report(pathOf(`${at}nodes`, i), 'invalid_value', problem, node.host);
    const authority = `${node.host}:${node.port ?? ''}`;
    const first = seen.get(authority);
    if (first === undefined) seen.set(authority, i);
    else report(pathOf(`${at}nodes`, i), 'duplicate', `${quote(authority)} is a node already`, authority);
  });
}

/** What `sockaddr_un` holds on Linux, less the end mark. */
const MOST_SOCKET_BYTES = 107;

function socketProblem({ host, port }: NodeObject): string | null {
  if (!host.startsWith(SOCKET_SCHEME)) return null;
  if (!isSocketHost(host)) return 'a UNIX domain socket is written unix:/path, with the whole path';
  if (port !== undefined) return 'a UNIX domain socket has no port: leave it out';
  const path = host.slice(SOCKET_SCHEME.length);
  if (/[\0-\x1f\x7f]/.test(path)) return 'the path of a UNIX domain socket holds no control characters';
  const bytes = new TextEncoder().encode(path).length;
  return bytes > MOST_SOCKET_BYTES ? `the path has ${bytes} bytes: at most ${MOST_SOCKET_BYTES} are possible` : null;
}

const SOCKET_SCHEME = 'unix:';

/** Whether a node is a UNIX domain socket: `unix:/path`. */
export function isSocketHost(host: string): boolean {
  return host.startsWith('unix:/');
}

/** The nodes as a list. Keys of a map that are no nodes are left out: `checkUpstream` reports them. */
export function nodesOf(upstream: UpstreamObject): readonly NodeObject[] {
  const { nodes } = upstream;
  if (nodes === undefined) return [];
  if (isList(nodes)) {
    return nodes.map(({ host, port, weight, priority }) => ({ host: withoutBrackets(host), port, weight, priority }));
  }
  return Object.entries(nodes).flatMap(([key, weight]) => {
    const parsed = parseAuthority(key);
    return parsed === null ? [] : [{ ...parsed, weight, priority: 0 }];
  });
}

type NodeItem = Extract<NonNullable<UpstreamObject['nodes']>, readonly unknown[]>;

function isList(nodes: NonNullable<UpstreamObject['nodes']>): nodes is NodeItem {
  return Array.isArray(nodes);
}

const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z._-]+))(?::(\d{1,5}))?$/;

/** Splits `host:port`; null if it is neither a host nor a host with a port. */
export function parseAuthority(text: string): { readonly host: string; readonly port: number | undefined } | null {
  if (isSocketHost(text)) return { host: text, port: undefined };
  const match = AUTHORITY.exec(text);
  if (match === null) return isIPv6(text) ? { host: text, port: undefined } : null;
  const [, ipv6, name, digits] = match;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65535)) return null;
  if (ipv6 !== undefined && !isIPv6(ipv6)) return null;
  return { host: ipv6 ?? name ?? '', port };
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}
