/** How connections of HTTP/2 end: who is seen off gets what was written, and nobody stays who asks for nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import * as h2 from '../../src/http2/protocol.ts';
import { eventually, inLab, Lab, type LabSettings } from '../traps/lab.ts';
import { answering, manual, ok, type Script } from '../traps/scripted-upstream.ts';
import { blockOf, type Fields, frame, FrameClient, GET, number32, POST } from './frame-client.ts';

const HTTP2 = { http: [{ address: '127.0.0.1', port: 0, http2: true }] };

const setting = (id: number, value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};

const NO_WINDOW = setting(h2.INITIAL_WINDOW_SIZE, 0);

/**
 * Somewhere between them lies more than the kernel takes for a UNIX domain socket whose peer does not read, and no more than that and
 * what the gateway itself holds, so that it has written all of it.
 */
const SIZES = Array.from({ length: 8 }, (_, k) => 190_000 + k * 20_000);

interface Waiting {
  readonly lab: Lab;
  readonly client: FrameClient;
  readonly size: number;
}

/** Clients that have asked for such a body and read nothing of it. */
async function withQueue(t: TestContext, timeouts: LabSettings['timeouts'], sizes = SIZES): Promise<Waiting[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-h2-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const open = async (size: number): Promise<Waiting> => {
    const place = path.join(folder, `${size}.sock`);
    const settings = { http: [{ path: place, http2: true }], timeouts: { ...timeouts } };
    const lab = await Lab.open({ upstreams: [answering(ok('x'.repeat(size)))], settings }, 'onread');
    t.after(() => lab.abort());
    const client = await FrameClient.open(place, setting(h2.INITIAL_WINDOW_SIZE, h2.MOST_WINDOW));
    t.after(() => client.end());
    client.socket.pause();
    client.write(frame(h2.WINDOW_UPDATE, 0, 0, number32(2 ** 30)));
    client.request(1);
    const node = await lab.node.connection(0);
    await eventually(
      () => node.socket.bytesWritten >= size,
      () => 'the upstream has not answered',
    );
    return { lab, client, size };
  };
  const all = await Promise.all(sizes.map(open));
  await new Promise((resolve) => setTimeout(resolve, 100));
  return all;
}

async function assertWhole({ client, size }: Waiting): Promise<void> {
  client.socket.resume();
  await client.closed();
  assert.equal(client.dataOf(1).length, size);
  assert.ok(client.isEnded(1));
}

describe('a client that reads late gets its whole answer', () => {
  test('although it has ended its own side', async (t) => {
    const all = await withQueue(t, {});
    for (const { client } of all) client.socket.end();
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const one of all) {
      await assertWhole(one);
      await one.lab.end();
    }
  });

  test('although the gateway stops, as long as it takes anything', async (t) => {
    const all = await withQueue(t, { linger_ms: 100, send_ms: 30_000 });
    const drained = all.map(({ lab }) => lab.worker.drain());
    // Idle connections are ended after half a second, and were given up after the time to linger.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    for (const one of all) {
      await assertWhole(one);
      one.client.end();
    }
    await Promise.all(drained);
    for (const { lab } of all) await lab.end();
  });

  test('and one that takes nothing is given up', async (t) => {
    const all = await withQueue(t, { linger_ms: 100, send_ms: 300 });
    for (const { lab, client } of all) {
      await lab.worker.drain();
      client.end();
      lab.abuses.length = 0;
      await lab.end();
    }
  });
});

describe('a stop', () => {
  test(
    'ends a connection on which nothing came',
    inLab({ upstreams: [manual], settings: HTTP2 }, async (lab) => {
      const [silent, begun] = [await FrameClient.connect(lab.port), await FrameClient.connect(lab.port)];
      begun.write(Buffer.from(h2.PREFACE.slice(0, 5)));
      await new Promise((resolve) => setTimeout(resolve, 50));
      const drained = lab.worker.drain();
      await silent.closed();
      await begun.closed();
      silent.end();
      begun.end();
      await drained;
    }),
  );

  test(
    'does not cost what is under way for what the client had sent before it knew',
    inLab({ upstreams: [manual], settings: HTTP2 }, async (lab) => {
      const client = await FrameClient.open(lab.port);
      client.request(1);
      const node = await lab.node.connection(0);
      await node.receive('request');
      const drained = lab.worker.drain();
      const last = await client.until(
        ({ frames }) => frames.filter(({ type }) => type === h2.GOAWAY)[1],
        'the streams that were seen',
      );
      assert.equal(last.payload.readUInt32BE(0), 1);
      client.request(3, POST, false);
      client.write(frame(h2.DATA, 0, 3, Buffer.from('abc')), frame(h2.WINDOW_UPDATE, 0, 3, number32(5)));
      client.write(frame(h2.DATA, h2.END_STREAM, 3, Buffer.from('d')));
      client.request(5, POST, false);
      client.write(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 5, blockOf([['x', 'y']])));
      client.write(frame(h2.RST_STREAM, 0, 5, number32(h2.CANCEL)));
      client.write(frame(h2.PING, 0, 0, Buffer.alloc(8)));
      await client.frame(h2.PING, 0);
      node.write(ok('hello'));
      await client.until((each) => each.isEnded(1), 'the answer');
      await client.closed();
      const goodbyes = client.frames.filter(({ type }) => type === h2.GOAWAY).map(({ payload }) => payload);
      assert.deepEqual(
        goodbyes.map((payload) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]),
        [
          [2 ** 31 - 1, h2.NO_ERROR],
          [1, h2.NO_ERROR],
        ],
      );
      client.end();
      await drained;
    }),
  );
});

