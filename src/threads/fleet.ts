/**
 * Main's workers: starts them, watches over them, and replaces those that die, fault or hang. A successor listens before
 * the one that it replaces stops to: a connection finds somebody at every moment.
 */
import type { Transferable } from 'node:worker_threads';
import type { NameQuery } from '../compile/snapshot.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import type { Counter } from '../sdk/host.ts';
import { Backoff } from './backoff.ts';
import type { Board, Place } from './board.ts';
import type { ListeningWorker, OpenedListeners } from './listener-change.ts';
import { type FoundPorts, hasUnknownPort, type ListenerPlan, shareOf, withPorts } from './listener-plan.ts';
import type { FeedMessage, FromWorker, ToWorker, WorkerData } from './messages.ts';
import { Standstill, threadTimes } from './standstill.ts';
import { StartError } from './start-error.ts';
import { ThreadNumbers } from './thread-numbers.ts';

/** A thread as main has it. */
export interface Thread<In, Out> {
  post(message: Out, transfer?: readonly Transferable[]): void;
  receive(onMessage: (message: In) => void): void;
  /** It has ended, by itself or not. */
  onExit(callback: (error: Error | null) => void): void;
  /** Ends it at once, whatever it does. */
  terminate(): void;
}

export type WorkerStart = Pick<WorkerData, 'thread' | 'place' | 'listeners' | 'reusePort'>;

export interface FleetOptions {
  readonly workers: number;
  readonly board: Board;
  readonly errorLog: ErrorLog;
  /** Where clients are accepted; a port is 0 where the first worker finds one. */
  readonly listeners: readonly ListenerPlan[];
  readonly reusePort: boolean;
  readonly drainTimeout_ms: number;
  readonly now_ms: () => number;
  readonly spawn: (start: WorkerStart) => Thread<FromWorker, ToWorker>;
  readonly deaths: Counter;
  /** A worker answers no more, and is about to be ended. */
  readonly onStalled: (thread: number) => void;
  /** News of a worker's metrics. */
  readonly onMetrics: (thread: number, feed: FeedMessage) => void;
  /** A worker's thread is gone: what it held in shared memory can be released. */
  readonly onGone: (thread: number) => void;
  /** This plugin keeps ending workers. */
  readonly onDeadlyPlugin: (plugin: string) => void;
  /** How long a worker's loop may stand still; see `Standstill`. */
  readonly stall_ms: number;
  /** A worker needs the addresses of names. */
  readonly onResolve: (queries: readonly NameQuery[]) => void;
  readonly onLog: (message: FromWorker & { readonly type: 'log' }, reply: (message: ToWorker) => void) => void;
}

type State = 'starting' | 'listening' | 'draining';

interface Member {
  readonly thread: number;
  readonly place: Place;
  readonly index: number;
  /** Which of the workers it is, from 0: what cannot be shared is divided by that. */
  readonly slot: number;
  readonly handle: Thread<FromWorker, ToWorker>;
  onOpened: (opened: OpenedListeners) => void;
  state: State;
  /** Ends once this one listens; null for nobody. */
  predecessor: Member | null;
  isReplaced: boolean;
  startedAt_ms: number;
  readonly standstill: Standstill;
  /** Its beats when it was found hanging; null if it was not. */
  hungAt: number | null;
  readonly listening: Promise<FoundPorts>;
  readonly gone: Promise<void>;
}

/** How often beats are looked at. */
const WATCH_MS = 500;
/** Logs of a thread that was told to end at once have this long to be written. */
const ABORT_GRACE_MS = 3_000;
/** A plugin that cost so many workers within this time is disabled. */
const MOST_DEATHS = 3;
const DEATHS_WITHIN_MS = 60_000;
/** Connections that wait for a worker that hangs are kept from a successor for so long at most. */
const STALLED_MS = 10_000;
/** Who lived so long did not die of its start. */
const STABLE_MS = 60_000;

export class Fleet {
  private readonly options: FleetOptions;
  private readonly members = new Set<Member>();
  private readonly backoff: Backoff;
  private readonly timers = new Set<NodeJS.Timeout>();
  private plans: readonly ListenerPlan[];
  private readonly numbers = new ThreadNumbers();
  private watch: NodeJS.Timeout | null = null;
  private isEnding = false;
  /** Names of the plugins, the first of which has number 1 on the board. */
  private plugins: readonly string[] = [];
  /** When workers were lost, by the plugin that ran. */
  private readonly deaths = new Map<string, number[]>();

  constructor(options: FleetOptions) {
    this.options = options;
    this.plans = options.listeners;
    this.backoff = new Backoff({ first_ms: 250, most_ms: 30_000 });
  }

  /** Rejects with a StartError if one of them cannot start: the others are to be drained or ended then. */
  async start(): Promise<void> {
    const { workers } = this.options;
    // Free ports are found by the first; the others share them.
    const first = this.spawn(null, 0);
    if (hasUnknownPort(this.plans)) this.plans = withPorts(this.plans, await first.listening);
    if (this.isEnding) return;
    const others = Array.from({ length: workers - 1 }, (_, i) => this.spawn(null, i + 1));
    await Promise.all([first, ...others].map(({ listening }) => listening));
    if (this.isEnding) return;
    this.watch = setInterval(() => this.lookAtBeats(), WATCH_MS);
  }

