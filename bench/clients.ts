/**
 * Clients for what wrk does not speak: `node bench/clients.ts tls-resumed|websocket PATH PORT CONNECTIONS SECONDS` prints
 * the same line as load.lua does. Each client waits for an answer before it goes on.
 */
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { answerTo } from './answers.ts';
import { NAME, PAIR } from './certificate.ts';
import { frameEnd, frameOf } from './echo.ts';

const [way = '', path = '/', portText = '', connectionsText = '', secondsText = ''] = process.argv.slice(2);
const port = Number(portText);
const result = { requests: 0, bytes: 0, connect: 0, read: 0, write: 0, timeout: 0, status: 0 };
const latencies_us: number[] = [];
const began = performance.now();
const end_ms = began + Number(secondsText) * 1000;
const isOver = (): boolean => performance.now() >= end_ms;

function note(started: number, bytes: number): void {
  result.requests++;
  result.bytes += bytes;
  latencies_us.push((performance.now() - started) * 1000);
}

/** One connection after the other, each by a ticket of the one before. */
async function resume(): Promise<void> {
  let session = await connection(undefined);
  while (!isOver()) {
    if (session === undefined) result.read++;
    // A ticket may be used again where the connection that it resumed brought no other.
    session = (await connection(session)) ?? session;
  }
}

function connection(session: Buffer | undefined): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const started = performance.now();
    const options = { host: '127.0.0.1', port, servername: NAME, ca: PAIR.cert };
    const socket = tls.connect(session === undefined ? options : { ...options, session });
    let ticket: Buffer | undefined;
    let bytes = 0;
    socket.on('session', (next: Buffer) => (ticket = next));
    socket.on('secureConnect', () => {
      // What is measured is resuming: an answer by a whole handshake does not count.
      if (session !== undefined && !socket.isSessionReused()) result.status++;
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${NAME}\r\nConnection: close\r\n\r\n`);
    });
    socket.on('data', (piece: Buffer) => (bytes += piece.length));
    socket.on('error', () => result.connect++);
    socket.on('close', () => {
      if (session !== undefined) note(started, bytes);
      resolve(ticket);
    });
  });
}

const MESSAGE = frameOf(answerTo(path).content, true);
const ECHO_BYTES = frameOf(answerTo(path).content, false).length;

/** Messages on one connection, each after the echo of the one before. */
function talk(): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
    let started = 0;
    let hasSwitched = false;
    let pending: Buffer = Buffer.alloc(0);
    const send = (): void => {
      started = performance.now();
      socket.write(MESSAGE);
    };
    const key = randomBytes(16).toString('base64');
    const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`;
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${NAME}\r\n${fields}\r\n\r\n`);
    socket.on('data', (piece: Buffer) => {
      pending = pending.length === 0 ? piece : Buffer.concat([pending, piece]);
      if (!hasSwitched) {
        const at = pending.indexOf('\r\n\r\n');
        if (at < 0) return;
        if (!pending.toString('latin1', 0, 12).endsWith(' 101')) result.status++;
        hasSwitched = true;
        pending = pending.subarray(at + 4);
        return send();
      }
      const next = frameEnd(pending, 0);
      if (next < 0 || next > pending.length) return;
      if (next !== ECHO_BYTES) result.read++;
      pending = pending.subarray(next);
      note(started, next);
      if (isOver()) socket.destroy();
      else send();
    });
    socket.on('error', () => result.connect++);
    socket.on('close', () => resolve());
  });
}

const client = way === 'websocket' ? talk : resume;
await Promise.all(Array.from({ length: Number(connectionsText) }, client));
latencies_us.sort((one, other) => one - other);
const quantile = (share: number): number => latencies_us[Math.floor(latencies_us.length * share)] ?? 0;
const duration_us = (performance.now() - began) * 1000;
console.log(`@result ${JSON.stringify({ ...result, duration_us, p50_us: quantile(0.5), p99_us: quantile(0.99) })}`);
