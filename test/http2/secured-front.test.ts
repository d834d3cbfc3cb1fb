/** Clients of HTTP/2 over TLS: what is written for them counts as held only until it is taken. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { test } from 'node:test';
import { PAIR } from '../certificate.ts';
import { openLab } from '../plugins/lab.ts';

test('a connection that takes what it is sent lasts, whatever the bound of what is held', async (t) => {
  const text = JSON.stringify({
    gateway: { http: [], https: [{ address: '127.0.0.1', port: 0 }], limits: { held_bytes: 1_048_576 } },
    routes: [{ uri: '/*', upstream: { nodes: { $UPSTREAM: 1 } } }],
    ssls: [{ id: 1, snis: ['a.example'], ...PAIR }],
  });
  const lab = await openLab(t, text);
  const session = http2.connect(`https://127.0.0.1:${lab.tlsPorts[0]}`, { ca: PAIR.cert, servername: 'a.example' });
  t.after(() => session.destroy());
  let failed: unknown = null;
  session.on('error', (error: Error) => {
    failed = error;
  });
  session.on('goaway', (code: number) => {
    failed = code;
  });
  for (const path of ['/text?body=hello', '/large?bytes=20000']) {
    for (let i = 0; i < 100; i++) {
      const stream = session.request({ ':path': path });
      stream.resume();
      await once(stream, 'end');
      assert.equal(failed, null);
    }
  }
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 300; i++) {
    const stream = session.request({ ':path': '/text?body=hello' });
    stream.resume();
    await once(stream, 'end');
  }
  const more = process.memoryUsage().arrayBuffers - before;
  assert.ok(more < 8_000_000, `${more} bytes more`);
});
