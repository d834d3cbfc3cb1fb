/**
 * Answers that are complete before their request is (RFC 9113 §8.1): clients get them though they go on sending for a while, which
 * curl 7.88, Java's HttpClient and Python's httpx do, and lose the answer if they are reset meanwhile.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as h2 from '../../src/http2/protocol.ts';
import { ok, type Script } from '../traps/scripted-upstream.ts';
import { inLab, type Lab } from '../traps/lab.ts';
import { blockOf, type Fields, frame, FrameClient, number32, POST } from './frame-client.ts';

const HTTP2 = { http: [{ address: '127.0.0.1', port: 0, http2: true }] };
const UPLOAD: Fields = [...POST, ['content-length', '1048576']];
const PIECE = Buffer.alloc(16_384);

/** Answers as soon as a head is there. */
const early: Script = async (connection) => {
  await connection.take('\r\n\r\n');
  connection.write(ok('no'));
};

/** Answers in chunks, likewise. */
const unsized: Script = async (connection) => {
  await connection.take('\r\n\r\n');
  connection.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n');
};

function withClient(
  timeouts: object,
  body: (client: FrameClient, lab: Lab) => Promise<void>,
  more: object = {},
): () => Promise<void> {
  return inLab({ upstreams: [early], settings: { ...HTTP2, timeouts, ...more } }, async (lab) => {
    const client = await FrameClient.open(lab.port);
    try {
      await body(client, lab);
      assert.deepEqual(lab.abuses, []);
    } finally {
      client.end();
    }
  });
}

const resetsOf = (client: FrameClient, id: number): number =>
  client.frames.filter(({ type, stream }) => type === h2.RST_STREAM && stream === id).length;

const answered = (client: FrameClient, id: number): Promise<unknown> =>
  client.until((each) => each.isEnded(id), `the answer on ${id}`);

/** Sends an upload as its window lets it. */
async function upload(client: FrameClient, id: number, size: number): Promise<void> {
  let window = 262_144;
  let seen = 0;
  for (let left = size; left > 0;) {
    const most = Math.min(left, window, PIECE.length);
    if (most > 0) {
      client.write(frame(h2.DATA, most === left ? h2.END_STREAM : 0, id, PIECE.subarray(0, most)));
      left -= most;
      window -= most;
      continue;
    }
    const updates = await client.until((each) => {
      const all = each.frames.filter(({ type, stream }) => type === h2.WINDOW_UPDATE && stream === id);
      return all.length > seen && all;
    }, 'a window');
    for (const { payload } of updates.slice(seen)) window += payload.readUInt32BE(0);
    seen = updates.length;
  }
}

test(
  'a client that sends all of its request gets a window for it, and no reset',
  withClient({}, async (client) => {
    client.request(1, UPLOAD, false);
    await answered(client, 1);
    await upload(client, 1, 1_048_576);
    client.request(3, POST);
    await answered(client, 3);
    assert.equal(client.dataOf(1).toString(), 'no');
    assert.equal(resetsOf(client, 1), 0);
  }),
);

test(
  'so does one whose body is refused as too large',
  withClient(
    {},
    async (client) => {
      client.request(1, POST, false);
      await upload(client, 1, 1_048_576);
      await answered(client, 1);
      client.request(3, POST);
      await answered(client, 3);
      assert.equal(await client.status(1), 413);
      assert.equal(resetsOf(client, 1), 0);
    },
    { limits: { body_bytes: 100 } },
  ),
);

test(
  'a client that ends its request by trailers is not reset either',
  withClient({}, async (client) => {
    client.request(1, POST, false);
    await answered(client, 1);
    client.write(frame(h2.HEADERS, h2.END_STREAM | h2.END_HEADERS, 1, blockOf([['x-sum', '1']])));
    client.request(3, POST);
    await answered(client, 3);
    assert.equal(resetsOf(client, 1), 0);
  }),
);

test(
  'who sends nothing for linger_ms is reset, without an error',
  withClient({ linger_ms: 50 }, async (client) => {
    client.request(1, UPLOAD, false);
    await answered(client, 1);
    assert.equal(await client.resetCode(1), h2.NO_ERROR);
  }),
);

test(
  'and so is at once who gets an answer that does not say how long it is',
  inLab({ upstreams: [unsized], settings: HTTP2 }, async (lab) => {
    const client = await FrameClient.open(lab.port);
    client.request(1, POST, false);
    assert.equal(await client.resetCode(1), h2.NO_ERROR);
    const end = client.frames.findIndex(({ type, flags }) => type === h2.DATA && (flags & h2.END_STREAM) !== 0);
    assert.deepEqual([client.frames[end + 1]?.type, client.dataOf(1).toString()], [h2.RST_STREAM, 'no']);
    client.end();
  }),
);

test(
  'and so is, after linger_total_ms, who does not come to an end',
  withClient({ linger_ms: 60_000, linger_total_ms: 200 }, async (client) => {
    client.request(1, POST, false);
    const drip = setInterval(() => client.write(frame(h2.DATA, 0, 1, Buffer.of(1))), 10);
    try {
      assert.equal(await client.resetCode(1), h2.NO_ERROR);
    } finally {
      clearInterval(drip);
    }
  }),
);

test(
  'a client may take back the rest of requests that were answered, more often than such as were not',
  withClient({}, async (client) => {
    for (let first = 1; first < 601; first += 100) {
      for (let id = first; id < first + 100; id += 2) client.request(id, UPLOAD, false);
      for (let id = first; id < first + 100; id += 2) {
        await answered(client, id);
        client.write(frame(h2.RST_STREAM, 0, id, number32(h2.CANCEL)));
      }
    }
    client.request(601, POST);
    await answered(client, 601);
  }),
);
