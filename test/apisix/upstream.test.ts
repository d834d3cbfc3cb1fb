/** The examples of APISIX's documentation of upstreams: terminology/upstream.md, and "Upstream" in admin-api.md. */
import { describe } from 'node:test';
import { changesOfNodes, followExamples, keepAffinity, refuseExamples } from './documented-example.ts';
import type { Affinity, Example, Refusal } from './documented-example.ts';

const LIMIT = 'limit-count: { count: 2, time_window: 60, rejected_code: 503, key: remote_addr }';
const NODE = 'nodes: { "127.0.0.1:1980": 1 }';
const TWO_NODES = 'nodes: { "127.0.0.1:1980": 1, "127.0.0.1:1981": 1 }';

const route = (attributes: string): string => `routes:\n  - { id: 1, ${attributes} }\n`;
const hello = (upstream: string): string => route(`uri: /hello, upstream: { ${upstream} }`);
const withNodes = (nodes: string): string => `upstreams:
  - { id: 100, type: roundrobin, nodes: { ${nodes} } }
routes:
  - { id: 1, uri: /index.html, upstream_id: 100 }
`;

const CHECKS = `checks: { active: { http_path: /status, host: foo.com, healthy: { interval: 2, successes: 1 }, unhealthy: { interval: 1, http_failures: 2 } } }`;

const EXAMPLES: readonly Example[] = [
  {
    name: 'an upstream without nodes, which will get some later',
    yaml: hello('nodes: {}'),
    requests: [['/hello', 502]],
  },
  {
    name: 'an upstream in the route itself, behind a limit',
    yaml: route(`uri: /index.html, plugins: { ${LIMIT} }, upstream: { type: roundrobin, ${NODE} }`),
    requests: [
      ['/index.html', '1980'],
      ['/index.html', '1980'],
      ['/index.html', 503],
    ],
  },
  changesOfNodes('nodes of a stored upstream are added, weighed anew, taken away and replaced', withNodes),
  {
    name: 'an upstream with retries, timeouts, name and scheme, its nodes in a map',
    yaml: `upstreams:
  - id: "1"
    retries: 1
    timeout: { connect: 15, send: 15, read: 15 }
    nodes: { "127.0.0.1:1980": 100 }
    type: roundrobin
    name: upstream-for-test
    desc: hello world
    scheme: http
routes:
  - { id: 1, uri: /hello, upstream_id: "1" }
`,
    requests: [['/hello', '1980']],
  },
  {
    name: 'the same nodes as a list',
    yaml: hello('nodes: [{ host: 127.0.0.1, port: 1980, weight: 100 }]'),
    requests: [['/hello', '1980']],
  },
  {
    name: 'an active health check',
    yaml: route(
      `uri: /index.html, plugins: { ${LIMIT} }, upstream: { ${NODE}, type: roundrobin, retries: 2, ${CHECKS} }`,
    ),
    requests: [
      ['/index.html', '1980'],
      ['/index.html', '1980'],
      ['/index.html', 503],
    ],
  },
  {
    name: 'a backup node beside a health check',
    yaml: hello(
      'nodes: [{ host: 127.0.0.1, port: 1980, weight: 2000 }, { host: 127.0.0.1, port: 1981, weight: 1, priority: -1 }], checks: { active: { http_path: /status, healthy: { interval: 1, successes: 1 }, unhealthy: { interval: 1, http_failures: 1 } } }',
    ),
    requests: [['/hello', { 1980: 20 }]],
  },
  {
    name: 'a node of lower priority serves only when the one above it is down',
    yaml: hello(
      'nodes: [{ host: 127.0.0.1, port: 1980, weight: 2000 }, { host: 127.0.0.1, port: 1981, weight: 1, priority: -1 }]',
    ),
    requests: [['/hello', { 1980: 20 }]],
    then: [
      {
        yaml: hello(
          'nodes: [{ host: 127.0.0.1, port: 1980, weight: 2000 }, { host: 127.0.0.1, port: 1981, weight: 1, priority: -1 }]',
        ),
        down: ['1980'],
        requests: [['/hello', { 1981: 4 }]],
      },
    ],
  },
  {
    name: 'a retry goes to the next node, unless retries are switched off',
    yaml: hello(`type: roundrobin, ${TWO_NODES}`),
    down: ['1980'],
    requests: [['/hello', { 1981: 4 }]],
    then: [{ yaml: hello(`retries: 0, ${TWO_NODES}`), requests: [['/hello', { 1981: 2, 502: 2 }]] }],
  },
  {
    name: "the Host that the upstream gets: the client's, the node's, or a third",
    yaml: `routes:
  - { id: 1, uri: /default, upstream: { ${NODE} } }
  - { id: 2, uri: /pass, upstream: { pass_host: pass, ${NODE} } }
  - { id: 3, uri: /node, upstream: { pass_host: node, ${NODE} } }
  - { id: 4, uri: /rewrite, upstream: { pass_host: rewrite, upstream_host: other.example, ${NODE} } }
`,
    requests: [
      ['/default', '1980', { headers: { Host: 'client.example' }, hostSeen: 'client.example' }],
      ['/pass', '1980', { headers: { Host: 'client.example' }, hostSeen: 'client.example' }],
      ['/node', '1980', { headers: { Host: 'client.example' }, hostSeen: '127.0.0.1:1980' }],
      ['/rewrite', '1980', { headers: { Host: 'client.example' }, hostSeen: 'other.example' }],
    ],
  },
  {
    name: 'connections that are kept under bounds of their own, timeouts below a second, and labels',
    yaml: hello(
      `keepalive_pool: { size: 1, idle_timeout: 1, requests: 2 }, timeout: { connect: 0.5, send: 0.5, read: 0.5 }, labels: { version: v2, build: "16", env: production }, ${NODE}`,
    ),
    requests: [['/hello', { 1980: 5 }]],
  },
  ...['ewma', 'least_conn'].map((type) => ({
    name: `the type ${type} forwards to each of its nodes`,
    yaml: hello(`type: ${type}, ${NODE}`),
    requests: [['/hello', '1980'] as const],
  })),
];

