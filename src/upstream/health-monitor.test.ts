import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HandTimers } from '../../test/hand-timers.ts';
import type { ActiveChecks, CompiledChecks, CompiledNode } from '../compile/snapshot.ts';
import { DOWN, HealthBoard, UP } from './health-board.ts';
import { type CheckedUpstream, HealthMonitor, type HealthTurn } from './health-monitor.ts';
import { healthReport } from './health-report.ts';
import type { Probe, ProbeOutcome } from './probe.ts';
import { healthKey, UpstreamHealth } from './upstream-health.ts';

interface Started {
  readonly node: string;
  readonly at_ms: number;
  answer(outcome: ProbeOutcome): void;
}

const OK: ProbeOutcome = { kind: 'status', status: 200 };
const BAD: ProbeOutcome = { kind: 'status', status: 500 };
const REFUSED: ProbeOutcome = { kind: 'failed', reason: 'ECONNREFUSED' };

interface LabOptions {
  readonly slots?: number;
  readonly slowStart_ms?: number;
  readonly most?: number;
  readonly random?: () => number;
}

class Lab {
  readonly timers = new HandTimers();
  readonly buffer: SharedArrayBuffer;
  readonly board: HealthBoard;
  readonly monitor: HealthMonitor;
  readonly started: Started[] = [];
  readonly turns: HealthTurn[] = [];
  readonly unchecked: number[] = [];
  aborted = 0;
  /** By node, what its probes come to at once; others stay under way. */
  readonly outcomes = new Map<string, ProbeOutcome>();

  constructor({ slots = 1024, slowStart_ms = 0, most = 256, random = () => 0.5 }: LabOptions = {}) {
    this.buffer = new SharedArrayBuffer(HealthBoard.bytes({ slots }));
    this.board = new HealthBoard(this.buffer);
    const probe: Probe = (_checks, node, onOutcome) => {
      this.started.push({ node: node.authority, at_ms: this.timers.now_ms, answer: onOutcome });
      const outcome = this.outcomes.get(node.authority);
      if (outcome !== undefined) this.timers.start(1, () => onOutcome(outcome));
      return { abort: () => void this.aborted++ };
    };
    this.monitor = new HealthMonitor({
      board: this.board,
      now_ms: () => this.timers.now_ms,
      random,
      startTimer: this.timers.start,
      probe,
      slowStart_ms,
      onTurn: (turn) => this.turns.push(turn),
      onUnchecked: (nodes) => this.unchecked.push(nodes),
      most,
    });
  }

  statuses(upstreams: readonly CheckedUpstream[]): string[] {
    return healthReport(this.board, upstreams).flatMap(({ nodes }) => nodes.map(({ status }) => status));
  }
}

const NODE = (name: string): CompiledNode => ({
  host: name,
  port: 80,
  weight: 1,
  priority: 0,
  authority: `${name}:80`,
  address: name,
  endpoint: `${name}:80`,
});

const ACTIVE: ActiveChecks = {
  type: 'http',
  timeout_ms: 1000,
  concurrency: 10,
  method: 'GET',
  path: '/',
  body: '',
  host: '',
  port: 0,
  verifies: true,
  fields: [],
  healthyInterval_ms: 2000,
  unhealthyInterval_ms: 500,
  statuses: { healthy: [200], unhealthy: [500] },
  limits: [2, 2, 2, 2],
};

const PASSIVE = { type: 'http', statuses: { healthy: [200], unhealthy: [500] }, limits: [2, 2, 2, 2] } as const;

function upstream(names: readonly string[], active: Partial<ActiveChecks> = {}, key = 'routes/1'): CheckedUpstream {
  const merged = { ...ACTIVE, ...active };
  const checks: CompiledChecks = { identity: JSON.stringify(merged), active: merged, passive: PASSIVE };
  return { key, checks, nodes: names.map(NODE) };
}

