/** Main: starts control and workers, takes the signals, and writes to the standard streams for all. It parses nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { AlarmClock } from '../clock/clock.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import { Board } from './board.ts';
import { Control } from './control.ts';
import { Fleet, type Thread, type WorkerStart } from './fleet.ts';
import { threadMetrics } from './gateway-metrics.ts';
import { countDrops, MainStreams, openErrorLog } from './logs.ts';
import type { FeedMessage, FromControl, FromWorker, LogBatch, LogWritten, ToWorker } from './messages.ts';
import { MetricFeed } from './metric-feed.ts';
import { LEFT, MetricSum } from './metric-sum.ts';
import { ensureMigration } from './migrate-requests.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { ListenerChanges, type ListenerChoice } from './listener-change.ts';
import { placeFields, plansOf } from './listener-plan.ts';
import { canSharePorts, checkPlaces } from './ports.ts';
import { allocateSharedMemory, type SharedMemory } from './shared-memory.ts';
import { spawnThread } from './spawn.ts';
import { StartError, StartStopped, whenUnwanted } from './start-error.ts';
import { type Predecessor, Succession } from './upgrade.ts';
import { generationOf, measureLimits, measureProcess, sharedLimits } from './system-parts.ts';
import { CONTROL, MAIN } from './thread-numbers.ts';
import { UpstreamWork } from './upstream-work.ts';
import { workerCount } from './worker-count.ts';

export interface GatewayOptions {
  /** The configuration file. */
  readonly path: string;
  /** Whether a change with any problem is refused as a whole; without it, what is sound of it is served. */
  readonly isStrict: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: AlarmClock;
  /** The module that threads begin with: it calls `runThread` with the plugins that there are. */
  readonly threadModule: URL;
  /** Of the gateway, for its build metric. */
  readonly version: string;
  /** The process that this one replaces, if it does. */
  readonly predecessor?: Predecessor | null;
  /** Aborted when the start is to be given up: it rejects with a StartStopped then. */
  readonly isUnwanted?: AbortSignal;
}

/** Successors beside those that they replace. */
const PLACES_PER_WORKER = 3;
const MOST_WORKERS = 250;
/** How long control may take to close what it has open. */
const CLOSE_MS = 3_000;

export class Gateway {
  private readonly options: GatewayOptions;
  private readonly settings: GatewaySettings;
  private readonly memory: SharedMemory;
  private readonly streams: MainStreams;
  private readonly errorLog: ErrorLog;
  private readonly feed: MetricFeed;
  /** What all threads have announced: control sums it up anew when it was started again. */
  private readonly sum: MetricSum;
  private readonly control: Control;
  private readonly fleet: Fleet;
  private readonly upstreams: UpstreamWork;
  private readonly serving = Promise.withResolvers<void>();
  private readonly closed = Promise.withResolvers<void>();
  private onReleased: () => void = () => undefined;
  private readonly listeners: ListenerChanges;
  private readonly succession: Succession;
  private isServing = false;
  private isStopping = false;
  private disabled: readonly string[] = [];