const CONSUMERS = Array.from({ length: 40 }, (_, i) => ({
  username: `c${i}`,
  plugins: { 'key-auth': { key: `k${i}` } },
}));

const AFFINITIES: readonly Affinity[] = [
  {
    name: 'a stored upstream hashes the address of the client, with nodes of unequal weight',
    yaml: `upstreams:
  - { id: 1, type: chash, key: remote_addr, nodes: { "127.0.0.1:1980": 1, "127.0.0.1:1981": 2 } }
routes:
  - { id: 1, uri: /index.html, upstream_id: 1 }
`,
    request: (i) => ['/index.html', { from: `127.0.0.${i + 1}` }],
  },
  {
    name: 'the consumer that key-auth found is the key',
    yaml: `consumers: ${JSON.stringify(CONSUMERS)}
${route(`uri: /server_port, plugins: { key-auth: {} }, upstream: { type: chash, hash_on: consumer, ${TWO_NODES} }`)}`,
    request: (i) => ['/server_port', { headers: { apikey: `k${i}` } }],
  },
  {
    name: 'a cookie is the key',
    yaml: route(`uri: /hash_on_cookie, upstream: { key: sid, type: chash, hash_on: cookie, ${TWO_NODES} }`),
    request: (i) => ['/hash_on_cookie', { headers: { Cookie: `other=${i % 2}; sid=3c183a30cffcda14${i}` } }],
  },
  {
    name: 'a header is the key',
    yaml: route(`uri: /hash_on_header, upstream: { key: content-type, type: chash, hash_on: header, ${TWO_NODES} }`),
    request: (i) => ['/hash_on_header', { headers: { 'Content-Type': `application/json${i}` } }],
  },
  {
    name: 'several variables together are the key',
    yaml: route(
      `uri: "/*", upstream: { key: $uri$remote_addr, type: chash, hash_on: vars_combinations, ${TWO_NODES} }`,
    ),
    request: (i) => [`/${i % 8}`, { from: `127.0.0.${(i >> 3) + 1}` }],
  },
];

const REFUSALS: readonly Refusal[] = [
  ...['tcp', 'udp', 'tls'].map((scheme) => ({
    name: `an upstream that speaks ${scheme}`,
    yaml: route(`uri: /get, upstream: { type: roundrobin, scheme: ${scheme}, nodes: { "httpbin.org:443": 1 } }`),
    problems: [
      `routes[0].upstream.scheme: the scheme "${scheme}" is not available in this version: use http, https, grpc or grpcs`,
    ],
  })),
  {
    name: 'a service found by discovery',
    yaml: hello('service_name: a-bootiful-client, discovery_type: eureka'),
    problems: [
      'routes[0].upstream.discovery_type: discovery by "eureka" is not available in this version: use dns, or list the nodes',
    ],
  },
  {
    name: 'a balancer of their own',
    yaml: hello(`type: your_balancer, ${NODE}`),
    problems: ['routes[0].upstream.type: "your_balancer" is not one of "roundrobin", "chash", "ewma", "least_conn"'],
  },
  {
    name: 'a hash on a variable without a key',
    yaml: hello(`type: chash, ${NODE}`),
    problems: ['routes[0].upstream.key: hash_on vars needs a key; name a variable such as "remote_addr"'],
  },
];

describe('upstreams as documented', () => followExamples(EXAMPLES));
describe('hashes as documented', () => keepAffinity(AFFINITIES));
describe('examples of upstreams beyond what this version does', () => refuseExamples(REFUSALS));
