/** An upstream over TLS that speaks HTTP/2 and HTTP/1.1, as the gateway likes: HAProxy, which gives the small answer to everything. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answerTo } from './answers.ts';
import { BOTH, writeCertificate } from './certificate.ts';
import { freePort, untilReady } from './probe.ts';
import type { Processes } from './processes.ts';

/** A text of HAProxy's configuration language, without quotes. */
const quoted = (text: string): string => text.replace(/[ "\\#]/g, '\\$&').replaceAll('\n', '\\n');

/** @returns its port */
export async function startSecuredUpstream(
  processes: Processes,
  folder: string,
  cores: readonly number[],
): Promise<number> {
  const port = await freePort();
  const file = join(folder, 'secured-upstream.cfg');
  writeCertificate(folder);
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 2000
  no strict-limits
defaults
  mode http
  timeout client 300s
  timeout http-keep-alive 300s
frontend f
  bind 127.0.0.1:${port} ssl crt ${folder}/${BOTH} alpn h2,http/1.1
  http-request return status 200 content-type application/json string ${quoted(answerTo('/').content)}
`,
  );
  const server = processes.start({ command: 'haproxy', args: ['-db', '-f', file] }, cores);
  const load = {
    path: '/',
    method: 'GET',
    bodyBytes: 0,
    connections: 1,
    closes: false,
    streams: 0,
    over: 'tls',
  } as const;
  await untilReady(server, port, load, { status: 200, content: answerTo('/').content });
  return port;
}
