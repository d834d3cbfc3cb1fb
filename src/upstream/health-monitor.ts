/**
 * The prober: one in a gateway, in its main thread. It gives every checked node a slot on the board, probes it, tells the
 * board what came of it, and says in the log who went down and who came back, whoever found out. It is given time,
 * randomness and connections, so that a test can do without all three.
 */
import type { ActiveChecks, CompiledChecks, CompiledNames, CompiledNode } from '../compile/snapshot.ts';
import type { HealthBoard, HealthSlot } from './health-board.ts';
import { HTTP_FAILURE, SUCCESS, TCP_FAILURE, TIMEOUT_FAILURE, type HealthEvent } from './health-state.ts';
import type { Probe, ProbeOutcome, RunningProbe, ShownCertificate } from './probe.ts';
import { eventOf, healthKey, statusTable } from './upstream-health.ts';

/** An upstream with checks; every CompiledUpstream that has some is one. */
export interface CheckedUpstream {
  /** Kind and id of the object that owns it, such as `routes/1`. */
  readonly key: string;
  readonly checks: CompiledChecks;
  readonly nodes: readonly CompiledNode[];
  /** Until `nodes` are made of them. */
  readonly names?: CompiledNames;
  /** What probes over TLS show. */
  readonly shown?: ShownCertificate;
}

export interface MonitorOptions {
  readonly board: HealthBoard;
  readonly now_ms: () => number;
  /** Uniform in [0, 1): spreads the first probes over an interval. */
  readonly random: () => number;
  /** Calls back once, unless it is stopped before. */
  readonly startTimer: (delay_ms: number, onExpired: () => void) => { stop(): void };
  readonly probe: Probe;
  /** A node that came back takes less than its share for so long; 0: never. */
  readonly slowStart_ms: number;
  readonly onTurn: (turn: HealthTurn) => void;
  /** Nodes for which the board has no slot: they are not checked. Called when that number changed. */
  readonly onUnchecked: (nodes: number) => void;
  /** Probes at once, of all upstreams together. Default 256. */
  readonly most?: number;
}

/** A node went down, or came back. */
export interface HealthTurn {
  readonly upstream: string;
  readonly node: string;
  readonly isDown: boolean;
  /** What the last probe said, '' if the traffic decided. */
  readonly reason: string;
}

const MOST_PROBES = 256;
/** How often the board is looked at for what the traffic decided, and how finely shares grow. */
const WATCH_MS = 100;
/** A deadline that comes later than this after its time was kept up by this process: what it says about the node is nothing. */
const LATE_MS = 250;
const LEAST_SHARE = 26;

interface Group {
  readonly checks: CompiledChecks;
  readonly statuses: Uint8Array;
  shown: ShownCertificate | undefined;
  running: number;
  readonly waiting: Checked[];
  isReady: boolean;
}

interface Checked {
  readonly upstream: string;
  readonly node: CompiledNode;
  readonly slot: HealthSlot;
  readonly group: Group;
  isDown: boolean;
  reason: string;
  /** When it came back; NaN where it has its whole share. */
  back_ms: number;
  begun_ms: number;
  /** When its next probe is due, while that is being waited for. */
  due_ms: number;
  timer: { stop(): void } | null;
  probe: RunningProbe | null;
  isGone: boolean;
}

export class HealthMonitor {
  private readonly options: MonitorOptions;
  private readonly most: number;
  private checked = new Map<string, Checked>();
  private readonly ready: Group[] = [];
  private running = 0;
  private seenChanges: number;
  private unchecked = 0;
  private watch: { stop(): void } | null = null;
  private readonly ramping = new Set<Checked>();
  /** Probes that timed out because this process was late, and count for nothing. */
  discarded = 0;

  constructor(options: MonitorOptions) {
    this.options = options;
    this.most = options.most ?? MOST_PROBES;
    this.seenChanges = options.board.changes;
    options.board.ramps = options.slowStart_ms > 0;
  }

  /** Probes under way. */
  get probes(): number {
    return this.running;
  }

