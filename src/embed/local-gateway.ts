/**
 * A whole gateway in the thread that makes it: configuration, data plane, names and health checks. It shares nothing with
 * another one in the same process, takes no signals, and never ends the process.
 */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../clock/clock.ts';
import { LoopTime } from '../clock/loop-time.ts';
import { compile, retire } from '../compile/compile.ts';
import type { CompileResult } from '../compile/compile.ts';
import type { HostFor } from '../compile/instances.ts';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { Configuration } from '../config/configuration.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { readByEvents } from '../http1/sockets.ts';
import type { Problem } from '../model/problem.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { AccessRecord } from '../observe/access-record.ts';
import type { Destination } from '../observe/destination.ts';
import { ErrorLog } from '../observe/error-log.ts';
import { expose } from '../observe/exposition.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { measureWorker, pluginFaults } from '../threads/gateway-metrics.ts';
import { FollowUp } from '../threads/follow-up.ts';
import { hostFactory } from '../threads/host.ts';
import { checkAccessLog, MainStreams, checkLogs, openAccessLog, openErrorLog, schedule } from '../threads/logs.ts';
import { type FoundPorts, plansOf, withPorts } from '../threads/listener-plan.ts';
import { explainNoRoute } from '../threads/no-route.ts';
import { systemParts, type SystemParts } from '../threads/system-parts.ts';
import { upstreamTlsReport } from '../threads/upstream-tls-report.ts';
import { UpstreamWork } from '../threads/upstream-work.ts';
import { Worker } from '../threads/worker.ts';
import { HealthBoard, SLOTS } from '../upstream/health-board.ts';
import { NameAnswers } from '../upstream/name-answers.ts';
import type { InForce, ListeningAddress } from './contract.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import { type ClientAddress, PairedSocket } from './paired-socket.ts';

export interface LocalOptions {
  readonly configuration: Configuration;
  /** The file that it is from, for messages; '' for none. */
  readonly place: string;
  /** What `$env://` refers to. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The gateway's own and people's. */
  readonly plugins: readonly AnyPlugin[];
  /** What is wrong with plugins, so that nothing can start. */
  readonly problems: readonly Problem[];
  /** Each line of the error log, without its end; null writes them where the settings say. */
  readonly onLog: ((line: string) => void) | null;
  readonly onExchange: ((record: AccessRecord) => void) | null;
  /** Whether other gateways listen on the same ports. */
  readonly reusePort: boolean;
}

export class LocalGateway {
  readonly settings: GatewaySettings;
  private readonly worker: Worker;
  private readonly registry: PluginRegistry;
  private readonly hostFor: HostFor;
  private readonly metrics: MetricRegistry;
  private readonly errorLog: ErrorLog;
  private readonly accessLog: AccessLog | null;
  private readonly parts: SystemParts;
  private readonly upstreams: UpstreamWork;
  private readonly followUp: FollowUp;
  private last: Promise<unknown> = Promise.resolve();
  private stopping: Promise<void> | null = null;
  private nextPort = 1024;

  /** Throws ConfigurationError; StartError if a log file cannot be opened. */
  constructor(options: LocalOptions) {
    const { configuration, plugins, place, env, onExchange, reusePort } = options;
    const { settings } = configuration;
    const clock = systemClock;
    this.settings = settings;
    this.registry = pluginRegistry(plugins, env);
    this.metrics = new MetricRegistry({ now_ms: () => clock.monotonic_ms() });
    const { metrics } = this;
    const streams = new MainStreams();
    const { error_log } = settings;
    checkLogs(options.onLog === null ? settings : { ...settings, error_log: { ...error_log, path: 'stderr' } });
    this.errorLog =
      options.onLog === null
        ? openErrorLog(settings, clock, streams)
        : new ErrorLog({ destination: lines(options.onLog), level: settings.error_log.level, clock, schedule });
    const { errorLog } = this;
    this.accessLog = openAccessLog(settings, errorLog, streams);
    this.parts = systemParts({ clock, errorLog, metrics, thread: 'embedded', settings });
    this.hostFor = hostFactory({ ...this.parts, inForce: () => this.worker.snapshot });
    const first = this.compile(configuration, undefined);
    const problems = [...options.problems, ...first.problems];
    if (problems.length > 0) {
      this.parts.close();
      void this.closeLogs();
      void retire(first.snapshot);
      throw new ConfigurationError(inOrder(problems), place);
    }
    const memory = new SharedArrayBuffer(HealthBoard.bytes({ slots: SLOTS }));
    const names = new NameAnswers((queries) => this.upstreams.resolve(queries));
    const faults = pluginFaults(metrics);
    this.upstreams = new UpstreamWork({
      memory,
      settings,
      clock,
      errorLog,
      metrics,
      broadcast: (told) => {
        names.tell(told);
        this.followUp.upstreams.tell(told);
      },
      onStaples: (staples) => this.worker.takeStaples(staples),
    });
    this.followUp = new FollowUp({
      memory,
      settings,
      clock,
      errorLog,
      metrics,
      onUpstreams: (checked, queries) => this.upstreams.update(checked, queries),
      onStapled: (stapled) => this.upstreams.staple(stapled),
    });
    const { accessLog } = this;
    this.worker = new Worker({
      settings,
      snapshot: first.snapshot,
      clock,
      // The program around it may keep its loop busy.
      deadlineTime: new LoopTime(() => clock.monotonic_ms()),
      record:
        accessLog === null && onExchange === null
          ? null
          : (record) => {
              accessLog?.write(record);
              this.tell(onExchange, record);
            },
      onFault: (error) => errorLog.error('fault', { error }),
      onNoRoute: (exchange) => explainNoRoute(exchange, errorLog),
      onPluginFault: ({ exchange, plugin, phase, error }) => {
        faults.add(1, plugin, phase);
        errorLog.error('plugin_fault', { plugin, phase, route: exchange.routeId, exchange: exchange.id, error });
      },
      onProxyRefused: (reason, peer) => errorLog.info('proxy_protocol_refused', { reason, peer }),
      onTlsRefused: (reason, address) => errorLog.info('tls_refused', { reason, client: address }),
      onUpstreamTlsFailed: upstreamTlsReport(metrics, errorLog, clock),
      ticketSecret: randomBytes(32),
      readPath: 'onread',
      reusePort,
      health: new HealthBoard(memory),
      names,
    });
    measureWorker(metrics, (read) => metrics.onCollect(read), this.worker, 'worker 1');
    this.followUp.update(first.snapshot);
  }

