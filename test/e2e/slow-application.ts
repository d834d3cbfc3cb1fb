/** Long bodies, and readers that take them slowly. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, newAgent } from '../client/speaking.ts';
import { digestOf, noise } from './application.ts';

const CHUNK = noise(64 * 1024);

export function* chunks(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
}

export function checksumOf(bytes: number): string {
  const hash = createHash('sha256');
  for (const chunk of chunks(bytes)) hash.update(chunk);
  return hash.digest('hex');
}

/** Takes one kilobyte a second, so often; resolves with what it took. */
export async function sip(stream: Readable, times: number): Promise<number> {
  let taken = 0;
  for (let time = 0; time < times && !stream.destroyed; time++) {
    taken += (stream.read(1024) as Buffer | null)?.length ?? 0;
    await sleep(1_000);
  }
  return taken;
}

export interface SlowApplication {
  readonly port: number;
  /** Bytes of downloads that were handed to the kernel. */
  readonly sent_bytes: number;
  /** Uploads that have begun. */
  readonly uploads: number;
  close(): Promise<void>;
}

/** `GET /download/BYTES`, `POST /upload` (length and checksum), `POST /sip` (takes 1 KB a second for good), `GET /`. */
export async function startSlowApplication(): Promise<SlowApplication> {
  let sent_bytes = 0;
  let uploads = 0;
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, verb = '', bytes = ''] = request.url?.split('/') ?? [];
    if (verb === 'download') {
      response.writeHead(200, { 'content-length': bytes });
      const counted = function* (): Generator<Buffer> {
        for (const chunk of chunks(Number(bytes))) {
          sent_bytes += chunk.length;
          yield chunk;
        }
      };
      // A reader that goes away early is no fault of the application.
      await pipeline(Readable.from(counted()), response).catch(() => {});
    } else if (verb === 'upload') {
      uploads++;
      // Nor is one who breaks off an upload.
      const digest = await digestOf(request).catch(() => null);
      if (digest !== null) response.end(JSON.stringify(digest));
    } else if (verb === 'sip') {
      request.on('error', () => {});
      await sip(request, Number.POSITIVE_INFINITY);
    } else response.end('quick');
  }
  const server = http.createServer((request, response) => void serve(request, response));
  // Longer than any test waits between two requests: one that crosses the end of an idle connection is lost, unless it is idempotent.
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get sent_bytes() {
      return sent_bytes;
    },
    get uploads() {
      return uploads;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** A client that asks for a download and then reads nothing unless it is told to. */
export async function downloadSlowly(port: number, bytes: number): Promise<net.Socket> {
  const socket = connect(port);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(`GET /download/${bytes} HTTP/1.1\r\nHost: app.example\r\n\r\n`);
  return socket;
}

export interface SlowUpload {
  readonly sent_bytes: number;
  end(): void;
}

/** A client that uploads to an application which takes 1 KB a second. */
export function uploadSlowly(port: number, bytes: number): SlowUpload {
  const headers = { 'content-length': bytes };
  const request = http.request({ host: '127.0.0.1', port, method: 'POST', path: '/sip', headers, agent: newAgent() });
  let sent_bytes = 0;
  const counted = function* (): Generator<Buffer> {
    for (const chunk of chunks(bytes)) {
      sent_bytes += chunk.length;
      yield chunk;
    }
  };
  void pipeline(Readable.from(counted()), request).catch(() => {});
  return {
    get sent_bytes() {
      return sent_bytes;
    },
    end: () => void request.destroy(),
  };
}
