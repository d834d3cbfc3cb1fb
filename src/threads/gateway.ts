/** The whole gateway in one process: configuration, logs, the worker, the status endpoints, and their order of life. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AlarmClock } from '../clock/clock.ts';
import { type MetricsServer, startMetricsServer } from '../admin/metrics-server.ts';
import { startStatusServer, type StatusServer } from '../admin/status.ts';
import { compile, type CompileOptions } from '../compile/compile.ts';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import { type Configuration, loadConfiguration } from '../config/configuration.ts';
import { type Watch, watchConfiguration } from '../config/watch.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { Problem } from '../model/problem.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import { CONTENT_TYPES, expose, formatFor } from '../observe/exposition.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { checkAccessLog, openAccessLog, openErrorLog, schedule } from './logs.ts';
import { hostFactory } from './host.ts';
import { listenProblem, StartError } from './start-error.ts';
import { systemParts, type SystemParts } from './system-parts.ts';
import { Worker } from './worker.ts';

export interface GatewayOptions {
  /** The configuration file. */
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: AlarmClock;
  /** The plugins that there are. */
  readonly plugins: readonly AnyPlugin[];
  /** Of the gateway, for its build metric. */
  readonly version: string;
  readonly stderr: (text: string) => void;
}

interface Parts {
  readonly settings: GatewaySettings;
  readonly plugins: PluginRegistry;
  readonly snapshot: Snapshot;
  readonly clock: AlarmClock;
  readonly errorLog: ErrorLog;
  readonly system: SystemParts;
}

export class Gateway {
  private readonly settings: GatewaySettings;
  private readonly plugins: PluginRegistry;
  private readonly system: SystemParts;
  private readonly worker: Worker;
  private readonly errorLog: ErrorLog;
  private readonly accessLog: AccessLog | null;
  private status: StatusServer | null = null;
  private metrics: MetricsServer | null = null;
  private watch: Watch | null = null;
  private isDraining = false;
  /** In the configuration that was read last. */
  private problemCount = 0;

  private constructor(parts: Parts) {
    const { settings, plugins, snapshot, clock, errorLog, system } = parts;
    this.settings = settings;
    this.plugins = plugins;
    this.system = system;
    this.errorLog = errorLog;
    this.accessLog = openAccessLog(settings, errorLog);
    const { accessLog } = this;
    const problems = system.metrics.gauge('gatewright_config_problems', {
      help: 'Problems of the configuration that was read last: above 0, last good versions or refusals serve in their place.',
      labels: [],
    });
    system.metrics.onCollect(() => problems.set(this.problemCount));
    this.worker = new Worker({
      settings,
      snapshot,
      clock,
      record: accessLog === null ? null : (record) => accessLog.write(record),
      onFault: (error) => this.noteFault(error),
      onPluginFault: ({ exchange, plugin, phase, error }) => {
        this.errorLog.error('plugin_fault', { plugin, phase, route: exchange.routeId, exchange: exchange.id, error });
      },
      readPath: 'onread',
    });
  }

  /** Reads the configuration and starts everything; rejects with a StartError, with nothing left running. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { clock } = options;
    const plugins = pluginRegistry(options.plugins);
    const configuration = await loadConfiguration(options.path, options.env);
    const { settings, objects, dress } = configuration;
    const known = [...configuration.problems, ...checkAccessLog(settings)];
    // Without settings there is no log; the other problems are told all the same, together with these.
    const errorLog = known.length === 0 ? openErrorLog(settings, clock) : null;
    const parts = errorLog === null ? null : systemParts(clock, errorLog, options.version);
    const hostFor = parts === null ? {} : pluginHosts(parts);
    const { snapshot, problems } = compile(objects, { settings, revision: 1, plugins, ...hostFor });
    const all = [...known, ...problems.map(dress)];
    if (errorLog === null || parts === null || all.length > 0) {
      parts?.close();
      await errorLog?.close();
      throw new StartError(listOf(all, options.path));
    }
    const gateway = new Gateway({ settings, plugins, snapshot, clock, errorLog, system: parts });
    try {
      await gateway.listen();
    } catch (error) {
      gateway.worker.abort();
      parts.close();
      throw new StartError(listenProblem(error), { cause: error });
    }
    const { routes } = objects.objects;
    errorLog.info('serving', { configuration: options.path, routes: routes.length, revision: snapshot.revision });
    gateway.follow(options, configuration);
    return gateway;
  }

  private follow(options: GatewayOptions, current: Configuration): void {
    const { path, env } = options;
    this.watch = watchConfiguration({
      path,
      env,
      current,
      schedule,
      onChange: (configuration) => this.apply(configuration),
      onHeldBack: (reason) => this.errorLog.warn('configuration_held_back', { reason }),
    });
  }

  /** Reads the configuration file again. */
  reload(): void {
    this.watch?.reload();
  }

