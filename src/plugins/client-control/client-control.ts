import { definePlugin } from '../../sdk/index.ts';

export default definePlugin({
  name: 'client-control',
  priority: 22_000,
  kind: 'traffic',
  summary: 'Bounds the size of request bodies.',
  schema: {
    type: 'object',
    properties: {
      max_body_size: {
        type: 'integer',
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Longest body, in bytes; a longer one is answered with 413. 0, or none, is no bound here.',
      },
    },
  },
  examples: [{ title: 'At most a megabyte', config: { max_body_size: 1_048_576 } }],
  create({ max_body_size = 0 }) {
    if (max_body_size === 0) return {};
    return {
      rewrite(exchange) {
        const { request } = exchange;
        if (Number(request.header('content-length') ?? 0) > max_body_size) {
          const code = 'body_too_large';
          return { status: 413, code, body: { message: 'the body is too large', code, request_id: exchange.id } };
        }
        // One in chunks tells its length by its end.
        if (request.header('transfer-encoding') !== undefined) request.limitBody(max_body_size);
        return undefined;
      },
    };
  },
});
