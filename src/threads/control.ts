/**
 * Main's control thread: starts it, watches over it, and starts it again when it dies or hangs. Workers serve what is in force
 * meanwhile. One that keeps dying soon after its start is started to hold what is in force, and to read nothing.
 */
import type { Transferable } from 'node:worker_threads';
import type { GatewaySettings } from '../config/settings.ts';
import type { ErrorLog } from '../observe/error-log.ts';
import type { Counter } from '../sdk/host.ts';
import { Backoff } from './backoff.ts';
import type { Place } from './board.ts';
import type { Thread } from './fleet.ts';
import type { ListenerChoice } from './listener-change.ts';
import type { ControlRestart, FromControl, SidePorts, ToControl } from './messages.ts';
import { Standstill, threadTimes } from './standstill.ts';
import { StartError } from './start-error.ts';

export interface ControlOptions {
  /** Its place on the board. */
  readonly place: Place;
  readonly now_ms: () => number;
  readonly spawn: (restart: ControlRestart | null) => Thread<FromControl, ToControl>;
}

export interface ControlWatch {
  readonly settings: GatewaySettings;
  readonly errorLog: ErrorLog;
  readonly deaths: Counter;
  readonly onMessage: (message: FromControl) => void;
  /** It is gone, and what it held with it. @returns whether another one is to be started */
  readonly onGone: (error: StartError) => boolean;
  /** Another one begins, and has to be told everything. */
  readonly onRestart: () => void;
}

/** How often beats are looked at. */
const WATCH_MS = 500;
/** Loading and compiling what it consists of takes a thread long, on a slow machine. */
const STARTING_MS = 60_000;
/** Who lived so long did not die of its start. */
const STABLE_MS = 60_000;
/** So many deaths in a row, each soon after a start, are no accident: what is read is deadly. */
const MOST_DEATHS = 3;

export class Control {
  private readonly options: ControlOptions;
  private readonly backoff = new Backoff({ first_ms: 250, most_ms: 30_000 });
  private thread: Thread<FromControl, ToControl>;
  private watching: ControlWatch | null = null;
  private onMessage: (message: FromControl) => void = () => undefined;
  private standstill: Standstill | null = null;
  private timer: NodeJS.Timeout | null = null;
  private restartTimer: NodeJS.Timeout | null = null;
  private ports: SidePorts = {};
  /** Listeners that took the place of those of the start. */
  private listeners: Partial<ListenerChoice> = {};
  private startedAt_ms: number;
  /** Whether there is one that can be told something. */
  isUp = true;
  private isEnding = false;
  /** Soon after a start, in a row. */
  private earlyDeaths = 0;
  private cause: 'died' | 'failed' | 'stalled' | 'reload' = 'died';
  /** Until its side servers listen. */
  private isRestarting = false;
  /** Before, whoever started the gateway is told what is wrong. */
  private hasServed = false;

  constructor(options: ControlOptions) {
    this.options = options;
    this.startedAt_ms = options.now_ms();
    this.thread = options.spawn(null);
  }

  /**
   * The settings, once the first one has read and checked the configuration, and its objects if they come from a store.
   * @param onLog it may have to wait for its store, and says so
   */
  configured(onLog: (message: FromControl & { readonly type: 'log' }) => void): Promise<GatewaySettings> {
    return new Promise((resolve, reject) => {
      this.thread.receive((message) => {
        if (message.type === 'configured') resolve(message.settings);
        else if (message.type === 'failed') reject(new StartError(message.message));
        else if (message.type === 'log') onLog(message);
        else this.onMessage(message);
      });
      this.thread.onExit((error) => reject(error ?? new StartError('the control thread ended before it was ready')));
    });
  }

  /** From now on it is watched. */
  watch(watching: ControlWatch): void {
    this.watching = watching;
    this.follow(this.thread);
    this.timer = setInterval(() => this.look(), WATCH_MS);
  }

  /** While there is none, nobody is told: the next one is told everything. */
  post(message: ToControl, transfer: readonly Transferable[] = []): void {
    if (this.isUp) this.thread.post(message, transfer);
  }

