/** The control thread: reads the configuration and checks it, hands it over to the workers, and answers on the side ports. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AlarmClock } from '../clock/clock.ts';
import { compile, EMPTY_SNAPSHOT, retire } from '../compile/compile.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import { restore } from '../compile/restore.ts';
import { matchingOf } from '../compile/snapshot.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { Configuration } from '../config/configuration.ts';
import { pluginSignature } from '../config/plugin-files.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { type Watch, watchConfiguration } from '../config/watch.ts';
import type { ObjectSet } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import { CONTENT_TYPES, expose, formatFor } from '../observe/exposition.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { Board } from './board.ts';
import type { Applied } from './applied.ts';
import { FileObjects } from './file-objects.ts';
import { measureNode } from './gateway-metrics.ts';
import { differenceOf } from './changed-objects.ts';
import { HandOver, type InForce } from './hand-over.ts';
import { type FollowUp, followUpInMain } from './follow-up.ts';
import { ListenerProposals, textBesideListeners } from './listener-proposal.ts';
import type { LogRelay } from './log-relay.ts';
import { countDrops, schedule } from './logs.ts';
import type { ControlData, FromControl, Port, ToControl } from './messages.ts';
import { MetricFeed } from './metric-feed.ts';
import { MetricSum } from './metric-sum.ts';
import { portOf } from './port.ts';
import { ProblemReport } from './problem-report.ts';
import { listenProblem, StartError } from './start-error.ts';
import { SideServers, withPorts } from './side-servers.ts';
import { controlContexts } from './control-context.ts';
import { isServedLater, StoredObjects } from './stored-objects.ts';
import { measureLoop } from './system-parts.ts';

export interface ControlThreadOptions {
  readonly data: ControlData;
  readonly main: Port<ToControl, FromControl>;
  readonly clock: AlarmClock;
  readonly plugins: readonly AnyPlugin[];
}

/** Threads that do not answer within this time are read as they are. */
const COLLECT_MS = 250;
const BLURRED = 'what a bad object would match or do is not known: everything stays';
const NOT_STRICT = '--strict allows no problem: everything stays';
/** What `/status` says of one that only holds what is in force. */
const HELD = { status: 'degraded', control: 'holds' };

export interface ControlParts extends ControlThreadOptions {
  readonly settings: GatewaySettings;
  readonly registry: PluginRegistry;
  /** Of the files of people's own plugins, when they were loaded. */
  readonly pluginCode: string;
  readonly errorLog: ErrorLog;
  readonly relay: LogRelay;
  readonly first: Snapshot;
}

type Resume = ToControl & { readonly type: 'resume' };

export class ControlThread {
  private readonly options: ControlThreadOptions;
  private readonly settings: GatewaySettings;
  private readonly registry: PluginRegistry;
  private readonly pluginCode: string;
  private readonly errorLog: ErrorLog;
  private readonly relay: LogRelay;
  private readonly report: ProblemReport;
  private readonly handOver: HandOver;
  private readonly feed: MetricFeed;
  private readonly sum: MetricSum;
  private readonly followUp: FollowUp;
  private readonly loop: { close(): void };
  private readonly board: Board;
  private readonly servers: SideServers;
  private readonly resumed = Promise.withResolvers<Resume>();
  private readonly listeners: ListenerProposals;
  private watch: Watch | null = null;
  /** Null where objects stand in the configuration file. */
  private stored: StoredObjects | null = null;
  /** Null where they come from a store. */
  private fileObjects: FileObjects | null = null;
  private isDraining = false;
  private disabled: ReadonlySet<string> = new Set();
  private isServing = false;
  /** Checked last; what the workers have is made of the same objects. */
  private snapshot: Snapshot;
  private last: Promise<unknown> = Promise.resolve();
  private files: Promise<void> = Promise.resolve();

