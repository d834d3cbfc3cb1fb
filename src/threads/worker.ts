/** One worker: the data plane of one thread, put together from its settings. It shares nothing with another one. */
import type net from 'node:net';
import { randomBytes } from 'node:crypto';
import type { AlarmClock } from '../clock/clock.ts';
import { TimerWheel } from '../clock/timer-wheel.ts';
import { retire } from '../compile/compile.ts';
import { NO_CERTIFICATES } from '../compile/certificates.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { Listening, ReadPath } from '../http1/sockets.ts';
import { FlushTurn } from '../http2/flush-turn.ts';
import { HeldBytes } from '../http2/held-bytes.ts';
import type { NodeAbuse } from '../http2/client-settings.ts';
import type { Abuse } from '../http2/settings.ts';
import type { AccessRecord } from '../observe/access-record.ts';
import { NameMemo } from '../proxy/added-fields.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { NearMisses } from '../proxy/near-misses.ts';
import { OwnFields } from '../proxy/own-fields.ts';
import { OneShot } from '../proxy/one-shot.ts';
import { ExchangeIds, type Plane, type PluginFault, SnapshotUse } from '../proxy/plane.ts';
import type { HealthBoard } from '../upstream/health-board.ts';
import type { NameAnswers } from '../upstream/name-answers.ts';
import type { TlsFacts } from '../tls/tls-facts.ts';
import type { Staple } from '../tls/stapler.ts';
import { Staples } from '../tls/staples.ts';
import { TlsFront } from '../tls/tls-front.ts';
import { ConnectionPool, type ConnectionPoolOptions } from '../upstream/pool.ts';
import { type TargetOptions, Targets } from '../upstream/targets.ts';
import type { Transport } from '../upstream/transport.ts';
import type { UpstreamTlsFailure, UpstreamTlsOptions } from '../upstream/upstream-tls.ts';
import { type ListenerPlan, plansOf } from './listener-plan.ts';
import { OpenListeners, type OpenListenersOptions } from './open-listeners.ts';
import { peersOf } from './peers.ts';
import { StartError } from './start-error.ts';

/** Resolution of every timeout. */
const TICK_MS = 50;

/** A phase that keeps an exchange waiting longer has failed. */
const PLUGIN_TIMEOUT_MS = 60_000;

/** The outer world of a worker, where it is not the system's: in tests. */
export interface WorkerWorld {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Resolution of every timeout. */
  readonly tick_ms: number;
  readonly openTransport: (options: ConnectionPoolOptions) => WorkerTransport;
}

/** The Transport of a worker, and what it has open. */
export interface WorkerTransport extends Transport {
  readonly size: number;
  readonly idleSize: number;
  close(): void;
}

const SYSTEM_WORLD: WorkerWorld = {
  random: Math.random,
  randomBytes,
  tick_ms: TICK_MS,
  openTransport: (options) => new ConnectionPool(options),
};

export interface WorkerOptions {
  readonly settings: GatewaySettings;
  readonly snapshot: Snapshot;
  readonly clock: AlarmClock;
  /** What deadlines are measured by, read at every turn of the loop's timer; by default the monotonic clock. See `LoopTime`. */
  readonly deadlineTime?: { now_ms(): number };
  /** Where exchanges are recorded; null records none. */
  readonly record: ((record: AccessRecord) => void) | null;
  readonly onFault: (error: unknown) => void;
  /** No route serves an exchange. */
  readonly onNoRoute?: (exchange: Exchange) => void;
  readonly onPluginFault: (fault: PluginFault) => void;
  /** A client of HTTP/2 did what only an attack does; its connection ends. */
  readonly onAbuse?: (kind: Abuse) => void;
  /** A node that speaks HTTP/2 did what only an attack does, or broke the protocol; its connection ends. */
  readonly onUpstreamAbuse?: (kind: NodeAbuse) => void;
  /** A node could not be spoken to over TLS. */
  readonly onUpstreamTlsFailed?: (failure: UpstreamTlsFailure) => void;
  /** A peer that was to say by the PROXY protocol whose connection it is did not. */
  readonly onProxyRefused?: (reason: string, address: string) => void;
  /** A TLS handshake came to nothing. */
  readonly onTlsRefused?: (reason: string, address: string) => void;
  /** The same in all workers, so that each resumes the others' TLS sessions; without it, none does. */
  readonly ticketSecret?: Uint8Array;
  /**
   * Whether a client's connection may come beside so many of this worker; by default the worker has `limits.connections`
   * for itself.
   */
  readonly admits?: (connections: number) => boolean;
  readonly readPath: ReadPath;
  /** Whether other workers listen on the same ports. */
  readonly reusePort?: boolean;
  /** Where to tell which plugin runs; see `Plane`. */
  readonly running?: Int32Array;
  /** Where the health of nodes stands; without it none is checked. */
  readonly health?: HealthBoard;
  /** What names resolve to; without it the system finds that out when it connects. */
  readonly names?: NameAnswers;
  /** With one of its own a worker does not tick: whoever has its clock calls `tick`. */
  readonly world?: WorkerWorld;
}

