/** Main: starts control and workers, takes the signals, and writes to the standard streams for all. It parses nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import type { AlarmClock } from '../clock/clock.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import { Board } from './board.ts';
import { Fleet, type WorkerStart } from './fleet.ts';
import { countDrops, MainStreams, openErrorLog } from './logs.ts';
import type { FromControl, FromWorker, LogBatch, LogWritten, ToControl, ToWorker } from './messages.ts';
import { fleetMetrics } from './gateway-metrics.ts';
import { MetricFeed } from './metric-feed.ts';
import { ensureMigration } from './migrate-requests.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { canSharePorts, checkPorts } from './ports.ts';
import { allocateSharedMemory, type SharedMemory } from './shared-memory.ts';
import { spawnThread, type SpawnedThread } from './spawn.ts';
import { StartError } from './start-error.ts';
import { type Predecessor, startSuccessor } from './upgrade.ts';
import { generationOf, measureLimits, sharedLimits } from './system-parts.ts';
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
  /** The gateway cannot go on for long: it is to be stopped, and started again. */
  readonly onFatal?: (error: Error) => void;
  /** The process that this one replaces, if it does. */
  readonly predecessor?: Predecessor | null;
}

const MAIN = 0;
const CONTROL = 1;
/** Successors beside those that they replace. */
const PLACES_PER_WORKER = 3;
const MOST_WORKERS = 1024;
/** How long control may take to close what it has open. */
const CLOSE_MS = 3_000;

export class Gateway {
  private readonly options: GatewayOptions;
  private readonly settings: GatewaySettings;
  private readonly memory: SharedMemory;
  private readonly streams: MainStreams;
  private readonly errorLog: ErrorLog;
  private readonly feed: MetricFeed;
  private readonly control: SpawnedThread<FromControl, ToControl>;
  private readonly fleet: Fleet;
  private readonly upstreams: UpstreamWork;
  private readonly serving = Promise.withResolvers<void>();
  private readonly closed = Promise.withResolvers<void>();
  private onReleased: () => void = () => undefined;
  private isUpgrading = false;
  private isServing = false;
  private isStopping = false;
  private hasSuccessor = false;

  /** Starts everything; rejects with a StartError, with nothing left running. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { path, isStrict, env, version, threadModule } = options;
    const memory = allocateSharedMemory(MOST_WORKERS * PLACES_PER_WORKER);
    const common = { role: 'control', thread: CONTROL, version, memory } as const;
    const data = { ...common, path, isStrict, env: { ...env }, revision: 0 };
    const control = spawnThread<FromControl, ToControl>(threadModule, data, []);
    try {
      const streams = new MainStreams();
      const settings = await configured(control, streams);
      const canShare = await canSharePorts();
      const isAlone = options.predecessor === null || options.predecessor === undefined;
      if (isAlone) await checkPorts([...settings.http, ...settings.https]);
      const gateway = new Gateway(options, { settings, memory, control, streams, canShare });
      await gateway.begin(canShare);
      return gateway;
    } catch (error) {
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
    this.feed = new MetricFeed(now_ms);
    this.feed.connect((feed) => control.post({ type: 'metrics', feed }));
    const metrics = this.feed.registry;
    countDrops(metrics, { error: this.errorLog });
    const { workers, deaths } = fleetMetrics(metrics);
    const limits = sharedLimits(memory.limits, clock, MAIN);
    measureLimits(metrics, limits);
    this.fleet = new Fleet({
      workers: canShare ? workerCount(settings.workers) : 1,
      board: new Board(memory.board),
      errorLog: this.errorLog,
      ports: [...settings.http, ...settings.https].map(({ port }) => port),
      reusePort: canShare,
      drainTimeout_ms: settings.timeouts.drain_timeout_ms,
      now_ms,
      spawn: (start) => this.spawnWorker(start),
      deaths,
      onStalled: (thread) => control.post({ type: 'worker_stalled', thread }),
      onGone: (thread) => limits.releaseLocksOf(generationOf(thread)),
      onResolve: (queries) => this.upstreams.resolve(queries),
      onDeadlyPlugin: (plugin) => this.disable(plugin),
      stall_ms: settings.timeouts.stall_ms,
      onLog: (batch, reply) => this.write(batch, reply),
    });
    const { errorLog } = this;
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
    });
    metrics.onCollect(() => workers.set(this.fleet.size));
    // A start may fail before anybody waits for it.
    this.serving.promise.catch(() => undefined);
    control.receive((message) => this.takeFromControl(message));
    control.onExit((error) => this.onControlExit(error));
  }

  private async begin(canShare: boolean): Promise<void> {
    const { pid_file } = this.settings;
    const predecessor = this.options.predecessor ?? null;
    try {
      if (predecessor === null) writePidFile(pid_file);
      ensureMigration(this.errorLog);
      if (!canShare) {
        const reason = 'this system does not let several threads listen on one port';
        this.errorLog.warn('one_worker', { reason });
      }
      const ports = await this.fleet.start();
      const { http, https } = this.settings;
      for (const [index, { address }] of [...http, ...https].entries()) {
        const protocol = index < http.length ? 'http' : 'https';
        this.errorLog.info('listening', { protocol, address, port: ports[index] ?? 0 });
      }
      await predecessor?.release();
      this.control.post({ type: 'serve' });
      await this.serving.promise;
      if (predecessor === null) return;
      writePidFile(pid_file);
      predecessor.replace();
    } catch (error) {
      this.upstreams.close();
      this.fleet.abort();
      removePidFile(pid_file);
      await this.errorLog.close();
      throw error;
    }
  }

  private spawnWorker(start: WorkerStart): SpawnedThread<FromWorker, ToWorker> {
    const { threadModule, version } = this.options;
    const { port1, port2 } = new MessageChannel();
    this.control.post({ type: 'worker', thread: start.thread, port: port1 }, [port1]);
    const { memory, settings } = this;
    const data = { role: 'worker', version, memory, settings, control: port2, ...start } as const;
    const worker = spawnThread<FromWorker, ToWorker>(threadModule, data, [port2]);
    worker.post({ type: 'names', told: this.upstreams.all() });
    return worker;
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
        return this.feed.collect(message.id);
      case 'closed':
        return this.closed.resolve();
      case 'log':
        return this.write(message, (reply) => this.control.post(reply));
      case 'upstreams':
        return this.upstreams.update(message.checked, message.queries);
      case 'configured':
      case 'in_force':
    }
  }

  private onControlExit(error: Error | null): void {
    this.closed.resolve();
    const ended = new StartError(`the control thread ended: ${error?.message ?? 'no reason given'}`);
    this.serving.reject(ended);
    // Workers would serve on, but nobody could tell them anything, nor ask how they are.
    if (this.isServing && !this.isStopping) this.options.onFatal?.(ended);
  }

  private write(batch: LogBatch, reply: (message: LogWritten) => void): void {
    writeLog(this.streams, batch, reply);
  }

  private disable(plugin: string): void {
    this.errorLog.error('plugin_disabled', { plugin, until: 'the next reload' });
    this.control.post({ type: 'disable', plugin });
  }

  /** Reads the configuration file again, and lets plugins run that were disabled. */
  reload(): void {
    this.control.post({ type: 'reload' });
  }

