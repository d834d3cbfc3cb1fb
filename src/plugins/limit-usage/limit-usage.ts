import { definePlugin } from '../../sdk/index.ts';
import { NOTED_QUOTAS } from '../limit-headers.ts';

export default definePlugin({
  name: 'limit-usage',
  priority: 990,
  kind: 'observability',
  summary: 'Answers with what the limits of its route leave to the caller: a page of their own usage for consumers.',
  schema: { type: 'object', properties: {} },
  examples: [{ title: 'Beside limits that count nothing: `cost: 0`, and the `group` of those that do', config: {} }],
  create: () => ({
    rewrite: (exchange) => exchange.set(NOTED_QUOTAS, []),
    access(exchange) {
      const limits = (exchange.get(NOTED_QUOTAS) ?? []).flatMap(({ plugin, quotas }) =>
        quotas.map(({ policy, limit, window_s, remaining, reset_s }) => ({
          plugin,
          policy,
          limit,
          used: limit - remaining,
          remaining,
          window_s,
          reset_s,
        })),
      );
      const headers = { 'Cache-Control': 'no-store' };
      return { status: 200, headers, body: { consumer: exchange.consumer?.username ?? null, limits } };
    },
  }),
});