describe('an answer that the client opens no window for ends after the time to send', () => {
  const TIMEOUTS = { send_ms: 300, body_ms: 60_000 };
  const large: readonly (readonly [string, string])[] = Array.from({ length: 101 }, (_, k) => [`x-${k}`, '']);
  const REFUSED: readonly (readonly [what: string, fields: Fields])[] = [
    ['is malformed', GET.slice(1)],
    ['is too large', [...POST, ...large]],
    ['has a length that is none', [...POST, ['content-length', 'x']]],
  ];
  for (const [what, fields] of REFUSED)
    test(
      `of a request that ${what}, and is never completed`,
      inLab({ upstreams: [manual], settings: { ...HTTP2, timeouts: TIMEOUTS } }, async (lab) => {
        const client = await FrameClient.open(lab.port, NO_WINDOW);
        client.request(1, fields, false);
        await client.resetCode(1);
        client.end();
        assert.deepEqual(lab.abuses.splice(0), ['stalled_window']);
      }),
    );

  test(
    'though the request goes on, byte by byte',
    inLab({ upstreams: [early(ok('x'.repeat(200_000)))], settings: { ...HTTP2, timeouts: TIMEOUTS } }, async (lab) => {
      const client = await FrameClient.open(lab.port, NO_WINDOW);
      client.request(1, POST, false);
      const drip = setInterval(() => client.write(frame(h2.DATA, 0, 1, Buffer.of(120))), 20);
      try {
        assert.equal(await client.resetCode(1), h2.CANCEL);
      } finally {
        clearInterval(drip);
      }
      client.end();
      assert.deepEqual(lab.abuses.splice(0), ['stalled_window']);
    }),
  );

  test(
    'and where the client has taken it, the time of the upstream to go on counts, not that of the client, who may be quiet as long',
    inLab(
      {
        upstreams: [early(ok('x'.repeat(2_000)).replace('2000', '3000'))],
        settings: { ...HTTP2, timeouts: { send_ms: 60_000, body_ms: 100 } },
        upstream: { timeouts: { connect_ms: 60_000, send_ms: 60_000, read_ms: 1_000 } },
      },
      async (lab) => {
        const client = await FrameClient.open(lab.port, NO_WINDOW);
        client.request(1, POST, false);
        await client.frame(h2.HEADERS, 1);
        client.write(frame(h2.WINDOW_UPDATE, 0, 1, number32(10_000)));
        await client.frame(h2.RST_STREAM, 1);
        client.end();
        const [logged] = await lab.logged(1);
        assert.equal(logged?.errorCode, 'upstream_timeout');
      },
    ),
  );
});

/** Answers each request as soon as its head is there. */
function early(answer: string): Script {
  return async (connection) => {
    for (;;) {
      await connection.take('\r\n\r\n');
      connection.write(answer);
    }
  };
}

describe('frames of streams that were never opened end the connection:', () => {
  const NEVER: readonly (readonly [what: string, bytes: Buffer, code: number])[] = [
    ['RST_STREAM of an even stream', frame(h2.RST_STREAM, 0, 2, number32(h2.CANCEL)), h2.PROTOCOL_ERROR],
    ['WINDOW_UPDATE of an even stream', frame(h2.WINDOW_UPDATE, 0, 2, number32(1)), h2.PROTOCOL_ERROR],
    ['a PRIORITY of the wrong size', frame(h2.PRIORITY, 0, 9, Buffer.alloc(4)), h2.FRAME_SIZE_ERROR],
    ['a PRIORITY that depends on itself', frame(h2.PRIORITY, 0, 9, Buffer.of(0, 0, 0, 9, 1)), h2.PROTOCOL_ERROR],
  ];
  for (const [what, bytes, code] of NEVER)
    test(
      what,
      inLab({ upstreams: [manual], settings: HTTP2 }, async (lab) => {
        const client = await FrameClient.open(lab.port);
        client.request(3);
        client.write(bytes);
        assert.equal(await client.goodbye(), code);
        assert.equal(
          client.frames.some(({ type, stream }) => type === h2.RST_STREAM && stream !== 3),
          false,
        );
        client.end();
      }),
    );
});

test(
  'the rest of a request that was answered early may come late, however many others were answered meanwhile',
  inLab({ upstreams: [early(ok('hello'))], settings: { ...HTTP2, timeouts: { linger_ms: 50 } } }, async (lab) => {
    const client = await FrameClient.open(lab.port);
    client.request(1, POST, false);
    assert.equal(await client.resetCode(1), h2.NO_ERROR);
    for (let stream = 3; stream < 703; stream += 100) {
      for (let id = stream; id < stream + 100; id += 2) client.request(id);
      for (let id = stream; id < stream + 100; id += 2)
        await client.until((each) => each.isEnded(id), `the end of stream ${id}`);
    }
    client.write(frame(h2.DATA, h2.END_STREAM, 1, Buffer.from('late')));
    client.request(801);
    await client.until((each) => each.isEnded(801), 'an answer behind it');
    client.end();
  }),
);
