/** A gateway between a test's clients and its scripted upstreams: one worker in this process, on real sockets. */
import assert from 'node:assert/strict';
import { systemClock, type AlarmClock } from '../../src/clock/clock.ts';
import type { Chain } from '../../src/compile/chain.ts';
import { LoopTime } from '../../src/clock/loop-time.ts';
import type { CompiledNode, CompiledRoute, CompiledUpstream } from '../../src/compile/snapshot.ts';
import { DEFAULT_SETTINGS, type GatewaySettings } from '../../src/config/settings.ts';
import type { ReadPath } from '../../src/http1/sockets.ts';
import type { RouteRequest } from '../../src/router/router.ts';
import { Worker } from '../../src/threads/worker.ts';
import { IS_HTTP2 } from '../client/speaking.ts';
import type { Message, MessageKind } from './message.ts';
import { connectTo, PATIENCE_MS, type RawConnection } from './raw-connection.ts';
import { ScriptedUpstream, type Script } from './scripted-upstream.ts';

/** Sockets are read into one shared buffer, or by 'data' events. */
const READ_PATHS: readonly ReadPath[] = ['onread', 'data'];

type Limits = GatewaySettings['limits'];
type Timeouts = GatewaySettings['timeouts'];

export interface LabSettings extends Partial<Omit<GatewaySettings, 'limits' | 'timeouts'>> {
  readonly limits?: Partial<Limits>;
  readonly timeouts?: Partial<Timeouts>;
}

export interface LabOptions {
  /** One node for each script. */
  readonly upstreams?: readonly Script[];
  /** Ports of further nodes, which come after those of `upstreams`. */
  readonly ports?: readonly number[];
  readonly settings?: LabSettings;
  /** What differs from the defaults in the one upstream that every request goes to. */
  readonly upstream?: Partial<CompiledUpstream>;
  /** Chooses the route; gets the one that goes to the upstream. */
  readonly find?: (request: RouteRequest, route: CompiledRoute) => CompiledRoute | undefined;
  readonly clock?: AlarmClock;
  /** What plugins do for every exchange. */
  readonly chain?: Chain;
}

/** What the log phase of one exchange was told. */
export interface Logged {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly errorCode: string;
  readonly upstreamAddresses: string;
  readonly upstreamStatuses: string;
  readonly bodyBytesSent: number;
}

const UPSTREAM_TIMEOUTS = { connect_ms: 60_000, send_ms: 60_000, read_ms: 60_000 };

/**
 * The body of a test, run on both ways of reading sockets. When it is over, everything that it left open is ended, and a
 * connection or a deadline that the gateway still holds then fails it.
 */
export function inLab(options: LabOptions, body: (lab: Lab) => Promise<void>): () => Promise<void> {
  return async () => {
    for (const readPath of READ_PATHS) {
      const lab = await Lab.open(options, readPath);
      try {
        await body(lab);
        await lab.end();
      } catch (error) {
        const faults = lab.faults.map((fault) => `\nthe gateway's own fault: ${String(fault)}`).join('');
        if (error instanceof Error) error.message = `reading by ${readPath}: ${error.message}${faults}`;
        throw error;
      } finally {
        lab.abort();
      }
    }
  };
}

export class Lab {
  readonly worker: Worker;
  readonly upstreams: readonly ScriptedUpstream[];
  readonly upstream: CompiledUpstream;
  /** One for each exchange that is over, in the order of their ends. */
  readonly log: Logged[] = [];
  /** What clients of HTTP/2 did that only attacks do. */
  readonly abuses: string[] = [];
  /** Why connections to nodes of HTTP/2 were ended for what the node did. */
  readonly nodeAbuses: string[] = [];
  /** What the gateway's own code threw; a test that provokes a fault empties it. */
  readonly faults: unknown[] = [];
  port = 0;
  readonly clients: RawConnection[] = [];

  private constructor(options: LabOptions, readPath: ReadPath, upstreams: readonly ScriptedUpstream[]) {
    this.upstreams = upstreams;
    this.upstream = compiledUpstream(
      [...upstreams.map(({ port }) => port), ...(options.ports ?? [])],
      options.upstream,
    );
    const { upstream } = this;
    const { timeouts } = upstream;
    const route: CompiledRoute = {
      id: 'route',
      name: '',
      serviceId: '',
      serviceName: '',
      upstream,
      refusal: null,
      timeouts,
    };
    const { find, chain } = options;
    const chains = chain === undefined ? {} : { chains: { chainOf: () => chain } };
    this.worker = new Worker({
      settings: settingsOf(options.settings ?? {}),
      snapshot: {
        revision: 1,
        router: { find: (request) => (find === undefined ? route : find(request, route)) },
        ...chains,
      },
      clock: options.clock ?? systemClock,
      // A test's own hand moves its clock as far as it likes.
      ...(options.clock === undefined ? { deadlineTime: new LoopTime(() => systemClock.monotonic_ms()) } : {}),
      record: ({ method, target, status, errorCode, upstreamAddresses, upstreamStatuses, bodyBytesSent }) => {
        this.log.push({ method, target, status, errorCode, upstreamAddresses, upstreamStatuses, bodyBytesSent });
      },
      onFault: (error) => this.faults.push(error),
      onPluginFault: ({ error }) => this.faults.push(error),
      onAbuse: (kind) => this.abuses.push(kind),
      onUpstreamAbuse: (kind) => this.nodeAbuses.push(kind),
      readPath,
    });
  }