  /** Puts a changed configuration in force, as far as it is sound; what is bad in it keeps its last good version. */
  private apply(configuration: Configuration): void {
    const { settings, objects, dress } = configuration;
    const previous = this.worker.snapshot;
    const { snapshot, problems, warnings, isBlocked } = compile(objects, {
      settings: this.settings,
      revision: previous.revision + 1,
      previous,
      plugins: this.plugins,
    });
    for (const problem of [...configuration.problems, ...problems.map(dress)]) {
      this.errorLog.error('configuration_problem', { problem: describe(problem) });
    }
    for (const warning of [...configuration.warnings, ...warnings.map(dress)]) {
      this.errorLog.warn('configuration_warning', { problem: describe(warning) });
    }
    this.problemCount = configuration.problems.length + problems.length;
    if (isBlocked) {
      this.errorLog.error('configuration_refused', { revision: previous.revision, problems: this.problemCount });
      return;
    }
    this.worker.swap(snapshot);
    if (JSON.stringify(settings) !== JSON.stringify(this.settings)) {
      this.errorLog.warn('restart_needed', { reason: 'a change under "gateway" takes effect at the next start' });
    }
    const { routes } = objects.objects;
    this.errorLog.info('serving', { revision: snapshot.revision, routes: routes.length, problems: this.problemCount });
  }

  private async listen(): Promise<void> {
    const { http, control, controlExplicit } = this.settings;
    const listening = await this.worker.listen();
    for (const [index, { port, readPath }] of listening.entries()) {
      this.errorLog.info('listening', { protocol: 'http', address: http[index]?.address ?? '', port });
      if (readPath === 'data') this.errorLog.warn('slow_read_path', { reason: 'this Node.js lacks the fast one' });
    }
    await this.listenForMetrics();
    try {
      this.status = await startStatusServer({
        ...control,
        isReady: () => ({ ready: !this.isDraining, reason: this.isDraining ? 'draining' : '' }),
        onError: (error) => this.noteFault(error),
      });
      this.errorLog.info('listening', { protocol: 'control', address: control.address, port: this.status.port });
    } catch (error) {
      if (controlExplicit) throw error;
      const remedy = 'name another one with gateway.control.port';
      this.errorLog.warn('no_status_endpoints', { reason: listenProblem(error), remedy });
    }
  }

  private async listenForMetrics(): Promise<void> {
    const { metrics } = this.settings;
    if (metrics === false) return;
    this.metrics = await startMetricsServer({
      ...metrics,
      render: (accept) => {
        const format = formatFor(accept);
        return { contentType: CONTENT_TYPES[format], pieces: expose(this.system.metrics, format) };
      },
      onError: (error) => this.noteFault(error),
    });
    this.errorLog.info('listening', { protocol: 'metrics', address: metrics.address, port: this.metrics.port });
  }

  /** Turns readiness off, waits, accepts no more, lets running exchanges end for a bounded time, and ends. */
  async stop(): Promise<void> {
    const { drain_delay_ms, drain_ms } = this.settings.timeouts;
    this.isDraining = true;
    this.watch?.close();
    this.errorLog.info('draining', { delay_ms: drain_delay_ms, most_ms: drain_ms });
    await delay(drain_delay_ms);
    const timer = setTimeout(() => {
      this.errorLog.warn('drain_timeout', { connections: this.worker.connectionCount });
      this.worker.abort();
    }, drain_ms);
    await this.worker.drain();
    clearTimeout(timer);
    await this.status?.close();
    await this.metrics?.close();
    this.system.close();
    await this.accessLog?.close();
    this.errorLog.info('stopped');
    await this.errorLog.close();
  }

  /** Ends at once. */
  abort(): void {
    this.worker.abort();
  }

  /** Opens the log files anew, after they were rotated. */
  reopenLogs(): void {
    this.accessLog?.reopen();
    this.errorLog.reopen();
  }

  /** A fault of the gateway's own code. */
  noteFault(error: unknown): void {
    this.errorLog.error('fault', { error });
  }
}

/** What plugins are made with; their faults at the end go to the log. */
function pluginHosts(parts: SystemParts): Pick<CompileOptions, 'hostFor' | 'onCloseFault'> {
  return {
    hostFor: hostFactory(parts),
    onCloseFault: ({ plugin, object }, error) => parts.errorLog.error('plugin_close_fault', { plugin, object, error }),
  };
}

function listOf(problems: readonly Problem[], path: string): string {
  const lines = problems.map((problem) => `\n  ${describe(problem)}`).join('');
  return `${path} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}${lines}`;
}

function describe({ path, line, message }: Problem): string {
  const place = line === undefined ? path : `line ${line}, ${path}`;
  return place === '' ? message : `${place}: ${message}`;
}