export class Worker {
  private readonly options: WorkerOptions;
  private readonly plane: MutablePlane;
  private readonly pool: WorkerTransport;
  readonly listeners: OpenListeners;
  private readonly staples: Staples;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(options: WorkerOptions) {
    this.options = options;
    const { settings, clock, record, onFault, world = SYSTEM_WORLD } = options;
    const { random } = world;
    const wheel = new TimerWheel(world.tick_ms, onFault);
    const tls: UpstreamTlsOptions = {
      verifies: settings.profile === 'secure',
      authorities: settings.authorities,
      minVersion: settings.upstream_tls.min_version,
      mayEndSilently: !(settings.upstream_tls.require_close_notify ?? settings.profile === 'secure'),
      clientCertificate: (id) => this.snapshot.certificates?.client(id),
      onFailed: options.onUpstreamTlsFailed ?? ignore,
    };
    this.pool = world.openTransport({ wheel, onFault, tls, onAbuse: options.onUpstreamAbuse });
    this.staples = new Staples(() => clock.wall_ms());
    const trusted = peersOf(settings.trusted_addresses);
    this.plane = {
      current: new SnapshotUse(options.snapshot),
      options: {
        mergeSlashes: settings.merge_slashes,
        serverHeader: settings.server_header,
        via: settings.via,
        forwardsEarlyHints: settings.early_hints === 'forward',
        upstreamStatusHeader: settings.upstream_status_header,
        pluginTimeout_ms: PLUGIN_TIMEOUT_MS,
        backoff: settings.retries,
        hasTrustedAddresses: settings.trusted_addresses.length > 0,
      },
      transport: this.pool,
      targets: new Targets({
        retries: settings.retries,
        now_ms: () => clock.monotonic_ms(),
        health: healthOptions(options, random),
        names: options.names ?? null,
      }),
      clock,
      wheel,
      random,
      isShedding: false,
      running: options.running ?? new Int32Array(1),
      names: new NameMemo(),
      ids: new ExchangeIds(Buffer.from(world.randomBytes(8)).toString('hex')),
      ownFields: new OwnFields(settings.server_header),
      date: '',
      httpDate() {
        return this.date;
      },
      isTrusted: (address) => trusted?.has(address) === true,
      nearMisses: new NearMisses(),
      onNoRoute: options.onNoRoute ?? ignore,
      onFinished: record ?? ignore,
      onFault,
      onPluginFault: options.onPluginFault,
      startTimer: (delay_ms, onExpired) => new OneShot(wheel, delay_ms, onExpired),
    };
    const most = settings.limits.connections;
    this.listeners = new OpenListeners({
      plane: this.plane,
      listener: this.listenerOptions(wheel, world),
      admits: options.admits ?? ((connections) => most === 0 || connections < most),
      readPath: options.readPath,
      reusePort: options.reusePort ?? false,
      drainTimeout_ms: settings.timeouts.drain_timeout_ms,
      onFault,
    });
    this.tick();
    this.timer = options.world === undefined ? setInterval(() => this.tickSoon(), TICK_MS) : undefined;
  }

  private listenerOptions(wheel: TimerWheel, { random, randomBytes }: WorkerWorld): OpenListenersOptions['listener'] {
    const { settings, clock, onFault, onAbuse, ticketSecret, onTlsRefused, onProxyRefused } = this.options;
    const { timeouts } = settings;
    return {
      limits: settings.limits,
      timeouts,
      held: new HeldBytes(settings.limits.held_bytes, new FlushTurn(setImmediate, onFault)),
      ...(onAbuse === undefined ? {} : { onAbuse }),
      onProxyRefused: onProxyRefused ?? ignore,
      tls: new TlsFront({
        wheel,
        handshake_ms: timeouts.head_ms,
        fallbackName: settings.tls.fallback_sni.toLowerCase(),
        minVersion: settings.tls.min_version,
        ticketSecret: ticketSecret ?? randomBytes(32),
        ticketEpoch: () => Math.floor(clock.wall_ms() / settings.tls.ticket_lifetime_ms),
        certificates: () => this.snapshot.certificates ?? NO_CERTIFICATES,
        staple: (key) => this.staples.get(key),
        onFault,
        onRefused: onTlsRefused ?? ignore,
      }),
      tunnels: {
        wheel,
        idle_ms: timeouts.tunnel_idle_ms,
        send_ms: timeouts.send_ms,
        grace_ms: timeouts.tunnel_drain_ms,
        stale_ms: timeouts.max_stale_ms ?? null,
        linger_ms: timeouts.linger_ms,
        random,
        onFault,
      },
    };
  }

