import { checkCidr, createAddressSet } from '../../sdk/addresses.ts';
import { definePlugin } from '../../sdk/index.ts';
import type { Exchange } from '../../sdk/index.ts';
import { clientOf } from './client-address.ts';

export default definePlugin({
  name: 'real-ip',
  priority: 23_000,
  kind: 'transformation',
  summary: 'Takes the address of the client from what a proxy in front says.',
  schema: {
    type: 'object',
    required: ['source'],
    properties: {
      source: {
        type: 'string',
        minLength: 1,
        maxLength: 256,
        pattern: '^[A-Za-z_][A-Za-z0-9_.-]*$',
        remedy: 'names no variable: write one such as http_x_forwarded_for or arg_realip',
        description: 'Variable that has the address, with or without a port; in a list, the nearest proxy is last.',
      },
      trusted_addresses: {
        type: 'array',
        minItems: 1,
        maxItems: 10_000,
        items: { type: 'string', minLength: 1 },
        description:
          'Addresses and CIDR blocks of the proxies that are believed; by default `gateway.trusted_addresses`, and everybody with `gateway.profile: apisix`.',
      },
      recursive: {
        type: 'boolean',
        default: false,
        description:
          'Whether those of a list that are trusted are passed over: the last one that is not is the client.',
      },
    },
  },
  examples: [
    { title: 'From a query argument', config: { source: 'arg_realip', trusted_addresses: ['127.0.0.0/24'] } },
    {
      title: 'Behind several proxies',
      config: {
        source: 'http_x_forwarded_for',
        recursive: true,
        trusted_addresses: ['192.128.0.0/16', '127.0.0.1/32'],
      },
    },
  ],
  check({ trusted_addresses = [], recursive }) {
    const problems = trusted_addresses.flatMap((block, i) => {
      const message = checkCidr(block);
      return message === null ? [] : [{ path: `trusted_addresses[${i}]`, message }];
    });
    if (!recursive || trusted_addresses.length > 0) return problems;
    return [...problems, { path: 'recursive', message: 'needs "trusted_addresses": which of a list are proxies' }];
  },
  create({ source, trusted_addresses, recursive }, host) {
    const trusted = trusted_addresses === undefined ? null : createAddressSet(trusted_addresses);
    const proxies = recursive ? trusted : null;
    const valueOf = reader(source);
    const believesAll = host.profile === 'apisix';
    return {
      rewrite(exchange) {
        // Who is not trusted could pass for anybody.
        if (trusted === null ? !(believesAll || exchange.isPeerTrusted) : !trusted.has(exchange.remoteAddress)) return;
        const client = clientOf(valueOf(exchange) ?? '', proxies);
        if (client !== null) exchange.setRemoteAddress(client.address, client.port);
      },
    };
  },
});

/** Of a field that came several times all values count, in their order: the last one is from the nearest proxy. */
function reader(source: string): (exchange: Exchange) => string | undefined {
  if (!source.startsWith('http_')) return (exchange) => exchange.variable(source);
  const name = source.slice(5).replaceAll('_', '-');
  return ({ request }) => request.headerAll(name).join(',');
}
