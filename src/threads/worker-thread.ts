/** A worker as a thread: it follows control, and does as main says, from which it has its port to control. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AlarmClock } from '../clock/clock.ts';
import { LoopTime } from '../clock/loop-time.ts';
import { EMPTY_SNAPSHOT } from '../compile/compile.ts';
import { Instances } from '../compile/instances.ts';
import { checkedPluginRegistry } from '../compile/plugin-registry.ts';
import { matchingOf } from '../compile/snapshot.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { HealthBoard } from '../upstream/health-board.ts';
import { NameAnswers } from '../upstream/name-answers.ts';
import { Board } from './board.ts';
import type { Place } from './board.ts';
import { Follower } from './follower.ts';
import {
  connectionRefusals,
  http2Abuses,
  measureWorker,
  pluginFaults,
  proxyRefusals,
  tlsRefusals,
  upstreamHttp2Abuses,
} from './gateway-metrics.ts';
import { HeapWatch } from './heap-watch.ts';
import { hostFactory } from './host.ts';
import { LogRelay } from './log-relay.ts';
import { countDrops, openAccessLog, openErrorLog } from './logs.ts';
import { httpsPortOf, type ListenerPlan } from './listener-plan.ts';
import type { FromWorker, Port, ToWorker, WorkerData } from './messages.ts';
import { MetricFeed } from './metric-feed.ts';
import { explainNoRoute } from './no-route.ts';
import { portOf } from './port.ts';
import { Seldom } from './seldom.ts';
import { listenProblem, StartError } from './start-error.ts';
import { upstreamTlsReport } from './upstream-tls-report.ts';
import { sharedLimits, systemParts, type SystemParts } from './system-parts.ts';
import { Worker } from './worker.ts';

export interface WorkerThreadOptions {
  readonly data: WorkerData;
  readonly main: Port<ToWorker, FromWorker>;
  readonly clock: AlarmClock;
  readonly plugins: readonly AnyPlugin[];
}

const BEAT_MS = 100;
/** Between two lines about connections that are refused. */
const REFUSALS_MS = 10_000;

export class WorkerThread {
  private readonly options: WorkerThreadOptions;
  private readonly errorLog: ErrorLog;
  private readonly accessLog: AccessLog | null;
  private readonly parts: SystemParts;
  private readonly feed: MetricFeed;
  private readonly worker: Worker;
  private readonly names: NameAnswers;
  private readonly place: Place;
  private readonly beat: NodeJS.Timeout;
  private readonly heap: HeapWatch;
  private readonly follower: Follower;
  private isListening = false;
  private plans: readonly ListenerPlan[];
  private changes: Promise<void> = Promise.resolve();

  /** Tells main if it cannot start. */
  static start(options: WorkerThreadOptions): WorkerThread | null {
    try {
      return new WorkerThread(options);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      options.main.post({ type: 'failed', message: error.message });
      return null;
    }
  }

  private constructor(options: WorkerThreadOptions) {
    const { data, main, clock } = options;
    const { settings } = data;
    this.options = options;
    this.plans = data.listeners;
    const relay = new LogRelay((batch) => main.post(batch));
    this.errorLog = openErrorLog(settings, clock, relay);
    this.accessLog = openAccessLog(settings, this.errorLog, relay);
    this.feed = new MetricFeed(() => clock.monotonic_ms());
    this.feed.connect((feed) => main.post({ type: 'metrics', feed }));
    const metrics = this.feed.registry;
    const limits = sharedLimits(data.memory.limits, clock, data.thread);
    const thread = `worker ${data.place + 1}`;
    const httpsPort = (): number | null => httpsPortOf(this.plans, this.worker.listeners.ports);
    this.parts = systemParts({ clock, errorLog: this.errorLog, metrics, thread, settings, limits, httpsPort });
    countDrops(metrics, {
      error: this.errorLog,
      ...(this.accessLog === null ? {} : { access: this.accessLog }),
    });
    const { accessLog } = this;
    const faults = pluginFaults(metrics);
    const abuses = http2Abuses(metrics);
    const upstreamAbuses = upstreamHttp2Abuses(metrics);
    this.names = new NameAnswers((queries) => main.post({ type: 'resolve', queries }));
    const refusals = tlsRefusals(metrics);
    const unproxied = proxyRefusals(metrics);
    const board = new Board(data.memory.board);
    this.place = board.place(data.place);
    this.place.arrive();
    this.worker = new Worker({
      settings,
      ticketSecret: data.memory.ticketSecret,
      onTlsRefused: (reason, address) => {
        refusals.add(1);
        this.errorLog.info('tls_refused', { reason, client: address });
      },
      onUpstreamTlsFailed: upstreamTlsReport(metrics, this.errorLog, clock),
      onProxyRefused: (reason, peer) => {
        unproxied.add(1);
        this.errorLog.info('proxy_protocol_refused', { reason, peer });
      },
      snapshot: EMPTY_SNAPSHOT,
      clock,
      deadlineTime: new LoopTime(() => clock.monotonic_ms()),
      record: accessLog === null ? null : (record) => accessLog.write(record),
      onFault: (error) => this.errorLog.error('fault', { error }),
      onPluginFault: ({ exchange, plugin, phase, error }) => {
        faults.add(1, plugin, phase);
        this.errorLog.error('plugin_fault', { plugin, phase, route: exchange.routeId, exchange: exchange.id, error });
      },
      onNoRoute: (exchange) => explainNoRoute(exchange, this.errorLog),
      onAbuse: (kind) => abuses.add(1, kind),
      onUpstreamAbuse: (reason) => upstreamAbuses.add(1, reason),
      admits: this.bound(board),
      readPath: 'onread',
      reusePort: data.reusePort,
      running: this.place.plugin,
      health: new HealthBoard(data.memory.health),
      names: this.names,
    });
    measureWorker(metrics, (read) => metrics.onCollect(read), this.worker, thread);
    this.beat = setInterval(() => this.place.beat(this.worker.connectionCount), BEAT_MS);
    this.heap = new HeapWatch((used_bytes) => this.onHeapFull(used_bytes));
    this.heap.begin();
    this.follower = this.startFollower();
    main.receive((message) => {
      if (message.type === 'log_written') relay.onWritten(message);
      else if (message.type === 'reopen_logs') this.reopenLogs();
      else if (message.type === 'abort') this.worker.abort();
      else if (message.type === 'staples') this.worker.takeStaples(message.staples);
      else if (message.type === 'names') this.names.tell(message.told);
      else if (message.type === 'control') this.follower.connect(portOf(message.port));
      else if (message.type === 'collect') this.feed.collect(message.id);
      else if (message.type === 'open') this.change(() => this.open(message.listeners));
      else if (message.type === 'keep') this.change(() => this.keep(message.listeners));
      else if (message.type === 'reclaim') this.change(() => this.worker.listeners.reclaim());
      else void this.drain();
    });
  }

