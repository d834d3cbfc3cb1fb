/** Requests of plugin tests in HTTP/2, for who asks for that: `TEST_HTTP=2`. */
import http2 from 'node:http2';
import net from 'node:net';
import type { Answer, Ask } from './lab.ts';

export const IS_HTTP2 = process.env.TEST_HTTP === '2';

/** What has no place in HTTP/2, and what Node.js's client would refuse to send. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

function headOf(method: string, path: string, { headers = {}, body }: Ask): http2.OutgoingHttpHeaders {
  const sent: Record<string, string | readonly string[]> = { host: 'app.example' };
  if (typeof body === 'string' || Buffer.isBuffer(body)) sent['content-length'] = String(Buffer.byteLength(body));
  for (const [name, value] of Object.entries(headers))
    if (!OF_CONNECTION.has(name.toLowerCase())) sent[name.toLowerCase()] = value;
  const { host, ...more } = sent;
  return { ':method': method, ':path': path, ':authority': String(host), ...more };
}

/** On a connection of its own. Rejects if the answer breaks off. */
export function askHttp2(port: number, path: string, ask: Ask): Promise<Answer> {
  const { method = 'GET', body, from } = ask;
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, ...(from === undefined ? {} : { localAddress: from }) });
    const session = http2.connect('http://app.example', { createConnection: () => socket });
    const fail = (error: Error): void => {
      session.destroy();
      reject(error);
    };
    session.on('error', fail);
    const stream = session.request(headOf(method, path, ask), { endStream: body === undefined });
    const pieces: Buffer[] = [];
    let rawHeaders: (readonly [name: string, value: string])[] = [];
    let status = 0;
    stream.on('response', (head, _flags, raw: readonly string[] = []) => {
      status = head[':status'] ?? 0;
      rawHeaders = [];
      for (let i = 0; i < raw.length; i += 2)
        if (raw[i]?.startsWith(':') === false) rawHeaders.push([raw[i] ?? '', raw[i + 1] ?? '']);
    });
    stream.on('error', fail);
    stream.on('aborted', () => fail(new Error('aborted')));
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('end', () => {
      if (stream.rstCode > http2.constants.NGHTTP2_NO_ERROR) return;
      session.destroy();
      const headers: Record<string, string> = {};
      for (const [name, value] of rawHeaders)
        headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
      const whole = Buffer.concat(pieces);
      resolve({ status, rawHeaders, headers, body: whole, text: whole.toString() });
    });
    if (typeof body === 'object' && !Buffer.isBuffer(body)) {
      for (const piece of body) stream.write(piece);
      stream.end();
    } else if (body !== undefined) stream.end(body);
  });
}
