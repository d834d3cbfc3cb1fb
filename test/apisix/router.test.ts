/** The examples of APISIX's documentation of routers: terminology/router.md and router-radixtree.md, seen through the gateway. */
import { describe } from 'node:test';
import { followExamples, refuseExamples } from './documented-example.ts';
import type { Asked, Example, Refusal } from './documented-example.ts';

const to = (port: string): string => `upstream: { type: roundrobin, nodes: { "127.0.0.1:${port}": 1 } }`;
const router = (name: string): string => `gateway: { router: ${name} }\n`;
const routes = (...attributes: readonly string[]): string =>
  `routes:\n${attributes.map((text, i) => `  - { id: ${i + 1}, ${text} }\n`).join('')}`;
const host = (name: string): Asked => ({ headers: { Host: name } });
const post = (type: string, body: string): Asked => ({ method: 'POST', headers: { 'Content-Type': type }, body });
const json = (value: object): Asked => post('application/json', JSON.stringify(value));

const PREFIX = routes(`uri: "/foo*", ${to('1980')}`, `uri: /foo/bar, ${to('1981')}`);

const VARS = `uri: /index.html, vars: [[http_host, "==", iresty.com], [cookie_device_id, "==", a66f0cdc4ba2df8c096f74c9110163a9], [arg_name, "==", json], [arg_age, ">", "18"], [arg_address, "~~", "China.*"]], ${to('1980')}`;
const DEVICE = { Host: 'iresty.com', Cookie: 'device_id=a66f0cdc4ba2df8c096f74c9110163a9' };

const GRAPHQL = `methods: [POST, GET], uri: /graphql, vars: [[graphql_operation, "==", query], [graphql_name, "==", getRepo], [graphql_root_fields, has, owner]], ${to('1980')}`;
const QUERY = 'query getRepo {\n    owner {\n        name\n    }\n    repo {\n        created\n    }\n}\n';

const part = (type: string): object => ({ text: 'You are a mathematician', type });
const chat = (...types: readonly string[]): Asked =>
  json({ model: 'deepseek', messages: [{ role: 'system', content: types.map(part) }] });

