/** The logs of a gateway that runs: one line for every exchange, whatever became of it, and none lost while files are rotated. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, renameSync } from 'node:fs';
import http, { type IncomingMessage, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../free-port.ts';
import { ask } from './client.ts';
import { routeTo, RunningGateway } from './gateway.ts';
import { Load } from './load.ts';
import { eventually } from './waiting.ts';

/** What one line says. */
interface Line {
  readonly request: string;
  readonly status: number;
  readonly bytes: number;
  readonly error: string;
  readonly upstreamStatus: string;
  readonly agent: string;
}

const TEXT =
  /^127\.0\.0\.1 - (?:\S+) \[[^\]]+\] \S+ "([^"]*)" (\d{3}) (\d+) \d+\.\d{3} "[^"]*" "([^"]*)" \S+ (\S+) \S+ "[^"]*" (\S+) \S+ [0-9a-f]{24}$/;

function readText(line: string): Line {
  const match = TEXT.exec(line);
  assert.ok(match !== null, line);
  const [, request = '', status, bytes, agent = '', upstreamStatus = '', error = ''] = match;
  const dash = (text: string): string => (text === '-' ? '' : text);
  return {
    request: dash(request),
    status: Number(status),
    bytes: Number(bytes),
    error: dash(error),
    upstreamStatus: dash(upstreamStatus),
    agent: agent.replaceAll(/\\x([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  };
}

interface JsonLine {
  readonly request_method: string | null;
  readonly request_uri: string;
  readonly server_protocol: string;
  readonly status: number;
  readonly body_bytes_sent: number;
  readonly error_code: string | null;
  readonly upstream_status: readonly (number | null)[];
  readonly http_user_agent: string | null;
}

function readJson(line: string): Line {
  const json = JSON.parse(line) as JsonLine;
  const { request_method, request_uri, server_protocol, upstream_status } = json;
  return {
    request: request_method === null ? '' : `${request_method} ${request_uri} ${server_protocol}`,
    status: json.status,
    bytes: json.body_bytes_sent,
    error: json.error_code ?? '',
    upstreamStatus: upstream_status.map((status) => (status === null ? '' : String(status))).join(', '),
    agent: json.http_user_agent ?? '-',
  };
}

/** Sent as it is on a connection of its own; its line has no request if none could be made of it. */
const RAW: readonly (readonly [bytes: string, request: string, status: number, error: string])[] = [
  ['GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n', '', 400, 'bad_header'],
  ['G(ET / HTTP/1.1\r\nHost: a\r\n\r\n', '', 400, 'bad_request_line'],
  ['GET / HTTP/1.1\r\n\r\n', '', 400, 'bad_host'],
  ['GET / HTTP/3.1\r\nHost: a\r\n\r\n', '', 505, 'http_version'],
  [
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    '',
    400,
    'ambiguous_framing',
  ],
  [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, '', 431, 'header_too_large'],
  [`GET /${'x'.repeat(9_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, '', 414, 'target_too_long'],
  ['TRACE /app HTTP/1.1\r\nHost: a\r\n\r\n', 'TRACE /app HTTP/1.1', 501, 'method_not_implemented'],
  ['GET /app/%zz HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /app/%zz HTTP/1.1', 400, 'bad_target'],
  ['POST /app HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'POST /app HTTP/1.1', 400, 'bad_chunk'],
  ['GET /app HTTP/1.0\r\nHost: a\r\n\r\n', 'GET /app HTTP/1.0', 200, ''],
];

describe('the logs', () => {
  let server: Server;
  let port: number;
  let closedPort: number;
  before(async () => {
    server = http.createServer((request, response) => {
      const { socket } = response;
      if (request.url === '/app/malformed') socket?.end('nonsense\r\n\r\n');
      else if (request.url === '/app/cut') socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfour');
      else if (request.url === '/app/endless') response.write('begin');
      else if (request.url !== '/slow' && request.url !== '/app/never')
        request.resume().on('end', () => response.end('answer'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
    closedPort = await freePort();
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  function start(format: string): Promise<RunningGateway> {
    const to = (uri: string, node: number): object => ({ ...routeTo([node]), id: uri.slice(1, 4), uri });
    return RunningGateway.start({
      gateway: { access_log: { path: 'access.log', format } },
      routes: [
        { ...to('/app', port), uris: ['/app', '/app/*'], uri: undefined },
        { ...to('/slow', port), timeout: { connect: 1, send: 1, read: 0.2 } },
        to('/gone/*', closedPort),
      ],
    });
  }

  function send(gateway: RunningGateway, bytes: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = net.connect(gateway.port, '127.0.0.1', () => socket.end(bytes, 'latin1'));
      socket.on('error', () => {});
      socket.resume().on('close', () => resolve());
    });
  }

  /** Asks, and leaves as soon as `seen` says so. */
  async function leave(gateway: RunningGateway, target: string, seen: 'request' | 'response'): Promise<void> {
    const request = http.get({ host: '127.0.0.1', port: gateway.port, path: target, agent: false });
    request.on('error', () => {});
    if (seen === 'request') await once(server, 'request');
    else
      await once(
        ((await once(request, 'response')) as [IncomingMessage])[0].on('error', () => {}),
        'data',
      );
    request.socket?.resetAndDestroy();
  }

  for (const [format, read] of [
    ['text', readText],
    ['json', readJson],
  ] as const) {
    it(`have one line of ${format} for every exchange, also for those that came to nothing`, async () => {
      await using gateway = await start(format);
      const expected: (readonly [request: string, status: number, error: string, upstreamStatus: string])[] = [];
      const passed = async (method: string, target: string, status: number, error = ''): Promise<void> => {
        const body = method === 'POST' ? { body: 'body' } : {};
        const answer = ask(gateway.port, { method, path: target, ...body });
        await (error === 'upstream_reset' ? assert.rejects(answer) : answer);
        const upstreamStatus = error === '' || error === 'upstream_reset' ? String(status) : '';
        expected.push([`${method} ${target} HTTP/1.1`, status, error, upstreamStatus]);
      };
      await passed('GET', '/app/a?b=%22c', 200);
      await passed('HEAD', '/app', 200);
      await passed('POST', '/app/', 200);
      await passed('GET', '/nowhere', 404, 'route_not_found');
      await passed('GET', '/gone/away', 502, 'upstream_refused');
      await passed('GET', '/app/malformed', 502, 'upstream_malformed');
      await passed('GET', '/app/cut', 200, 'upstream_reset');
      await passed('GET', '/slow', 504, 'upstream_timeout');
      await leave(gateway, '/app/never', 'request');
      expected.push(['GET /app/never HTTP/1.1', 499, 'client_closed', '']);
      await leave(gateway, '/app/endless', 'response');
      expected.push(['GET /app/endless HTTP/1.1', 200, 'client_closed', '200']);
      for (const [bytes, request, status, error] of RAW) {
        await send(gateway, bytes);
        expected.push([request, status, error, status === 200 ? '200' : '']);
      }
      // Neither of these was an exchange: nothing came, and nothing that could be answered.
      await send(gateway, '');
      await gateway.stop();
      const lines = gateway.lines('access.log').map(read);
      const told = lines.map(({ request, status, error, upstreamStatus }) => [request, status, error, upstreamStatus]);
      assert.deepEqual(told.map(String).sort(compare), expected.map(String).sort(compare));
      assert.deepEqual(
        lines.filter(({ request }) => request.startsWith('HEAD') || request.includes('?')).map(({ bytes }) => bytes),
        [6, 0],
      );
    });

    it(`keep a line of ${format} in one piece, whatever clients write into it`, async () => {
      await using gateway = await start(format);
      const agents = [
        'a "quoted" name',
        'back\\slash',
        '{"status":200}',
        'm\u00fcller \u00ff',
        "' $status [x] - -",
        'tab\there',
      ];
      for (const agent of agents) await ask(gateway.port, { path: '/app', headers: { 'user-agent': agent } });
      await gateway.stop();
      assert.deepEqual(
        gateway.lines('access.log').map((line) => read(line).agent),
        agents,
      );
    });
  }

  it('lose no line while they are rotated under load', async (t) => {
    await using gateway = await RunningGateway.start({
      gateway: { access_log: { path: 'access.log', format: 'json' }, error_log: { path: 'error.log' } },
      routes: [routeTo([port])],
    });
    const file = (name: string): string => path.join(gateway.folder, name);
    const linesOf = (name: string): number => (existing(gateway, name) ? gateway.lines(name).length : 0);
    await using load = new Load(gateway.port, 16);
    const rotated: string[] = [];
    // A gateway is ready a moment before its log says by what.
    await gateway.logged(/ serving /);
    for (let round = 1; round <= 5; round++) {
      await load.more(400);
      for (const name of ['access.log', 'error.log']) renameSync(file(name), file(`${name}.${round}`));
      gateway.signal('SIGUSR2');
      rotated.push(`access.log.${round}`);
      await eventually(
        () => existing(gateway, 'access.log') && existing(gateway, 'error.log'),
        () => 'no new file',
      );
    }
    const { answered, failed } = await load.stop();
    await gateway.stop();
    assert.deepEqual(failed, []);
    const counts = [...rotated, 'access.log'].map(linesOf);
    t.diagnostic(`${answered[200]} exchanges, ${counts.join(' + ')} lines`);
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      answered[200],
    );
    assert.match(gateway.lines('error.log.1').join('\n'), / serving /);
    assert.match(gateway.lines('error.log').join('\n'), / stopped$/);
  });
});

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function existing(gateway: RunningGateway, name: string): boolean {
  // Its last line may be half there: it is being written.
  return existsSync(path.join(gateway.folder, name));
}
