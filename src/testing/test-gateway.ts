/**
 * A whole gateway in this process, without a socket: the real compile, router, pipeline, balancers, retries, breakers and
 * limits, with time, randomness and upstreams that a test has in its hand.
 */
import { inspect } from 'node:util';
import type { Step } from '../compile/chain.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import { DEFAULT_SETTINGS, type GatewaySettings } from '../config/settings.ts';
import type { AnyPlugin, PluginInstance } from '../sdk/plugin.ts';
import { Worker } from '../threads/worker.ts';
import type { UpstreamReport } from '../upstream/health-report.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { securedBy } from './client-tls.ts';
import { type ConfigurationSource, type CheckedConfiguration, checkConfiguration } from './compiled-configuration.ts';
import { Conductor } from './conductor.ts';
import { type Duration, milliseconds } from './duration.ts';
import { MemoryNetwork, type Network } from './network.ts';
import type { SeenRequest } from './node-script.ts';
import { Nodes, type Upstreams } from './nodes.ts';
import { Pending } from './pending.ts';
import { requestAt, type RequestAt } from './request-at.ts';
import { resultOf, type TestResult } from './result.ts';
import type { Effects } from './scripted-clients.ts';
import { type Names, type NameScript, ScriptedNames } from './scripted-names.ts';
import { Stage } from './stage.ts';
import type { LogLine } from './surroundings.ts';
import { type RequestOptions, TestClient } from './test-client.ts';
import { told, type ToldExchange } from './told.ts';
import { UpstreamCare } from './upstream-care.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { Wire } from './wire.ts';

export interface TestGatewayOptions {
  /** What each upstream node answers. Without it, every node answers 200 without a body. */
  readonly upstreams?: Upstreams;
  /** What names resolve to; one that is not here has an address of its own. */
  readonly names?: Names;
  /** Answers in the place of what plugins reach beyond the gateway. */
  readonly effects?: Effects;
  /** Plugins beside the gateway's own and those that the configuration names. */
  readonly plugins?: readonly AnyPlugin[];
  /** For `${{VARIABLE}}` in the configuration. Default: that of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Equal seeds, equal runs. Default 1. */
  readonly seed?: number;
  /** Wall-clock time at the beginning. Default 2026-01-01T00:00:00Z. */
  readonly now?: string | Date;
  /** How much virtual time a request may take. Default 1h. */
  readonly patience?: Duration;
  /** Which requests `load-shedding` lets in, by their priority. Default: all. */
  readonly admits?: (priority: number) => boolean;
}

/** What else those who are not tests want: see `explain`. */
export interface ObservedOptions extends TestGatewayOptions {
  /** Every exchange, when it is over and nothing of it is used again. */
  readonly onExchange?: (exchange: Exchange, snapshot: Snapshot) => void;
}

/** What is below a gateway under test, in place of memory: for tests of the kit itself. */
export type MakeNetwork = (wire: Wire, clock: VirtualClock, nodes: Nodes) => Network;

const START = '2026-01-01T00:00:00Z';

/**
 * Puts a configuration in force in a gateway of its own. Rejects with a ConfigurationError that names every problem.
 * @param configuration the path of a file, a text in YAML, or an object as `defineConfig` gives it
 */
export async function testGateway(
  configuration: ConfigurationSource,
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const { env = process.env, plugins = [] } = options;
  return gatewayOn(new Stage(await checkConfiguration(configuration, { env, plugins }), options), options);
}

/** The same for a configuration that was checked before. */
export function gatewayWith(configuration: CheckedConfiguration, options: ObservedOptions = {}): TestGateway {
  return gatewayOn(new Stage(configuration, options), options);
}

/** A gateway on a stage that nobody else has at the time. */
export function gatewayOn(stage: Stage, options: ObservedOptions = {}, make?: MakeNetwork): TestGateway {
  return new TestGateway(stage, options, make ?? ((wire, clock, nodes) => new MemoryNetwork(wire, clock, nodes)));
}

/** Time, in the hand of a test. */
export interface TestClock {
  /** Lets time pass, with everything that becomes due on the way. */
  advance(duration: Duration): Promise<void>;
  /** Since the gateway began. */
  readonly elapsed_ms: number;
  /** Wall-clock time. */
  readonly now: Date;
}

