import { definePlugin } from '../../sdk/index.ts';

export default definePlugin({
  name: 'load-shedding',
  // Before everything of the phase `access`, so that what is refused costs as little as it can.
  priority: 30_000,
  kind: 'traffic',
  // A request is asked about once, with the priority of its route.
  prefersRoute: true,
  summary: 'Refuses requests of low priority with 503 while a worker has more to do than it can.',
  schema: {
    type: 'object',
    properties: {
      priority: {
        type: 'integer',
        minimum: 0,
        maximum: 9,
        default: 5,
        description: 'The lowest are refused first; 9 never is. That of a consumer goes before that of its route.',
      },
      retry_after_s: {
        type: 'integer',
        minimum: 1,
        maximum: 86_400,
        default: 2,
        description: 'What Retry-After tells who was refused, in seconds.',
      },
    },
  },
  examples: [
    { title: 'What can wait', config: { priority: 1, retry_after_s: 30 } },
    { title: 'What must never be refused for load', config: { priority: 9 } },
  ],
  create({ priority, retry_after_s }, { load, metrics, owner }) {
    const shed = metrics
      .counter('gatewright_shed_total', {
        help: 'Requests that were refused because the worker had too much to do.',
        labels: ['object', 'priority'],
      })
      .series(owner.object, String(priority));
    return {
      access(exchange) {
        if (load.admits(priority)) return undefined;
        shed.add(1);
        const code = 'overloaded';
        return {
          status: 503,
          headers: { 'Retry-After': String(retry_after_s) },
          code,
          body: { message: 'the gateway is overloaded', code, request_id: exchange.id },
        };
      },
    };
  },
});