  constructor(parts: ControlParts) {
    const { data, main, clock, settings, registry, errorLog, relay, first } = parts;
    const { restart, memory } = data;
    this.options = parts;
    this.settings = settings;
    this.registry = registry;
    this.pluginCode = parts.pluginCode;
    this.errorLog = errorLog;
    this.relay = relay;
    this.snapshot = first;
    this.board = new Board(memory.board);
    this.listeners = new ListenerProposals(this.settings, (message) => main.post(message));
    const now_ms = (): number => clock.monotonic_ms();
    this.sum = new MetricSum(now_ms);
    this.feed = new MetricFeed(now_ms);
    this.feed.connect((feed) => {
      this.sum.take(data.thread, feed);
      main.post({ type: 'metrics', feed });
    });
    const metrics = this.feed.registry;
    this.loop = measureLoop(metrics, 'control');
    measureNode(metrics, data.version);
    countDrops(metrics, { error: errorLog });
    this.report = new ProblemReport(errorLog, metrics);
    this.followUp = followUpInMain(main, { memory: memory.health, settings, clock, errorLog, metrics });
    this.handOver = new HandOver(
      () => ({
        revision: this.snapshot.revision,
        objects: differenceOf(EMPTY_SNAPSHOT, this.snapshot),
        disabled: [...this.disabled],
      }),
      restart !== null,
    );
    const held = restart?.isHeld === true ? HELD : {};
    this.servers = new SideServers({
      settings: withPorts(settings, restart?.ports ?? {}),
      errorLog,
      render: (accept) => this.render(accept),
      isReady: () => this.readiness(),
      remarks: () => ({ ...this.followUp.remarks, ...this.stored?.remarks, ...this.report.degraded, ...held }),
      health: () => this.followUp.upstreams.report(),
      control: controlContexts(parts, () => this.snapshot),
      onError: (error) => this.noteFault(error),
      openAdmin: async () => (await (this.stored ?? this.fileObjects)?.listen(relay)) ?? null,
    });
    main.receive((message) => void this.take(message));
  }

  /** Finds out what is in force in the workers, and answers for it. */
  async recover(): Promise<void> {
    const { disabled, isServed } = await this.resumed.promise;
    this.disabled = new Set(disabled);
    await this.handOver.recover((inForce) => this.restore(inForce), delay);
    // One may have been told of fewer or of more before.
    if (this.snapshot !== EMPTY_SNAPSHOT) await this.setDisabled(disabled);
    if (isServed) await this.serve();
  }

  private restore(inForce: InForce | null): void {
    if (inForce === null) return;
    const { revision, objects } = inForce;
    const matching = matchingOf(this.settings);
    this.snapshot = restore(objects, { revision, matching, plugins: this.registry });
  }

  private async take(message: ToControl): Promise<void> {
    const { main } = this.options;
    switch (message.type) {
      case 'worker':
        return this.welcome(message.thread, portOf(message.port));
      case 'worker_stalled':
        return this.handOver.exclude(message.thread);
      case 'serve':
        return this.serve();
      case 'resume':
        return this.resumed.resolve(message);
      case 'release':
        this.isServing = false;
        await this.servers.close();
        return main.post({ type: 'released' });
      case 'reload':
        if (this.disabled.size > 0) await this.setDisabled([]);
        return this.watch?.reload();
      case 'disable':
        return this.setDisabled([...this.disabled, message.plugin]);
      case 'drain':
        this.isDraining = true;
        return this.watch?.close();
      case 'close':
        return this.close();
      case 'reopen_logs':
        (this.stored ?? this.fileObjects)?.reopenLogs();
        return this.errorLog.reopen();
      case 'metrics':
        return this.sum.take(message.thread, message.feed);
      case 'thread_left':
        return this.sum.leave(message.thread);
      case 'listeners_opened':
        return this.listeners.opened(message.problems);
      case 'names':
        return this.followUp.upstreams.tell(message.told);
      case 'log_written':
        return this.relay.onWritten(message);
    }
  }

