/**
 * What the gateway passes on is one request to others, too: every request that comes out of the corpus, and out of messages made
 * by chance, is sent to nginx with another one behind it. A server that saw an end elsewhere would see something else than these two.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { Inputs } from '../fuzz/input.ts';
import { freePort } from '../free-port.ts';
import { connecting } from '../listeners/client.ts';
import { requireProgram } from '../require-program.ts';
import { eventually, Lab } from '../traps/lab.ts';
import { takeMessage } from '../traps/message.ts';
import { connectTo, type RawConnection } from '../traps/raw-connection.ts';
import { ok } from '../traps/scripted-upstream.ts';
import { readCorpus } from './corpus.ts';

const MADE_BY_CHANCE = 1_500;
const SEED = 20_261_121;
const AT_ONCE = 16;

/** Does `work` for each of `items`, some at a time. */
async function forAll<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  const entries = items.entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [index, item] of entries) await work(item, index);
    }),
  );
}

/** Everything that a gateway makes of these bytes, each request once. */
async function passedOn(messages: readonly Buffer[]): Promise<Buffer[]> {
  const seen = new Set<string>();
  const record = async (connection: RawConnection): Promise<void> => {
    for (;;) {
      let length = 0;
      await connection.until(() => {
        // One that was given up is none.
        length = takeMessage(connection.bytes, 'request', false)?.length ?? 0;
        return length > 0;
      }, 'a request');
      const bytes = connection.bytes.toString('latin1', 0, length);
      await connection.receive('request');
      seen.add(bytes);
      connection.write(ok(''));
    }
  };
  const lab = await Lab.open({ upstreams: [record] }, 'onread');
  try {
    await forAll(messages, async (bytes) => {
      const client = await connectTo(lab.port);
      client.write(bytes);
      // What lacks its end is given up, and what waits for leave to send a body need not.
      client.finish();
      await client.whenOver();
      client.destroy();
    });
  } finally {
    lab.abort();
  }
  return [...seen].map((text) => Buffer.from(text, 'latin1'));
}

interface Neighbour {
  readonly port: number;
  /** What it saw on each connection: the length of a request and its target. */
  seen(): Map<string, string[]>;
}

async function startNginx(t: TestContext, nginx: string): Promise<Neighbour> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-neighbour-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [port, closed] = [await freePort(), await freePort()];
  // A body is read as a whole before it is passed on, here to nobody: then its length is known.
  writeFileSync(
    path.join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1; events { worker_connections 256; }
    http {
      log_format seen escape=none '$connection $request_length $request_uri'; access_log ${folder}/seen.log seen;
      client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      client_max_body_size 0; large_client_header_buffers 8 32k;
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://127.0.0.1:${closed}; }
        error_page 502 =200 /read; location = /read { internal; return 200; }
      }
    }`,
  );
  const child = spawn(nginx, ['-c', path.join(folder, 'nginx.conf'), '-p', folder], { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  await eventuallyConnected(port);
  return {
    port,
    seen() {
      const byConnection = new Map<string, string[]>();
      for (const line of readFileSync(path.join(folder, 'seen.log'), 'latin1').split('\n')) {
        const [, connection = '', request = ''] = /^(\d+) (.*)$/.exec(line) ?? [];
        byConnection.set(connection, [...(byConnection.get(connection) ?? []), request]);
      }
      return byConnection;
    },
  };
}

async function eventuallyConnected(port: number): Promise<void> {
  for (let k = 0; k < 4_000; k++) {
    if ((await connecting({ port })) === 'connected') return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('nginx does not listen');
}

const targetOf = (request: Buffer): string => /^\S+ (\S+) /.exec(request.toString('latin1'))?.[1] ?? '';

/** Sends each request with another one behind it. @returns which of them were refused as a whole */
async function sendAll(port: number, requests: readonly Buffer[]): Promise<Set<number>> {
  const refused = new Set<number>();
  await forAll(requests, async (request, index) => {
    const connection = await connectTo(port);
    connection.write(request);
    connection.write(`GET /behind-${index} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await connection.whenOver();
    if (/^HTTP\/1\.1 (?:[45]\d\d) /.test(connection.text)) refused.add(index);
    connection.destroy();
  });
  return refused;
}

test('nginx sees the requests that the gateway passes on as what they are, and the next one behind each', async (t) => {
  const nginx = requireProgram(t, 'nginx');
  if (nginx === undefined) return;
  const inputs = new Inputs(SEED);
  const made = Array.from({ length: MADE_BY_CHANCE }, (_, k) => inputs.input(k));
  const requests = await passedOn([
    ...readCorpus('requests').map(({ bytes }) => bytes),
    ...made.filter(({ kind }) => kind === 'request').map(({ bytes }) => bytes),
  ]);
  assert.ok(requests.length > 200, `${requests.length} requests came through`);
  const neighbour = await startNginx(t, nginx);
  const refused = await sendAll(neighbour.port, requests);
  let read = 0;
  const isLogged = (): boolean => {
    const seen = [...neighbour.seen().values()];
    read = seen.filter((each) => each.some((request) => request.includes(' /behind-'))).length;
    return read >= requests.length - refused.size;
  };
  await eventually(isLogged, () => `nginx saw ${read} of ${requests.length - refused.size} requests to their end`);
  for (const each of neighbour.seen().values()) {
    const index = Number(/ \/behind-(\d+)$/.exec(each.at(-1) ?? '')?.[1] ?? -1);
    const request = requests[index];
    if (request === undefined) {
      // Refused, or the connection by which it was seen to listen: nothing is read behind what was not understood.
      assert.ok(each.length <= 1, each.join(' | '));
      continue;
    }
    assert.deepEqual(
      each.slice(0, -1),
      [`${request.length} ${targetOf(request)}`],
      JSON.stringify(request.toString('latin1')),
    );
  }
  t.diagnostic(`${requests.length} requests: ${read} read alike, ${refused.size} refused by nginx as a whole`);
  assert.ok(read > 150);
});
