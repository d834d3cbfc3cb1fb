import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { it, type TestContext } from 'node:test';
import { freePort } from '../../../test/free-port.ts';
import { openLab, problemsOf, routeWith, type Answer, type Lab } from '../../../test/plugins/lab.ts';
import { PAIR } from '../../../test/certificate.ts';
import forwardAuth from './forward-auth.ts';

type Attributes = Readonly<Record<string, unknown>>;
type Answering = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

/** What the authorization service was asked. */
interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

interface Service {
  readonly uri: string;
  readonly asked: Asked[];
  connections: number;
}

async function portOf(t: TestContext, server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => sockets.add(socket.on('error', () => {})));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as net.AddressInfo).port;
}

async function serve(t: TestContext, answer: Answering): Promise<Service> {
  const service = { uri: '', asked: [] as Asked[], connections: 0 };
  const server = http.createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const body = Buffer.concat(pieces).toString();
      service.asked.push({ method, url, headers, body });
      answer(request, response, body);
    });
  });
  server.on('connection', () => service.connections++);
  service.uri = `http://127.0.0.1:${await portOf(t, server)}/auth`;
  return service;
}

const guarded = (attributes: Attributes): string => routeWith({ 'forward-auth': attributes });
const seenHeader = (lab: Lab, name: string): string[] =>
  lab.lastSeen.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);

/** The mock of the documented examples. */
const documented: Answering = (request, response) => {
  const { authorization } = request.headers;
  if (authorization === '123') response.end();
  else if (authorization === '321') response.setHeader('X-User-ID', 'i-am-user').end();
  else response.writeHead(403, { 'X-Forward-Auth': 'Fail' }).end();
};

it('the documented example: a field of the service goes to the upstream', async (t) => {
  const { uri } = await serve(t, documented);
  const lab = await openLab(t, guarded({ uri, request_headers: ['Authorization'], upstream_headers: ['X-User-ID'] }));
  const first = await lab.request('/headers', { headers: { Authorization: '123' } });
  assert.deepEqual([first.status, seenHeader(lab, 'x-user-id')], [200, []]);
  const second = await lab.request('/headers', { headers: { Authorization: '321' } });
  assert.deepEqual([second.status, seenHeader(lab, 'x-user-id')], [200, ['i-am-user']]);
  assert.deepEqual(seenHeader(lab, 'authorization'), ['321']);
  // Nobody says by himself who he is.
  await lab.request('/headers', { headers: { Authorization: '123', 'x-user-id': ['root', 'admin'] } });
  assert.deepEqual(seenHeader(lab, 'x-user-id'), []);
  await lab.request('/headers', { headers: { Authorization: '321', 'X-USER-ID': 'root' } });
  assert.deepEqual(seenHeader(lab, 'x-user-id'), ['i-am-user']);
});

it('the documented example: a field of the service goes to the client that is refused', async (t) => {
  const { uri } = await serve(t, documented);
  const lab = await openLab(
    t,
    guarded({ uri, request_headers: ['Authorization'], client_headers: ['X-Forward-Auth'] }),
  );
  const refused = await lab.request('/headers');
  assert.deepEqual([refused.status, refused.headers['x-forward-auth'], refused.text], [403, 'Fail', '']);
  assert.equal(lab.log[0]?.errorCode, 'auth_refused');
  assert.equal(lab.seen.length, 0);
  assert.equal((await lab.request('/headers', { headers: { Authorization: '123' } })).status, 200);
});

