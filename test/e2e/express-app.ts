import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import * as contents from './application.ts';

/** The application as Express writes it. */
export async function startExpress(): Promise<contents.Application> {
  const app = express();
  const signals = new contents.Signals();
  app.set('trust proxy', 'loopback');
  simple(app);
  files(app);
  streams(app, signals);
  app.use((_request, response) => void response.status(404).json({ error: 'nothing here' }));
  const onError: ErrorRequestHandler = (error: Error, _request, response, _next) => {
    response.status(500).json({ error: error.message });
  };
  app.use(onError);
  const server: Server = app.listen(0, '127.0.0.1');
  // Longer than any test waits between two requests: one that crosses the end of an idle connection is lost, unless it is idempotent.
  server.keepAliveTimeout = 120_000;
  await once(server, 'listening');
  return {
    name: 'Express',
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function simple(app: Express): void {
  app.all(['/echo', '/echo/*rest'], (request, response) => {
    const { method, originalUrl, rawHeaders, ip = '' } = request;
    response.json(contents.arrived(method, originalUrl, rawHeaders, ip));
  });
  app.get('/search', (request, response) => void response.json(request.query));
  app.post('/json', express.json({ limit: '1mb' }), (request, response) => {
    response.status(201).json({ received: request.body as unknown });
  });
  app.put('/items/:id', express.json(), (request, response) => {
    response.json({ id: request.params.id, ...(request.body as object) });
  });
  app.delete('/items/:id', (_request, response) => void response.status(204).end());
  app.get('/cookies', (request, response) => {
    for (const cookie of contents.COOKIES) response.append('Set-Cookie', cookie);
    response.json({ sent: request.get('cookie') ?? null });
  });
  app.get('/redirect/:status', (request, response) => {
    response.redirect(Number(request.params.status), '/echo?after=redirect');
  });
  app.get('/status/:status', (request, response) => {
    response.status(Number(request.params.status)).json({ status: request.params.status });
  });
  app.get('/throw', () => {
    throw new Error('the handler threw');
  });
  app.get('/hints', (_request, response) => {
    response.writeEarlyHints({ link: ['</style.css>; rel=preload; as=style'] });
    response.json({ hinted: true });
  });
}

function files(app: Express): void {
  app.post('/upload', async (request, response) => {
    response.json(await contents.receiveFiles(request.headers, request));
  });
  app.post('/digest', async (request, response) => void response.json(await contents.digestOf(request)));
  app.get('/download', (request, response) => {
    response.set({ 'Accept-Ranges': 'bytes', ETag: contents.DOCUMENT_TAG, 'Last-Modified': contents.DOCUMENT_TIME });
    response.type('application/octet-stream');
    if (request.fresh) return void response.status(304).end();
    const header = request.get('range');
    if (header === undefined) return void response.send(contents.DOCUMENT);
    const range = contents.rangeOf(header);
    const size = contents.DOCUMENT.length;
    if (range === null) return void response.status(416).set('Content-Range', `bytes */${size}`).end();
    response.status(206).set('Content-Range', `bytes ${range.start}-${range.end - 1}/${size}`);
    response.send(contents.DOCUMENT.subarray(range.start, range.end));
  });
  app.get('/compressed/:coding', (request, response) => {
    const coding = request.params.coding === 'br' ? 'br' : 'gzip';
    response.set({ 'Content-Encoding': coding, Vary: 'Accept-Encoding' }).type('text/plain');
    response.send(contents.COMPRESSED[coding]);
  });
  app.get('/pieces', (_request, response) => {
    for (let at = 0; at < contents.DOCUMENT.length; at += 7_001)
      response.write(contents.DOCUMENT.subarray(at, at + 7_001));
    response.end();
  });
}

function streams(app: Express, signals: contents.Signals): void {
  app.get('/events/:stream', async (request: Request<{ stream: string }>, response: Response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.on('close', () => signals.raise(`${request.params.stream}-behind`));
    for (let n = 1; n <= Number(request.query['count']); n++) {
      response.write(`id: ${n}\ndata: ${performance.now()}\n\n`);
      await signals.wait(`${request.params.stream} ${n}`);
    }
    response.end();
  });
  app.post('/events/:stream/:n', (request, response) => {
    signals.raise(`${request.params.stream} ${request.params.n}`);
    response.status(204).end();
  });
  app.get('/poll/:topic', async (request, response) => {
    await signals.wait(request.params.topic);
    response.json({ topic: request.params.topic, number: request.query['number'] });
  });
  app.get('/waiting/:topic', (request, response) => void response.json(signals.waitersOf(request.params.topic)));
  app.post('/release/:topic', (request, response) => {
    signals.raise(request.params.topic);
    response.status(204).end();
  });
  app.post('/mirror', (request, response) => pipeline(request, response));
  app.get('/trailers', (_request, response) => {
    response.writeHead(200, { Trailer: 'X-Checksum, X-Count', 'Content-Type': 'text/plain' });
    response.write('a body, and after it: ');
    response.addTrailers({ 'X-Checksum': 'c0ffee', 'X-Count': '2' });
    response.end('trailers');
  });
}