  /** The nodes to check from now on, all of them; those that were there before keep their health. */
  update(upstreams: Iterable<CheckedUpstream>): void {
    const { board } = this.options;
    const before = this.checked;
    const next = new Map<string, Checked>();
    const fresh: { readonly key: string; readonly node: CompiledNode; readonly of: CheckedUpstream }[] = [];
    for (const of of upstreams) {
      for (const node of of.nodes) {
        const key = healthKey(of.key, of.checks, node);
        const known = before.get(key);
        if (known !== undefined) next.set(key, known);
        else if (!next.has(key)) fresh.push({ key, node, of });
      }
    }
    // What is gone makes room first.
    for (const [key, one] of before) if (!next.has(key)) this.leave(one);
    const groups = new Map<string, Group>();
    for (const { upstream, group } of next.values()) groups.set(`${upstream} ${group.checks.identity}`, group);
    for (const of of upstreams) {
      const group = groups.get(`${of.key} ${of.checks.identity}`);
      if (group !== undefined) group.shown = of.shown;
    }
    let unchecked = 0;
    for (const { key, node, of } of fresh) {
      if (next.has(key)) continue;
      const slot = board.claim(key);
      if (slot === null) unchecked++;
      else next.set(key, this.enter(of, node, slot, groups));
    }
    this.checked = next;
    // Those that left may have been all that the others waited for.
    for (const group of groups.values()) this.offer(group);
    if (unchecked !== this.unchecked) this.options.onUnchecked((this.unchecked = unchecked));
    if (next.size > 0) this.watch ??= this.options.startTimer(WATCH_MS, () => this.look());
  }

  /** Ends every probe, and frees nothing: the board goes with the process. */
  close(): void {
    this.watch?.stop();
    for (const one of this.checked.values()) this.stop(one);
    this.checked.clear();
    this.ramping.clear();
  }

  private enter(of: CheckedUpstream, node: CompiledNode, slot: HealthSlot, groups: Map<string, Group>): Checked {
    const { checks, key } = of;
    const groupKey = `${key} ${checks.identity}`;
    const group = groups.get(groupKey) ?? createGroup(checks, of.shown);
    groups.set(groupKey, group);
    const one: Checked = {
      upstream: key,
      node,
      slot,
      group,
      isDown: false,
      reason: '',
      back_ms: NaN,
      begun_ms: 0,
      due_ms: 0,
      timer: null,
      probe: null,
      isGone: false,
    };
    // Not all at once, neither in this gateway nor in the others that got the same configuration.
    this.wait(one, this.options.random() * checks.active.healthyInterval_ms);
    return one;
  }

  private leave(one: Checked): void {
    this.stop(one);
    this.ramping.delete(one);
    this.options.board.free(one.slot);
  }

  private stop(one: Checked): void {
    one.isGone = true;
    one.timer?.stop();
    if (one.probe === null) return;
    one.probe.abort();
    this.release(one);
  }

  private wait(one: Checked, delay_ms: number): void {
    one.due_ms = this.options.now_ms() + delay_ms;
    one.timer = this.options.startTimer(delay_ms, () => {
      one.timer = null;
      one.group.waiting.push(one);
      this.offer(one.group);
    });
  }

  /** Starts what may start: within the bound of its upstream and that of all, upstreams in turn. */
  private offer(group: Group): void {
    const { ready } = this;
    if (!group.isReady && group.waiting.length > 0) {
      group.isReady = true;
      ready.push(group);
    }
    while (this.running < this.most) {
      const next = ready.shift();
      if (next === undefined) return;
      next.isReady = false;
      if (next.running >= next.checks.active.concurrency) continue;
      const one = next.waiting.shift();
      if (one === undefined) continue;
      if (!one.isGone) this.start(one);
      if (next.waiting.length > 0) {
        next.isReady = true;
        ready.push(next);
      }
    }
  }

  private start(one: Checked): void {
    const { active } = one.group.checks;
    const { now_ms, startTimer, probe } = this.options;
    this.running++;
    one.group.running++;
    one.begun_ms = now_ms();
    one.timer = startTimer(active.timeout_ms, () => this.expire(one));
    const settle = (outcome: ProbeOutcome): void => {
      if (one.probe === running) this.settle(one, outcome);
    };
    const running = probe(active, one.node, settle, one.group.shown);
    one.probe = running;
  }

