/** The examples of APISIX's documentation of services: terminology/service.md, and "Service" in admin-api.md. */
import { describe } from 'node:test';
import { changesOfNodes, followExamples } from './documented-example.ts';
import type { Example } from './documented-example.ts';

const LIMIT = 'limit-count: { count: 2, time_window: 60, rejected_code: 503, key: remote_addr }';
const TO_1980 = 'upstream: { type: roundrobin, nodes: { "127.0.0.1:1980": 1 } }';

const LIMITED_SERVICE = `services:
  - { id: 200, plugins: { ${LIMIT} }, ${TO_1980} }
routes:
  - { id: 100, methods: [GET], uri: /index.html, service_id: "200" }
  - { id: 101, methods: [GET], uri: /foo/index.html, service_id: "200" }
  - id: 102
    uri: /bar/index.html
    service_id: "200"
    plugins: { limit-count: { count: 2000, time_window: 60, rejected_code: 503, key: remote_addr } }
`;

const withNodes = (nodes: string): string => `services:
  - { id: 201, upstream: { type: roundrobin, nodes: { ${nodes} } } }
routes:
  - { id: 1, uri: /index.html, service_id: 201 }
`;

const EXAMPLES: readonly Example[] = [
  {
    name: 'a route takes the upstream and the limit of its service',
    yaml: LIMITED_SERVICE,
    requests: [
      ['/index.html', '1980'],
      ['/index.html', '1980'],
      ['/index.html', 503],
      ['/index.html', '1980', { from: '127.0.0.2' }],
      ['/index.html', 404, { method: 'POST' }],
    ],
  },
  {
    name: 'so does a second route of the same service',
    yaml: LIMITED_SERVICE,
    requests: [
      ['/foo/index.html', '1980'],
      ['/foo/index.html', '1980'],
      ['/foo/index.html', 503],
      ['/foo/index.html', 404, { method: 'POST' }],
    ],
  },
  {
    name: 'a plugin of the route takes the place of the one that its service has, and the upstream stays',
    yaml: LIMITED_SERVICE,
    requests: [
      ['/index.html', '1980'],
      ['/index.html', '1980'],
      ['/index.html', 503],
      ['/bar/index.html', { 1980: 10 }],
      ['/bar/index.html', '1980', { method: 'POST', body: 'x' }],
    ],
  },
  {
    name: 'an upstream of the route comes before the one that its service has',
    yaml: `services:
  - { id: 200, ${TO_1980} }
routes:
  - { id: 1, uri: /own, service_id: 200, upstream: { nodes: { "127.0.0.1:1981": 1 } } }
  - { id: 2, uri: /by-id, service_id: 200, upstream_id: 3 }
  - { id: 3, uri: /index.html, service_id: 200 }
upstreams:
  - { id: 3, nodes: { "127.0.0.1:1982": 1 } }
`,
    requests: [
      ['/own', '1981'],
      ['/by-id', '1982'],
      ['/index.html', '1980'],
    ],
  },
  changesOfNodes('nodes of a service are added, weighed anew, taken away and replaced', withNodes),
  {
    name: 'a service with its hosts, and an upstream of its own by id',
    yaml: `services:
  - { id: "1", plugins: {}, upstream_id: "1", name: service-test, desc: hello world, hosts: [foo.com] }
routes:
  - { id: 1, uri: /index.html, service_id: "1" }
upstreams:
  - { id: "1", nodes: { "127.0.0.1:1980": 1 } }
`,
    requests: [
      ['/index.html', '1980', { headers: { Host: 'foo.com' } }],
      ['/index.html', 404],
    ],
  },
  {
    name: 'hosts of a service, one of them a whole domain, and its labels',
    yaml: `services:
  - { id: 1, hosts: [foo.com, "*.bar.com"], labels: { version: v2, build: "16", env: production }, ${TO_1980} }
routes:
  - { id: 1, uri: /index.html, service_id: 1 }
`,
    requests: [
      ['/index.html', '1980', { headers: { Host: 'foo.com' } }],
      ['/index.html', '1980', { headers: { Host: 'www.bar.com' } }],
      ['/index.html', 404, { headers: { Host: 'www.foo.com' } }],
    ],
  },
  {
    name: 'a service for WebSocket',
    yaml: `services:\n  - { id: 201, enable_websocket: true, ${TO_1980} }\nroutes:\n  - { uri: /index.html, service_id: 201 }\n`,
    requests: [['/index.html', '1980']],
  },
];

describe('services as documented', () => followExamples(EXAMPLES));
