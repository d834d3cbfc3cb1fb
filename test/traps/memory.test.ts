import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { connectTo } from './raw-connection.ts';
import { ScriptedUpstream, type Script } from './scripted-upstream.ts';
import { settled } from './settled.ts';

const MEBIBYTE = Buffer.alloc(1_048_576, 'm');
const TOTAL = 200 * MEBIBYTE.length;
/** By 'data' events every read is a buffer of its own, and the collector lets some of those pile up. */
const MOST_GROWTH = { onread: 30_000_000, data: 150_000_000 };

class GatewayProcess {
  private readonly child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
  }

  static async start(upstream: number, readPath: string): Promise<GatewayProcess> {
    const file = new URL('./gateway-process.ts', import.meta.url);
    const child = fork(file, [String(upstream), readPath], { execArgv: ['--expose-gc'] });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new GatewayProcess(child, port);
  }

  /** Forgets the peak. @returns memory in use now */
  async reset(): Promise<number> {
    return (await this.ask('reset')).current;
  }

  async peak(): Promise<number> {
    return (await this.ask('peak')).rss;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await ended;
  }

  private async ask(message: string): Promise<{ rss: number; current: number }> {
    const answered = once(this.child, 'message');
    this.child.send(message);
    const [answer] = (await answered) as [{ rss: number; current: number }];
    return answer;
  }
}

/** Takes any upload and answers with its length; gives a download of 200 MiB. */
const script: Script = async (connection) => {
  for (;;) {
    const head = await connection.take('\r\n\r\n');
    const length = Number(/^Content-Length: (\d+)/m.exec(head)?.[1] ?? 0);
    if (length > 0) {
      const end = connection.receivedBytes - connection.bytes.length + length;
      connection.isDropping = true;
      await connection.until(() => connection.receivedBytes >= end, 'the upload');
      connection.isDropping = false;
      connection.clear();
      connection.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
    } else {
      connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`);
      for (let sent = 0; sent < TOTAL && connection.end === 'open'; sent += MEBIBYTE.length) {
        await connection.writeAll(MEBIBYTE);
      }
    }
  }
};

for (const readPath of ['onread', 'data'] as const) {
  const most = MOST_GROWTH[readPath];
  test(`200 MiB up, 200 MiB down and clients that take nothing grow the gateway by less than ${most / 1e6} MB (${readPath})`, async (t) => {
    const upstream = await ScriptedUpstream.start(script);
    const gateway = await GatewayProcess.start(upstream.port, readPath);
    try {
      const client = await connectTo(gateway.port);
      client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2097152\r\n\r\n');
      await client.writeAll(Buffer.alloc(2_097_152));
      await client.receive('response');
      const before = await gateway.reset();

      client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${TOTAL}\r\n\r\n`);
      for (let sent = 0; sent < TOTAL; sent += MEBIBYTE.length) await client.writeAll(MEBIBYTE);
      assert.equal((await client.receive('response')).body.toString(), 'ok');
      const afterUpload = (await gateway.peak()) - before;
      assert.ok(afterUpload < most, `an upload grew it by ${afterUpload} bytes`);

      client.isDropping = true;
      const from = client.receivedBytes;
      client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until(() => client.receivedBytes - from > TOTAL, 'the download');
      client.destroy();
      const afterDownload = (await gateway.peak()) - before;
      assert.ok(afterDownload < most, `a download grew it by ${afterDownload} bytes`);

      // Slow ones: each holds what its sockets hold, and no more.
      const slow = await Promise.all(Array.from({ length: 8 }, () => connectTo(gateway.port)));
      for (const each of slow) {
        each.socket.pause();
        each.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      }
      await settled(() => upstream.connections.reduce((sum, { socket }) => sum + socket.bytesWritten, 0));
      const afterSlow = (await gateway.peak()) - before;
      assert.ok(afterSlow < most, `clients that take nothing grew it by ${afterSlow} bytes`);
      for (const each of slow) each.reset();
      t.diagnostic(`grew by ${afterUpload}, ${afterDownload}, ${afterSlow} bytes`);
    } finally {
      await gateway.stop();
      upstream.close();
    }
  });
}
