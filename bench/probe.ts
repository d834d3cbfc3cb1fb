/** One request to see that a gateway passes on what it should, before anything is measured. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Expected } from './answers.ts';
import { NAME, PAIR } from './certificate.ts';
import { isSecured, type Load } from './load.ts';
import type { Running } from './processes.ts';

const READY_WITHIN_MS = 15_000;

interface Answer {
  readonly status: number;
  readonly content: string;
}

async function requestHttp2(port: number, { path, method, bodyBytes, headers = {} }: Load): Promise<Answer> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.setTimeout(2000, () => session.destroy(new Error('no answer in 2 s')));
  try {
    const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: bodyBytes === 0 });
    if (bodyBytes > 0) stream.end('b'.repeat(bodyBytes));
    const failed = new Promise<never>((_, reject) => session.once('error', reject));
    const head = once(stream, 'response') as Promise<[http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader]>;
    const [answer] = await Promise.race([head, failed]);
    return { status: answer[':status'] ?? 0, content: (await buffer(stream)).toString('latin1') };
  } finally {
    session.destroy();
  }
}

function request(port: number, load: Load): Promise<Answer> {
  const { path, method, bodyBytes, headers = {} } = load;
  const { request: send } = isSecured(load) ? https : http;
  const secured = { servername: NAME, ca: PAIR.cert };
  return new Promise((resolve, reject) => {
    const asked = { host: '127.0.0.1', port, path, method, headers, agent: false, timeout: 2000, ...secured };
    const outgoing = send(asked, (answer) => {
      let content = '';
      answer.setEncoding('latin1');
      answer.on('data', (chunk: string) => (content += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, content }));
      answer.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in 2 s')));
    outgoing.on('error', reject);
    outgoing.end('b'.repeat(bodyBytes));
  });
}

/** What is wrong with the answer to one request, or undefined if it is the expected one, byte for byte. */
export async function probe(port: number, load: Load, expected: Expected): Promise<string | undefined> {
  try {
    const { status, content } = await (load.streams === 0 ? request(port, load) : requestHttp2(port, load));
    if (status !== expected.status)
      return `${load.method} ${load.path} is answered with ${status}, not ${expected.status}`;
    if (content !== expected.content) return `the body of ${load.path} differs from what was to come`;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Waits until the gateway answers as it should; throws with its output if it doesn't in time, or ended. */
export async function untilReady(running: Running, port: number, load: Load, expected: Expected): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let fault: string | undefined = '';
  while (fault !== undefined) {
    if (running.hasEnded()) throw new Error(`it ended at once: ${running.output().trim() || 'no output'}`);
    if (performance.now() > deadline) throw new Error(`not ready: ${fault}; its output: ${running.output().trim()}`);
    await sleep(20);
    fault = await probe(port, load, expected);
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
