/**
 * The listening sockets of one worker, each with its own clients: they come and go with the configuration, and those that stay
 * notice nothing of that. What changes is opened first; only when every worker has it, what is gone is closed.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConsumerIndex } from '../compile/chain.ts';
import { listen, type Listening, type ReadPath } from '../http1/sockets.ts';
import { UNIX_PEER } from '../http1/address.ts';
import type { Problem } from '../model/problem.ts';
import { type Entrance, Listener, type ListenerOptions } from '../proxy/listener.ts';
import type { Plane } from '../proxy/plane.ts';
import type { FoundPorts, ListenerPlan } from './listener-plan.ts';
import { peersOf } from './peers.ts';
import { listenProblem } from './start-error.ts';
import { changeMode, listenUnix, type UnixListening } from './unix-socket.ts';

export interface OpenListenersOptions {
  readonly plane: Plane;
  readonly listener: Omit<ListenerOptions, 'entrance' | 'isFull' | 'readPath'>;
  /** Whether a client's connection may come beside so many of this worker; it is closed unless it may. */
  readonly admits: (connections: number) => boolean;
  readonly readPath: ReadPath;
  /** Whether other workers listen on the same ports. */
  readonly reusePort: boolean;
  /** How long connections of a listener that is gone may go on. */
  readonly drainTimeout_ms: number;
  readonly onFault: (error: unknown) => void;
}

/** Connections that the kernel may hold until they are accepted. */
const BACKLOG = 4_096;

interface Open {
  plan: ListenerPlan;
  readonly listener: Listener;
  listening: Listening;
  /** Null for ports. */
  unix: UnixListening | null;
}

export class OpenListeners {
  private readonly options: OpenListenersOptions;
  private readonly open = new Map<string, Open>();
  /** Closed, with connections that are not over yet. */
  private readonly leaving = new Set<Listener>();
  /** Of connections that no listener of its own accepted. */
  readonly inner: Listener;
  /** Connections of listeners that are gone. */
  private acceptedBefore = 0;

  constructor(options: OpenListenersOptions) {
    this.options = options;
    this.inner = this.listenerWith({ protocol: 'http1', unnamed: '', proxied: null });
  }

  /** Connections since the start. */
  get accepted(): number {
    let count = this.acceptedBefore;
    for (const { accepted } of this.all()) count += accepted;
    return count;
  }

  get connectionCount(): number {
    let count = 0;
    for (const { connectionCount } of this.all()) count += connectionCount;
    return count;
  }

  /** What is open, in the order of these plans. */
  listening(plans: readonly ListenerPlan[]): Listening[] {
    return plans.flatMap(({ key }) => this.open.get(key)?.listening ?? []);
  }

  get ports(): FoundPorts {
    return Array.from(this.open, ([key, { listening }]) => [key, listening.port] as const);
  }

  /** Opens those that are not open: all of them, or, with the reasons, none. */
  async add(plans: readonly ListenerPlan[]): Promise<readonly Problem[]> {
    const added: string[] = [];
    const problems: Problem[] = [];
    for (const plan of plans) {
      if (this.open.has(plan.key)) continue;
      try {
        this.open.set(plan.key, await this.openOne(plan));
        added.push(plan.key);
      } catch (error) {
        problems.push({ path: plan.source, code: 'not_available', message: listenProblem(error) });
      }
    }
    if (problems.length > 0) for (const key of added) this.close(key);
    return problems;
  }

  /** These are what there is from now on: the others are closed, and let their connections end. */
  async keep(plans: readonly ListenerPlan[]): Promise<void> {
    const kept = new Map(plans.map((plan) => [plan.key, plan]));
    for (const [key, one] of this.open) {
      const plan = kept.get(key);
      if (plan === undefined) void this.leave(key, one);
      else await this.change(one, plan);
    }
    await this.reclaim();
  }

