import { definePlugin, exchangeKey } from '../../sdk/index.ts';
import type { Exchange, Place, Reply } from '../../sdk/index.ts';
import {
  CALL_BROKEN,
  CALL_FAILED,
  CALL_PROBE,
  CALL_SLOW,
  CIRCUIT_NUMBERS,
  type CircuitState,
  noteCall,
  openFor,
  stateOf,
} from './circuit.ts';
import { schema } from './schema.ts';

export default definePlugin({
  name: 'circuit-breaker',
  priority: 1_004,
  kind: 'traffic',
  summary: 'Leaves out a node that fails or is slow, and lets a few probes find out when it is well again.',
  schema,
  examples: [
    { title: 'Defaults', config: {} },
    {
      title: 'A node that takes more than a second for half of what it is asked, too',
      config: { slow_ms: 1_000, slow_percent: 50, open_ms: 10_000 },
    },
  ],
  check({ open_ms, max_open_ms }) {
    if (max_open_ms >= open_ms) return [];
    return [{ path: 'max_open_ms', message: `${max_open_ms} is less than open_ms, ${open_ms}: write at least that` }];
  },
  create(settings, { cells, clock, log, metrics, owner }) {
    const { slow_ms = Infinity, half_open_calls, window_ms, max_open_ms } = settings;
    // Longer than anything in it matters.
    const keep_ms = 2 * max_open_ms + 10 * window_ms;
    const records = cells.records('circuits', { numbers: CIRCUIT_NUMBERS, keep_ms });
    const probes = cells.places('probes');
    // Held by the attempt under way while it is a probe. Of each instance, as a global rule may have the plugin beside the route.
    const probeKey = exchangeKey<Place | null>('circuit-breaker probe');
    const changes = metrics.counter('gatewright_circuit_changes_total', {
      help: 'Circuits of nodes that opened or closed.',
      labels: ['object', 'node', 'to'],
    });
    const refused = metrics
      .counter('gatewright_circuit_refused_total', {
        help: 'Requests that were refused because the circuits of all nodes were open.',
        labels: ['object'],
      })
      .series(owner.object);
    const isFailure = new Set(settings.failure_statuses);
    const change = (record: Float64Array, call: number, now_ms: number): 'open' | 'closed' | null =>
      noteCall(record, call, now_ms, settings);

    const stateNow = (node: string): CircuitState => {
      const record = records.read(node);
      return record === null ? 'closed' : stateOf(record, clock.monotonic_ms());
    };
    const note = (node: string, call: number): void => {
      const to = records.update(node, change, call);
      if (to === null) return;
      changes.add(1, owner.object, node, to);
      if (to === 'closed') log.info('circuit_closed', { node });
      else log.warn('circuit_open', { node, for_ms: Math.round(openTime(node)) });
    };
    const openTime = (node: string): number => {
      const record = records.read(node);
      return record === null ? 0 : openFor(record, clock.monotonic_ms());
    };
    const probeBit = (exchange: Exchange): number => (exchange.get(probeKey) ? CALL_PROBE : 0);
    const leave = (exchange: Exchange): void => {
      const probe = exchange.get(probeKey);
      if (!probe) return;
      exchange.set(probeKey, null);
      probe.leave();
    };
    return {
      attempts: {
        leavesOut(_exchange, { endpoint }) {
          const state = stateNow(endpoint);
          if (state === 'closed') return false;
          return state === 'open' || probes.taken(endpoint) >= half_open_calls;
        },
        admits(exchange, { endpoint }) {
          const state = stateNow(endpoint);
          if (state !== 'half_open') return state === 'closed';
          const place = probes.enter(endpoint, half_open_calls);
          if (place === null) return false;
          exchange.set(probeKey, place);
          return true;
        },
        answered(exchange, { endpoint }, status, latency_ms) {
          const slow = latency_ms > slow_ms ? CALL_SLOW : 0;
          note(endpoint, (isFailure.has(status) ? CALL_FAILED : 0) | slow | probeBit(exchange));
          // What it was to find out is known, and a stream may last for hours.
          leave(exchange);
        },
        ended(exchange, { endpoint }, { outcome, status, elapsed_ms }) {
          // An answer that broke off was counted by its status; now it is a failure after all.
          if (outcome === 'failed' && !isFailure.has(status)) {
            note(endpoint, status === 0 ? CALL_FAILED | probeBit(exchange) : CALL_BROKEN);
          } else if (outcome === 'abandoned' && status === 0 && elapsed_ms > slow_ms) {
            note(endpoint, CALL_SLOW | probeBit(exchange));
          }
          leave(exchange);
        },
        noNode(exchange, nodes): Reply | undefined {
          const times = nodes
            .filter(({ endpoint }) => stateNow(endpoint) !== 'closed')
            .map((node) => openTime(node.endpoint));
          if (times.length === 0) return undefined;
          refused.add(1);
          const code = 'circuit_open';
          return {
            status: 503,
            headers: { 'Retry-After': String(Math.max(1, Math.ceil(Math.min(...times) / 1000))) },
            code,
            body: { message: 'the upstream fails and is spared for a while', code, request_id: exchange.id },
          };
        },
      },
    };
  },
});