  /** Starts everything; rejects with a StartError, with nothing left running. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { path, isStrict, env, version, threadModule } = options;
    const memory = allocateSharedMemory(MOST_WORKERS * PLACES_PER_WORKER);
    const data = { role: 'control', thread: CONTROL, version, memory, path, isStrict, env: { ...env } } as const;
    const control = new Control({
      place: new Board(memory.board).control,
      now_ms: () => options.clock.monotonic_ms(),
      spawn: (restart) => spawnThread(threadModule, { ...data, restart }),
    });
    try {
      const streams = new MainStreams();
      const unwanted = whenUnwanted(options.isUnwanted);
      const configured = control.configured((batch) => streams.take(batch, (reply) => control.post(reply)));
      const settings = await Promise.race([configured, unwanted]);
      const canShare = await canSharePorts();
      const isAlone = options.predecessor === null || options.predecessor === undefined;
      const [taken] = isAlone ? await checkPlaces(plansOf(settings)) : [];
      if (taken !== undefined) throw new StartError(taken.message);
      const gateway = new Gateway(options, { settings, memory, control, streams, canShare });
      await gateway.begin(canShare, unwanted);
      return gateway;
    } catch (error) {
      control.end();
      control.terminate();
      throw error;
    }
  }

  private constructor(options: GatewayOptions, parts: Parts) {
    const { settings, memory, control, streams, canShare } = parts;
    const { clock } = options;
    this.options = options;
    this.settings = settings;
    this.memory = memory;
    this.control = control;
    this.streams = streams;
    this.errorLog = openErrorLog(settings, clock, this.streams);
    const now_ms = (): number => clock.monotonic_ms();
    this.sum = new MetricSum(now_ms);
    this.feed = new MetricFeed(now_ms);
    this.feed.connect((feed) => this.takeMetrics(MAIN, feed));
    const metrics = this.feed.registry;
    measureProcess(metrics, clock, options.version);
    countDrops(metrics, { error: this.errorLog });
    const { workers, workerDeaths, controlDeaths, controlHolds } = threadMetrics(metrics);
    const limits = sharedLimits(memory.limits, clock, MAIN);
    measureLimits(metrics, limits);
    this.fleet = new Fleet({
      workers: canShare ? workerCount(settings.workers) : 1,
      board: new Board(memory.board),
      errorLog: this.errorLog,
      listeners: plansOf(settings),
      reusePort: canShare,
      drainTimeout_ms: settings.timeouts.drain_timeout_ms,
      now_ms,
      spawn: (start) => this.spawnWorker(start),
      deaths: workerDeaths,
      onStalled: (thread) => control.post({ type: 'worker_stalled', thread }),
      onMetrics: (thread, feed) => this.takeMetrics(thread, feed),
      onGone: (thread) => {
        limits.releaseLocksOf(generationOf(thread));
        this.sum.leave(thread);
        control.post({ type: 'thread_left', thread });
      },
      onResolve: (queries) => this.upstreams.resolve(queries),
      onDeadlyPlugin: (plugin) => this.disable(plugin),
      stall_ms: settings.timeouts.stall_ms,
      onLog: (batch, reply) => this.write(batch, reply),
    });
    const { errorLog, fleet } = this;
    this.succession = new Succession({
      release: () => this.release(),
      resume: (hasReleased) => {
        fleet.broadcast({ type: 'reclaim' });
        if (hasReleased) control.post({ type: 'serve' });
      },
      errorLog,
      drain_ms: settings.timeouts.drain_timeout_ms,
    });
    this.listeners = new ListenerChanges({ fleet, errorLog, onKept: (chosen) => control.noteListeners(chosen) });
    this.upstreams = new UpstreamWork({
      memory: memory.health,
      settings,
      clock,
      errorLog,
      metrics,
      broadcast: (told) => {
        this.fleet.broadcast({ type: 'names', told });
        control.post({ type: 'names', told });
      },
      onStaples: (staples) => this.fleet.broadcast({ type: 'staples', staples }),
    });
    metrics.onCollect(() => {
      workers.set(this.fleet.size);
      controlHolds.set(control.isHeld ? 1 : 0);
    });
    // A start may fail before anybody waits for it.
    this.serving.promise.catch(() => undefined);
    control.watch({
      settings,
      errorLog,
      deaths: controlDeaths,
      onMessage: (message) => this.takeFromControl(message),
      onGone: (error) => this.onControlGone(error),
      onRestart: () => this.bringUp(),
    });
  }

  private async begin(canShare: boolean, unwanted: Promise<never>): Promise<void> {
    const { pid_file } = this.settings;
    try {
      await Promise.race([this.bringUpAll(canShare), unwanted]);
    } catch (error) {
      this.isStopping = true;
      this.upstreams.close();
      removePidFile(pid_file);
      this.control.end();
      this.control.terminate();
      await this.closed.promise;
      this.options.predecessor?.fail();
      await this.endFleet(error);
      await this.errorLog.close();
      throw error;
    }
  }

  /** Beside a predecessor, and until it was told to stop, clients were accepted as ever: they get their answers. */
  private async endFleet(error: unknown): Promise<void> {
    const isAlone = this.options.predecessor === null || this.options.predecessor === undefined;
    if (isAlone && !(error instanceof StartStopped)) return this.fleet.abort();
    await this.drainFleet();
  }

  private drainFleet(): Promise<void> {
    return this.fleet.drain((connections) => this.errorLog.warn('drain_timeout', { connections }));
  }

  private async bringUpAll(canShare: boolean): Promise<void> {
    const { pid_file } = this.settings;
    const predecessor = this.options.predecessor ?? null;
    if (predecessor === null) writePidFile(pid_file);
    ensureMigration(this.errorLog);
    if (!canShare) {
      const reason = 'this system does not let several threads listen on one port';
      this.errorLog.warn('one_worker', { reason });
    }
    await this.fleet.start();
    if (this.isStopping) return;
    for (const plan of this.fleet.listeners) this.errorLog.info('listening', placeFields(plan));
    await predecessor?.release();
    this.control.post({ type: 'serve' });
    await this.serving.promise;
    if (predecessor === null || this.isStopping) return;
    writePidFile(pid_file);
    predecessor.replace();
  }

  private spawnWorker(start: WorkerStart): Thread<FromWorker, ToWorker> {
    const { threadModule, version, env } = this.options;
    const { memory, settings } = this;
    const worker = spawnThread<FromWorker, ToWorker>(threadModule, {
      role: 'worker',
      version,
      memory,
      env: { ...env },
      settings,
      ...start,
    });
    this.connect(start.thread, (message, transfer) => worker.post(message, transfer));
    this.upstreams.greet((message) => worker.post(message));
    return worker;
  }

  /** Makes a worker and control known to each other. */
  private connect(thread: number, post: (message: ToWorker, transfer: MessagePort[]) => void): void {
    const { port1, port2 } = new MessageChannel();
    this.control.post({ type: 'worker', thread, port: port1 }, [port1]);
    post({ type: 'control', port: port2 }, [port2]);
  }