const EXAMPLES: readonly Example[] = [
  {
    name: 'radixtree_uri: the whole path before the prefix, whatever the host',
    yaml: router('radixtree_uri') + PREFIX,
    requests: [
      ['/foo/bar', '1981'],
      ['/foo/', '1980'],
      ['/foo/a', '1980', host('any.example')],
      ['/foo/b', '1980'],
      ['/foo/glo', '1980'],
      ['/fo', 404],
    ],
  },
  {
    name: 'radixtree_uri: any attribute may be a condition',
    yaml:
      router('radixtree_uri') +
      routes(`uri: "/foo*", vars: [[arg_a, "==", "1"], [http_x_b, "==", "2"], [cookie_c, "==", "3"]], ${to('1980')}`),
    requests: [
      ['/foo/a?a=1', '1980', { headers: { 'X-B': '2', Cookie: 'c=3' } }],
      ['/foo/a?a=1', 404, { headers: { 'X-B': '2' } }],
      ['/foo/a', 404, { headers: { 'X-B': '2', Cookie: 'c=3' } }],
    ],
  },
  {
    name: 'radixtree_host_uri, the default: the host before the path',
    yaml: routes(`uri: "/foo*", host: a.com, ${to('1980')}`, `uri: /foo/bar, ${to('1981')}`),
    requests: [
      ['/foo/bar', '1980', host('a.com')],
      ['/foo/bar', '1981', host('b.com')],
      ['/foo/glo', 404, host('b.com')],
    ],
  },
  {
    name: 'a path is matched in full',
    yaml: routes(`uri: /blog/foo, ${to('1980')}`),
    requests: [
      ['/blog/foo', '1980'],
      ['/blog/foo/', 404],
      ['/blog/foo/a', 404],
      ['/blog', 404],
    ],
  },
  {
    name: 'a prefix matches all that begins with it, and itself',
    yaml: routes(`uri: "/blog/bar*", ${to('1980')}`),
    requests: [
      ['/blog/bar/a', '1980'],
      ['/blog/bar/b', '1980'],
      ['/blog/bar/c/d/e', '1980'],
      ['/blog/bar', '1980'],
      ['/blog/ba', 404],
    ],
  },
  {
    name: 'the full path comes before prefixes, and the longest prefix first',
    yaml: routes(
      `uri: "/blog/foo/*", ${to('1980')}`,
      `uri: "/blog/foo/a/*", ${to('1981')}`,
      `uri: "/blog/foo/c/*", ${to('1982')}`,
      `uri: /blog/foo/bar, ${to('1981')}`,
    ),
    requests: [
      ['/blog/foo/bar', '1981'],
      ['/blog/foo/a/b/c', '1981'],
      ['/blog/foo/c/d', '1982'],
      ['/blog/foo/gloo', '1980'],
      ['/blog/bar', 404],
    ],
  },
  {
    name: 'of two routes with the same path the higher priority serves',
    yaml: routes(`uri: /hello, priority: 3, ${to('1980')}`, `uri: /hello, priority: 2, ${to('1981')}`),
    requests: [['/hello', { 1980: 6 }]],
  },
  {
    name: 'of two routes with the same path each serves its host',
    yaml: routes(`uri: /hello, hosts: [localhost.com], ${to('1980')}`, `uri: /hello, hosts: [test.com], ${to('1981')}`),
    requests: [
      ['/hello', '1980', host('localhost.com')],
      ['/hello', '1981', host('test.com')],
      ['/hello', 404],
    ],
  },
  {
    name: 'a parameter stands for one part of the path, an encoded slash for none',
    yaml: router('radixtree_uri_with_parameter') + routes(`uri: "/blog/:name", ${to('1980')}`),
    requests: [
      ['/blog/dog', '1980'],
      ['/blog/cat', '1980'],
      ['/blog/cat/dog', 404],
      ['/blog/cat%2Fdog', '1980'],
    ],
  },
  {
    name: 'an encoded slash kept for matching is not the path with a slash',
    yaml: router('radixtree_uri_with_parameter') + routes(`uri: /blog/cat/dog, ${to('1980')}`),
    requests: [
      ['/blog/cat/dog', '1980'],
      ['/blog/cat%2Fdog', 404],
    ],
  },
  {
    name: 'without that router a colon is a colon',
    yaml: routes(`uri: "/blog/:name", ${to('1980')}`),
    requests: [
      ['/blog/:name', '1980'],
      ['/blog/dog', 404],
    ],
  },
  {
    name: 'conditions on Host, a cookie and the query, all of which must hold',
    yaml: routes(VARS),
    requests: [
      ['/index.html?name=json&age=19&address=China%20Shenzhen', '1980', { headers: DEVICE }],
      ['/index.html?name=json&age=100&address=China', '1980', { headers: DEVICE }],
      ['/index.html?name=json&age=18&address=China', 404, { headers: DEVICE }],
      ['/index.html?name=json&age=19&address=India', 404, { headers: DEVICE }],
      ['/index.html?name=xml&age=19&address=China', 404, { headers: DEVICE }],
      ['/index.html?name=json&age=19&address=China', 404, { headers: { ...DEVICE, Host: 'other.com' } }],
      ['/index.html?name=json&age=19&address=China', 404, host('iresty.com')],
    ],
  },
  {
    name: 'an attribute of a form that was sent',
    yaml: routes(`methods: [POST, GET], uri: /_post, vars: [[post_arg_name, "==", json]], ${to('1980')}`),
    requests: [
      ['/_post', '1980', post('application/x-www-form-urlencoded', 'name=json')],
      ['/_post', '1980', post('application/x-www-form-urlencoded', 'a=1&name=json&b=2')],
      ['/_post', 404, post('application/x-www-form-urlencoded', 'name=xml')],
      ['/_post', 404, post('text/plain', 'name=json')],
      ['/_post?name=json', 404],
    ],
  },
  {
    name: 'attributes of a GraphQL query: as it is, in JSON, and in the query of a GET',
    yaml: routes(GRAPHQL),
    requests: [
      ['/graphql', '1980', post('application/graphql', QUERY)],
      ['/graphql', '1980', json({ query: 'query getRepo { owner {name } repo {created}}' })],
      [
        '/graphql?query=query%20getRepo%20{%20owner%20{name%20}%20repo%20{created}}',
        '1980',
        { headers: { 'Content-Type': 'application/graphql' } },
      ],
      ['/graphql', 404, post('application/graphql', QUERY.replace('getRepo', 'getOther'))],
      ['/graphql', 404, post('application/graphql', QUERY.replace('query', 'mutation'))],
      ['/graphql', 404, json({ query: 'query getRepo { repo {created}}' })],
    ],
  },
  {
    name: 'an attribute of JSON that was sent',
    yaml: routes(`methods: [POST], uri: /_post, vars: [[post_arg.name, "==", xyz]], ${to('1980')}`),
    requests: [
      ['/_post', '1980', json({ name: 'xyz' })],
      ['/_post', 404, json({ name: 'abc' })],
      ['/_post', 404, json({ other: 'xyz' })],
    ],
  },
  {
    name: 'an attribute of any of the parts of any of the messages in JSON',
    yaml: routes(
      `methods: [POST], uri: /_post, vars: [["post_arg.messages[*].content[*].type", has, image_url]], ${to('1980')}`,
    ),
    requests: [
      ['/_post', '1980', chat('text', 'image_url')],
      ['/_post', 404, chat('text', 'text')],
    ],
  },
];

const REFUSALS: readonly Refusal[] = [
  {
    name: 'a router that does not exist',
    yaml: `${router('radixtree')}${routes(`uri: /hello, ${to('1980')}`)}`,
    problems: [
      'gateway.router: "radixtree" is not one of "radixtree_host_uri", "radixtree_uri", "radixtree_uri_with_parameter"',
    ],
  },
];

describe('routers as documented', () => followExamples(EXAMPLES));
describe('examples of routers beyond what this version does', () => refuseExamples(REFUSALS));
