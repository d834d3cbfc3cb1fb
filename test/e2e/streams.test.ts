/** What arrives in pieces passes in pieces: the gateway collects nothing, in neither direction. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { noise, sha256, type Application } from './application.ts';
import { ask } from './client.ts';
import { startExpress } from './express-app.ts';
import { startFastify } from './fastify-app.ts';
import { routeTo, RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

for (const start of [startExpress, startFastify]) {
  describe(`streams of an application written with ${start === startExpress ? 'Express' : 'Fastify'}`, () => {
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

    it('hands out each server-sent event before the next one is written', async () => {
      const count = 50;
      const response = await fetch(`${gateway.origin}/events/lockstep?count=${count}`);
      assert.equal(response.headers.get('content-type'), 'text/event-stream');
      const received_ms: number[] = [];
      const written_ms: number[] = [];
      let text = '';
      for await (const piece of response.body ?? []) {
        text += Buffer.from(piece as Uint8Array).toString();
        const match = /^id: (\d+)\ndata: ([0-9.]+)\n\n$/.exec(text);
        if (match === null) continue;
        text = '';
        received_ms.push(performance.now());
        written_ms.push(Number(match[2]));
        // Only now may the application write the next one: a gateway that waited for more would wait for ever.
        assert.equal((await ask(gateway.port, { method: 'POST', path: `/events/lockstep/${match[1]}` })).status, 204);
      }
      assert.deepEqual([received_ms.length, text], [count, '']);
      for (let n = 1; n < count; n++) assert.ok((received_ms[n - 1] ?? 0) < (written_ms[n] ?? 0), `event ${n}`);
    });

    async function readOne(stream: string): Promise<IncomingMessage> {
      const request = http.get({
        host: '127.0.0.1',
        port: gateway.port,
        path: `/events/${stream}?count=9`,
        agent: false,
      });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      await once(response, 'data');
      return response;
    }

    it('tells the application at once that the reader of its events broke off', async () => {
      const response = await readOne('broken');
      response.on('error', () => {});
      response.socket.resetAndDestroy();
      assert.equal((await ask(gateway.port, { path: '/poll/broken-behind' })).status, 200);
    });

    it('tells the application with its next event that the reader left', async () => {
      // A client that sends no more may still be reading: only what it does not take shows that it does not.
      (await readOne('left')).destroy();
      const gone = ask(gateway.port, { path: '/poll/left-behind' });
      for (const n of [1, 2]) await ask(gateway.port, { method: 'POST', path: `/events/left/${n}` });
      assert.equal((await gone).status, 200);
    });

    it('lets 30 clients wait for a late answer and gives each its own', async () => {
      const agent = new http.Agent({ keepAlive: true });
      const numbers = Array.from({ length: 30 }, (_, i) => i);
      const answers = Promise.all(numbers.map((i) => ask(gateway.port, { path: `/poll/news?number=${i}`, agent })));
      const waiting = async (): Promise<string> => (await ask(gateway.port, { path: '/waiting/news' })).body.toString();
      await eventually(
        async () => (await waiting()) === '30',
        () => 'not everybody waits',
      );
      await ask(gateway.port, { method: 'POST', path: '/release/news' });
      assert.deepEqual(
        (await answers).map(({ body }) => JSON.parse(body.toString()) as unknown),
        numbers.map((i) => ({ topic: 'news', number: String(i) })),
      );
      agent.destroy();
    });

    it('passes a body on that fetch sends as a stream', async () => {
      const bytes = noise(5_000_003);
      let at = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (at >= bytes.length) controller.close();
          else controller.enqueue(new Uint8Array(bytes.subarray(at, (at += 65_537))));
        },
      });
      const headers = { 'content-type': 'application/octet-stream' };
      const response = await fetch(`${gateway.origin}/digest`, { method: 'POST', body, duplex: 'half', headers });
      assert.deepEqual(await response.json(), { bytes: bytes.length, sha256: sha256(bytes) });
    });

    it('passes each piece of a body on, and of its answer back, before the next one is sent', async () => {
      const headers = { 'content-type': 'application/octet-stream' };
      const request = http.request({ host: '127.0.0.1', port: gateway.port, method: 'POST', path: '/mirror', headers });
      const answered = once(request, 'response') as Promise<[IncomingMessage]>;
      request.write('piece 0');
      const [response] = await answered;
      const pieces = response[Symbol.asyncIterator]();
      for (let i = 1; i <= 50; i++) {
        const { value } = (await pieces.next()) as { value: Buffer };
        assert.equal(value.toString(), `piece ${i - 1}`);
        request.write(`piece ${i}`);
      }
      await pieces.next();
      request.end();
      assert.equal((await pieces.next()).done, true);
    });
  });
}