  /** The next one begins with these. */
  noteListeners({ http, https }: ListenerChoice): void {
    this.listeners = { http, https };
  }

  /** Whether it only holds what is in force. */
  get isHeld(): boolean {
    return this.earlyDeaths >= MOST_DEATHS;
  }

  /** Reads again what there is to read: one that only holds what is in force gives way to one that reads. */
  reload(): void {
    const wasHeld = this.isHeld;
    this.earlyDeaths = 0;
    if (!wasHeld) return this.post({ type: 'reload' });
    this.backoff.reset();
    this.cause = 'reload';
    if (this.restartTimer === null) return this.terminate();
    clearTimeout(this.restartTimer);
    this.start();
  }

  /** No other one is started any more. */
  end(): void {
    this.isEnding = true;
    if (this.timer !== null) clearInterval(this.timer);
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
  }

  terminate(): void {
    this.thread.terminate();
  }

  private follow(thread: Thread<FromControl, ToControl>): void {
    const { watching } = this;
    if (watching === null) return;
    this.standstill = this.judge(Math.max(STARTING_MS, watching.settings.timeouts.control_stall_ms));
    thread.receive((message) => this.take(message, watching));
    thread.onExit((error) => this.onExit(error, watching));
  }

  private take(message: FromControl, { settings, onMessage, errorLog }: ControlWatch): void {
    if (message.type === 'serving') {
      this.ports = { ...this.ports, ...message.ports };
      if (this.isRestarting) errorLog.info('control_restarted', { reads: this.isHeld ? 'nothing' : 'everything' });
      this.isRestarting = false;
      this.standstill = this.judge(settings.timeouts.control_stall_ms);
      this.hasServed = true;
    } else if (message.type === 'failed' && this.hasServed) {
      this.cause = 'failed';
      errorLog.error('control_failed', { reason: message.message });
      return this.terminate();
    }
    onMessage(message);
  }

  private judge(stall_ms: number): Standstill {
    const { place, now_ms } = this.options;
    return new Standstill(now_ms(), { stall_ms, times: () => threadTimes(place.systemId) });
  }

  private look(): void {
    const hangs_ms = this.standstill?.look(this.options.now_ms(), this.options.place.beats) ?? 0;
    if (hangs_ms === 0 || this.cause === 'stalled') return;
    this.cause = 'stalled';
    this.watching?.errorLog.error('control_stalled', { stalled_ms: Math.round(hangs_ms) });
    this.terminate();
  }

  private onExit(error: Error | null, { deaths, errorLog, onGone }: ControlWatch): void {
    const { now_ms } = this.options;
    const { cause } = this;
    this.isUp = false;
    this.standstill = null;
    const isWanted = onGone(new StartError(`the control thread ended: ${error?.message ?? 'no reason given'}`));
    if (this.isEnding || !isWanted) return;
    if (cause === 'reload') return this.start();
    deaths.add(1, cause);
    if (now_ms() - this.startedAt_ms > STABLE_MS) this.earlyDeaths = 0;
    this.earlyDeaths++;
    const delay_ms = this.backoff.next_ms(now_ms());
    errorLog.error('control_died', { cause, ...(error === null ? {} : { error }), restart_ms: delay_ms });
    if (this.earlyDeaths === MOST_DEATHS)
      errorLog.error('control_holds', { deaths: MOST_DEATHS, until: 'the next reload' });
    this.restartTimer = setTimeout(() => this.start(), delay_ms);
  }

  private start(): void {
    const { watching, options } = this;
    this.restartTimer = null;
    if (this.isEnding || watching === null) return;
    options.place.clear();
    this.cause = 'died';
    this.isRestarting = true;
    this.startedAt_ms = options.now_ms();
    this.thread = options.spawn({
      settings: { ...watching.settings, ...this.listeners },
      ports: this.ports,
      isHeld: this.isHeld,
    });
    this.isUp = true;
    this.follow(this.thread);
    watching.onRestart();
  }
}
