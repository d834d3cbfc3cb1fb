/** A gateway in this process for tests of plugins: a YAML text, compiled as a start does it, between a client and an echo. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import type { AlarmClock } from '../../src/clock/clock.ts';
import { compile, retire } from '../../src/compile/compile.ts';
import type { CompileResult } from '../../src/compile/compile.ts';
import type { HostFor } from '../../src/compile/instances.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import type { PluginRegistry } from '../../src/compile/plugins.ts';
import type { Snapshot } from '../../src/compile/snapshot.ts';
import { parseConfiguration } from '../../src/config/configuration.ts';
import type { GatewaySettings } from '../../src/config/settings.ts';
import type { ReadPath } from '../../src/http1/sockets.ts';
import { compileFormat } from '../../src/observe/format.ts';
import type { AccessRecord } from '../../src/observe/access-record.ts';
import type { CounterTable } from '../../src/limit/counter-table.ts';
import type { Shedding } from '../../src/limit/shedding.ts';
import type { MetricRegistry } from '../../src/observe/metrics.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import type { AnyPlugin } from '../../src/sdk/index.ts';
import { hostFactory } from '../../src/threads/host.ts';
import { Worker } from '../../src/threads/worker.ts';
import type { UpstreamTlsFailure } from '../../src/upstream/upstream-tls.ts';
import { newAgent } from '../client/speaking.ts';
import { EchoUpstream, fieldsOf } from './echo-upstream.ts';
import type { Field, SeenRequest } from './echo-upstream.ts';
import { HandClock, labParts } from './lab-host.ts';
import type { HostLine } from './lab-host.ts';

export { HandClock } from './lab-host.ts';
export type { Field, SeenRequest } from './echo-upstream.ts';

export interface LabOptions {
  /** Shared by labs that resume each other's TLS sessions. */
  readonly ticketSecret?: Uint8Array;
  /** Beside the gateway's own: plugins of the test. */
  readonly plugins?: readonly AnyPlugin[];
  /** The system's by default; with a `HandClock`, time passes only by `clock.pass(…)`. */
  readonly clock?: AlarmClock;
  /** What instances see of the gateway, in place of the lab's own. */
  readonly hostFor?: HostFor;
  readonly readPath?: ReadPath;
  /** Of the access log, whose lines are `lines`; none is written by default. */
  readonly logFormat?: string;
  /** By which nodes over TLS are known; those that Node.js brings along by default. */
  readonly authorities?: readonly string[];
  /** As in `gateway.http`, beside the lab's own. */
  readonly listeners?: GatewaySettings['http'];
  /** What `$env://` refers to; nothing by default. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where plugins find metrics; nowhere by default. */
  readonly metricsUrl?: string;
  /** What plugins see of `gateway.profile`; secure by default. */
  readonly profile?: GatewaySettings['profile'];
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Sent with its length; a list is sent in chunks. */
  readonly body?: string | Buffer | readonly string[];
  /** The address that the client has: any of 127.0.0.0/8. */
  readonly from?: string;
  /** For who asks in a protocol of its own. */
  readonly agent?: http.Agent;
}

export interface Answer {
  readonly status: number;
  /** In their order, as written. */
  readonly rawHeaders: readonly Field[];
  /** By lower-case name; the values of a repeated one are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The body as UTF-8. */
  readonly text: string;
}

/** What the log phase of one exchange was told. */
export type Logged = Pick<AccessRecord, 'method' | 'target' | 'status' | 'errorCode' | 'consumerName' | 'routeId'>;

/** What a plugin threw, or how it broke its contract. */
export interface Fault {
  readonly plugin: string;
  readonly phase: string;
  readonly error: unknown;
}

/** A route for every path to the echo, with these plugins. */
export function routeWith(
  plugins: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): string {
  const route = { uri: '/*', plugins, upstream: { nodes: { $UPSTREAM: 1 } }, ...more };
  return `routes:\n  - ${JSON.stringify(route)}\n`;
}

/**
 * Opens a gateway on a port of its own, with all plugins. `$UPSTREAM` in the text stands for the echo's `host:port`. It is
 * closed after the test, which then fails if a plugin or the gateway itself was at fault and the test has not emptied
 * `faults`. Throws if the configuration has a problem.
 */
