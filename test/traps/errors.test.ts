import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CompiledRoute } from '../../src/compile/snapshot.ts';
import { type ErrorCode, ERRORS } from '../../src/sdk/errors.ts';
import { IS_HTTP2, onlyHttp1 } from '../client/speaking.ts';
import { HandClock } from './hand-clock.ts';
import { inLab, type Lab, type LabOptions, nodeAt } from './lab.ts';
import { type Message, valueOf } from './message.ts';
import { closedPort, manual } from './scripted-upstream.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const post = (fields: string, body = ''): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const refusing = (code: ErrorCode) => (_: unknown, route: CompiledRoute) => ({
  ...route,
  upstream: null,
  refusal: { status: ERRORS[code].status, code },
});

const NOBODY = await closedPort();
const PATIENT = { connect_ms: 600_000, send_ms: 600_000, read_ms: 600_000 };
const clock = new HandClock();

interface Scenario extends LabOptions {
  readonly request: string;
  /** What has to happen beside the request. */
  readonly play?: (lab: Lab) => Promise<void>;
  /** Whether the connection serves another request afterwards. */
  readonly keeps: boolean;
  readonly isFault?: boolean;
}

const refused = (request: string): Scenario => ({ request, keeps: false, upstreams: [manual] });

/** How each code comes about; a text says why none does as an answer. */
const SCENARIOS: Record<ErrorCode, Scenario | string> = {
  bad_request_line: refused('GET\r\n\r\n'),
  bad_target: refused('GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n'),
  bad_header: refused('GET / HTTP/1.1\r\nHost : a\r\n\r\n'),
  bad_host: refused('GET / HTTP/1.1\r\n\r\n'),
  bad_content_length: refused(post('Content-Length: x\r\n')),
  ambiguous_framing: refused(post('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')),
  bad_chunk: refused(post('Transfer-Encoding: chunked\r\n', 'x\r\n')),
  certificate_required: 'only over TLS: test/tls/mutual.test.ts',
  misdirected: 'only over TLS: test/tls/mutual.test.ts',
  websocket_handshake: {
    request:
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n',
    find: (_, route) => ({ ...route, websocket: true }),
    upstreams: [manual],
    keeps: true,
  },
  websocket_version: 'its answer names the version: test/websocket/handshake.test.ts',
  request_incomplete: {
    request: 'GET / HTTP/1.1\r\nHos',
    play: (lab) => Promise.resolve(lab.clients.at(-1)?.finish()),
    keeps: false,
  },
  route_not_found: { request: GET, find: () => undefined, keeps: true },
  request_timeout: {
    request: post('Content-Length: 10\r\n', 'half'),
    upstreams: [manual],
    upstream: { timeouts: PATIENT },
    clock,
    play: async (lab) => {
      await (await lab.node.connection(0)).take('half');
      await clock.pass(lab, 61_000);
    },
    keeps: false,
  },
  length_required: refused('POST / HTTP/1.0\r\nHost: a\r\n\r\n'),
  body_too_large: {
    request: post('Content-Length: 1001\r\n'),
    upstreams: [manual],
    settings: { limits: { body_bytes: 1_000 } },
    keeps: false,
  },
  target_too_long: refused(`GET /${'x'.repeat(9_000)} HTTP/1.1\r\nHost: a\r\n\r\n`),
  expectation_failed: refused(post('Content-Length: 1\r\nExpect: x\r\n')),
  header_too_large: refused(`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(101)}\r\n`),
  client_closed: 'nobody is left who could read it; aborts.test.ts looks for it in the log',
  plugin_failed: 'plugins are tested with their pipeline',
  descriptors_exhausted: 'takes a process without descriptors: test/e2e/faults/descriptors.test.ts',
  overloaded: 'takes a full heap: tested with the threads',
  plugin_disabled: 'takes workers that die: tested with the threads',
  response_too_large: 'tested with what plugins may ask for (test/plugins/contract.test.ts)',
  internal: {
    request: GET,
    find: () => {
      throw new Error('secret of the router');
    },
    isFault: true,
    keeps: true,
  },
  method_not_implemented: refused(GET.replace('GET', 'CONNECT')),
  transfer_coding: refused(post('Transfer-Encoding: gzip, chunked\r\n')),
  upstream_refused: { request: GET, ports: [NOBODY], keeps: true },
  upstream_handshake: 'only over TLS: test/tls/upstream.test.ts',
  upstream_certificate: 'only over TLS: test/tls/upstream.test.ts',
  upstream_protocol: 'only over TLS: src/plugins/upstream-http2/upstream-http2.test.ts',
  upstream_reset: {
    request: GET,
    upstreams: [
      async (connection) => {
        await connection.receive('request');
        connection.destroy();
      },
    ],
    upstream: { retries: 0 },
    keeps: true,
  },
  upstream_malformed: {
    request: GET,
    upstreams: [
      async (connection) => {
        await connection.receive('request');
        connection.write('secret nonsense\r\n\r\n');
      },
    ],
    keeps: true,
  },
  upstream_missing: { request: GET, find: (_, route) => ({ ...route, upstream: null }), keeps: true },
  service_missing: { request: GET, find: refusing('service_missing'), keeps: true },
  reference_missing: { request: GET, find: refusing('reference_missing'), keeps: true },
  config_invalid: { request: GET, find: refusing('config_invalid'), keeps: true },
  upstream_empty: { request: GET, keeps: true },
  upstream_unresolved: {
    request: GET,
    upstream: { nodes: [], names: { queries: [], service: { name: 'a', port: 0, fallbackPort: 80 }, retries: null } },
    keeps: true,
  },
  no_node: {
    request: GET,
    upstream: { nodes: [nodeAt(1, { weight: 0 })] },
    keeps: true,
  },
  upstream_connect_timeout: 'deadlines.test.ts, with a port that does not accept',
  upstream_send_timeout: 'deadlines.test.ts, with an upload that nobody reads',
  upstream_timeout: {
    request: GET,
    upstreams: [manual],
    upstream: { timeouts: { ...PATIENT, read_ms: 5_000 } },
    clock,
    play: async (lab) => {
      await (await lab.node.connection(0)).receive('request');
      await clock.pass(lab, 6_000);
    },
    keeps: true,
  },
  http_version: refused('GET / HTTP/1.2\r\nHost: a\r\n\r\n'),
};

