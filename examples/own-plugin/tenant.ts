import { definePlugin } from 'gatewright/sdk';

export default definePlugin({
  name: 'tenant',
  priority: 2000,
  summary: 'Lets known tenants in, each so many times a minute, and tells the upstream who it is.',
  schema: {
    type: 'object',
    required: ['tenants'],
    properties: {
      header: { type: 'string', minLength: 1, default: 'X-Tenant', description: 'Header that names the tenant.' },
      tenants: {
        type: 'object',
        description: 'What each tenant may send: requests a minute.',
        minProperties: 1,
        additionalProperties: { type: 'integer', minimum: 1 },
      },
    },
  },
  examples: [{ title: 'Two tenants', config: { tenants: { acme: 100, globex: 2 } } }],
  create({ header, tenants }, host) {
    const limits = new Map(Object.entries(tenants));
    return {
      access(exchange) {
        const name = exchange.request.header(header) ?? '';
        const limit = limits.get(name);
        if (limit === undefined) {
          return { status: 403, code: 'unknown_tenant', body: { message: 'unknown tenant' } };
        }
        const query = { key: name, limit, window_ms: 60_000, cost: 1 };
        const { isAllowed, remaining } = host.counters.fixedWindow('requests', query);
        if (!isAllowed) return { status: 429, code: 'tenant_limit', body: { message: 'too many requests' } };
        exchange.request.setHeader('X-Tenant-Remaining', String(remaining));
        return undefined;
      },
    };
  },
});