export async function openLab(t: TestContext, yamlText: string, options: LabOptions = {}): Promise<Lab> {
  const upstream = await EchoUpstream.start();
  t.after(() => upstream.close());
  const lab = new Lab(yamlText, upstream, options);
  t.after(() => lab.close());
  await lab.listen();
  return lab;
}

/** Everything that is wrong with a configuration, each as `path: message`. */
export function problemsOf(yamlText: string, plugins: readonly AnyPlugin[] = []): string[] {
  const { problems } = compiled(yamlText.replaceAll('$UPSTREAM', '127.0.0.1:1'), {
    registry: pluginRegistry([...ALL_PLUGINS, ...plugins]),
    hostFor: hostFactory(labParts(systemClock, [])),
  });
  return problems;
}

export class Lab {
  readonly worker: Worker;
  readonly upstream: EchoUpstream;
  /** One for each exchange that is over. */
  readonly log: Logged[] = [];
  /** What plugins logged. */
  readonly hostLog: HostLine[] = [];
  readonly faults: Fault[] = [];
  /** How much the worker has to do: nothing, unless a test notes it. */
  readonly load: Shedding;
  /** What limits count. */
  readonly counters: CounterTable;
  /** What plugins count. */
  readonly metrics: MetricRegistry;
  port = 0;
  /** Of `listeners`, in their order. */
  morePorts: readonly number[] = [];
  /** Of `gateway.https`, in their order. */
  tlsPorts: readonly number[] = [];
  /** Of the access log. */
  readonly lines: string[] = [];
  /** Why TLS handshakes came to nothing. */
  readonly tlsRefused: string[] = [];
  /** Why connections with the PROXY protocol did. */
  readonly proxyRefused: string[] = [];
  private readonly listeners: number;
  /** Which nodes could not be spoken to over TLS. */
  readonly upstreamTlsFailed: UpstreamTlsFailure[] = [];
  private readonly registry: PluginRegistry;
  private readonly hostFor: HostFor;

  constructor(yamlText: string, upstream: EchoUpstream, options: LabOptions) {
    const { clock = systemClock } = options;
    this.upstream = upstream;
    this.listeners = options.listeners?.length ?? 0;
    this.registry = pluginRegistry([...ALL_PLUGINS, ...(options.plugins ?? [])], options.env);
    const parts = labParts(clock, this.hostLog);
    this.metrics = parts.metrics;
    this.counters = parts.counters;
    this.load = parts.load;
    this.hostFor =
      options.hostFor ??
      hostFactory({
        ...parts,
        ...(options.profile !== undefined && { profile: options.profile }),
        metricsUrl: () => options.metricsUrl ?? null,
        httpsPort: () => this.tlsPorts[0] ?? null,
        inForce: () => this.worker.snapshot,
      });
    const { settings, result } = this.compile(yamlText);
    const lineOf = options.logFormat === undefined ? null : compileFormat(options.logFormat).format;
    this.worker = new Worker({
      settings: {
        ...settings,
        http: [{ address: '127.0.0.1', port: 0, http2: true }, ...(options.listeners ?? [])],
        authorities: options.authorities ?? [],
      },
      snapshot: result.snapshot,
      clock,
      record: (record) => {
        const { method, target, status, errorCode, consumerName, routeId } = record;
        this.log.push({ method, target, status, errorCode, consumerName, routeId });
        if (lineOf !== null) this.lines.push(lineOf(record));
      },
      onFault: (error) => this.faults.push({ plugin: '', phase: '', error }),
      onPluginFault: ({ plugin, phase, error }) => this.faults.push({ plugin, phase, error }),
      onTlsRefused: (reason) => this.tlsRefused.push(reason),
      onProxyRefused: (reason) => this.proxyRefused.push(reason),
      onUpstreamTlsFailed: (failure) => this.upstreamTlsFailed.push(failure),
      ...(options.ticketSecret === undefined ? {} : { ticketSecret: options.ticketSecret }),
      readPath: options.readPath ?? 'onread',
    });
    if (clock instanceof HandClock) clock.onPassed = () => this.worker.tick();
  }

