/** Bodies of any size, and peers of any slowness, cost the gateway a bounded piece of memory. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Readable } from 'node:stream';
import { ask } from './client.ts';
import { routeTo, RunningGateway } from './gateway.ts';
import {
  checksumOf,
  chunks,
  downloadSlowly,
  sip,
  startSlowApplication,
  uploadSlowly,
  type SlowApplication,
} from './slow-application.ts';
import { eventually } from './waiting.ts';

const MEBIBYTE = 1024 * 1024;
const BODY_BYTES = 200 * MEBIBYTE;
const MOST_GROWTH_BYTES = 30 * MEBIBYTE;
const SIPS = 8;

describe('memory', () => {
  let app: SlowApplication;
  let gateway: RunningGateway;
  before(async () => {
    app = await startSlowApplication();
    gateway = await RunningGateway.start({ routes: [routeTo([app.port])] });
    // Until the code is compiled and the heap has the size that traffic gives it.
    await quickly(8_000);
    await download(16 * MEBIBYTE);
    await upload(16 * MEBIBYTE);
  });
  after(async () => {
    await app.close();
    await gateway[Symbol.asyncDispose]();
  });

  /** Sends small requests one after the other. @returns their durations, the shortest first */
  async function quickly(count: number): Promise<number[]> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const durations_ms: number[] = [];
    for (let i = 0; i < count; i++) {
      const started_ms = performance.now();
      assert.equal((await ask(gateway.port, { path: '/', agent })).body.toString(), 'quick');
      durations_ms.push(performance.now() - started_ms);
    }
    agent.destroy();
    return durations_ms.sort((a, b) => a - b);
  }

  async function download(bytes: number): Promise<{ bytes: number; sha256: string }> {
    const response = await fetch(`${gateway.origin}/download/${bytes}`);
    const hash = createHash('sha256');
    let received = 0;
    for await (const chunk of response.body ?? []) {
      received += (chunk as Uint8Array).length;
      hash.update(chunk as Uint8Array);
    }
    return { bytes: received, sha256: hash.digest('hex') };
  }

  async function upload(bytes: number): Promise<unknown> {
    const body = Readable.toWeb(Readable.from(chunks(bytes))) as ReadableStream;
    const response = await fetch(`${gateway.origin}/upload`, { method: 'POST', body, duplex: 'half' });
    return response.json();
  }

  /** Runs something, and tells how much more memory the gateway had at its peak than before. */
  async function growthDuring(t: TestContext, action: () => Promise<void>): Promise<number> {
    const { rss_bytes } = gateway;
    gateway.forgetPeak();
    await action();
    const growth = gateway.peak_bytes - rss_bytes;
    t.diagnostic(`${mebibytes(rss_bytes)} before, ${mebibytes(growth)} more at the peak`);
    return growth;
  }

  it('grows by less than 30 MB while 200 MB are downloaded', async (t) => {
    const growth = await growthDuring(t, async () => {
      assert.deepEqual(await download(BODY_BYTES), { bytes: BODY_BYTES, sha256: checksumOf(BODY_BYTES) });
    });
    assert.ok(growth < MOST_GROWTH_BYTES, mebibytes(growth));
  });

  it('grows by less than 30 MB while 200 MB are uploaded', async (t) => {
    const growth = await growthDuring(t, async () => {
      assert.deepEqual(await upload(BODY_BYTES), { bytes: BODY_BYTES, sha256: checksumOf(BODY_BYTES) });
    });
    assert.ok(growth < MOST_GROWTH_BYTES, mebibytes(growth));
  });

  it('grows by less than 30 MB, and slows nobody else, where peers take 1 KB a second', async (t) => {
    const alone_ms = median(await quickly(300));
    let beside_ms = Infinity;
    const growth = await growthDuring(t, async () => {
      const reader = await downloadSlowly(gateway.port, BODY_BYTES);
      const writer = uploadSlowly(gateway.port, BODY_BYTES);
      const taken = sip(reader, SIPS);
      await eventually(
        isQuiet(() => app.sent_bytes + writer.sent_bytes),
        () => 'the slow peers are sent ever more',
      );
      // Who is held up by them is so each time; by what else the machine does, now and then.
      for (let tries = 0; tries < 5 && !(beside_ms < 5 * alone_ms + 5); tries++) {
        beside_ms = median(await quickly(300));
      }
      assert.ok((await taken) >= (SIPS - 2) * 1024);
      assert.ok(!reader.destroyed && writer.sent_bytes < BODY_BYTES / 4, 'they were not waited for');
      reader.destroy();
      writer.end();
    });
    t.diagnostic(`a small request takes ${alone_ms.toFixed(2)} ms alone and ${beside_ms.toFixed(2)} ms beside them`);
    assert.ok(growth < MOST_GROWTH_BYTES, mebibytes(growth));
    assert.ok(beside_ms < 5 * alone_ms + 5);
  });

  it('keeps less than 1 MB for each of 100 such peers', async (t) => {
    const growth = await growthDuring(t, async () => {
      const readers = await Promise.all(Array.from({ length: 50 }, () => downloadSlowly(gateway.port, BODY_BYTES)));
      const writers = Array.from({ length: 50 }, () => uploadSlowly(gateway.port, BODY_BYTES));
      const sent = (): number => writers.reduce((sum, writer) => sum + writer.sent_bytes, app.sent_bytes);
      await eventually(isQuiet(sent), () => 'the slow peers are sent ever more');
      await quickly(100);
      for (const reader of readers) reader.destroy();
      for (const writer of writers) writer.end();
    });
    assert.ok(growth < 100 * MEBIBYTE, mebibytes(growth));
  });
});

/** Whether a count has stood still for a second. */
function isQuiet(count: () => number): () => boolean {
  let last = -1;
  let since_ms = 0;
  return () => {
    const now = count();
    if (now !== last) since_ms = performance.now();
    last = now;
    return performance.now() - since_ms > 1_000;
  };
}

const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? Number.NaN;

const mebibytes = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