  private settle(one: Checked, outcome: ProbeOutcome): void {
    one.timer?.stop();
    const { event, reason } = judge(outcome, one.group);
    this.finish(one, event, reason);
  }

  private expire(one: Checked): void {
    const { probe, group } = one;
    if (probe === null) return;
    probe.abort();
    const { timeout_ms } = group.checks.active;
    if (this.options.now_ms() - one.begun_ms - timeout_ms > LATE_MS) {
      this.discarded++;
      this.finish(one, undefined, '');
    } else this.finish(one, TIMEOUT_FAILURE, `no answer for ${timeout_ms} ms`);
  }

  private finish(one: Checked, event: HealthEvent | undefined, reason: string): void {
    const { board, now_ms } = this.options;
    const { active } = one.group.checks;
    this.release(one);
    if (event !== undefined) {
      board.report(one.slot, event, active.limits);
      one.reason = reason;
      this.noteTurn(one);
    }
    const interval_ms = one.isDown ? active.unhealthyInterval_ms : active.healthyInterval_ms;
    this.wait(one, Math.max(0, one.begun_ms + interval_ms - now_ms()));
    this.offer(one.group);
  }

  private release(one: Checked): void {
    one.probe = null;
    one.timer = null;
    one.group.running--;
    this.running--;
  }

  private noteTurn(one: Checked): void {
    const { board, now_ms, onTurn } = this.options;
    const health = board.read(one.slot);
    if (health === null) return;
    const { isDown } = health;
    const { reason } = one;
    one.reason = '';
    // By the share and not by the turn: it may have been down for so short a time that nobody saw it.
    if (isDown || health.share === 0) this.ramping.delete(one);
    else if (!this.ramping.has(one)) {
      one.back_ms = now_ms();
      this.ramping.add(one);
    }
    if (isDown === one.isDown) return;
    one.isDown = isDown;
    onTurn({ upstream: one.upstream, node: one.node.endpoint, isDown, reason });
  }

  /** Finds what the traffic decided, and lets shares grow. */
  private look(): void {
    const { board, startTimer } = this.options;
    const { changes } = board;
    if (changes !== this.seenChanges) {
      this.seenChanges = changes;
      for (const one of this.checked.values()) {
        const wasDown = one.isDown;
        this.noteTurn(one);
        if (one.isDown && !wasDown) this.hasten(one);
      }
    }
    for (const one of this.ramping) this.ramp(one);
    this.watch = this.checked.size === 0 ? null : startTimer(WATCH_MS, () => this.look());
  }

  /** A node that the traffic took out is probed as often as one that is down from now on, not only after its next probe. */
  private hasten(one: Checked): void {
    const delay_ms = one.group.checks.active.unhealthyInterval_ms;
    if (one.timer === null || one.probe !== null || one.due_ms - this.options.now_ms() <= delay_ms) return;
    one.timer.stop();
    this.wait(one, delay_ms);
  }

  private ramp(one: Checked): void {
    const { board, now_ms, slowStart_ms } = this.options;
    const share = Math.floor((256 * (now_ms() - one.back_ms)) / slowStart_ms);
    if (share > 255) this.ramping.delete(one);
    board.setShare(one.slot, share > 255 ? 0 : Math.max(LEAST_SHARE, share));
  }
}

function createGroup(checks: CompiledChecks, shown: ShownCertificate | undefined): Group {
  return { checks, statuses: statusTable(checks.active.statuses), shown, running: 0, waiting: [], isReady: false };
}

function judge(outcome: ProbeOutcome, { statuses, checks }: Group): { event: HealthEvent | undefined; reason: string } {
  switch (outcome.kind) {
    case 'connected':
      return { event: SUCCESS, reason: 'connected' };
    case 'status':
      return { event: eventOf(statuses, outcome.status), reason: `${describe(checks.active)} gave ${outcome.status}` };
    case 'exhausted':
      return { event: undefined, reason: outcome.reason };
    case 'malformed':
      return { event: HTTP_FAILURE, reason: outcome.reason };
    case 'failed':
      return { event: TCP_FAILURE, reason: outcome.reason };
  }
}

function describe({ method, path }: ActiveChecks): string {
  return `${method} ${path}`;
}