/** Names of fields that an error of the gateway may have. */
const OWN_FIELDS = ['Server', 'Date', 'Content-Length', 'Content-Type', 'X-Gatewright-Error', 'Connection'];

function checkError(answer: Message, code: ErrorCode): void {
  const { status, message } = ERRORS[code];
  assert.equal(answer.status, status);
  assert.equal(valueOf(answer, 'X-Gatewright-Error'), code);
  assert.equal(valueOf(answer, 'Content-Type'), 'application/json');
  for (const [name] of answer.fields) assert.ok(OWN_FIELDS.includes(name), `${name} is no field of an error`);
  const body = JSON.parse(answer.body.toString()) as Record<string, unknown>;
  if (code === 'route_not_found') {
    assert.deepEqual(body, { error_msg: '404 Route Not Found' });
    return;
  }
  assert.deepEqual(Object.keys(body), ['message', 'code', 'request_id']);
  assert.equal(`${String(body.message)} ${String(body.code)}`, `${message} ${code}`);
  assert.match(String(body.request_id), /^[0-9a-f]{24}$/);
  // Nothing internal: no address of a node, no path, no stack, nothing that an upstream or an exception said.
  assert.doesNotMatch(answer.body.toString(), /127\.0\.0\.1|:\d{4,5}\b|\/work|\.ts\b|\bat \w|secret/);
}

/** What HTTP/2 cannot say. */
const ONLY_HTTP1: ReadonlySet<string> = new Set([
  'bad_request_line',
  'websocket_handshake',
  'request_incomplete',
  'ambiguous_framing',
  'bad_chunk',
  'length_required',
  'method_not_implemented',
  'transfer_coding',
  'http_version',
]);

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (typeof scenario === 'string') continue;
  const code = name as ErrorCode;
  const { request, play, keeps, isFault = false, ...options } = scenario;
  test(
    `${code} is answered with ${ERRORS[code].status}, a small JSON body, and ${keeps ? 'the connection is kept' : 'the connection is closed'}`,
    ONLY_HTTP1.has(name) ? onlyHttp1('it can be said there only') : {},
    inLab(options, async (lab) => {
      const client = await lab.connect();
      client.write(request);
      await play?.(lab);
      const answer = await client.receive('response');
      checkError(answer, code);
      // In HTTP/2 it is always a stream that ends, and no connection.
      if (!IS_HTTP2) assert.equal(valueOf(answer, 'Connection'), keeps ? undefined : 'close');
      const [logged] = await lab.logged(1);
      assert.equal(`${logged?.status} ${logged?.errorCode}`, `${ERRORS[code].status} ${code}`);
      assert.equal(logged?.bodyBytesSent, answer.body.length);
      if (keeps) {
        client.write('GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n');
        checkError(await client.receive('response'), 'bad_target');
      }
      if (!IS_HTTP2) assert.equal(await client.whenOver(), 'fin');
      assert.equal(client.text, '');
      assert.equal(lab.log.length, keeps ? 2 : 1);
      if (isFault) assert.equal(lab.faults.splice(0).length, 1);
    }),
  );
}