it('the documented example: a value of the body decides', async (t) => {
  const { uri, asked } = await serve(t, ({ headers }, response) => {
    const tenant = headers['tenant_id'];
    if (tenant === '123') response.end();
    else response.writeHead(403).end(`tenant_id is ${String(tenant)} but expecting 123`);
  });
  const lab = await openLab(
    t,
    guarded({ uri, request_method: 'GET', extra_headers: { tenant_id: '$post_arg.tenant_id' } }),
  );
  const post = (body: string, type = 'application/x-www-form-urlencoded'): Promise<Answer> =>
    lab.request('/post', { method: 'POST', body, headers: { 'Content-Type': type, tenant_id: '123' } });
  assert.equal((await post('tenant_id=123')).status, 200);
  assert.equal(lab.lastSeen.body, 'tenant_id=123', 'the upstream gets the whole body');
  assert.equal(asked[0]?.body, '');
  const refused = await post('tenant_id=000');
  assert.deepEqual([refused.status, refused.text], [403, 'tenant_id is 000 but expecting 123']);
  assert.equal((await post('{"tenant_id":123}', 'application/json')).status, 200);
  // Nothing to say is said by nobody else either, and a line break ends no field.
  assert.equal((await post('x=1')).text, 'tenant_id is undefined but expecting 123');
  assert.equal((await post('tenant_id=1%0d%0aX-Admin:1')).text, 'tenant_id is 1%0D%0AX-Admin:1 but expecting 123');
  assert.equal(asked.at(-1)?.headers['x-admin'], undefined);
  // A body that is too long to look into could hold anything.
  assert.equal((await post(`tenant_id=123&x=${'x'.repeat(70_000)}`)).status, 413);
});

it('the service is told what is asked for, and nothing of it by the client', async (t) => {
  const { uri, asked } = await serve(t, (_request, response) => response.end());
  const attributes = {
    uri: `${uri}?a=b`,
    request_headers: ['Cookie', 'X-Forwarded-Host', 'X-Many', 'X-None'],
    extra_headers: { 'X-Route': '$route_id-${remote_addr}', 'X-Count': 7, Cookie2: '$http_nothing' },
  };
  const lab = await openLab(t, routeWith({ 'forward-auth': attributes }, { id: 'r1' }));
  await lab.request('/a/./b/../c?x=%2F&y', {
    method: 'DELETE',
    from: '127.0.0.9',
    headers: {
      Host: 'App.Example:81',
      Cookie: 'a=1',
      Secret: 's',
      'X-Many': ['1', '2'],
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-For': '1.1.1.1',
      Cookie2: 'x',
    },
  });
  const [{ method, url, headers } = { method: '', url: '', headers: {} }] = asked;
  const { host, connection, ...told } = headers;
  assert.deepEqual([method, url, host, connection], ['GET', '/auth?a=b', new URL(uri).host, 'keep-alive']);
  assert.deepEqual(told, {
    cookie: 'a=1',
    'x-many': '1, 2',
    'x-route': 'r1-127.0.0.9',
    'x-count': '7',
    'x-forwarded-proto': 'http',
    'x-forwarded-method': 'DELETE',
    'x-forwarded-host': 'app.example',
    'x-forwarded-uri': '/a/c?x=%2F&y',
    'x-forwarded-for': '127.0.0.9',
  });
});

it('with POST the service gets the body, up to its bound, and so does the upstream', async (t) => {
  const { uri, asked } = await serve(t, (_request, response, body) =>
    response.writeHead(body === 'no' ? 401 : 204).end(),
  );
  const lab = await openLab(t, guarded({ uri, request_method: 'POST', max_req_body_size: 10 }));
  const headers = { 'Content-Type': 'text/x' };
  for (const body of ['0123456789', ['01234', '56789'], '']) {
    assert.equal((await lab.request('/', { method: 'PUT', body, headers })).status, 200);
    const text = Array.isArray(body) ? body.join('') : body;
    assert.deepEqual([asked.at(-1)?.method, asked.at(-1)?.body, lab.lastSeen.body], ['POST', text, text]);
    assert.equal(asked.at(-1)?.headers['content-type'], 'text/x');
  }
  assert.equal((await lab.request('/', { method: 'PUT', body: 'no' })).status, 401);
  const before = asked.length;
  for (const body of ['0123456789x', ['0123456789', 'x']]) {
    const refused = await lab.request('/', { method: 'PUT', body });
    assert.deepEqual([refused.status, refused.headers['x-gatewright-error']], [413, 'body_too_large']);
  }
  assert.equal(asked.length, before, 'the service is not asked about it');
});

