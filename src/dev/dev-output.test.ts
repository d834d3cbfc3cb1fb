import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { ExchangeRecord } from '../embed/contract.ts';
import type { Problem } from '../model/problem.ts';
import { exchangeLine } from './exchange-line.ts';
import { problemText } from './excerpt.ts';
import { painter, wantsColours } from './paint.ts';

const plain = painter(false);
const RECORD: ExchangeRecord = {
  id: 'x',
  revision: 1,
  method: 'GET',
  target: '/users/7?a=1',
  host: 'a.example',
  remoteAddress: '127.0.0.1',
  status: 200,
  routeId: 'users',
  serviceId: '',
  consumer: '',
  repliedBy: 'upstream',
  errorCode: '',
  nodes: ['127.0.0.1:8081'],
  duration_ms: 12.34,
  bodyBytesSent: 7,
  nearRoutes: '',
};

describe('an exchange on one line', () => {
  const none = { routeId: '', repliedBy: 'gateway', nodes: [] };
  const cases: readonly (readonly [string, Partial<ExchangeRecord>, string])[] = [
    ['of the upstream', {}, 'GET /users/7?a=1 → 200  route users, from 127.0.0.1:8081  12 ms'],
    [
      'after another node failed',
      { nodes: ['10.0.0.1:1', '10.0.0.2:1'], consumer: 'jack', duration_ms: 0.5 },
      'GET /users/7?a=1 → 200  route users, consumer jack, from 10.0.0.2:1 after 10.0.0.1:1  0.5 ms',
    ],
    [
      'of a plugin',
      { status: 401, repliedBy: 'key-auth', errorCode: 'key_missing', nodes: [] },
      'GET /users/7?a=1 → 401  route users, by key-auth (key_missing)  12 ms',
    ],
    [
      'that nobody could answer',
      { status: 502, repliedBy: 'gateway', errorCode: 'upstream_refused' },
      'GET /users/7?a=1 → 502  route users, by the gateway (upstream_refused), tried 127.0.0.1:8081  12 ms',
    ],
    [
      'without a route',
      { ...none, status: 404, errorCode: 'route_not_found', nearRoutes: 'users: method GET is not POST' },
      'GET /users/7?a=1 → 404  no route; near: users: method GET is not POST, by the gateway (route_not_found)  12 ms',
    ],
    [
      'that nothing is near',
      { ...none, status: 404, errorCode: 'route_not_found' },
      'GET /users/7?a=1 → 404  no route, and none is near, by the gateway (route_not_found)  12 ms',
    ],
    [
      'that is no request',
      { ...none, method: '', target: '', status: 400, errorCode: 'bad_request_line' },
      'what is no request → 400  no route, by the gateway (bad_request_line)  12 ms',
    ],
    [
      'that would speak to the terminal',
      { target: '/\u001b[2J', consumer: 'a\u202eb' },
      'GET / [2J → 200  route users, consumer a b, from 127.0.0.1:8081  12 ms',
    ],
  ];
  for (const [what, more, expected] of cases) {
    it(what, () => assert.equal(exchangeLine({ ...RECORD, ...more }, plain), expected));
  }

  it('has colours where they are wanted', () => {
    assert.match(exchangeLine(RECORD, painter(true)), /→ \u001b\[32m200\u001b\[0m/);
    assert.equal(wantsColours(true, {}), true);
    assert.equal(wantsColours(false, {}), false);
    assert.equal(wantsColours(true, { NO_COLOR: '1' }), false);
    assert.equal(wantsColours(true, { NO_COLOR: '' }), true);
    assert.equal(wantsColours(true, { TERM: 'dumb' }), false);
  });
});

describe('problems as a compiler prints them', () => {
  const show = (name: string, text: string, problems: readonly Problem[], env = {}): string => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-excerpt-'));
    try {
      const file = path.join(folder, name);
      writeFileSync(file, text);
      return problemText(problems, { file, cwd: folder, env, paint: plain });
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const wrong = (at: string, code: Problem['code'] = 'wrong_type', line?: number): Problem => ({
    path: at,
    code,
    message: 'expected something else',
    ...(line === undefined ? {} : { line }),
  });
  const YAML = 'routes:\n  - id: r\n    uri: 7\n    nodes: { "a:1": x }\n';

  it('show the value with a mark under it', () => {
    assert.equal(
      show('g.yaml', YAML, [wrong('routes[0].uri')]),
      'g.yaml:3:10: error: routes[0].uri: expected something else\n  3 |     uri: 7\n    |          ^\n\n1 problem\n',
    );
  });

  it('show the name of an attribute that does not exist, and the object where one is missing', () => {
    assert.match(show('g.yaml', YAML, [wrong('routes[0].nodes', 'unknown_attribute')]), /^g\.yaml:4:5: /);
    assert.match(show('g.yaml', YAML, [wrong('routes[0].host', 'missing_attribute')]), /^g\.yaml:2:5: /);
  });

  it('show JSON, and lines of long files with a mark that fits', () => {
    const json = `{ "routes": [${' '.repeat(200)}{ "uri": 7 }] }\n`;
    const text = show('g.json', json, [wrong('routes[0].uri')]);
    const [head = '', line = '', mark = ''] = text.split('\n');
    assert.match(head, /^g\.json:1:\d+: /);
    assert.equal(line[mark.indexOf('^')], '7');
    assert.ok(line.length < 140);
  });

  it('show the line alone where there is no more, and no line where there is none', () => {
    assert.match(
      show('g.yaml', 'routes: [\n', [wrong('', 'syntax', 1)]),
      /^g\.yaml:1:1: error: expected .*\n {2}1 \| routes: \[\n/,
    );
    assert.match(
      show('g.config.ts', 'export default 7;\n', [wrong('routes')]),
      /^g\.config\.ts: error: routes: expected [^\n]*\n\n1/,
    );
  });

  it('count what they do not show, and say nothing to the terminal', () => {
    const many = Array.from({ length: 25 }, () => wrong('routes[0].uri'));
    assert.match(show('g.yaml', YAML, many), /25 problems, of which 5 are not shown\n$/);
    assert.doesNotMatch(show('g.yaml', 'routes: "\u001b[2J"\n', [wrong('routes')]), /\u001b/);
  });
});