  /** Starts a process that takes this one's place. @returns whether it did: then this one is to stop */
  async upgrade(): Promise<boolean> {
    if (this.isUpgrading) return false;
    this.isUpgrading = true;
    this.errorLog.info('upgrading');
    try {
      const pid = await startSuccessor({
        release: () => {
          this.control.post({ type: 'release' });
          return new Promise((resolve) => (this.onReleased = resolve));
        },
        resume: () => this.control.post({ type: 'serve' }),
      });
      this.errorLog.info('upgraded', { successor: pid });
      this.hasSuccessor = true;
      return true;
    } catch (error) {
      this.errorLog.error('upgrade_failed', { error });
      this.isUpgrading = false;
      return false;
    }
  }

  /** Turns readiness off, waits, accepts no more, lets running exchanges end for a bounded time, and ends. */
  async stop(): Promise<void> {
    const { drain_timeout_ms } = this.settings.timeouts;
    this.isStopping = true;
    // Who asks for its readiness asks the successor already.
    const drain_delay_ms = this.hasSuccessor ? 0 : this.settings.timeouts.drain_delay_ms;
    this.control.post({ type: 'drain' });
    this.errorLog.info('draining', { delay_ms: drain_delay_ms, most_ms: drain_timeout_ms });
    await delay(drain_delay_ms);
    // Probes go on until the last request is over.
    await this.fleet.drain((connections) => this.errorLog.warn('drain_timeout', { connections }));
    this.upstreams.close();
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
    this.upstreams.close();
    removePidFile(this.settings.pid_file);
    this.fleet.abort();
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
  readonly control: SpawnedThread<FromControl, ToControl>;
  readonly streams: MainStreams;
  readonly canShare: boolean;
}

/** The settings, once control has read and checked the configuration, and its objects if they come from a store. */
function configured(control: SpawnedThread<FromControl, ToControl>, streams: MainStreams): Promise<GatewaySettings> {
  return new Promise((resolve, reject) => {
    control.receive((message) => {
      if (message.type === 'configured') resolve(message.settings);
      else if (message.type === 'failed') reject(new StartError(message.message));
      // Control may have to wait for its store, and says so.
      else if (message.type === 'log') writeLog(streams, message, (reply) => control.post(reply));
    });
    control.onExit((error) => reject(error ?? new StartError('the control thread ended before it was ready')));
  });
}

function writeLog(streams: MainStreams, { id, stream, bytes }: LogBatch, reply: (message: LogWritten) => void): void {
  streams.writer(stream).write(bytes, (error) => {
    const told = error === null ? null : { message: error.message, code: error.code ?? '' };
    reply({ type: 'log_written', id, written: error === null ? bytes.length : 0, error: told });
  });
}
