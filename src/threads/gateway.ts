/** The whole gateway in one process: configuration, logs, the worker, the status endpoints, and their order of life. */
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { Clock } from '../clock/clock.ts';
import { startStatusServer, type StatusServer } from '../admin/status.ts';
import { compile } from '../compile/compile.ts';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import { type Configuration, loadConfiguration } from '../config/configuration.ts';
import { type Watch, watchConfiguration } from '../config/watch.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { AccessLog } from '../observe/access-log.ts';
import { type Destination, openDestination } from '../observe/destination.ts';
import { ErrorLog } from '../observe/error-log.ts';
import { checkFormat } from '../observe/format.ts';
import type { Schedule } from '../observe/line-writer.ts';
import type { Problem } from '../model/problem.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { Worker } from './worker.ts';

/** The gateway cannot start; the message is for whoever started it. */
export class StartError extends Error {}

export interface GatewayOptions {
  /** The configuration file. */
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** The plugins that there are. */
  readonly plugins: readonly AnyPlugin[];
  readonly stderr: (text: string) => void;
}

interface Parts {
  readonly settings: GatewaySettings;
  readonly plugins: PluginRegistry;
  readonly snapshot: Snapshot;
  readonly clock: Clock;
  readonly errorLog: ErrorLog;
}

export class Gateway {
  private readonly settings: GatewaySettings;
  private readonly plugins: PluginRegistry;
  private readonly worker: Worker;
  private readonly errorLog: ErrorLog;
  private readonly accessLog: AccessLog | null;
  private status: StatusServer | null = null;
  private watch: Watch | null = null;
  private isDraining = false;
  /** In the configuration that was read last. */
  private problemCount = 0;

  private constructor(parts: Parts) {
    const { settings, plugins, snapshot, clock, errorLog } = parts;
    this.settings = settings;
    this.plugins = plugins;
    this.errorLog = errorLog;
    this.accessLog = openAccessLog(settings, errorLog);
    const { accessLog } = this;
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
    const plugins = pluginRegistry(options.plugins);
    const { settings, snapshot, routes, configuration } = await readConfiguration(options, plugins);
    const errorLog = openErrorLog(settings, options.clock);
    const gateway = new Gateway({ settings, plugins, snapshot, clock: options.clock, errorLog });
    try {
      await gateway.listen();
    } catch (error) {
      gateway.worker.abort();
      throw new StartError(listenProblem(error), { cause: error });
    }
    errorLog.info('serving', { configuration: options.path, routes, revision: snapshot.revision });
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

async function readConfiguration(options: GatewayOptions, plugins: PluginRegistry) {
  const configuration = await loadConfiguration(options.path, options.env);
  const { settings, objects, problems, dress } = configuration;
  const compiled = compile(objects, { settings, revision: 1, plugins });
  const all = [...problems, ...compiled.problems.map(dress), ...checkAccessLog(settings)];
  if (all.length > 0) {
    const lines = all.map((problem) => `  ${describe(problem)}\n`).join('');
    throw new StartError(`${options.path} has ${all.length === 1 ? 'a problem' : `${all.length} problems`}\n${lines}`);
  }
  return { settings, snapshot: compiled.snapshot, routes: objects.objects.routes.length, configuration };
}

function checkAccessLog(settings: GatewaySettings): Problem[] {
  if (settings.access_log === false) return [];
  const { format } = settings.access_log;
  return checkFormat(format).map((message) => ({ path: 'gateway.access_log.format', code: 'invalid_value', message }));
}

function describe({ path, line, message }: Problem): string {
  const place = line === undefined ? path : `line ${line}, ${path}`;
  return place === '' ? message : `${place}: ${message}`;
}

const STREAMS = { stdout: process.stdout, stderr: process.stderr, isTerminal: isatty };

const schedule: Schedule = (delay_ms, callback) => {
  const timer = setTimeout(callback, delay_ms);
  return () => clearTimeout(timer);
};

function openErrorLog(settings: GatewaySettings, clock: Clock): ErrorLog {
  const { path, level } = settings.error_log;
  return new ErrorLog({ destination: openLog('gateway.error_log.path', path), level, clock, schedule });
}

function openAccessLog(settings: GatewaySettings, errorLog: ErrorLog): AccessLog | null {
  if (settings.access_log === false) return null;
  const { path, format } = settings.access_log;
  return new AccessLog({ destination: openLog('gateway.access_log.path', path), format, schedule, errorLog });
}

function openLog(attribute: string, path: string): Destination {
  try {
    return openDestination(path, STREAMS);
  } catch (error) {
    throw new StartError(`${attribute}: cannot open "${path}": ${(error as Error).message}`, { cause: error });
  }
}

function listenProblem(error: unknown): string {
  const { code, message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const place = `${address ?? 'the address'} port ${port ?? '?'}`;
  if (code === 'EADDRINUSE') return `cannot listen on ${place}: another process does`;
  if (code === 'EACCES') return `cannot listen on ${place}: ports below 1024 need the capability CAP_NET_BIND_SERVICE`;
  if (code === 'EADDRNOTAVAIL') return `cannot listen on ${place}: this machine does not have the address`;
  return message;
}