it('a redirect, a challenge and cookies reach the client whole, and nobody follows them', async (t) => {
  const { uri, asked } = await serve(t, (_request, response) => {
    response.writeHead(
      302,
      [
        ['Location', 'https://login.example/?to=x'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
        ['Content-Type', 'text/html'],
        ['X-Internal', 'host-7'],
      ].flat(),
    );
    response.end('<a>log in</a>');
  });
  const lab = await openLab(t, guarded({ uri, client_headers: ['location', 'set-cookie'] }));
  const { status, headers, rawHeaders, text } = await lab.request('/');
  assert.deepEqual(
    [status, headers['location'], headers['content-type'], text],
    [302, 'https://login.example/?to=x', 'text/html', '<a>log in</a>'],
  );
  assert.deepEqual(
    rawHeaders.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value),
    ['a=1', 'b=2'],
  );
  assert.equal(headers['x-internal'], undefined);
  assert.equal(asked.length, 1);
});

/** Servers that are no help; a number is the port of nobody. */
const FAULTS: [title: string, server: ((socket: net.Socket) => void) | null, reason: string][] = [
  ['nobody listens', null, 'refused'],
  ['silence', () => {}, 'timeout'],
  ['half a head', (socket) => socket.write('HTTP/1.1 200 O'), 'timeout'],
  ['half a body', (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'), 'timeout'],
  ['the end', (socket) => socket.end(), 'reset'],
  ['a reset', (socket) => socket.resetAndDestroy(), 'reset'],
  ['no HTTP', (socket) => socket.end('220 smtp.example ESMTP\r\n\r\n'), 'malformed'],
  ['an enormous head', (socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`), 'too_large'],
  [
    'an enormous body',
    (socket) => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${'x'.repeat(1_100_000)}`),
    'too_large',
  ],
];

async function faultyPort(t: TestContext, server: ((socket: net.Socket) => void) | null): Promise<number> {
  if (server !== null)
    return portOf(
      t,
      net.createServer((socket) => void socket.once('data', () => server(socket))),
    );
  return freePort();
}

for (const [title, server, reason] of FAULTS) {
  it(`${title} is a refusal in bounded time, or lets pass where that is asked for`, async (t) => {
    const uri = `http://127.0.0.1:${await faultyPort(t, server)}/`;
    const timeout = reason === 'timeout' ? 300 : 20_000;
    const attributes = { uri, timeout, upstream_headers: ['X-User'] };
    const lab = await openLab(t, guarded(attributes));
    const began_ms = performance.now();
    const refused = await lab.request('/');
    assert.ok(performance.now() - began_ms < 15_000);
    assert.deepEqual(
      [refused.status, refused.headers['x-gatewright-error'], refused.text],
      [403, 'auth_unavailable', '{"message":"the request cannot be authorized at present"}\n'],
    );
    assert.deepEqual(
      lab.hostLog.map(({ level, event, detail }) => [level, event, detail['reason']]),
      [['error', 'forward_auth_unavailable', reason]],
    );
    lab.reload(guarded({ ...attributes, status_on_error: 503 }));
    assert.equal((await lab.request('/')).status, 503);
    lab.reload(guarded({ ...attributes, allow_degradation: true }));
    assert.equal((await lab.request('/', { headers: { 'X-User': 'root' } })).status, 200);
    assert.deepEqual(seenHeader(lab, 'x-user'), [], 'also then, the client does not say who it is');
  });
}

it('a no whose body does not come, or is enormous, or whose status is none, stays a no', async (t) => {
  for (const [answer, status, timeout] of [
    ['HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nhalf', 401, 1_000],
    [`HTTP/1.1 403 No\r\nConnection: close\r\n\r\n${'x'.repeat(1_100_000)}`, 403, 20_000],
    ['HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n', 418, 20_000],
  ] as const) {
    const port = await faultyPort(t, (socket) => void socket.write(answer));
    const uri = `http://127.0.0.1:${port}/`;
    const lab = await openLab(t, guarded({ uri, timeout, allow_degradation: true, status_on_error: 418 }));
    const refused = await lab.request('/');
    assert.deepEqual([refused.status, refused.headers['x-gatewright-error']], [status, 'auth_refused']);
    assert.equal(lab.seen.length, 0);
  }
});

it('connections are used again, as many as are wanted, or none', async (t) => {
  const held: (() => void)[] = [];
  let together = 6;
  // All of a burst are answered when all of it is there.
  const service = await serve(t, (_request, response) => {
    held.push(() => response.end());
    if (held.length === together) for (const answer of held.splice(0)) answer();
  });
  const burst = (lab: Lab): Promise<Answer[]> => Promise.all(Array.from({ length: 6 }, () => lab.request('/')));
  const attributes = { uri: service.uri, timeout: 20_000 };
  const lab = await openLab(t, guarded({ ...attributes, keepalive_pool: 2 }));
  await burst(lab);
  assert.equal(service.connections, 6);
  await burst(lab);
  assert.equal(service.connections, 10, 'two of them were kept');
  together = 1;
  lab.reload(guarded({ ...attributes, keepalive: false }));
  await lab.request('/');
  await lab.request('/');
  assert.equal(service.connections, 12);
});

it('a connection that the service closed meanwhile costs no request, with POST either', async (t) => {
  let requests = 0;
  const port = await portOf(
    t,
    net.createServer((socket) => {
      socket.on('data', () => {
        if (++requests % 2 === 0) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
    }),
  );
  const lab = await openLab(t, guarded({ uri: `http://127.0.0.1:${port}/`, request_method: 'POST' }));
  for (let i = 0; i < 4; i++) assert.equal((await lab.request('/', { method: 'POST', body: 'x' })).status, 200);
});

it('the certificate of the service is verified unless that is switched off', async (t) => {
  const server = https.createServer({ key: PAIR.key, cert: PAIR.cert }, (_request, response) => response.end());
  const uri = `https://127.0.0.1:${await portOf(t, server)}/`;
  const lab = await openLab(t, guarded({ uri }));
  assert.equal((await lab.request('/')).status, 403);
  assert.equal(lab.hostLog[0]?.detail['reason'], 'tls');
  lab.reload(guarded({ uri, ssl_verify: false }));
  assert.equal((await lab.request('/')).status, 200);
});

const URI = 'http://auth.example/';
const WRONG: [attributes: Attributes, expected: RegExp][] = [
  [{}, /missing attribute "uri"/],
  [{ uri: 'auth.example' }, /uri: .*is no URL: write it whole/],
  [{ uri: 'http://[' }, /uri: "http:\/\/\[" is no URL/],
  [{ uri: 'http://user:hush@auth.example/' }, /uri: a URL with credentials is refused/],
  [{ uri: URI, request_headers: ['Host'] }, /request_headers\[0\]: Host says/],
  [{ uri: URI, upstream_headers: ['ok', 'Connection'] }, /upstream_headers\[1\]: Connection frames/],
  [{ uri: URI, client_headers: ['a b'] }, /client_headers\[0\]: .*no header name/],
  [{ uri: URI, extra_headers: { 'Content-Length': '1' } }, /extra_headers\.Content-Length: /],
  [{ uri: URI, extra_headers: { a: 'x\r\nY: 1' } }, /extra_headers\.a: /],
  [{ uri: URI, extra_headers: { a: true } }, /extra_headers\.a/],
  [{ uri: URI, request_method: 'PUT' }, /request_method: /],
  [{ uri: URI, timeout: 0 }, /timeout: /],
  [{ uri: URI, timeout: 60_001 }, /timeout: /],
  [{ uri: URI, keepalive_timeout: 999 }, /keepalive_timeout: /],
  [{ uri: URI, keepalive_pool: 0 }, /keepalive_pool: /],
  [{ uri: URI, status_on_error: 199 }, /status_on_error: /],
  [{ uri: URI, max_req_body_size: 0 }, /max_req_body_size: /],
];
for (const [attributes, expected] of WRONG) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(guarded(attributes)).join(), expected);
    assert.doesNotMatch(problemsOf(guarded(attributes)).join(), /hush/);
  });
}

it('every example is a right configuration, with the defaults that APISIX has', () => {
  for (const { config } of forwardAuth.examples ?? []) assert.deepEqual(problemsOf(guarded(config as Attributes)), []);
  assert.equal(forwardAuth.priority, 2_002);
});
