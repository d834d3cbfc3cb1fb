/** A real application answers through the gateway as it answers without it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newAgent } from '../client/speaking.ts';
import { COMPRESSED, COOKIES, DOCUMENT, DOCUMENT_TAG, noise, sha256, type Application } from './application.ts';
import { type Answer, ask, type Ask, passedOn, valuesOf } from './client.ts';
import { startExpress } from './express-app.ts';
import { startFastify } from './fastify-app.ts';
import { routeTo, RunningGateway } from './gateway.ts';

/** As many connections as there are requests. */
const NO_AGENT = newAgent({ keepAlive: false });

const JSON_TYPE = { 'content-type': 'application/json' };

/** Asked of the application itself and through the gateway; both answers are the same, and have this status. */
const EXCHANGES: readonly (readonly [name: string, status: number, request: Ask])[] = [
  ['a plain GET', 200, { path: '/echo' }],
  ['HEAD', 200, { method: 'HEAD', path: '/echo' }],
  ['HEAD of a long document', 200, { method: 'HEAD', path: '/download' }],
  ['OPTIONS', 200, { method: 'OPTIONS', path: '/echo', headers: { origin: 'https://a.example' } }],
  ['PATCH with a body', 200, { method: 'PATCH', path: '/echo', headers: JSON_TYPE, body: '{}' }],
  ['a path with encoded characters', 200, { path: '/echo/caf%C3%A9/a%2Fb/%E2%82%AC?x=1' }],
  ['a path with reserved characters', 200, { path: "/echo/a;b=c,d/@e:f!$&'()*+" }],
  ['a query string', 200, { path: '/search?a=1&a=2&b=%20+%2B&c=&d&=e&q=%E2%82%AC%26/?x' }],
  ['a long query string', 200, { path: `/search?q=${'x'.repeat(6_000)}` }],
  ['an empty query string', 200, { path: '/echo?' }],
  ['JSON', 201, { method: 'POST', path: '/json', headers: JSON_TYPE, body: JSON.stringify({ a: ['ü', 1, null] }) }],
  [
    'JSON of 500 KB',
    201,
    { method: 'POST', path: '/json', headers: JSON_TYPE, body: JSON.stringify({ text: 'ü'.repeat(250_000) }) },
  ],
  ['JSON in chunks', 201, { method: 'POST', path: '/json', headers: JSON_TYPE, body: ['{"a":', '[1,', '2]}'] }],
  [
    'JSON after 100 Continue',
    201,
    { method: 'POST', path: '/json', headers: JSON_TYPE, body: '{"a":1}', expectsContinue: true },
  ],
  ['malformed JSON', 500, { method: 'POST', path: '/json', headers: JSON_TYPE, body: '{"a":' }],
  ['PUT', 200, { method: 'PUT', path: '/items/7', headers: JSON_TYPE, body: '{"name":"seven"}' }],
  ['DELETE, answered without a body', 204, { method: 'DELETE', path: '/items/7' }],
  ['cookies', 200, { path: '/cookies', headers: { cookie: 'a=1; b="2"; c=' } }],
  [
    'many fields of one name',
    200,
    { path: '/echo', headers: { 'x-many': ['1', '2', '', '4, 5'], accept: ['text/html', '*/*;q=0.1'] } },
  ],
  ['a field of 8 KB', 200, { path: '/echo', headers: { 'x-long': 'long '.repeat(1_600).trim() } }],
  ...[301, 302, 303, 307, 308].map(
    (status) => [`a redirect with ${status}`, status, { path: `/redirect/${status}` }] as const,
  ),
  ...[400, 401, 403, 404, 409, 422, 429, 451].map(
    (status) => [`status ${status}`, status, { path: `/status/${status}` }] as const,
  ),
  ...[500, 502, 503, 504].map((status) => [`status ${status}`, status, { path: `/status/${status}` }] as const),
  ['a handler that throws', 500, { path: '/throw' }],
  ['a path that the application does not have', 404, { path: '/nothing' }],
  ['early hints', 200, { path: '/hints' }],
  ['a download', 200, { path: '/download' }],
  ['the begin of a download', 206, { path: '/download', headers: { range: 'bytes=0-99' } }],
  ['the middle of a download', 206, { path: '/download', headers: { range: 'bytes=100000-199999' } }],
  ['the end of a download', 206, { path: '/download', headers: { range: 'bytes=-1000' } }],
  ['a range outside of the download', 416, { path: '/download', headers: { range: 'bytes=300000-' } }],
  ['a download that did not change', 304, { path: '/download', headers: { 'if-none-match': DOCUMENT_TAG } }],
  ['a download that did', 200, { path: '/download', headers: { 'if-none-match': '"other"' } }],
  ['gzip', 200, { path: '/compressed/gzip', headers: { 'accept-encoding': 'gzip' } }],
  ['brotli', 200, { path: '/compressed/br', headers: { 'accept-encoding': 'br' } }],
  ['a chunked download', 200, { path: '/pieces' }],
  ['trailers', 200, { path: '/trailers', headers: { te: 'trailers' } }],
];

