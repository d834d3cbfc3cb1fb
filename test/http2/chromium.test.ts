/** A browser speaks HTTP/2 with the gateway over TLS: pages, bodies both ways, and WebSocket in a stream (RFC 8441). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { WebSocketServer } from 'ws';
import { PAIR } from '../certificate.ts';
import { Chromium } from '../chromium.ts';
import { openLab } from '../plugins/lab.ts';
import { requireProgram } from '../require-program.ts';

const PAGE = `<!doctype html><title>page</title><script>
const via = (await_) => await_.then((response) => response.text());
async function play() {
  const [{ nextHopProtocol }] = performance.getEntriesByType('navigation');
  const large = await via(fetch('/large'));
  const body = 'x'.repeat(300000);
  const echoed = await via(fetch('/echo', { method: 'POST', body }));
  const many = await Promise.all(Array.from({ length: 60 }, (_, i) => via(fetch('/path/' + i))));
  const message = await new Promise((resolve, reject) => {
    const socket = new WebSocket('wss://' + location.host + '/socket');
    socket.onopen = () => socket.send('from the page');
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = () => reject(new Error('the socket failed'));
  });
  return { nextHopProtocol, large: large.length, echoed: echoed === body, many: many.every((text, i) => text === '/path/' + i), message };
}
play().catch((error) => ({ error: String(error) })).then((result) => { window.result = JSON.stringify(result); });
</script>`;

async function serve(t: TestContext): Promise<number> {
  const server = http.createServer((request, response) => {
    if (request.url === '/') response.setHeader('content-type', 'text/html').end(PAGE);
    else if (request.url === '/large') response.end('y'.repeat(500_000));
    else if (request.url === '/echo') void buffer(request).then((body) => response.end(body));
    else response.end(request.url);
  });
  const sockets = new WebSocketServer({ server });
  // By what the gateway says of the client's protocol, the page learns which one carried it.
  sockets.on('connection', (socket, request) => {
    socket.on('message', (data: Buffer) => socket.send(`${data.toString()}, via ${String(request.headers.via)}`));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    for (const client of sockets.clients) client.terminate();
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('Chromium speaks h2 for everything, WebSocket included', async (t) => {
  const program = requireProgram(t, 'chromium');
  if (program === undefined) return;
  const port = await serve(t);
  const lab = await openLab(
    t,
    JSON.stringify({
      gateway: { http: [{ port: 0 }], https: [{ address: '127.0.0.1', port: 0 }], tls: { fallback_sni: 'a.example' } },
      ssls: [{ id: 'one', snis: ['a.example'], ...PAIR }],
      routes: [{ uri: '/*', enable_websocket: true, upstream: { nodes: { [`127.0.0.1:${port}`]: 1 } } }],
    }),
  );
  const chromium = await Chromium.start(t, program, ['--ignore-certificate-errors']);
  await chromium.visit(`https://127.0.0.1:${lab.tlsPorts[0]}/`);
  await chromium.until('window.result');
  assert.deepEqual(JSON.parse(String(await chromium.ask('window.result'))), {
    nextHopProtocol: 'h2',
    large: 500_000,
    echoed: true,
    many: true,
    message: 'from the page, via 2.0 gatewright',
  });
});