  private async welcome(thread: number, port: Parameters<HandOver['join']>[1]): Promise<void> {
    const outcome = await this.handOver.join(thread, port);
    if (!outcome.isInForce) this.errorLog.error('worker_refused_configuration', { thread, reason: outcome.reason });
  }

  /** Opens the side servers: every worker serves. */
  private async serve(): Promise<void> {
    if (!(await this.listen())) return;
    this.isServing = true;
    this.followUp.update(this.snapshot);
    this.errorLog.info('configuration', { path: this.options.data.path });
    this.logServing();
  }

  /** Opens those that can be opened now. @returns whether it could; else main is told why */
  private async listen(): Promise<boolean> {
    const { main } = this.options;
    try {
      await this.servers.listen();
      main.post({ type: 'serving', ports: this.servers.ports });
      return true;
    } catch (error) {
      await this.servers.close();
      main.post({ type: 'failed', message: error instanceof StartError ? error.message : listenProblem(error) });
      return false;
    }
  }

  /** Opens what objects come from; a restarted one does not wait for what that says first, and opens the Admin API. */
  async openObjects(configuration: Configuration): Promise<void> {
    const { registry: plugins, errorLog, options } = this;
    const { clock, data } = options;
    const onFault = (error: unknown): void => this.noteFault(error);
    const parts = {
      settings: withPorts(this.settings, data.restart?.ports ?? {}),
      plugins,
      errorLog,
      clock,
      onFault,
      folder: path.dirname(data.path),
    };
    const apply = (set: ObjectSet): Promise<boolean> => this.applyStored(set);
    this.stored = await StoredObjects.open({
      ...parts,
      enabled: configuration.objects.plugins,
      apply,
      metrics: this.feed.registry,
      isInForce: this.snapshot !== EMPTY_SNAPSHOT && data.restart !== null,
    });
    if (this.stored === null) this.fileObjects = new FileObjects({ ...parts, path: data.path, configuration });
    this.follow(configuration);
    if (data.restart === null) return this.stored?.begin();
    void this.stored?.begin();
    if (this.isServing) await this.listen();
    this.takeFile(configuration);
    await this.files;
  }

  /** A bad object of a store never keeps the gateway from serving the others, nor from being put right. */
  private async applyStored(set: ObjectSet): Promise<boolean> {
    const applied = await this.apply(set);
    this.report.take('store', applied.revision, { ...applied, objects: set.objects });
    return applied.refusal === '';
  }

  private follow(current: Configuration): void {
    const { path, env } = this.options.data;
    this.watch = watchConfiguration({
      path,
      env,
      current,
      schedule,
      onChange: (configuration) => this.takeFile(configuration),
      onHeldBack: (reason) => this.errorLog.warn('configuration_held_back', { reason }),
    });
  }

  /** One after the other. */
  private takeFile(configuration: Configuration): void {
    this.files = this.files.then(() => this.applyFile(configuration)).catch((error: unknown) => this.noteFault(error));
  }

  private async applyFile(configuration: Configuration): Promise<void> {
    const { settings, objects, dress } = configuration;
    this.fileObjects?.take(configuration);
    const listeners = await this.listeners.propose(configuration);
    const others = [...configuration.problems, ...listeners.problems.map(dress)];
    const applied = this.stored === null ? await this.apply(objects, others) : this.unchanged;
    listeners.settle(applied.refusal === '');
    this.report.take('file', applied.revision, {
      problems: [...others, ...applied.problems.map(dress)],
      warnings: [...configuration.warnings, ...applied.warnings.map(dress)],
      refusal: applied.refusal,
      objects: objects.objects,
    });
    if (applied.refusal !== '') return;
    if (textBesideListeners(settings) !== textBesideListeners(this.settings)) {
      const reason = 'a change under "gateway", except of http and https, takes effect at the next start';
      this.errorLog.warn('restart_needed', { reason });
    }
    if ((await pluginSignature(this.settings.plugin_files)) !== this.pluginCode) {
      this.errorLog.warn('restart_needed', { reason: 'the code of plugins changed: it is loaded at the next start' });
    }
    this.logServing();
  }