for (const start of [startExpress, startFastify]) {
  describe(`an application written with ${start === startExpress ? 'Express' : 'Fastify'}`, () => {
    let app: Application;
    let gateway: RunningGateway;
    before(async () => {
      app = await start();
      gateway = await RunningGateway.start({ routes: [routeTo([app.port])] });
    });
    after(async () => {
      await app.close();
      await gateway[Symbol.asyncDispose]();
    });

    async function askBoth(request: Ask): Promise<Answer> {
      const direct = passedOn(await ask(app.port, request));
      const through = passedOn(await ask(gateway.port, request));
      const headers = through.headers.filter(([name]) => name !== 'X-APISIX-Upstream-Status');
      assert.deepEqual({ ...through, headers }, direct);
      const statuses = through.status >= 500 ? [String(through.status)] : [];
      assert.deepEqual(valuesOf(through, 'x-apisix-upstream-status'), statuses);
      return through;
    }

    for (const [name, status, request] of EXCHANGES) {
      it(`answers ${name} alike`, async () => {
        assert.equal((await askBoth(request)).status, status);
      });
    }

    it('keeps cookies apart and in their order', async () => {
      assert.deepEqual(valuesOf(await askBoth({ path: '/cookies' }), 'set-cookie'), COOKIES);
    });

    it('passes compressed bodies on byte for byte', async () => {
      for (const coding of ['gzip', 'br'] as const) {
        const answer = await askBoth({ path: `/compressed/${coding}` });
        assert.deepEqual(valuesOf(answer, 'content-encoding'), [coding]);
        assert.ok(answer.body.equals(COMPRESSED[coding]));
      }
    });

    it('serves a download whole, and in ranges that make it up', async () => {
      assert.ok((await askBoth({ path: '/download' })).body.equals(DOCUMENT));
      const parts: Buffer[] = [];
      for (const range of ['bytes=0-99999', 'bytes=100000-100000', 'bytes=100001-']) {
        parts.push((await askBoth({ path: '/download', headers: { range } })).body);
      }
      assert.ok(Buffer.concat(parts).equals(DOCUMENT));
    });

    it('hands out early hints and trailers', async () => {
      const { interim } = await askBoth({ path: '/hints' });
      assert.deepEqual(
        interim.map(({ status, headers }) => [status, headers.map(([, value]) => value)]),
        [[103, ['</style.css>; rel=preload; as=style']]],
      );
      const { trailers, body } = await askBoth({ path: '/trailers', headers: { te: 'trailers' } });
      assert.equal(body.toString(), 'a body, and after it: trailers');
      assert.deepEqual(
        trailers.map(([name, value]) => [name.toLowerCase(), value]),
        [
          ['x-checksum', 'c0ffee'],
          ['x-count', '2'],
        ],
      );
    });

    it('receives the files of a form', async () => {
      const contents = [noise(1), noise(200_000), Buffer.alloc(0), noise(3_000_000)];
      const form = new FormData();
      form.append('title', 'Größe & Maß');
      for (const [index, bytes] of contents.entries())
        form.append('files', new Blob([new Uint8Array(bytes)]), `file ${index}.bin`);
      const encoded = new Response(form);
      const body = Buffer.from(await encoded.clone().arrayBuffer());
      const headers = { 'content-type': encoded.headers.get('content-type') ?? '' };
      const answer = await askBoth({ method: 'POST', path: '/upload', headers, body });
      const received = JSON.parse(answer.body.toString()) as { name: string; bytes: number; sha256: string }[];
      const files = received.filter(({ name }) => name !== '');
      assert.equal(received.length, contents.length + 1);
      assert.deepEqual(
        files.map(({ bytes, sha256: sum }) => [bytes, sum]),
        contents.map((bytes) => [bytes.length, sha256(bytes)]),
      );
    });

    it('keeps one connection for 1,000 requests in a row', async () => {
      const agent = newAgent({ keepAlive: true, maxSockets: 1 });
      const sockets = new Set<unknown>();
      agent.on('free', (socket) => sockets.add(socket));
      for (let i = 0; i < 1_000; i++) {
        const { status, body } = await ask(gateway.port, { path: `/search?i=${i}`, agent });
        assert.deepEqual([status, body.toString()], [200, `{"i":"${i}"}`]);
      }
      agent.destroy();
      assert.equal(sockets.size, 1);
    });

    it('answers 200 requests at once', async () => {
      const numbers = Array.from({ length: 200 }, (_, i) => i);
      const answers = await Promise.all(
        numbers.map((i) => ask(gateway.port, { path: `/search?i=${i}`, agent: NO_AGENT })),
      );
      assert.deepEqual(
        answers.map(({ status, body }) => [status, body.toString()]),
        numbers.map((i) => [200, `{"i":"${i}"}`]),
      );
    });
  });
}