describe('the health monitor', () => {
  it('takes a node out after its failures, probes it at the other interval, and takes it back', () => {
    const lab = new Lab();
    const checked = upstream(['a', 'b']);
    lab.outcomes.set('a:80', BAD).set('b:80', OK);
    lab.monitor.update([checked]);
    lab.timers.pass(3_100);
    assert.deepEqual(lab.statuses([checked]), ['unhealthy', 'healthy']);
    assert.deepEqual(lab.turns, [{ upstream: 'routes/1', node: 'a:80', isDown: true, reason: 'GET / gave 500' }]);
    const probesOf = (node: string): number => lab.started.filter((one) => one.node === node).length;
    const [before, beside] = [probesOf('a:80'), probesOf('b:80')];
    lab.timers.pass(10_000);
    assert.equal(probesOf('a:80') - before, 20, 'every 500 ms');
    assert.equal(probesOf('b:80') - beside, 5, 'every 2 s');
    lab.outcomes.set('a:80', OK);
    lab.timers.pass(1_100);
    assert.deepEqual(lab.statuses([checked]), ['healthy', 'healthy']);
    assert.deepEqual(lab.turns[1], { upstream: 'routes/1', node: 'a:80', isDown: false, reason: 'GET / gave 200' });
    assert.equal(lab.turns.length, 2);
  });

  it('spreads the first probes over the interval', () => {
    let draw = 0;
    const lab = new Lab({ random: () => (draw = (draw + 0.25) % 1) });
    lab.monitor.update([upstream(['a', 'b', 'c'])]);
    lab.timers.pass(2_000);
    assert.deepEqual(
      lab.started.map(({ node, at_ms }) => [node, at_ms]),
      [
        ['a:80', 500],
        ['b:80', 1000],
        ['c:80', 1500],
      ],
    );
  });

  it('counts a status in neither list for nothing, and an answer that is no HTTP as a failure', () => {
    const lab = new Lab();
    const checked = upstream(['a', 'b', 'c']);
    lab.outcomes.set('a:80', { kind: 'status', status: 418 });
    lab.outcomes.set('b:80', { kind: 'malformed', reason: 'no HTTP response' }).set('c:80', REFUSED);
    lab.monitor.update([checked]);
    lab.timers.pass(10_000);
    assert.deepEqual(
      healthReport(lab.board, [checked])[0]!.nodes.map(({ status, counter }) => [
        status,
        counter.http_failure,
        counter.tcp_failure,
      ]),
      [
        ['healthy', 0, 0],
        ['unhealthy', 2, 0],
        ['unhealthy', 0, 2],
      ],
    );
  });

  it('a probe that nobody answers times out, is aborted, and counts as a timeout', () => {
    const lab = new Lab();
    const checked = upstream(['a']);
    lab.monitor.update([checked]);
    lab.timers.pass(1_999);
    assert.equal(lab.monitor.probes, 1);
    lab.timers.pass(3_000);
    assert.equal(lab.aborted, 2);
    assert.equal(healthReport(lab.board, [checked])[0]!.nodes[0]!.counter.timeout_failure, 2);
    assert.equal(lab.turns[0]?.reason, 'no answer for 1000 ms');
    lab.started[0]!.answer(OK);
    assert.equal(healthReport(lab.board, [checked])[0]!.nodes[0]!.counter.success, 0, 'an answer afterwards is none');
  });

  it('a probe that expires while the loop lags is discarded', () => {
    const lab = new Lab();
    const checked = upstream(['a'], { limits: [1, 1, 1, 1] });
    lab.monitor.update([checked]);
    lab.timers.pass(1_000);
    assert.equal(lab.monitor.probes, 1);
    // The process did nothing for ten seconds: the timer of one second is nine late.
    lab.timers.now_ms += 10_000;
    lab.timers.pass(0);
    assert.equal(lab.monitor.discarded, 1);
    assert.deepEqual(lab.statuses([checked]), ['healthy']);
    lab.timers.pass(1_100);
    assert.deepEqual(lab.statuses([checked]), ['unhealthy'], 'the next one is not late');
  });

  it('keeps within the bound of an upstream and of all, and every node gets its turn', () => {
    const lab = new Lab({ most: 5, random: () => 0 });
    const many = Array.from({ length: 12 }, (_, i) => `n${i}`);
    lab.monitor.update([upstream(many, { concurrency: 3 }), upstream(['x', 'y', 'z'], {}, 'routes/2')]);
    lab.timers.pass(10);
    assert.equal(lab.monitor.probes, 5);
    assert.equal(lab.started.filter(({ node }) => node.startsWith('n')).length, 3);
    for (let i = 0; i < lab.started.length; i++) {
      lab.started[i]!.answer(OK);
      lab.timers.pass(1);
      assert.ok(lab.monitor.probes <= 5);
      if (lab.started.length >= 15) break;
    }
    assert.equal(new Set(lab.started.map(({ node }) => node)).size, 15);
  });

  it('a node that waits for its turn gets it when the one that is being probed is taken away', () => {
    for (const bounds of [{ concurrency: 1 }, { most: 1 }]) {
      const lab = new Lab(bounds);
      lab.monitor.update([upstream(['a', 'b'], bounds)]);
      lab.timers.pass(1_500);
      assert.deepEqual(
        lab.started.map(({ node }) => node),
        ['a:80'],
      );
      lab.monitor.update([upstream(['b'], bounds)]);
      lab.timers.pass(100);
      assert.equal(lab.started.at(-1)?.node, 'b:80');
      assert.equal(lab.monitor.probes, 1);
    }
  });

  it('an unrelated edit keeps the health of a node, a changed check begins anew, what is gone is probed no more', () => {
    const lab = new Lab();
    lab.outcomes.set('a:80', BAD).set('b:80', BAD);
    lab.monitor.update([upstream(['a', 'b'])]);
    lab.timers.pass(5_000);
    const weighted = { ...upstream(['a', 'c']), nodes: [{ ...NODE('a'), weight: 7 }, NODE('c')] };
    lab.monitor.update([weighted]);
    assert.deepEqual(lab.statuses([weighted]), ['unhealthy', 'healthy']);
    assert.equal(lab.board.find(healthKey('routes/1', weighted.checks, NODE('b'))), null, 'its slot is free');
    const before = lab.started.filter(({ node }) => node === 'b:80').length;
    lab.timers.pass(5_000);
    assert.equal(lab.started.filter(({ node }) => node === 'b:80').length, before);
    const changed = upstream(['a', 'c'], { path: '/other' });
    lab.monitor.update([changed]);
    assert.deepEqual(lab.statuses([changed]), ['healthy', 'healthy']);
    lab.monitor.update([]);
    lab.timers.pass(200);
    assert.equal(lab.timers.pending, 0, 'no timer is left');
    assert.equal(lab.monitor.probes, 0);
  });

  it('close leaves nothing under way', () => {
    const lab = new Lab();
    lab.monitor.update([upstream(['a', 'b'])]);
    lab.timers.pass(1_500);
    assert.equal(lab.monitor.probes, 2);
    lab.monitor.close();
    assert.deepEqual([lab.monitor.probes, lab.aborted, lab.timers.pending], [0, 2, 0]);
  });

  it('says what the traffic decided, and whom the board has no room for', () => {
    const lab = new Lab({ slots: 16 });
    const many = upstream(Array.from({ length: 20 }, (_, i) => `n${i}`));
    lab.monitor.update([many]);
    assert.deepEqual(lab.unchecked, [6]);
    const worker = healthOf(lab, many);
    worker.noteFault(3, 'reset');
    worker.noteStatus(3, 500);
    assert.equal(worker.isDown(3), false);
    worker.noteFault(3, 'refused');
    assert.equal(worker.isDown(3), true);
    worker.noteFault(19, 'refused');
    worker.noteFault(19, 'refused');
    assert.equal(worker.isDown(19), false, 'a node without a slot is not checked');
    lab.timers.pass(200);
    assert.deepEqual(lab.turns, [{ upstream: 'routes/1', node: 'n3:80', isDown: true, reason: '' }]);
    lab.monitor.update([upstream(['n3'])]);
    assert.deepEqual(lab.unchecked, [6, 0]);
  });

  it('probes a node that the traffic took out at the interval of those that are down, at once', () => {
    const lab = new Lab();
    const checked = upstream(['a'], { healthyInterval_ms: 60_000 });
    lab.outcomes.set('a:80', OK);
    lab.monitor.update([checked]);
    lab.timers.pass(30_001);
    assert.equal(lab.started.length, 1);
    const slot = lab.board.find(healthKey(checked.key, checked.checks, NODE('a')))!;
    for (let i = 0; i < 2; i++) lab.board.report(slot, 1, PASSIVE.limits);
    lab.timers.pass(1_700);
    assert.equal(lab.started.length, 3);
    assert.deepEqual(lab.statuses([checked]), ['healthy']);
    lab.timers.pass(59_000);
    assert.equal(lab.started.length, 3, 'it is up again, and has time');
  });

  it('a node that came back gets a share that grows to the whole in the time of its slow start', () => {
    const lab = new Lab({ slowStart_ms: 10_000 });
    const checked = upstream(['a', 'b']);
    lab.outcomes.set('a:80', BAD).set('b:80', OK);
    lab.monitor.update([checked]);
    lab.timers.pass(5_000);
    const slot = lab.board.find(healthKey('routes/1', checked.checks, NODE('a')))!;
    assert.equal(lab.board.look(slot), DOWN);
    lab.outcomes.set('a:80', OK);
    lab.timers.pass(1_200);
    const shares = Array.from({ length: 11 }, () => {
      const share = lab.board.look(slot);
      lab.timers.pass(1_000);
      return share;
    });
    assert.ok(shares[0]! > 0 && shares[0]! <= 30, `${shares.join(' ')}`);
    assert.ok(
      shares.slice(0, 9).every((share, i) => share > 0 && (i === 0 || share >= shares[i - 1]!)),
      `${shares.join(' ')}`,
    );
    assert.ok(Math.abs(shares[5]! - 128) < 30, `${shares.join(' ')}`);
    assert.equal(lab.board.look(slot), UP);
  });
});