export class TestGateway {
  readonly clock: TestClock;
  /** Everything that upstream nodes were sent, health checks included. */
  readonly seen: SeenRequest[] = [];
  /** What was written to the error log. */
  readonly log: LogLine[] = [];
  /** Instances of plugins that had a part in any exchange. */
  readonly touched = new Set<PluginInstance>();
  private readonly stage: Stage;
  private readonly options: ObservedOptions;
  private readonly settings: GatewaySettings;
  private readonly nodes: Nodes;
  private readonly names: ScriptedNames;
  private readonly network: Network;
  private readonly worker: Worker;
  private readonly conductor: Conductor;
  private readonly care: UpstreamCare;
  /** By the port of their client. */
  private readonly exchanges = new Map<number, ToldExchange>();
  private readonly seenBy = new Map<number, SeenRequest[]>();
  private readonly faults: unknown[] = [];
  private lastPort = 9_999;
  private isClosed = false;

  constructor(stage: Stage, options: ObservedOptions, makeNetwork: MakeNetwork) {
    const { seed = 1, now = START, upstreams = { '*': 200 }, names = {} } = options;
    const start_ms = new Date(now).getTime();
    if (Number.isNaN(start_ms)) throw new TypeError(`${inspect(now)} is no time: write 2026-01-01T00:00:00Z`);
    const onFault = (error: unknown): void => void this.faults.push(error);
    const { clock, random, errorLog, snapshot } = stage;
    const { settings } = stage.configuration;
    stage.begin(seed, start_ms, this.log);
    this.stage = stage;
    this.options = options;
    this.settings = settings;
    this.names = new ScriptedNames(names);
    const onSeen = (request: SeenRequest, client: number): void => this.noteSeen(request, client);
    this.nodes = new Nodes(upstreams, { clock, onFault, onSeen });
    this.network = makeNetwork(new Wire(onFault), clock, this.nodes);
    const { probe } = this.network;
    this.care = new UpstreamCare({ clock, random, settings, errorLog, snapshot, probe, names: this.names });
    this.worker = new Worker({
      settings,
      snapshot,
      clock,
      record: (record) => this.note(record as unknown as Exchange),
      onFault,
      onPluginFault: ({ plugin, phase, error, exchange }) =>
        errorLog.error('plugin_fault', { plugin, phase, route: exchange.routeId, error }),
      readPath: 'onread',
      health: this.care.board,
      names: this.care.names,
      world: {
        random: random.random,
        randomBytes: random.randomBytes,
        tick_ms: 1,
        openTransport: (transport) => this.network.openTransport(transport),
      },
    });
    this.conductor = new Conductor(clock, this.network, this.worker);
    this.clock = {
      advance: (duration) => this.advance(milliseconds(duration)),
      get elapsed_ms() {
        return clock.elapsed_ms;
      },
      get now() {
        return new Date(clock.wall_ms());
      },
    };
  }

  /**
   * Sends a request on a connection of its own. It begins at once; awaiting it lets virtual time pass until the answer is
   * there, as far as that has to wait for anything. Rejects where the test itself is wrong: a node without a script, a
   * target that cannot be sent, no answer within the patience; never for what the gateway answers.
   * @param target a path, or a URL with the host and `https`
   */
  request(target: string, options: RequestOptions = {}): Promise<TestResult> {
    this.mustBeOpen();
    this.conductor.enter();
    const begun = this.begin(requestAt(target, options, this.settings), options);
    // Who does not wait for it is not told, either.
    begun.catch(() => {});
    return new Pending(async () => {
      const { client, port, giveUp } = await begun;
      return this.finish(client, port, giveUp);
    });
  }

  /** Puts another configuration in force, as a reload does. Counts, breakers and health of what stays are kept. Rejects with a ConfigurationError. */
  async apply(configuration: ConfigurationSource): Promise<void> {
    this.mustBeOpen();
    const { env = process.env, plugins = [] } = this.options;
    const read = await checkConfiguration(configuration, { env, plugins });
    const changed = restartKeys(this.settings, read.settings);
    if (changed.length > 0)
      throw new TypeError(`${changed.join(', ')} take a new start: begin with another testGateway`);
    const snapshot = this.stage.apply(read);
    this.worker.swap(snapshot);
    this.care.update(snapshot);
    await this.conductor.settle();
  }

  /** Has a name resolve to something else from its next query on. */
  resolve(name: string, script: NameScript): void {
    this.names.set(name, script);
  }

  /** The health of checked nodes, by upstream. */
  health(): readonly UpstreamReport[] {
    return this.care.report();
  }