for (const [name, firstBytes] of [
  ['right behind an answer', `${GET}${GET}`],
  ['within what was pipelined', `GET /fine HTTP/1.1\r\nHost: a\r\n\r\n${GET}`],
] as const) {
  test(
    `a fault of the gateway's own code costs its exchange and no other: ${name}`,
    inLab(
      {
        upstreams: [
          async (connection) => {
            for (;;) {
              await connection.receive('request');
              connection.write('HTTP/1.1 204 No Content\r\n\r\n');
            }
          },
        ],
        find: ({ path }, route) => {
          if (path !== '/fine') throw new Error('secret of the router');
          return route;
        },
      },
      async (lab) => {
        const other = await lab.connect();
        const client = await lab.connect();
        client.write(`${firstBytes}GET /fine HTTP/1.1\r\nHost: a\r\n\r\n`);
        const statuses = [];
        for (let k = 0; k < 3; k++) statuses.push((await client.receive('response')).status);
        assert.deepEqual(statuses, firstBytes.startsWith(GET) ? [500, 500, 204] : [204, 500, 204]);
        other.write('GET /fine HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.equal((await other.receive('response')).status, 204);
        assert.ok(lab.faults.splice(0).length > 0);
        await lab.logged(4);
      },
    ),
  );
}

test(
  'a connection beyond the bound is refused, and the others go on',
  inLab({ find: () => undefined, settings: { limits: { connections: 2 } } }, async (lab) => {
    const clients = [await lab.connect(), await lab.connect()];
    for (const client of clients) {
      client.write(GET);
      await client.receive('response');
    }
    const third = await lab.connect();
    assert.notEqual(await third.whenOver(), 'open');
    assert.equal(third.receivedBytes, 0);
    for (const client of clients) {
      client.write(GET);
      assert.equal((await client.receive('response')).status, 404);
    }
  }),
);

test(
  'a chunked body is bounded as one with a Content-Length is: 413',
  inLab({ upstreams: [manual], settings: { limits: { body_bytes: 1_000 } } }, async (lab) => {
    const client = await lab.connect();
    client.write(post('Transfer-Encoding: chunked\r\n', `3e8\r\n${'x'.repeat(1_000)}\r\n`));
    const upstream = await lab.node.connection(0);
    await upstream.take('xxx\r\n');
    client.write('1\r\nx\r\n');
    checkError(await client.receive('response'), 'body_too_large');
    await upstream.whenOver();
    assert.equal(await client.whenOver(), 'fin');
  }),
);

for (const [name, request, code] of [
  ['the target', (n: number) => `GET /${'x'.repeat(n - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`, 'target_too_long'],
  ['one field', (n: number) => `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(n - 3)}\r\n\r\n`, 'header_too_large'],
] as const) {
  test(
    `the bound of a line is exact: ${name}`,
    inLab({ find: () => undefined, settings: { limits: { line_bytes: 1_000 } } }, async (lab) => {
      assert.equal((await lab.ask(request(1_000))).status, 404);
      checkError(await lab.ask(request(1_001)), code);
    }),
  );
}

test(
  "a fault of the gateway's own code behind the choice of a node costs one connection, not the process",
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    const other = await lab.connect();
    client.write(GET + GET);
    other.write(GET);
    const upstreams = [await lab.node.connection(0), await lab.node.connection(1)];
    for (const upstream of upstreams) await upstream.receive('request');
    // What no compiled Snapshot does: the balancer knows of a node that is not there any more.
    (lab.upstream.nodes as unknown[])[0] = undefined;
    for (const upstream of upstreams) upstream.write('HTTP/1.1 204 No Content\r\n\r\n');
    assert.equal((await client.receive('response')).status, 204);
    assert.equal(await client.whenOver(), 'reset');
    assert.equal((await other.receive('response')).status, 204);
    assert.match(String(lab.faults.splice(0)), /RangeError/);
    await lab.logged(3);
  }),
);