  static async open(options: LabOptions, readPath: ReadPath): Promise<Lab> {
    const upstreams = await Promise.all((options.upstreams ?? []).map((script) => ScriptedUpstream.start(script)));
    const lab = new Lab(options, readPath, upstreams);
    const [listening] = await lab.worker.listen();
    assert.equal(listening?.readPath, readPath, 'this Node.js has both ways of reading');
    lab.port = listening.port;
    return lab;
  }

  async connect(): Promise<RawConnection> {
    const client = await connectTo(this.port);
    this.clients.push(client);
    return client;
  }

  /** Sends a request on a connection of its own and waits for the answer. */
  async ask(request: string | Uint8Array, kind: MessageKind = 'response'): Promise<Message> {
    const client = await this.connect();
    client.write(request);
    const answer = await client.receive(kind);
    client.destroy();
    return answer;
  }

  /** The only upstream's. */
  get node(): ScriptedUpstream {
    const [first] = this.upstreams;
    if (first === undefined) throw new Error('the lab has no upstream');
    return first;
  }

  /** Waits until the log phase of that many exchanges has run. */
  async logged(count: number): Promise<readonly Logged[]> {
    await eventually(
      () => this.log.length >= count,
      () => `${this.log.length} of ${count} exchanges are over`,
    );
    return this.log;
  }

  /** Waits until no client connection is left, no upstream connection is in use, and no deadline but those of idle ones. */
  async whenQuiet(): Promise<void> {
    // By RST: a FIN alone may come from a client that still waits for its answer.
    for (const client of this.clients) client.reset();
    const describe = (): string => JSON.stringify(this.worker.counts);
    await eventually(
      () => {
        const { clients, upstreams, idleUpstreams, deadlines } = this.worker.counts;
        return clients === 0 && upstreams === idleUpstreams && deadlines <= idleUpstreams;
      },
      () => `the clients are gone, and there is still ${describe()}`,
    );
  }

  /** Ends everything, and fails if anything of it was left behind. */
  async end(): Promise<void> {
    await this.whenQuiet();
    for (const upstream of this.upstreams) upstream.close();
    const isEmpty = (): boolean => Object.values(this.worker.counts).every((count) => count === 0);
    await eventually(isEmpty, () => `everybody is gone, and there is still ${JSON.stringify(this.worker.counts)}`);
    for (const fault of [...this.faults, ...this.upstreams.flatMap(({ faults }) => faults)]) throw fault;
  }

  abort(): void {
    for (const client of this.clients) client.destroy();
    for (const upstream of this.upstreams) upstream.close();
    this.worker.abort();
  }
}

/** Waits for something that makes no event. */
export async function eventually(isTrue: () => boolean, describe: () => string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isTrue()) {
    if (performance.now() > deadline) assert.fail(describe());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function settingsOf({ limits, timeouts, ...rest }: LabSettings): GatewaySettings {
  return {
    ...DEFAULT_SETTINGS,
    http: [{ address: '127.0.0.1', port: 0, http2: IS_HTTP2 }],
    ...rest,
    limits: { ...DEFAULT_SETTINGS.limits, ...limits },
    timeouts: { ...DEFAULT_SETTINGS.timeouts, ...timeouts },
  };
}

/** A node on this machine. */
export function nodeAt(port: number, changes: Partial<CompiledNode> = {}): CompiledNode {
  const endpoint = `127.0.0.1:${port}`;
  const address = '127.0.0.1';
  return { host: address, port, weight: 1, priority: 0, authority: endpoint, address, endpoint, ...changes };
}

function compiledUpstream(ports: readonly number[], changes: Partial<CompiledUpstream> = {}): CompiledUpstream {
  return {
    key: 'upstream',
    scheme: 'http',
    nodes: ports.map((port) => nodeAt(port)),
    balancer: { type: 'roundrobin' },
    retries: Math.max(0, ports.length - 1),
    retryTimeout_ms: 0,
    timeouts: UPSTREAM_TIMEOUTS,
    passHost: 'pass',
    upstreamHost: '',
    keepalive: { size: 320, idle_ms: 60_000, requests: 1000 },
    ...changes,
  };
}