  /** Where clients are accepted now. */
  get listeners(): readonly ListenerPlan[] {
    return this.plans;
  }

  /** Those that take part in a change of the listeners. */
  get listening(): readonly ListeningWorker[] {
    const members = [...this.members].filter(({ state }) => state === 'listening');
    return members.map((member) => ({
      open: async (plans) => {
        const opened = Promise.withResolvers<OpenedListeners>();
        member.onOpened = opened.resolve;
        member.handle.post({ type: 'open', listeners: this.shareOf(member.slot, plans) });
        void member.gone.then(() => opened.resolve({ ports: [], problems: [] }));
        return opened.promise;
      },
    }));
  }

  /** These are the listeners from now on, also of workers that are still to come. */
  keepListeners(plans: readonly ListenerPlan[]): void {
    this.plans = plans;
    for (const { handle, slot, state } of this.members) {
      if (state !== 'draining') handle.post({ type: 'keep', listeners: this.shareOf(slot, plans) });
    }
  }

  private shareOf(slot: number, plans: readonly ListenerPlan[]): ListenerPlan[] {
    return shareOf(plans, slot, this.options.workers);
  }

  /** Workers, those included that start or end. */
  get size(): number {
    return this.members.size;
  }

  /** Client connections of all workers, as of their last beats. */
  get connectionCount(): number {
    let count = 0;
    for (const { place } of this.members) count += place.connections;
    return count;
  }

  broadcast(message: ToWorker): void {
    for (const { handle } of this.members) handle.post(message);
  }

  post(thread: number, message: ToWorker, transfer: readonly Transferable[] = []): void {
    for (const member of this.members) if (member.thread === thread) member.handle.post(message, transfer);
  }

  /** Of all workers. */
  get threads(): number[] {
    return Array.from(this.members, ({ thread }) => thread);
  }

  /** Lets running exchanges end, for a bounded time. Resolves when every thread is gone. */
  async drain(onTimeout: (connections: number) => void): Promise<void> {
    this.isEnding = true;
    this.stopWatching();
    const members = [...this.members];
    let isTold = false;
    const tell = (connections: number): void => {
      if (!isTold) onTimeout(connections);
      isTold = true;
    };
    for (const member of members) this.tellToDrain(member, tell);
    await Promise.all(members.map(({ gone }) => gone));
  }

  abort(): void {
    this.isEnding = true;
    this.stopWatching();
    for (const { handle } of this.members) handle.terminate();
  }

  private stopWatching(): void {
    if (this.watch !== null) clearInterval(this.watch);
    for (const timer of this.timers) clearTimeout(timer);
  }

  private spawn(predecessor: Member | null, slot: number): Member {
    const { board, now_ms, reusePort } = this.options;
    const thread = this.numbers.take(Array.from(this.members, (member) => member.thread));
    const index = this.freeIndex();
    const place = board.place(index);
    place.clear();
    const handle = this.options.spawn({
      thread,
      place: index,
      listeners: this.shareOf(slot, this.plans),
      reusePort,
    });
    const listening = Promise.withResolvers<FoundPorts>();
    const gone = Promise.withResolvers<void>();
    listening.promise.catch(() => undefined);
    const member: Member = {
      thread,
      place,
      index,
      slot,
      handle,
      onOpened: () => undefined,
      state: 'starting',
      predecessor,
      isReplaced: false,
      startedAt_ms: now_ms(),
      standstill: new Standstill(now_ms(), {
        stall_ms: this.options.stall_ms,
        times: () => threadTimes(place.systemId),
      }),
      hungAt: null,
      listening: listening.promise,
      gone: gone.promise,
    };
    this.members.add(member);
    handle.receive((message) => {
      if (message.type === 'listening') {
        this.plugins = message.plugins;
        this.onListening(member, message.isSlowPath);
        listening.resolve(message.ports);
      } else if (message.type === 'failed') {
        listening.reject(new StartError(message.message));
        this.options.errorLog.error('worker_failed', { worker: index + 1, reason: message.message });
        handle.terminate();
      } else if (message.type === 'opened') member.onOpened(message);
      else if (message.type === 'faulted') this.replace(member, message.cause);
      else if (message.type === 'drained') handle.terminate();
      else if (message.type === 'resolve') this.options.onResolve(message.queries);
      else if (message.type === 'metrics') this.options.onMetrics(thread, message.feed);
      else this.options.onLog(message, (reply) => handle.post(reply));
    });
    handle.onExit((error) => {
      listening.reject(new StartError(`a worker ended before it was ready: ${error?.message ?? 'no reason given'}`));
      this.onExit(member, error);
      gone.resolve();
    });
    return member;
  }

