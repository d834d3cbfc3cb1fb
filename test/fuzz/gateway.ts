/** A whole worker between a raw client and an upstream, on loopback: what the upstream and the client see is what was decided. */
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import { systemClock } from '../../src/clock/clock.ts';
import type { CompiledRoute, CompiledUpstream } from '../../src/compile/snapshot.ts';
import { DEFAULT_SETTINGS } from '../../src/config/settings.ts';
import { parseTarget } from '../../src/proxy/target.ts';
import { Worker } from '../../src/threads/worker.ts';
import { runClient } from '../parsers/client-run.ts';
import { DEFAULT_LIMITS } from '../parsers/corpus.ts';
import { randomCuts } from '../parsers/cuts.ts';
import { judgeResponse } from '../parsers/node-client.ts';
import { runServer, type SeenRequest } from '../parsers/server-run.ts';
import { nodeAt } from '../traps/lab.ts';
import type { Input } from './input.ts';
import { seededRandom } from './random.ts';

/** Longer than any of these exchanges takes on a busy machine. */
const PATIENCE_MS = 20_000;
const UPSTREAM_TIMEOUTS = { connect_ms: 10_000, send_ms: 10_000, read_ms: 10_000 };
/** The pool's own limits for responses, which are not configurable. */
const RESPONSE_LIMITS = { line: 65_536, head: 131_072, fields: 500, body: 0 };

type Seen = readonly [method: string, target: string, host: string, body: string];

export class FuzzedGateway {
  private readonly worker: Worker;
  private readonly strict: http.Server;
  private readonly scripted: net.Server;
  private port = 0;
  /** What the strict upstream saw of the current input: complete requests only. */
  private seen: Seen[] = [];
  /** What the scripted upstream answers with. */
  private script: Buffer = Buffer.alloc(0);
  private isScripted = false;
  private readonly faults: unknown[] = [];
  private readonly sockets = new Set<net.Socket>();