  /** Makes sockets anew whose paths lead to others: those of a process, or a worker, that was to take over and came to nothing. */
  async reclaim(): Promise<void> {
    for (const one of this.open.values()) {
      if (one.unix === null || one.unix.isInPlace()) continue;
      const before = one.listening;
      await this.listenOn(one.plan, one.listener, (listening, unix) => {
        one.listening = listening;
        one.unix = unix;
      });
      before.server.close();
    }
  }

  /** Accepts no more, and resolves when no connection is left. */
  async drain(): Promise<void> {
    await acceptQueued(() => this.accepted);
    for (const { listening, unix } of this.open.values()) {
      listening.server.close();
      unix?.remove();
    }
    await Promise.all(Array.from(this.all(), (listener) => listener.drain()));
  }

  /** Looks again at those whom WebSockets were opened for. */
  recheck(consumers: ConsumerIndex | undefined): void {
    for (const listener of this.all()) listener.recheck(consumers);
  }

  /** Ends at once, cutting off what is running. */
  abort(): void {
    for (const key of this.open.keys()) this.close(key);
    for (const listener of this.all()) listener.abort();
  }

  private *all(): Generator<Listener> {
    yield this.inner;
    for (const { listener } of this.open.values()) yield listener;
    yield* this.leaving;
  }

  private listenerWith(entrance: Entrance): Listener {
    const { plane, listener: options, admits, readPath } = this.options;
    const isFull = (): boolean => !admits(this.connectionCount);
    return new Listener(plane, { ...options, isFull, entrance, readPath });
  }

  private async openOne(plan: ListenerPlan): Promise<Open> {
    const listener = this.listenerWith(entranceOf(plan));
    let open: Open | null = null;
    await this.listenOn(plan, listener, (listening, unix) => (open = { plan, listener, listening, unix }));
    if (open === null) throw new TypeError('a listener that listens is open');
    return open;
  }

  private async listenOn(
    { place }: ListenerPlan,
    listener: Listener,
    onOpen: (listening: Listening, unix: UnixListening | null) => void,
  ): Promise<void> {
    const { readPath, reusePort, onFault } = this.options;
    const options = {
      backlog: BACKLOG,
      readPath,
      onSocket: (socket: Parameters<Listener['accept']>[0], port: number): void => listener.accept(socket, port),
      onAcceptError: onFault,
    };
    if ('path' in place) {
      const unix = await listenUnix(place, options);
      onOpen(unix, unix);
    } else onOpen(await listen({ ...options, ...place, reusePort }), null);
  }

  private async change(one: Open, plan: ListenerPlan): Promise<void> {
    const { plan: before, listener } = one;
    one.plan = plan;
    listener.change(entranceOf(plan));
    const { place } = plan;
    if (!('path' in place) || JSON.stringify(place) === JSON.stringify(before.place)) return;
    try {
      await changeMode(place);
    } catch (error) {
      this.options.onFault(error);
    }
  }

  private async leave(key: string, { listener, listening, unix }: Open): Promise<void> {
    this.open.delete(key);
    this.leaving.add(listener);
    await acceptQueued(() => listener.accepted);
    listening.server.close();
    unix?.remove();
    const timer = setTimeout(() => listener.abort(), this.options.drainTimeout_ms);
    await listener.drain();
    clearTimeout(timer);
    this.leaving.delete(listener);
    this.acceptedBefore += listener.accepted;
  }

  private close(key: string): void {
    const one = this.open.get(key);
    if (one === undefined) return;
    this.open.delete(key);
    one.listening.server.close();
    one.unix?.remove();
    one.listener.abort();
  }
}

/** Closing a listener resets what the kernel has queued for it: that is accepted before, one connection a turn. */
async function acceptQueued(accepted: () => number): Promise<void> {
  let before = -1;
  for (let turns = 0; turns < BACKLOG && accepted() !== before; turns++) {
    before = accepted();
    // The first turn may be past its poll for connections, the second is not.
    await nextTurn();
    await nextTurn();
  }
}

function entranceOf({ place, protocol, proxied }: ListenerPlan): Entrance {
  return { protocol, unnamed: 'path' in place ? UNIX_PEER : '', proxied: peersOf(proxied) };
}