  /** `limits.connections`, of all workers together. */
  private bound(board: Board): (connections: number) => boolean {
    const { data, clock } = this.options;
    const most = data.settings.limits.connections;
    const refusals = connectionRefusals(this.feed.registry);
    if (most === 0) return () => true;
    const seldom = new Seldom(() => clock.monotonic_ms(), REFUSALS_MS);
    return (connections) => {
      if (board.admits(data.place, connections, most)) return true;
      refusals.add(1);
      if (seldom.isDue('')) this.errorLog.warn('connections_full', { most });
      return false;
    };
  }

  private startFollower(): Follower {
    const { data, plugins, clock } = this.options;
    const { errorLog } = this;
    return new Follower({
      matching: matchingOf(data.settings),
      pluginsWithout: (disabled) => checkedPluginRegistry(plugins, disabled, data.env),
      instances: new Instances(
        hostFactory({ ...this.parts, inForce: () => this.worker.snapshot }),
        ({ plugin, object }, error) => errorLog.error('plugin_close_fault', { plugin, object, error }),
        nextTurn,
      ),
      now_ms: () => clock.monotonic_ms(),
      swap: (snapshot) => {
        this.worker.swap(snapshot);
        // Not before there is something to serve: a connection would be answered with 404.
        if (this.isListening) return;
        this.isListening = true;
        this.change(() => this.listen());
      },
    });
  }

  private async listen(): Promise<void> {
    const { main, plugins } = this.options;
    try {
      const listening = await this.worker.listen(this.plans);
      const isSlowPath = listening.some(({ readPath }) => readPath === 'data');
      const names = plugins.map(({ name }) => name);
      this.place.serves(true);
      main.post({ type: 'listening', ports: this.worker.listeners.ports, isSlowPath, plugins: names });
    } catch (error) {
      main.post({ type: 'failed', message: listenProblem(error) });
    }
  }

  /** One after the other. */
  private change(work: () => Promise<void>): void {
    this.changes = this.changes.then(work).catch((error: unknown) => this.errorLog.error('fault', { error }));
  }

  private async open(plans: readonly ListenerPlan[]): Promise<void> {
    // One that does not listen yet begins with what is there by then.
    const problems = this.isListening ? await this.worker.listeners.add(plans) : [];
    this.options.main.post({ type: 'opened', ports: this.worker.listeners.ports, problems });
  }

  private async keep(plans: readonly ListenerPlan[]): Promise<void> {
    this.plans = plans;
    if (!this.isListening) return;
    const { listeners } = this.worker;
    // One that began meanwhile was not asked to open them.
    for (const { path, message } of await listeners.add(plans)) {
      this.errorLog.error('listener_failed', { path, reason: message });
    }
    await listeners.keep(plans);
  }

  /** Accepts no more, lets what runs end, writes what is to be written, and says so. */
  private async drain(): Promise<void> {
    this.place.serves(false);
    await this.worker.drain();
    this.heap.close();
    clearInterval(this.beat);
    this.parts.close();
    await this.accessLog?.close();
    await this.errorLog.close();
    this.options.main.post({ type: 'drained' });
  }

  private reopenLogs(): void {
    this.accessLog?.reopen();
    this.errorLog.reopen();
  }

  private onHeapFull(used_bytes: number): void {
    this.errorLog.error('heap_full', { used_mebibytes: Math.round(used_bytes / 1024 / 1024) });
    this.worker.shed();
    this.options.main.post({ type: 'faulted', cause: 'heap' });
  }

  /** An error that nobody caught. */
  noteFault(error: unknown): void {
    this.errorLog.error('fault', { error });
    this.options.main.post({ type: 'faulted', cause: 'fault' });
  }
}