  private logServing(): void {
    const { revision } = this.snapshot;
    const routes = this.snapshot.memory?.readings.routes.size ?? 0;
    this.errorLog.info('serving', { revision, routes, problems: this.report.count });
  }

  /** Where objects come from a store, the file changes none. */
  private get unchanged(): Applied {
    return { revision: this.snapshot.revision, problems: [], warnings: [], refusal: '' };
  }

  /**
   * Puts objects in force, as far as they are sound; what is bad keeps its last good version. Resolves when every worker
   * has swapped, or none has.
   * @param others what is wrong beside the objects: it counts where no problem is allowed
   */
  apply(objects: ObjectSet, others: readonly Problem[] = []): Promise<Applied> {
    const result = this.last.then(() => this.applyNow(objects, others));
    this.last = result.catch(() => undefined);
    return result;
  }

  private async applyNow(objects: ObjectSet, others: readonly Problem[]): Promise<Applied> {
    const previous = this.snapshot;
    const newest = Math.max(previous.revision, this.board.control.revision);
    const { snapshot, warnings, isBlocked, ...found } = compile(objects, {
      settings: this.settings,
      revision: newest + 1,
      previous,
      plugins: this.registry,
    });
    const isCounted = (problem: Problem): boolean => this.stored === null || !isServedLater(problem, objects);
    const problems = found.problems.filter(isCounted);
    const { revision } = previous;
    const isRefused = this.options.data.isStrict && problems.length + others.length > 0;
    if (isBlocked || isRefused) {
      if (!isBlocked) await retire(snapshot);
      return { revision, problems, warnings, refusal: isRefused ? NOT_STRICT : BLURRED };
    }
    const change = {
      revision: snapshot.revision,
      objects: differenceOf(previous, snapshot),
      disabled: [...this.disabled],
    };
    this.board.control.noteRevision(snapshot.revision);
    const outcome = await this.handOver.apply(change);
    await retire(outcome.isInForce ? previous : snapshot);
    if (!outcome.isInForce) return { revision, problems, warnings, refusal: outcome.reason };
    this.snapshot = snapshot;
    this.followUp.update(snapshot);
    return { revision: snapshot.revision, problems, warnings, refusal: '' };
  }

  /** The objects stay what they are: it is the workers that do without these plugins. */
  private async setDisabled(plugins: readonly string[]): Promise<void> {
    this.disabled = new Set(plugins);
    const change = { revision: this.snapshot.revision, objects: [], disabled: [...plugins] };
    const outcome = await this.handOver.apply(change);
    if (!outcome.isInForce) this.errorLog.error('disabling_failed', { plugins, reason: outcome.reason });
  }

  private readiness() {
    if (this.isDraining) return { ready: false, reason: 'draining' };
    if (this.stored?.isInForce === false)
      return { ready: false, reason: 'no state of the store is fit to be served yet' };
    if (!this.isServing) return { ready: false, reason: 'starting' };
    return { ready: this.board.isServed, reason: 'no worker serves' };
  }

  private async render(accept: string | undefined) {
    const { main, data } = this.options;
    const ask = (thread: number, id: number): void => {
      if (thread === data.thread) this.feed.collect(id);
      else main.post({ type: 'collect', thread, id });
    };
    await this.sum.refresh(ask, delay(COLLECT_MS));
    const format = formatFor(accept);
    return { contentType: CONTENT_TYPES[format], pieces: expose(this.sum, format) };
  }

  private async close(): Promise<void> {
    await this.servers.close();
    await (this.stored ?? this.fileObjects)?.close();
    this.loop.close();
    this.followUp.close();
    await this.errorLog.close();
    this.options.main.post({ type: 'closed' });
  }

  private noteFault(error: unknown): void {
    this.errorLog.error('fault', { error });
  }
}