  async listen(): Promise<void> {
    const [plain, ...others] = await this.worker.listen();
    this.port = plain?.port ?? 0;
    this.morePorts = others.slice(0, this.listeners).map(({ port }) => port);
    this.tlsPorts = others.slice(this.listeners).map(({ port }) => port);
  }

  /** Puts another configuration in force, as a reload does. */
  reload(yamlText: string): void {
    this.worker.swap(this.compile(yamlText, this.worker.snapshot).result.snapshot);
  }

  /** What the upstream was sent, in the order of arrival. */
  get seen(): readonly SeenRequest[] {
    return this.upstream.seen;
  }

  /** The request that the upstream was sent last. Throws if there was none. */
  get lastSeen(): SeenRequest {
    const last = this.upstream.seen.at(-1);
    if (last === undefined) throw new Error('the upstream was sent nothing');
    return last;
  }

  /**
   * Sends a request on a connection of its own. Host is `app.example` unless given. Rejects if the answer breaks off. In HTTP/2
   * where the environment asks for that.
   */
  request(path: string, ask: Ask = {}): Promise<Answer> {
    const { method = 'GET', headers, body, from, agent = newAgent() } = ask;
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1',
        port: this.port,
        method,
        path,
        agent,
        headers: { Host: 'app.example', ...headers },
        ...(from === undefined ? {} : { localAddress: from }),
      });
      request.on('error', reject);
      request.on('response', (response) => {
        const pieces: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => resolve(answerOf(response, Buffer.concat(pieces))));
      });
      if (typeof body === 'object' && !Buffer.isBuffer(body)) {
        for (const piece of body) request.write(piece);
        request.end();
      } else request.end(body);
    });
  }

  /** Sends text as it stands and gives all that comes back until the gateway closes: ask for `Connection: close`. */
  raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      const socket = net.connect({ host: '127.0.0.1', port: this.port, allowHalfOpen: true });
      socket.on('error', reject);
      socket.on('data', (piece: Buffer) => pieces.push(piece));
      socket.on('end', () => {
        socket.destroy();
        resolve(Buffer.concat(pieces).toString('latin1'));
      });
      socket.write(text, 'latin1');
    });
  }

  async close(): Promise<void> {
    this.worker.abort();
    await retire(this.worker.snapshot);
    assert.deepEqual(this.faults, [], 'neither a plugin nor the gateway was at fault');
  }

  private compile(yamlText: string, previous?: Snapshot) {
    const text = yamlText.replaceAll('$UPSTREAM', `127.0.0.1:${this.upstream.port}`);
    const { registry, hostFor } = this;
    const made = compiled(text, { registry, hostFor, ...(previous === undefined ? {} : { previous }) });
    if (made.problems.length > 0) throw new Error(made.problems.join('\n'));
    return made;
  }
}

interface Making {
  readonly registry: PluginRegistry;
  readonly hostFor: HostFor;
  readonly previous?: Snapshot;
}

function compiled(text: string, { registry, hostFor, previous }: Making) {
  const parsed = parseConfiguration(text, { format: 'yaml', dialect: 'gatewright', env: {} });
  const { settings, objects } = parsed;
  const result: CompileResult = compile(objects, {
    settings,
    revision: (previous?.revision ?? 0) + 1,
    plugins: registry,
    hostFor,
    ...(previous === undefined ? {} : { previous }),
  });
  const problems = [...parsed.problems, ...result.problems].map(({ path, message }) => `${path}: ${message}`);
  return { settings, result, problems };
}

function answerOf(response: http.IncomingMessage, body: Buffer): Answer {
  const rawHeaders = fieldsOf(response.rawHeaders);
  const headers: Record<string, string> = {};
  for (const [name, value] of rawHeaders) {
    const lower = name.toLowerCase();
    headers[lower] = headers[lower] === undefined ? value : `${headers[lower]}, ${value}`;
  }
  return { status: response.statusCode ?? 0, rawHeaders, headers, body, text: body.toString() };
}
