/** Anything that a client can send: no crash, no fault of the gateway's own code, and good clients are served on. */
import { test } from 'node:test';
import * as h2 from '../../src/http2/protocol.ts';
import { Lab } from '../traps/lab.ts';
import { answering, ok } from '../traps/scripted-upstream.ts';
import { blockOf, frame, FrameClient, GET, number32, POST } from './frame-client.ts';
import { FuzzRun } from './fuzz-run.ts';

const run = new FuzzRun(4);

function anyFrame(below: (most: number) => number): Buffer {
  const stream = [0, 1, 1, 3, 3, 5, 7, 2, 9][below(9)]!;
  const flags = below(4) === 0 ? below(256) : [0, 1, 4, 5][below(4)]!;
  switch (below(9)) {
    case 0:
      return frame(h2.HEADERS, flags | h2.END_HEADERS, stream, blockOf(GET));
    case 1:
      return frame(h2.HEADERS, flags, stream, blockOf(POST));
    case 2:
      return frame(h2.DATA, flags, stream, Buffer.alloc(below(300), below(256)));
    case 3:
      return frame(h2.WINDOW_UPDATE, flags, stream, number32(below(3) === 0 ? below(2 ** 31) : below(1_000)));
    case 4:
      return frame(h2.RST_STREAM, flags, stream, number32(below(14)));
    case 5: {
      const settings = Buffer.alloc(6);
      settings.writeUInt16BE(below(10), 0);
      settings.writeUInt32BE([0, 1, 100, 65_535, 2 ** 31][below(5)]!, 2);
      return frame(h2.SETTINGS, flags & 1, 0, flags & 1 ? Buffer.alloc(0) : settings);
    }
    case 6:
      return frame(h2.CONTINUATION, flags, stream, blockOf([['x', 'y'.repeat(below(50))]]));
    case 7:
      return frame(h2.PRIORITY_UPDATE, 0, 0, Buffer.concat([number32(below(12)), Buffer.from(`u=${below(9)}, i`)]));
    default:
      return frame(below(20), flags, stream, Buffer.from(Array.from({ length: below(40) }, () => below(256))));
  }
}

function anyInput(below: (most: number) => number): Buffer {
  const frames = Array.from({ length: 1 + below(25) }, () => anyFrame(below));
  const bytes = Buffer.concat([Buffer.from(h2.PREFACE), frame(h2.SETTINGS, 0, 0), ...frames]);
  // Most are frames as they should be, in an order that they should not have; some are broken as bytes.
  if (below(3) === 0) for (let i = below(6); i > 0; i--) bytes[24 + below(bytes.length - 24)] = below(256);
  return below(4) === 0 ? bytes.subarray(0, 24 + below(bytes.length - 24)) : bytes;
}

test(`random frames for ${run.duration_ms} ms`, { timeout: run.timeout_ms }, async () => {
  const { seed, random } = run;
  const below = (most: number): number => Math.floor(random() * most);
  const settings = { http: [{ address: '127.0.0.1', port: 0, http2: true }], timeouts: { linger_ms: 100 } };
  const lab = await Lab.open({ upstreams: [answering(ok('hello'))], settings }, 'onread');
  try {
    await run.all(lab, async () => {
      const clients = await Promise.all(
        Array.from({ length: 8 }, async () => {
          const client = await FrameClient.connect(lab.port);
          const input = anyInput(below);
          const cut = below(input.length);
          client.write(input.subarray(0, cut));
          client.write(input.subarray(cut));
          return client;
        }),
      );
      const good = await FrameClient.open(lab.port);
      good.request(1);
      await good.until(
        (client) => client.isEnded(1),
        `an answer for a good client in round ${run.rounds}, seed ${seed}`,
      );
      for (const client of [good, ...clients]) {
        client.socket.resetAndDestroy();
        client.end();
      }
    });
    await lab.end();
  } catch (error) {
    if (error instanceof Error)
      error.message = `seed ${seed}: ${error.message}; faults: ${lab.faults.map(String).join(' ')}`;
    throw error;
  } finally {
    lab.abort();
  }
});