  /** What of the scripts no request called: nodes, and answers of lists. Empty when all were. */
  unused(): string[] {
    return this.unusedScripts().map(
      ({ node, within, reason }) => `upstreams[${JSON.stringify(node)}]${within}: ${reason}`,
    );
  }

  /** The same in its parts. */
  unusedScripts(): ReturnType<Nodes['unused']> {
    return this.options.upstreams === undefined ? [] : this.nodes.unused();
  }

  /** Set by who has another use for the stage: it is then not closed with the gateway. */
  keepsStage = false;

  /** Ends it: plugins are closed. Rejects if the gateway itself was at fault. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.care.close();
    this.worker.abort();
    await this.conductor.settle();
    if (!this.keepsStage) await this.stage.close();
    this.throwFault();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async advance(duration_ms: number): Promise<void> {
    this.mustBeOpen();
    this.conductor.enter();
    try {
      await this.conductor.advance(duration_ms);
    } finally {
      this.conductor.leave();
    }
    this.throwFault();
  }

  private async begin(at: RequestAt, options: RequestOptions): Promise<Begun> {
    const { settings } = this;
    const { address, port: own } = at.from;
    const client = { address, port: own === 0 ? this.nextPort() : own };
    let tls = null;
    if (at.tls !== null) tls = securedBy(this.worker.snapshot.certificates, at.tls, settings.tls);
    const socket = await this.network.connect(this.worker, { from: client, port: at.port, tls });
    const port = socket.localPort ?? client.port;
    this.exchanges.delete(port);
    this.seenBy.set(port, []);
    const testClient = new TestClient(socket, at.request.method);
    testClient.send(at.request);
    const { givesUpAfter } = options;
    const giveUp =
      givesUpAfter === undefined
        ? null
        : this.stage.clock.startTimer(milliseconds(givesUpAfter), () => testClient.giveUp());
    return { client: testClient, port, giveUp };
  }

  private async finish(client: TestClient, port: number, giveUp: Begun['giveUp']): Promise<TestResult> {
    const { conductor, options } = this;
    const patience_ms = milliseconds(options.patience ?? '1h');
    try {
      const isOver = await conductor.until(() => this.faults.length > 0 || client.isOver, patience_ms);
      giveUp?.stop();
      client.close();
      await conductor.settle();
      this.throwFault();
      if (!isOver) throw new Error(`no answer came within ${patience_ms / 1000} s of virtual time`);
      const exchange = this.exchanges.get(port);
      const seen = this.seenBy.get(port) ?? [];
      this.exchanges.delete(port);
      this.seenBy.delete(port);
      return resultOf(client.answer, exchange, seen);
    } finally {
      conductor.leave();
    }
  }

  private note(exchange: Exchange): void {
    // An exchange that is over has little of its own left.
    this.options.onExchange?.(exchange, this.worker.snapshot);
    // A consumer's chain takes the place of the route's, which ran up to there.
    const { chains } = this.worker.snapshot;
    for (const chain of [exchange.chain, chains?.chainOf(exchange.matched, null)]) {
      for (const steps of Object.values(chain ?? {}) as unknown[]) {
        if (Array.isArray(steps))
          for (const { instance } of steps as Partial<Step>[]) if (instance) this.touched.add(instance);
      }
    }
    this.exchanges.set(exchange.connectionMemo.remotePort, told(exchange));
  }

  private noteSeen(request: SeenRequest, client: number): void {
    this.seen.push(request);
    this.seenBy.get(client)?.push(request);
  }

  private nextPort(): number {
    this.lastPort = this.lastPort >= 49_000 ? 10_000 : this.lastPort + 1;
    return this.lastPort;
  }

  private mustBeOpen(): void {
    if (this.isClosed) throw new Error('the gateway was closed');
  }

  private throwFault(): void {
    const fault = this.faults.shift();
    if (fault === undefined) return;
    this.faults.length = 0;
    throw fault instanceof Error ? fault : new Error(inspect(fault));
  }
}

interface Begun {
  readonly client: TestClient;
  readonly port: number;
  readonly giveUp: { stop(): void } | null;
}

/** Settings that a reload does not change. What is not said leaves them as they are. */
function restartKeys(before: GatewaySettings, after: GatewaySettings): string[] {
  const names = Object.keys(after) as (keyof GatewaySettings)[];
  return names
    .filter((name) => !isSame(after[name], before[name]) && !isSame(after[name], DEFAULT_SETTINGS[name]))
    .map((name) => `gateway.${name}`);
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
