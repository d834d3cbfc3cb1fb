/** The examples of APISIX's documentation of routes: terminology/route.md, and "Route" in admin-api.md. */
import { describe } from 'node:test';
import { changesOfNodes, followExamples, refuseExamples } from './documented-example.ts';
import type { Example, Refusal } from './documented-example.ts';

const TO_1980 = 'upstream: { type: roundrobin, nodes: { "127.0.0.1:1980": 1 } }';
const route = (attributes: string): string => `routes:\n  - { id: 1, ${attributes} }\n`;
const withNodes = (nodes: string): string =>
  route(`uri: /index.html, upstream: { type: roundrobin, nodes: { ${nodes} } }`);
const withMethods = (methods: string): string => route(`uri: /index.html, methods: ${methods}, ${TO_1980}`);
const host = (name: string) => ({ headers: { Host: name } });

const EXAMPLES: readonly Example[] = [
  {
    name: 'a route of one path forwards that path alone',
    yaml: route(`uri: /index.html, ${TO_1980}`),
    requests: [
      ['/index.html', '1980'],
      ['/index.html?a=1&b=%20', '1980'],
      ['/index.html', '1980', { method: 'POST', body: 'hello' }],
      ['/index.htm', 404],
      ['/index.html/a', 404],
      ['/', 404],
    ],
  },
  {
    name: 'hosts, client addresses and methods must all match',
    yaml: route(
      `uri: /index.html, hosts: [foo.com, "*.bar.com"], remote_addrs: [127.0.0.0/8], methods: [PUT, GET], ${TO_1980}`,
    ),
    requests: [
      ['/index.html', '1980', host('foo.com')],
      ['/index.html', '1980', { ...host('www.bar.com'), method: 'PUT', body: 'x', from: '127.9.9.9' }],
      ['/index.html', 404, { ...host('foo.com'), method: 'POST' }],
      ['/index.html', 404, host('www.foo.com')],
      ['/index.html', 404, host('other.com')],
    ],
  },
  changesOfNodes('nodes are added, weighed anew, taken away and replaced', withNodes),
  {
    name: 'a new list of methods takes the place of the old one',
    yaml: withMethods('[PUT, GET]'),
    requests: [
      ['/index.html', '1980', { method: 'PUT' }],
      ['/index.html', 404, { method: 'POST' }],
    ],
    then: [
      {
        yaml: withMethods('[GET, POST]'),
        requests: [
          ['/index.html', '1980', { method: 'POST' }],
          ['/index.html', '1980'],
          ['/index.html', 404, { method: 'PUT' }],
        ],
      },
      {
        yaml: withMethods('[POST, DELETE, PATCH]'),
        requests: [
          ['/index.html', '1980', { method: 'DELETE' }],
          ['/index.html', '1980', { method: 'PATCH' }],
          ['/index.html', 404],
        ],
      },
    ],
  },
  {
    name: 'a route is switched off and on again',
    yaml: route(`uri: /index.html, ${TO_1980}`),
    requests: [['/index.html', '1980']],
    then: [
      { yaml: route(`uri: /index.html, status: 0, ${TO_1980}`), requests: [['/index.html', 404]] },
      { yaml: route(`uri: /index.html, status: 1, ${TO_1980}`), requests: [['/index.html', '1980']] },
    ],
  },
  {
    name: 'a route with all attributes, and an upstream of its own by id',
    yaml: `routes:
  - id: "1"
    uris: [/a, /b]
    methods: [GET, POST]
    hosts: [a.com, b.com]
    plugins: {}
    priority: 0
    name: route-xxx
    desc: hello world
    remote_addrs: [127.0.0.1]
    vars: [[http_user, "==", ios]]
    upstream_id: "1"
    timeout: { connect: 3, send: 3, read: 3 }
upstreams:
  - { id: "1", type: roundrobin, nodes: { "127.0.0.1:1980": 1 } }
`,
    requests: [
      ['/a', '1980', { headers: { Host: 'a.com', User: 'ios' } }],
      ['/b', '1980', { headers: { Host: 'b.com', User: 'ios' }, method: 'POST', body: 'x' }],
      ['/c', 404, { headers: { Host: 'a.com', User: 'ios' } }],
      ['/a', 404, { headers: { Host: 'c.com', User: 'ios' } }],
      ['/a', 404, { headers: { Host: 'a.com', User: 'ios' }, method: 'PUT' }],
      ['/a', 404, { headers: { Host: 'a.com', User: 'android' } }],
      ['/a', 404, host('a.com')],
      ['/a', 404, { headers: { Host: 'a.com', User: 'ios' }, from: '127.0.0.2' }],
    ],
  },
  {
    name: 'any of several paths matches',
    yaml: route(`uris: [/hello, /word], ${TO_1980}`),
    requests: [
      ['/hello', '1980'],
      ['/word', '1980'],
      ['/hello/word', 404],
    ],
  },
  {
    name: 'one host, and any host below a domain',
    yaml: `routes:
  - { id: 1, uri: /hello, host: foo.com, upstream: { nodes: { "127.0.0.1:1980": 1 } } }
  - { id: 2, uri: /hello, host: "*.foo.com", upstream: { nodes: { "127.0.0.1:1981": 1 } } }
`,
    requests: [
      ['/hello', '1980', host('foo.com')],
      ['/hello', '1981', host('www.foo.com')],
      ['/hello', 404, host('barfoo.com')],
    ],
  },
  {
    name: 'client addresses: one, a range, and any of several',
    yaml: `routes:
  - { id: 1, uri: /one, remote_addr: 127.0.0.2, ${TO_1980} }
  - { id: 2, uri: /range, remote_addr: 127.0.1.0/24, ${TO_1980} }
  - { id: 3, uri: /several, remote_addrs: [127.0.0.1, 192.0.0.0/8, "::1"], ${TO_1980} }
  - { id: 4, uri: /ipv6, remote_addrs: ["::1", "fe80::1", "fe80::1/64"], ${TO_1980} }
`,
    requests: [
      ['/one', '1980', { from: '127.0.0.2' }],
      ['/one', 404],
      ['/range', '1980', { from: '127.0.1.77' }],
      ['/range', 404, { from: '127.0.2.77' }],
      ['/several', '1980'],
      ['/several', 404, { from: '127.0.0.2' }],
      ['/ipv6', 404],
    ],
  },
  {
    name: 'no methods, or an empty list of them, stand for all methods',
    yaml: `routes:
  - { id: 1, uri: /none, ${TO_1980} }
  - { id: 2, uri: /empty, methods: [], ${TO_1980} }
`,
    requests: [
      ['/none', '1980', { method: 'DELETE' }],
      ['/empty', '1980', { method: 'DELETE' }],
    ],
  },
  {
    name: 'conditions on the query, one of them on a number',
    yaml: route(`uri: /hello, vars: [[arg_name, "==", json], [arg_age, ">", 18]], ${TO_1980}`),
    requests: [
      ['/hello?name=json&age=19', '1980'],
      ['/hello?age=100&name=json', '1980'],
      ['/hello?name=json&age=18', 404],
      ['/hello?name=json&age=9', 404],
      ['/hello?name=xml&age=19', 404],
      ['/hello?name=json', 404],
    ],
  },
  {
    name: 'the name of a cookie is compared with its case',
    yaml: route(`uri: /hello, vars: [[cookie_Device, "==", a]], ${TO_1980}`),
    requests: [
      ['/hello', '1980', { headers: { Cookie: 'Device=a' } }],
      ['/hello', 404, { headers: { Cookie: 'device=a' } }],
    ],
  },
  {
    name: 'labels of a route change nothing',
    yaml: route(`uri: /hello, labels: { version: v2, build: "16", env: production }, ${TO_1980}`),
    requests: [['/hello', '1980']],
  },
  {
    name: 'a route for WebSocket',
    yaml: route(
      `uri: /index.html, hosts: [foo.com, "*.bar.com"], remote_addrs: [127.0.0.0/8], methods: [PUT, GET], enable_websocket: true, ${TO_1980}`,
    ),
    requests: [['/index.html', '1980', { headers: { Host: 'foo.com' } }]],
  },
];

const REFUSALS: readonly Refusal[] = [
  {
    name: 'a condition written in Lua',
    yaml: route(`uri: /hello, filter_func: "function(vars) return tonumber(vars.arg_userid) % 4 > 2; end", ${TO_1980}`),
    problems: ['routes[0].filter_func: filter_func is Lua, which does not run here: express the condition with "vars"'],
  },
  {
    name: 'a script in Lua',
    yaml: route(`uri: /hello, script: "local _M = {} return _M", ${TO_1980}`),
    problems: ['routes[0].script: script is Lua, which does not run here: write a plugin'],
  },
  {
    name: 'a method with a space before it',
    yaml: withMethods('[POST, DELETE, " PATCH"]'),
    problems: [
      'routes[0].methods[2]: " PATCH" is not one of "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PURGE", did you mean "PATCH"?',
    ],
  },
  {
    name: 'a path in "uri" and others in "uris"',
    yaml: route(`uri: /hello, uris: [/word], ${TO_1980}`),
    problems: ['routes[0]: "uri" and "uris" exclude each other: keep one'],
  },
];

describe('routes as documented', () => followExamples(EXAMPLES));
describe('examples of routes beyond what this version does', () => refuseExamples(REFUSALS));