  private tell(onExchange: LocalOptions['onExchange'], record: AccessRecord): void {
    try {
      onExchange?.(record);
    } catch (error) {
      this.errorLog.error('on_exchange_fault', { exchange: record.id, error });
    }
  }

  get revision(): number {
    return this.worker.snapshot.revision;
  }

  get snapshot(): Snapshot {
    return this.worker.snapshot;
  }

  /** Opens its ports; rejects, with none of them open, if one cannot be had. @param found in the place of ports that are 0 */
  async listen(found: FoundPorts = []): Promise<readonly ListeningAddress[]> {
    const { http, https } = this.settings;
    const listening = await this.worker.listen(withPorts(plansOf(this.settings), found));
    return [...http, ...https].map(({ address = '', path = address }, i) => ({
      protocol: i < http.length ? 'http' : 'https',
      address: path,
      port: listening[i]?.port ?? 0,
    }));
  }

  /** The ports that it listens on. */
  get ports(): FoundPorts {
    return this.worker.listeners.ports;
  }

  /** Puts objects in force, all of them or none: rejects with a ConfigurationError if anything is wrong. */
  apply(configuration: Configuration, place: string, others: readonly Problem[] = []): Promise<InForce> {
    const applied = this.last.then(() => this.applyNow(configuration, place, others));
    this.last = applied.catch(() => undefined);
    return applied;
  }

  private async applyNow(configuration: Configuration, place: string, others: readonly Problem[]): Promise<InForce> {
    if (this.stopping !== null) throw new Error('the gateway has stopped');
    const previous = this.worker.snapshot;
    const { snapshot, problems, warnings, isBlocked } = this.compile(configuration, previous);
    const all = [...others, ...problems];
    if (all.length > 0) {
      if (!isBlocked) await retire(snapshot);
      throw new ConfigurationError(inOrder(all), place);
    }
    this.worker.swap(snapshot);
    this.followUp.update(snapshot);
    return { revision: snapshot.revision, warnings };
  }

  private compile(configuration: Configuration, previous: Snapshot | undefined): CompileResult {
    const { objects, settings, dress } = configuration;
    const result = compile(objects, {
      settings: this.settings,
      revision: (previous?.revision ?? 0) + 1,
      plugins: this.registry,
      hostFor: this.hostFor,
      onCloseFault: ({ plugin, object }, error) => this.errorLog.error('plugin_close_fault', { plugin, object, error }),
      ...(previous === undefined ? {} : { previous }),
    });
    const found = [...configuration.problems, ...checkAccessLog(settings), ...result.problems.map(dress)];
    return { ...result, problems: found, warnings: [...configuration.warnings, ...result.warnings.map(dress)] };
  }

  /** A connection to it, within the process. */
  connect(address: string): PairedSocket {
    if (this.stopping !== null) throw new Error('the gateway has stopped');
    const client: ClientAddress = { remoteAddress: address, remotePort: this.nextPort };
    this.nextPort = this.nextPort === 65_535 ? 1024 : this.nextPort + 1;
    const [near, far] = PairedSocket.pair(client);
    const socket = far as unknown as Parameters<Worker['accept']>[0];
    this.worker.accept(socket, this.settings.http[0]?.port ?? 80);
    readByEvents(socket);
    return near;
  }

  /** In Prometheus' text format 0.0.4. */
  metricsText(): string {
    return [...expose(this.metrics, 'text')].join('');
  }

  /** Accepts no more, lets running exchanges end for at most `drain_ms`, and ends. Further calls wait for the first. */
  stop(drain_ms: number): Promise<void> {
    this.stopping ??= this.stopNow(drain_ms);
    return this.stopping;
  }

  private async stopNow(drain_ms: number): Promise<void> {
    await this.last;
    const late = Promise.withResolvers<void>();
    const cancel = schedule(drain_ms, late.resolve);
    await Promise.race([this.worker.drain(), late.promise]);
    cancel();
    this.worker.abort();
    this.upstreams.close();
    this.followUp.close();
    await retire(this.worker.snapshot);
    this.parts.close();
    await this.closeLogs();
  }

  private async closeLogs(): Promise<void> {
    await this.accessLog?.close();
    await this.errorLog.close();
  }
}

function inOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/** Takes what a log writes, line by line. */
function lines(onLine: (line: string) => void): Destination {
  return {
    name: 'onLog',
    isTerminal: false,
    canRecover: false,
    write(bytes, done) {
      const text = Buffer.from(bytes).toString('utf8');
      for (const line of text.split('\n')) if (line !== '') onLine(line);
      process.nextTick(done, null, bytes.length);
    },
    reopen: () => undefined,
    close: () => undefined,
  };
}