  private onListening(member: Member, isSlowPath: boolean): void {
    const { errorLog } = this.options;
    if (member.state === 'draining') return;
    member.state = 'listening';
    errorLog.info('worker_ready', { worker: member.index + 1, thread: member.thread });
    if (isSlowPath) errorLog.warn('slow_read_path', { reason: 'this Node.js lacks the fast one' });
    this.relievePredecessorOf(member);
  }

  private relievePredecessorOf(member: Member): void {
    const { predecessor } = member;
    member.predecessor = null;
    if (predecessor !== null) this.relieve(predecessor);
  }

  /** Starts a successor; the worker goes on until that listens. */
  private replace(member: Member, cause: string): void {
    if (this.isEnding || member.isReplaced) return;
    member.isReplaced = true;
    this.options.deaths.add(1, cause);
    this.later(this.backoff.next_ms(this.options.now_ms()), () => this.spawn(member, member.slot));
  }

  private onExit(member: Member, error: Error | null): void {
    const { errorLog, deaths, onGone, now_ms } = this.options;
    this.members.delete(member);
    const plugin = this.runningPlugin(member);
    // Its connections are gone with it, and count no more.
    member.place.clear();
    onGone(member.thread);
    if (this.isEnding || member.state === 'draining') return;
    deaths.add(1, 'died');
    this.blame(plugin, now_ms());
    errorLog.error('worker_died', {
      worker: member.index + 1,
      thread: member.thread,
      ...(plugin === '' ? {} : { plugin }),
      ...(error === null ? {} : { error }),
    });
    if (now_ms() - member.startedAt_ms > STABLE_MS) this.backoff.reset();
    // One that was to take another's place leaves that waiting: the next one gets it.
    if (!member.isReplaced)
      this.later(this.backoff.next_ms(now_ms()), () => this.spawn(member.predecessor, member.slot));
  }

  private tellToDrain(member: Member, onTimeout: (connections: number) => void): void {
    if (member.state === 'draining') return;
    member.state = 'draining';
    member.handle.post({ type: 'drain' });
    const kill = setTimeout(() => {
      onTimeout(this.connectionCount);
      member.handle.post({ type: 'abort' });
      setTimeout(() => member.handle.terminate(), ABORT_GRACE_MS).unref();
    }, this.options.drainTimeout_ms);
    void member.gone.then(() => clearTimeout(kill));
  }

  private lookAtBeats(): void {
    const now_ms = this.options.now_ms();
    for (const member of this.members) {
      const { standstill, place } = member;
      if (member.state === 'starting') standstill.forget();
      const hangs_ms = standstill.look(now_ms, place.beats);
      if (hangs_ms > 0) this.onStall(member, hangs_ms);
    }
  }

  /** Nothing that the worker is told now reaches it: unless it goes on, it is ended from outside, once its successor listens. */
  private onStall(member: Member, stalled_ms: number): void {
    const { errorLog, deaths, now_ms } = this.options;
    if (member.isReplaced) return;
    member.isReplaced = true;
    member.hungAt = member.place.beats;
    deaths.add(1, 'stalled');
    const plugin = this.runningPlugin(member);
    errorLog.error('worker_stalled', {
      worker: member.index + 1,
      thread: member.thread,
      stalled_ms: Math.round(stalled_ms),
      ...(plugin === '' ? {} : { plugin }),
    });
    this.options.onStalled(member.thread);
    this.blame(plugin, now_ms());
    this.spawn(member, member.slot);
    this.later(STALLED_MS, () => {
      if (this.members.has(member) && hangs(member)) end(member);
    });
  }

  /** Its successor listens. */
  private relieve(member: Member): void {
    // One that came to nothing before it listened leaves that to the next one.
    this.relievePredecessorOf(member);
    if (!this.members.has(member)) return;
    if (hangs(member)) end(member);
    else this.tellToDrain(member, () => undefined);
  }

  /** '' if none was running. */
  private runningPlugin({ place }: Member): string {
    return this.plugins[Atomics.load(place.plugin, 0) - 1] ?? '';
  }

  /** Counts a death against the plugin that ran; the third one within a minute is too much. */
  private blame(plugin: string, now_ms: number): void {
    if (plugin === '') return;
    const recent = (this.deaths.get(plugin) ?? []).filter((at_ms) => now_ms - at_ms < DEATHS_WITHIN_MS);
    this.deaths.set(plugin, [...recent, now_ms]);
    if (recent.length + 1 < MOST_DEATHS) return;
    this.deaths.delete(plugin);
    this.options.onDeadlyPlugin(plugin);
  }

  private later(delay_ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!this.isEnding) work();
    }, delay_ms);
    this.timers.add(timer);
  }

  private freeIndex(): number {
    const taken = new Set(Array.from(this.members, ({ index }) => index));
    let index = 0;
    while (taken.has(index)) index++;
    return index;
  }
}

/** Whether its loop has not gone round since it was found standing still. */
function hangs({ hungAt, place }: Member): boolean {
  return hungAt === place.beats;
}

function end(member: Member): void {
  member.state = 'draining';
  member.handle.terminate();
}