function healthOf(lab: Lab, of: CheckedUpstream, usesDownNodes = true, random = (): number => 0.5): UpstreamHealth {
  const board = new HealthBoard(lab.buffer);
  return new UpstreamHealth(of.key, of.checks, of.nodes, { board, usesDownNodes, random });
}

describe("a worker's view of health", () => {
  it('finds a node once the prober has put it there, and counts it as up before and after', () => {
    const lab = new Lab();
    const checked = upstream(['a', 'b']);
    const worker = healthOf(lab, checked);
    worker.noteFault(0, 'refused');
    worker.noteFault(0, 'refused');
    assert.equal(worker.isDown(0), false);
    lab.monitor.update([checked]);
    worker.noteFault(0, 'read_timeout');
    worker.noteFault(0, 'connect_timeout');
    assert.deepEqual([worker.isDown(0), worker.isDown(1)], [true, false]);
    lab.monitor.update([]);
    assert.equal(worker.isDown(0), false);
    lab.monitor.update([checked]);
    assert.equal(worker.isDown(0), false, 'it began anew');
    worker.noteStatus(0, 500);
    worker.noteStatus(0, 200);
    worker.noteStatus(0, 500);
    worker.noteStatus(0, 404);
    assert.equal(worker.isDown(0), false);
    worker.noteStatus(0, 500);
    assert.equal(worker.isDown(0), true);
  });

  it('lets nodes that are down serve only where all are, a weight of 0 aside, and it is wanted', () => {
    const lab = new Lab();
    const checked = { ...upstream(['a', 'b']), nodes: [NODE('a'), NODE('b'), { ...NODE('c'), weight: 0 }] };
    lab.monitor.update([checked]);
    const [using, refusing] = [healthOf(lab, checked), healthOf(lab, checked, false)];
    for (let i = 0; i < 2; i++) using.noteFault(0, 'refused');
    assert.equal(using.mayUseDown, false);
    for (let i = 0; i < 2; i++) using.noteFault(1, 'refused');
    assert.deepEqual([using.mayUseDown, refusing.mayUseDown], [true, false]);
  });

  it('leaves a node that is coming back out of as many turns as its share is short of the whole', () => {
    const lab = new Lab({ slowStart_ms: 10_000 });
    const checked = upstream(['a']);
    lab.monitor.update([checked]);
    const slot = lab.board.find(healthKey('routes/1', checked.checks, NODE('a')))!;
    lab.board.setShare(slot, 64);
    let draw = 0;
    const worker = healthOf(lab, checked, true, () => (draw++ % 100) / 100);
    const left = Array.from({ length: 100 }, () => worker.leavesOut(0)).filter(Boolean).length;
    assert.equal(left, 75);
    assert.equal(worker.isDown(0), false);
  });
});
