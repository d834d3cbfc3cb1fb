/** What the board says about the nodes of checked upstreams, for those who want to read it. */
import type { CheckedUpstream } from './health-monitor.ts';
import type { HealthBoard } from './health-board.ts';
import { type HealthCounters, type HealthStatus, readCounters } from './health-state.ts';
import { healthKey } from './upstream-health.ts';

export interface UpstreamReport {
  /** Kind and id of the object that owns it, such as `routes/1`. */
  readonly key: string;
  /** What its probes are: http, https or tcp. */
  readonly type: string;
  readonly nodes: readonly NodeReport[];
}

export interface NodeReport {
  /** As configured: a name or an address. */
  readonly hostname: string;
  /** Where it is connected to. */
  readonly ip: string;
  /** That is probed: of the check, if it has one. */
  readonly port: number;
  readonly status: HealthStatus;
  readonly counter: HealthCounters;
}

/** A node that has no slot on the board is not checked, and healthy. */
export function healthReport(board: HealthBoard, upstreams: Iterable<CheckedUpstream>): UpstreamReport[] {
  return Array.from(upstreams, ({ key, checks, nodes }) => ({
    key,
    type: checks.active.type,
    nodes: nodes.map((node) => {
      const slot = board.find(healthKey(key, checks, node));
      const health = slot === null ? null : board.read(slot);
      return {
        hostname: node.host,
        ip: node.address,
        port: checks.active.port === 0 ? node.port : checks.active.port,
        status: health?.status ?? 'healthy',
        counter: health?.counters ?? readCounters(0),
      };
    }),
  }));
}