  /**
   * Starts every listener, by default those of the settings. Rejects with a StartError, with none left open, if one of them
   * cannot be had.
   */
  async listen(plans: readonly ListenerPlan[] = plansOf(this.options.settings)): Promise<readonly Listening[]> {
    const [problem] = await this.listeners.add(plans);
    if (problem === undefined) return this.listeners.listening(plans);
    this.abort();
    throw new StartError(problem.message);
  }

  /** Takes a client's connection that no listener of its own accepted. @param tls of one that is secured already */
  accept(socket: net.Socket, port: number, tls: TlsFacts | null = null): void {
    const { inner } = this.listeners;
    if (tls === null) inner.accept(socket, port);
    else inner.acceptSecured(socket, port, tls);
  }

  /** Puts a Snapshot in force: for every exchange that begins from now on. */
  swap(snapshot: Snapshot): void {
    const { current } = this.plane;
    this.plane.current = new SnapshotUse(snapshot);
    // Its plugins end with its last exchange.
    current.retire((retired) => void retire(retired).catch(this.options.onFault));
    const { consumers } = snapshot;
    if (consumers !== current.snapshot.consumers) this.listeners.recheck(consumers);
  }

  /** What authorities say of certificates, as far as that changed. */
  takeStaples(staples: readonly Staple[]): void {
    this.staples.take(staples);
  }

  /** Refuses every exchange that begins from now on. */
  shed(): void {
    this.plane.isShedding = true;
  }

  /** In force now. */
  get snapshot(): Snapshot {
    return this.plane.current.snapshot;
  }

  /** Client connections. */
  get connectionCount(): number {
    return this.listeners.connectionCount;
  }

  /** Since the start. */
  get acceptedCount(): number {
    return this.listeners.accepted;
  }

  get requestCount(): number {
    return this.plane.ids.made;
  }

  /** What is open right now; for tests that count leaks. */
  get counts(): WorkerCounts {
    return {
      clients: this.listeners.connectionCount,
      upstreams: this.pool.size,
      idleUpstreams: this.pool.idleSize,
      deadlines: this.plane.wheel.size,
    };
  }

  /** Accepts no more, lets running exchanges end, and ends. */
  async drain(): Promise<void> {
    await this.listeners.drain();
    this.abort();
  }

  /** Ends at once, cutting off what is running. */
  abort(): void {
    clearInterval(this.timer);
    this.listeners.abort();
    this.pool.close();
  }

  /** When the next deadline may come, by the monotonic clock; Infinity where there is none. */
  get nextDeadline_ms(): number {
    return this.plane.wheel.next_ms;
  }

  /** After the sockets were looked at: an answer that is there is in time, however late its timer is. */
  private tickSoon(): void {
    setImmediate(() => this.tick());
  }

  /** Expires what is due by the clock. The worker does it by itself every 50 ms; a clock that was set forward need not wait. */
  tick(): void {
    const { clock, deadlineTime } = this.options;
    const date = new Date(clock.wall_ms()).toUTCString();
    if (date !== this.plane.date) this.plane.date = date;
    this.plane.wheel.advance(deadlineTime?.now_ms() ?? clock.monotonic_ms());
  }
}

export interface WorkerCounts {
  /** Connections of clients. */
  readonly clients: number;
  /** Connections to upstream nodes, idle ones included. */
  readonly upstreams: number;
  readonly idleUpstreams: number;
  /** Entries of the timer wheel. */
  readonly deadlines: number;
}

interface MutablePlane extends Plane {
  isShedding: boolean;
  date: string;
}

function healthOptions({ health, settings }: WorkerOptions, random: () => number): TargetOptions['health'] {
  if (health === undefined) return null;
  return { board: health, usesDownNodes: settings.health.all_down === 'use_all', random };
}

function ignore(): void {}
