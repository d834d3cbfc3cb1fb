/** Servers of others as nodes that choose HTTP/2: nginx and HAProxy, with few requests on a connection, and reloads. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { PAIR } from '../certificate.ts';
import { eventually } from '../e2e/waiting.ts';
import { freePort } from '../free-port.ts';
import { connecting } from '../listeners/client.ts';
import type { Answer, Lab } from '../plugins/lab.ts';
import { requireProgram } from '../require-program.ts';
import { openTo } from './chosen.ts';
import { SpokenNode } from './spoken-node.ts';

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly folder: string;
}

/** Starts a program that listens on a free port. @param argumentsFor given what it is configured with */
async function start(
  t: TestContext,
  program: string,
  configure: (port: number, folder: string) => string,
  argumentsFor: (file: string, folder: string) => string[],
): Promise<Running> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-node-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const file = path.join(folder, 'node.conf');
  writeFileSync(path.join(folder, 'pair.pem'), `${PAIR.cert}${PAIR.key}`);
  writeFileSync(file, configure(port, folder));
  const child = spawn(program, argumentsFor(file, folder), { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  await eventually(
    async () => (await connecting({ port })) === 'connected',
    () => `${program} does not listen`,
  );
  return { child, port, folder };
}

async function load(lab: Lab, count: number, onAnswer: (at: number) => void = () => undefined): Promise<Answer[]> {
  const answers: Answer[] = [];
  let begun = 0;
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      while (begun < count) {
        begun++;
        answers.push(await lab.request(`/${begun}`, { method: 'POST', body: 'x'.repeat(2_000) }));
        onAnswer(answers.length);
      }
    }),
  );
  return answers;
}

function assertServed(answers: readonly Answer[], protocol: RegExp): void {
  for (const { status, text } of answers) {
    assert.equal(status, 200, text);
    assert.match(text, protocol);
  }
}

const nginxConfiguration =
  (behind: number, listen: string, streams = 8) =>
  (port: number, folder: string): string =>
    `
daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 40; http2_max_concurrent_streams ${streams};
  upstream behind { server 127.0.0.1:${behind}; keepalive 8; }
  server {
    listen 127.0.0.1:${port} ssl${listen};
    ssl_certificate ${folder}/pair.pem; ssl_certificate_key ${folder}/pair.pem;
    location / {
      proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection "";
      sub_filter_once off; sub_filter_types *; sub_filter '1.1 ' '$server_protocol '; proxy_set_header Accept-Encoding "";
    }
  }
}
`;

test('nginx: connections that take few requests at once, and few in all, lose none of them', async (t) => {
  const nginx = requireProgram(t, 'nginx');
  if (nginx === undefined) return;
  const behind = await SpokenNode.start(t, 'plain');
  const options = ['-p'] as const;
  const { port } = await start(t, nginx, nginxConfiguration(behind.port, ' http2'), (file, folder) => [
    '-c',
    file,
    ...options,
    folder,
  ]);
  const lab = await openTo(t, [{ port }], {}, { logFormat: '$upstream_protocol' });
  const answers = await load(lab, 600);
  assertServed(answers, /^HTTP\/2\.0 x{2000}$/);
  assert.equal(behind.asked.length, answers.length, 'none was sent twice');
  assert.deepEqual(new Set(lab.lines), new Set(['HTTP/2.0\n']));
});

test('nginx: connections of HTTP/1.1 over TLS are kept under load', async (t) => {
  const nginx = requireProgram(t, 'nginx');
  if (nginx === undefined) return;
  const behind = await SpokenNode.start(t, 'plain');
  const configure = (port: number, folder: string): string =>
    nginxConfiguration(behind.port, '')(port, folder)
      .replace('keepalive_requests 40', 'keepalive_requests 100000')
      .replace(/proxy_pass [^]*Accept-Encoding "";/, 'return 200 "$connection";');
  const { port } = await start(t, nginx, configure, (file, folder) => ['-c', file, '-p', folder]);
  const lab = await openTo(t, [{ port }]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  t.after(() => agent.destroy());
  const seen: string[] = [];
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = http.get({ port: lab.port, host: '127.0.0.1', agent }, (response) => {
        response.setEncoding('utf8').on('data', (text: string) => seen.push(text));
        response.on('end', resolve);
      });
      request.on('error', reject);
    });
  await Promise.all(Array.from({ length: 3_000 }, ask));
  assert.equal(seen.length, 3_000);
  const connections = new Set(seen).size;
  assert.ok(connections <= 64, `${connections} connections for 32 requests at once`);
});

test('nginx: a burst of several times what one connection takes in all loses nothing', async (t) => {
  const nginx = requireProgram(t, 'nginx');
  if (nginx === undefined) return;
  const behind = await SpokenNode.start(t, 'plain');
  const configure = nginxConfiguration(behind.port, ' http2', 128);
  const { port } = await start(t, nginx, configure, (file, folder) => ['-c', file, '-p', folder]);
  const lab = await openTo(t, [{ port }]);
  for (let round = 0; round < 5; round++) {
    const ask = (): Promise<Answer> => lab.request('/', { method: 'POST', body: 'x'.repeat(2_000) });
    assertServed(await Promise.all(Array.from({ length: 100 }, ask)), /^HTTP\/2\.0 x{2000}$/);
  }
  assert.equal(behind.asked.length, 500, 'none was sent twice');
});

test('nginx: a reload that takes HTTP/2 away, under load, loses no request', async (t) => {
  const nginx = requireProgram(t, 'nginx');
  if (nginx === undefined) return;
  const behind = await SpokenNode.start(t, 'plain');
  const { port, child, folder } = await start(t, nginx, nginxConfiguration(behind.port, ' http2'), (file, at) => [
    '-c',
    file,
    '-p',
    at,
  ]);
  const lab = await openTo(t, [{ port }]);
  const answers = await load(lab, 800, (at) => {
    if (at !== 200) return;
    writeFileSync(path.join(folder, 'node.conf'), nginxConfiguration(behind.port, '')(port, folder));
    child.kill('SIGHUP');
  });
  assertServed(answers, /^HTTP\/[12]\.[01] x{2000}$/);
  await eventually(
    async () => (await lab.request('/', { method: 'POST', body: 'x' })).text.startsWith('HTTP/1.1 '),
    () => 'nginx still speaks HTTP/2',
  );
});

test('HAProxy: chooses HTTP/2, and HTTP/1.1 where it is told to', async (t) => {
  const haproxy = requireProgram(t, 'haproxy');
  if (haproxy === undefined) return;
  const behind = await SpokenNode.start(t, 'plain');
  for (const [alpn, version] of [
    ['h2,http/1.1', '2.0'],
    ['http/1.1', '1.1'],
  ] as const) {
    const configure = (port: number, folder: string): string =>
      `defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend f
  bind 127.0.0.1:${port} ssl crt ${folder}/pair.pem alpn ${alpn}
  default_backend b
backend b
  server s 127.0.0.1:${behind.port}
`;
    const { port } = await start(t, haproxy, configure, (file) => ['-db', '-f', file]);
    const lab = await openTo(t, [{ port }], {}, { logFormat: '$upstream_protocol' });
    const answers = await load(lab, 100);
    assertServed(answers, /^1\.1 x{2000}$/);
    assert.deepEqual(new Set(lab.lines), new Set([`HTTP/${version}\n`]));
  }
});