  /** Control was started again: it is told of everything that there is. */
  private bringUp(): void {
    const { control, fleet, sum, upstreams, disabled } = this;
    for (const { thread, feed } of sum.replay()) control.post({ type: 'metrics', thread, feed });
    control.post({ type: 'thread_left', thread: LEFT });
    control.post({ type: 'names', told: upstreams.all() });
    for (const thread of fleet.threads) {
      this.connect(thread, (message, transfer) => fleet.post(thread, message, transfer));
    }
    control.post({ type: 'resume', disabled, isServed: !this.succession.isReleased });
  }

  private takeMetrics(thread: number, feed: FeedMessage): void {
    this.sum.take(thread, feed);
    if (thread !== CONTROL) this.control.post({ type: 'metrics', thread, feed });
  }

  private takeFromControl(message: FromControl): void {
    switch (message.type) {
      case 'serving':
        this.isServing = true;
        return this.serving.resolve();
      case 'released':
        return this.onReleased();
      case 'failed':
        return this.serving.reject(new StartError(message.message));
      case 'collect':
        if (message.thread === MAIN) this.feed.collect(message.id);
        else this.fleet.post(message.thread, { type: 'collect', id: message.id });
        return;
      case 'metrics':
        return this.takeMetrics(CONTROL, message.feed);
      case 'closed':
        return this.closed.resolve();
      case 'log':
        return this.write(message, (reply) => this.control.post(reply));
      case 'open_listeners':
        return void this.openListeners(message);
      case 'settle_listeners':
        return this.listeners.settle(message.isKept);
      case 'stapled':
        return this.upstreams.staple(message.stapled);
      case 'upstreams':
        return this.upstreams.update(message.checked, message.queries);
      case 'configured':
    }
  }

  private async openListeners(next: ListenerChoice): Promise<void> {
    this.control.post({ type: 'listeners_opened', problems: await this.listeners.open(next) });
  }

  /** Workers serve on. @returns whether another one is to be started */
  private onControlGone(error: StartError): boolean {
    this.closed.resolve();
    this.serving.reject(error);
    this.sum.leave(CONTROL);
    this.listeners.abandon();
    // What it was to give up, it has.
    this.onReleased();
    return this.isServing && !this.isStopping;
  }

  private write(batch: LogBatch, reply: (message: LogWritten) => void): void {
    this.streams.take(batch, reply);
  }

  private disable(plugin: string): void {
    this.errorLog.error('plugin_disabled', { plugin, until: 'the next reload' });
    this.disabled = [...this.disabled, plugin];
    this.control.post({ type: 'disable', plugin });
  }

  /** Reads the configuration file again, and lets plugins run that were disabled. */
  reload(): void {
    this.disabled = [];
    this.control.reload();
  }

  /** Starts a process that takes this one's place. @returns whether it did: then this one is to stop */
  async upgrade(): Promise<boolean> {
    return (await this.succession.start()) && !this.isStopping;
  }

  /** Resolves when the side servers are closed, or control is gone with them. */
  private release(): Promise<void> {
    if (!this.control.isUp) return Promise.resolve();
    this.control.post({ type: 'release' });
    return new Promise((resolve) => (this.onReleased = resolve));
  }

  /** Turns readiness off, waits, accepts no more, lets running exchanges end for a bounded time, and ends. */
  async stop(): Promise<void> {
    const { drain_timeout_ms } = this.settings.timeouts;
    this.isStopping = true;
    this.control.end();
    // Who asks for its readiness asks the successor already.
    const drain_delay_ms = this.succession.hasSuccessor ? 0 : this.settings.timeouts.drain_delay_ms;
    this.control.post({ type: 'drain' });
    this.errorLog.info('draining', { delay_ms: drain_delay_ms, most_ms: drain_timeout_ms });
    await delay(drain_delay_ms);
    // Probes go on until the last request is over.
    await Promise.all([this.drainFleet(), this.succession.cancel()]);
    this.upstreams.close();
    if (!this.control.isUp) this.closed.resolve();
    this.control.post({ type: 'close' });
    // Without a reference: it would keep the process for as long, though control is done at once.
    await Promise.race([this.closed.promise, delay(CLOSE_MS, undefined, { ref: false })]);
    this.control.terminate();
    removePidFile(this.settings.pid_file);
    this.errorLog.info('stopped');
    await this.errorLog.close();
  }

  /** Ends at once. */
  abort(): void {
    this.succession.abort();
    this.upstreams.close();
    removePidFile(this.settings.pid_file);
    this.fleet.abort();
    this.control.end();
    this.control.terminate();
  }

  /** Opens the log files anew, after they were rotated. */
  reopenLogs(): void {
    this.errorLog.reopen();
    this.control.post({ type: 'reopen_logs' });
    this.fleet.broadcast({ type: 'reopen_logs' });
  }

  /** A fault of the gateway's own code. */
  noteFault(error: unknown): void {
    this.errorLog.error('fault', { error });
  }
}

interface Parts {
  readonly settings: GatewaySettings;
  readonly memory: SharedMemory;
  readonly control: Control;
  readonly streams: MainStreams;
  readonly canShare: boolean;
}
