/** Anything that a node of HTTP/2 can send: every request ends, with no fault of the gateway's own code and nothing left behind. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import * as h2 from '../../src/http2/protocol.ts';
import { FuzzRun } from './fuzz-run.ts';
import { Lab } from '../traps/lab.ts';
import { connectTo } from '../traps/raw-connection.ts';
import { blockOf, type Fields, frame, FrameClient, GET, number32, POST } from './frame-client.ts';

const run = new FuzzRun(3);

const HEADS: readonly Fields[] = [
  [[':status', '200']],
  [
    [':status', '200'],
    ['content-length', '100'],
  ],
  [[':status', '103']],
  [[':status', '204']],
  [['grpc-status', '0']],
  [
    [':status', '200'],
    ['connection', 'close'],
  ],
];

function anyFrame(below: (most: number) => number): Buffer {
  const stream = [0, 1, 1, 1, 3, 3, 5, 7, 2][below(9)]!;
  const flags = below(4) === 0 ? below(256) : [0, 1, 4, 5][below(4)]!;
  switch (below(11)) {
    case 0:
    case 1:
    case 2:
      return frame(h2.HEADERS, flags | h2.END_HEADERS, stream, blockOf(HEADS[below(HEADS.length)]!));
    case 3:
    case 4:
      return frame(h2.DATA, flags & 1, stream, Buffer.alloc(below(3) === 0 ? below(16_384) : 100, below(256)));
    case 5:
      return frame(h2.WINDOW_UPDATE, 0, stream, number32(below(3) === 0 ? below(2 ** 31) : below(100_000)));
    case 6:
      return frame(h2.RST_STREAM, 0, stream, number32(below(14)));
    case 7: {
      const settings = Buffer.alloc(6);
      settings.writeUInt16BE(below(10), 0);
      settings.writeUInt32BE([0, 1, 100, 65_535, 2 ** 31][below(5)]!, 2);
      return frame(h2.SETTINGS, flags & 1, 0, flags & 1 ? Buffer.alloc(0) : settings);
    }
    case 8:
      return frame(h2.GOAWAY, 0, 0, Buffer.concat([number32(below(9)), number32(below(3))]));
    case 9:
      return frame(h2.CONTINUATION, flags, stream, blockOf([['x', 'y']]));
    default:
      return frame(below(20), flags, stream, Buffer.from(Array.from({ length: below(20) }, () => below(256))));
  }
}

/** A node that answers every read with some frames, or breaks off. */
function hostileNode(below: (most: number) => number): net.Server {
  return net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.write(frame(h2.SETTINGS, 0, 0));
    socket.on('data', () => {
      const bytes = Buffer.concat(Array.from({ length: below(6) }, () => anyFrame(below)));
      if (below(6) === 0 && bytes.length > 0) bytes[below(bytes.length)] = below(256);
      socket.write(below(6) === 0 ? bytes.subarray(0, below(bytes.length + 1)) : bytes);
      const end = below(20);
      if (end === 0) socket.end();
      else if (end === 1) socket.resetAndDestroy();
    });
    socket.on('end', () => socket.end());
  });
}

test(`random answers for ${run.duration_ms} ms`, { timeout: run.timeout_ms }, async () => {
  const { seed, random } = run;
  const below = (most: number): number => Math.floor(random() * most);
  const nodes = [hostileNode(below), hostileNode(below)];
  for (const node of nodes) await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  const lab = await Lab.open(
    {
      ports: nodes.map((node) => (node.address() as net.AddressInfo).port),
      upstream: {
        scheme: 'grpc',
        timeouts: { connect_ms: 300, send_ms: 300, read_ms: 300 },
        keepalive: { size: 10, idle_ms: 200, requests: 20 },
      },
      settings: { http: [{ address: '127.0.0.1', port: 0, http2: true }], timeouts: { linger_ms: 100 } },
    },
    'onread',
  );
  try {
    let asked = 0;
    await run.all(lab, async () => {
      const client = await FrameClient.open(lab.port);
      for (const stream of [1, 3, 5, 7]) {
        client.request(stream, below(2) === 0 ? GET : POST, below(2) === 0);
        client.write(frame(h2.DATA, h2.END_STREAM, stream, Buffer.alloc(below(2_000))));
      }
      const others = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const other = await connectTo(lab.port);
          const length = below(3) * 40_000;
          other.isDropping = true;
          other.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`);
          if (length > 0) other.write(Buffer.alloc(length));
          return other;
        }),
      );
      asked += 4;
      for (const other of others) await other.whenOver();
      client.socket.resetAndDestroy();
      for (const other of others) other.destroy();
    });
    assert.ok(asked > 0);
    await lab.whenQuiet();
    for (const node of nodes) node.close();
    await lab.end();
  } catch (error) {
    if (error instanceof Error)
      error.message = `seed ${seed}: ${error.message}; faults: ${lab.faults.map(String).join(' ')}`;
    throw error;
  } finally {
    for (const node of nodes) node.close();
    lab.abort();
  }
});