  private constructor(strict: http.Server, scripted: net.Server) {
    this.strict = strict;
    this.scripted = scripted;
    const strictRoute = routeTo(portOf(strict));
    const scriptedRoute = routeTo(portOf(scripted));
    this.worker = new Worker({
      settings: { ...DEFAULT_SETTINGS, http: [{ address: '127.0.0.1', port: 0, http2: false }] },
      snapshot: { revision: 1, router: { find: () => (this.isScripted ? scriptedRoute : strictRoute) } },
      clock: systemClock,
      record: null,
      onFault: (error) => this.faults.push(error),
      onPluginFault: (error) => this.faults.push(error),
      readPath: 'onread',
    });
    strict.on('request', (request, response) => this.serve(request, response));
    strict.on('clientError', (_, socket) => socket.destroy());
    scripted.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
      socket.once('data', () => socket.end(this.script));
    });
  }

  static async start(): Promise<FuzzedGateway> {
    const strict = http.createServer({ insecureHTTPParser: false, maxHeaderSize: 131_072 });
    const scripted = net.createServer();
    for (const server of [strict, scripted]) await once(server.listen(0, '127.0.0.1'), 'listening');
    const gateway = new FuzzedGateway(strict, scripted);
    const [listening] = await gateway.worker.listen();
    gateway.port = listening?.port ?? 0;
    return gateway;
  }

  close(): void {
    this.worker.abort();
    this.strict.closeAllConnections();
    this.strict.close();
    this.scripted.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    let body = '';
    request.setEncoding('latin1');
    request.on('error', () => {});
    request.on('data', (text: string) => (body += text));
    request.on('end', () => {
      if (request.complete) this.seen.push([request.method ?? '', request.url ?? '', request.headers.host ?? '', body]);
      response.end();
    });
  }

  /** @returns what is wrong, '' if nothing is */
  async problemOf(input: Input): Promise<string> {
    const problem =
      input.kind === 'request' ? await this.problemOfRequests(input) : await this.problemOfResponse(input);
    return this.faults.length > 0 ? `gateway fault: ${this.faults.splice(0).map(String).join('; ')}` : problem;
  }

  private async problemOfRequests({ bytes, seed }: Input): Promise<string> {
    const run = runServer(bytes, [], { ...DEFAULT_LIMITS, body: DEFAULT_SETTINGS.limits.body_bytes }, 'prompt');
    const complete = run.requests.filter(({ isComplete }) => isComplete);
    // Node.js as the upstream would not serve these, which says nothing about us.
    if (complete.some(({ method }) => !http.METHODS.includes(method))) return '';
    this.seen = [];
    this.isScripted = false;
    const answer = await this.send(bytes, randomCuts(bytes.length, seededRandom(seed)));
    if (answer === null) return 'gateway requests: no end of the connection';
    const meant = complete.map((request) => meantBy(request, this.strict));
    if (JSON.stringify(this.seen) !== JSON.stringify(meant)) {
      return `gateway requests: meant ${JSON.stringify(meant)}, the upstream saw ${JSON.stringify(this.seen)}`;
    }
    const statuses = [...answer.toString('latin1').matchAll(/HTTP\/1\.1 ([2-5][0-9]{2}) /g)].map(
      ([, status]) => status,
    );
    const isSame = statuses.length === run.events.length;
    return isSame ? '' : `gateway answers: ${JSON.stringify(run.events)} was answered by ${JSON.stringify(statuses)}`;
  }

  private async problemOfResponse({ bytes, method }: Input): Promise<string> {
    const run = runClient(bytes, [], { limits: RESPONSE_LIMITS, method, runs: 'coding' });
    this.script = bytes;
    this.isScripted = true;
    const request = Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const answer = await this.send(request, []);
    if (answer === null) return 'gateway response: no end of the connection';
    const seen = await judgeResponse(answer, method);
    const { response } = run;
    const told = `the upstream sent ${JSON.stringify(run.events)}, the client got ${JSON.stringify(seen)}`;
    if (run.isComplete && response !== null) {
      const isSame = seen.isComplete && seen.status === response.status && seen.body === response.body;
      return isSame ? '' : `gateway response: ${told}`;
    }
    // What was wrong may have come along with the head, before anything was passed on.
    if (seen.status === 502 && seen.fields.some(([name]) => name === 'X-Gatewright-Error')) return '';
    if (response === null) return `gateway response: ${told}`;
    return seen.isComplete ? `gateway response: one cut short looks complete: ${told}` : '';
  }

  /** @returns what came back until the end of the connection; null if that did not come */
  private send(bytes: Buffer, cuts: readonly number[]): Promise<Buffer | null> {
    return new Promise((resolve) => {
      const pieces: Buffer[] = [];
      const socket = net.connect({ host: '127.0.0.1', port: this.port, noDelay: true, allowHalfOpen: true });
      const timer = setTimeout(() => finish(null), PATIENCE_MS);
      const finish = (result: Buffer | null): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(result);
      };
      socket.on('data', (piece: Buffer) => pieces.push(piece));
      socket.on('end', () => finish(Buffer.concat(pieces)));
      socket.on('error', () => finish(Buffer.concat(pieces)));
      socket.on('connect', () => void writeInPieces(socket, bytes, cuts));
    });
  }
}

async function writeInPieces(socket: net.Socket, bytes: Buffer, cuts: readonly number[]): Promise<void> {
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    if (socket.destroyed) return;
    socket.write(bytes.subarray(from, to));
    from = to;
    if (to < bytes.length) await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
}

function meantBy(request: SeenRequest, upstream: http.Server): Seen {
  const target = parseTarget(request.target, request.method, DEFAULT_SETTINGS.merge_slashes);
  const sent = request.fields.find(([name]) => name.toLowerCase() === 'host')?.[1];
  const host = target?.authority ?? sent ?? `127.0.0.1:${portOf(upstream)}`;
  return [request.method, target === null ? '' : target.path + target.query, host, request.body];
}

function portOf(server: net.Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function routeTo(port: number): CompiledRoute {
  const upstream: CompiledUpstream = {
    key: `upstream-${port}`,
    scheme: 'http',
    nodes: [nodeAt(port)],
    balancer: { type: 'roundrobin' },
    retries: 0,
    retryTimeout_ms: 0,
    timeouts: UPSTREAM_TIMEOUTS,
    passHost: 'pass',
    upstreamHost: '',
    keepalive: { size: 320, idle_ms: 60_000, requests: 1000 },
  };
  return {
    id: 'route',
    name: '',
    serviceId: '',
    serviceName: '',
    upstream,
    refusal: null,
    timeouts: UPSTREAM_TIMEOUTS,
  };
}
