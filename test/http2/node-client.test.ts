/** Real clients: Node's own, curl, nghttp and h2load, against a worker with a real service behind it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { after, before, test } from 'node:test';
import { requireProgram } from '../require-program.ts';
import { Lab } from '../traps/lab.ts';

const run = promisify(execFile);
const PAYLOAD = randomBytes(700_000);
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let service: Server;
let lab: Lab;

before(async () => {
  service = createServer((request, response) => {
    void buffer(request).then((body) => {
      if (request.url === '/payload') response.setHeader('content-length', PAYLOAD.length).end(PAYLOAD);
      else if (request.url === '/names') response.end(Object.keys(request.headers).join(' '));
      else if (request.url === '/chunked') {
        response.write(PAYLOAD.subarray(0, 300_000));
        response.end(PAYLOAD.subarray(300_000));
      } else response.setHeader('x-digest', digest(body)).end(`${request.method} ${body.length}`);
    });
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const settings = { http: [{ address: '127.0.0.1', port: 0, http2: true }] };
  lab = await Lab.open({ ports: [(service.address() as AddressInfo).port], settings }, 'onread');
});

after(() => {
  lab.abort();
  service.close();
  service.closeAllConnections();
});

interface Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

async function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const answered = new Promise<http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
  });
  const received = buffer(stream);
  const head = await answered;
  return { status: head[':status'] ?? 0, headers: head, body: await received };
}

async function withSession(body: (session: http2.ClientHttp2Session) => Promise<void>): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${lab.port}`);
  try {
    await body(session);
  } finally {
    session.close();
  }
}

test('a field that CGI would take for one of the gateway or of the framing goes no further', () =>
  withSession(async (session) => {
    const misleading = { x_real_ip: '1', 'x-forwarded_for': '1', content_length: '1', transfer_encoding: 'chunked' };
    const { body } = await ask(session, { ':path': '/names', ...misleading, user_agent: 'x' });
    const names = body.toString().split(' ');
    assert.deepEqual(
      names.filter((name) => name.includes('_')),
      ['user_agent'],
    );
  }));

test('bodies of any size arrive as they were sent, both ways, with and without a length, many at once', () =>
  withSession(async (session) => {
    const sizes = [0, 1, 1_000, 16_384, 65_535, 65_536, 300_000, 700_000];
    const uploads = sizes.flatMap((size) => {
      const body = PAYLOAD.subarray(0, size);
      return [{}, { 'content-length': size }].map(async (headers) => {
        const answer = await ask(session, { ':method': 'POST', ':path': '/', ...headers }, body);
        assert.equal(answer.body.toString(), `POST ${size}`);
        assert.equal(answer.headers['x-digest'], digest(body));
      });
    });
    const downloads = ['/payload', '/chunked', '/payload', '/chunked'].map(async (path) => {
      assert.equal(digest((await ask(session, { ':path': path })).body), digest(PAYLOAD));
    });
    await Promise.all([...uploads, ...downloads]);
  }));

test('the answer to HEAD has the length and no body', () =>
  withSession(async (session) => {
    const { headers, body } = await ask(session, { ':method': 'HEAD', ':path': '/payload' });
    assert.equal(headers['content-length'], String(PAYLOAD.length));
    assert.equal(body.length, 0);
  }));

test('a thousand requests on one connection are answered, each with its own answer', () =>
  withSession(async (session) => {
    for (let round = 0; round < 20; round++) {
      const asked = Array.from({ length: 50 }, async (_, i) => {
        const body = Buffer.alloc(i * 7, i);
        assert.equal(
          (await ask(session, { ':method': 'PUT', ':path': `/${round}/${i}` }, body)).headers['x-digest'],
          digest(body),
        );
      });
      await Promise.all(asked);
    }
  }));

test('curl gets what it asks for', async (t) => {
  requireProgram(t, 'curl');
  const { stdout } = await run('curl', [
    '-s',
    '--http2-prior-knowledge',
    '-w',
    ' %{http_version} %{http_code}',
    '-d',
    'abc',
    `http://127.0.0.1:${lab.port}/x`,
  ]);
  assert.equal(stdout, 'POST 3 2 200');
});

test('nghttp gets what it asks for, with padding and a priority', async (t) => {
  requireProgram(t, 'nghttp');
  const { stdout } = await run('nghttp', ['-v', '-b', '64', '-p', '8', `http://127.0.0.1:${lab.port}/x`]);
  assert.match(stdout, /:status: 200/);
  assert.match(stdout, /GET 0/);
});

test('h2load is served on every stream', async (t) => {
  requireProgram(t, 'h2load');
  const { stdout } = await run('h2load', ['-n', '2000', '-c', '4', '-m', '32', `http://127.0.0.1:${lab.port}/x`]);
  assert.match(stdout, /2000 succeeded, 0 failed, 0 errored, 0 timeout/);
});
