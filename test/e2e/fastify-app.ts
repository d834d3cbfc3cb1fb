import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fastify, { type FastifyInstance } from 'fastify';
import * as contents from './application.ts';

/** The application as Fastify writes it. */
export async function startFastify(): Promise<contents.Application> {
  const app = fastify({
    trustProxy: 'loopback',
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: false },
  });
  const signals = new contents.Signals();
  // Forms and unknown media types are streams, which their handlers read themselves.
  app.addContentTypeParser(['multipart/form-data', 'application/octet-stream'], (_request, payload, done) => {
    done(null, payload);
  });
  simple(app);
  files(app);
  streams(app, signals);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'nothing here' }));
  app.setErrorHandler((error: Error, _request, reply) => reply.code(500).send({ error: error.message }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { name: 'Fastify', port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}

interface Params {
  readonly [name: string]: string;
}

function simple(app: FastifyInstance): void {
  for (const url of ['/echo', '/echo/*']) {
    app.all(url, ({ method, originalUrl, raw, ip }) => contents.arrived(method, originalUrl, raw.rawHeaders, ip));
  }
  app.get('/search', (request) => request.query);
  app.post('/json', (request, reply) => reply.code(201).send({ received: request.body }));
  app.put<{ Params: Params; Body: Params }>('/items/:id', ({ params, body }) => ({ id: params['id'], ...body }));
  app.delete('/items/:id', (_request, reply) => reply.code(204).send());
  app.get('/cookies', (request, reply) => {
    return reply.header('Set-Cookie', contents.COOKIES).send({ sent: request.headers.cookie ?? null });
  });
  app.get<{ Params: Params }>('/redirect/:status', ({ params }, reply) =>
    reply.redirect('/echo?after=redirect', Number(params['status'])),
  );
  app.get<{ Params: Params }>('/status/:status', ({ params }, reply) =>
    reply.code(Number(params['status'])).send({ status: params['status'] }),
  );
  app.get('/throw', () => {
    throw new Error('the handler threw');
  });
  app.get('/hints', (_request, reply) => {
    reply.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    return reply.send({ hinted: true });
  });
}

function files(app: FastifyInstance): void {
  app.post<{ Body: Readable }>('/upload', ({ headers, body }) => contents.receiveFiles(headers, body));
  app.post<{ Body: Readable }>('/digest', ({ body }) => contents.digestOf(body));
  app.get('/download', (request, reply) => {
    reply.headers({ 'Accept-Ranges': 'bytes', ETag: contents.DOCUMENT_TAG, 'Last-Modified': contents.DOCUMENT_TIME });
    reply.type('application/octet-stream');
    if (request.headers['if-none-match'] === contents.DOCUMENT_TAG) return reply.code(304).send();
    const { range: header } = request.headers;
    if (header === undefined) return reply.send(contents.DOCUMENT);
    const range = contents.rangeOf(header);
    const size = contents.DOCUMENT.length;
    if (range === null) return reply.code(416).header('Content-Range', `bytes */${size}`).send();
    reply.code(206).header('Content-Range', `bytes ${range.start}-${range.end - 1}/${size}`);
    return reply.send(contents.DOCUMENT.subarray(range.start, range.end));
  });
  app.get<{ Params: Params }>('/compressed/:coding', ({ params }, reply) => {
    const coding = params['coding'] === 'br' ? 'br' : 'gzip';
    reply.headers({ 'Content-Encoding': coding, Vary: 'Accept-Encoding' }).type('text/plain');
    return reply.send(contents.COMPRESSED[coding]);
  });
  app.get('/pieces', (_request, reply) => reply.send(Readable.from(pieces())));
}

function* pieces(): Generator<Buffer> {
  for (let at = 0; at < contents.DOCUMENT.length; at += 7_001) yield contents.DOCUMENT.subarray(at, at + 7_001);
}

function streams(app: FastifyInstance, signals: contents.Signals): void {
  app.get<{ Params: Params; Querystring: Params }>('/events/:stream', ({ params, query }, reply) => {
    const stream = params['stream'] ?? '';
    reply.raw.on('close', () => signals.raise(`${stream}-behind`));
    async function* events(): AsyncGenerator<string> {
      for (let n = 1; n <= Number(query['count']); n++) {
        yield `id: ${n}\ndata: ${performance.now()}\n\n`;
        await signals.wait(`${stream} ${n}`);
      }
    }
    return reply.type('text/event-stream').header('Cache-Control', 'no-store').send(Readable.from(events()));
  });
  app.post<{ Params: Params }>('/events/:stream/:n', ({ params }, reply) => {
    signals.raise(`${params['stream']} ${params['n']}`);
    return reply.code(204).send();
  });
  app.get<{ Params: Params; Querystring: Params }>('/poll/:topic', async ({ params, query }) => {
    await signals.wait(params['topic'] ?? '');
    return { topic: params['topic'], number: query['number'] };
  });
  app.get<{ Params: Params }>('/waiting/:topic', ({ params }, reply) =>
    reply.send(String(signals.waitersOf(params['topic'] ?? ''))),
  );
  app.post<{ Params: Params }>('/release/:topic', ({ params }, reply) => {
    signals.raise(params['topic'] ?? '');
    return reply.code(204).send();
  });
  app.post<{ Body: Readable }>('/mirror', async ({ body }, reply) => {
    reply.hijack();
    await pipeline(body, reply.raw);
  });
  app.get('/trailers', (_request, reply) => {
    for (const [name, value] of [
      ['X-Checksum', 'c0ffee'],
      ['X-Count', '2'],
    ] as const) {
      reply.trailer(name, (_reply, _payload, done) => done(null, value));
    }
    const body = new PassThrough();
    body.end('a body, and after it: trailers');
    return reply.type('text/plain').send(body);
  });
}
