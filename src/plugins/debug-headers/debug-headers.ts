import { definePlugin, exchangeKey } from '../../sdk/index.ts';
import type { Exchange } from '../../sdk/index.ts';
import { isDebugToken, LEAST_SECRET } from './token.ts';

/** The caller showed a token that is sound. */
const grantedKey = exchangeKey<true>('debug headers');
const MOST_CHARACTERS = 2048;

export default definePlugin({
  name: 'debug-headers',
  // After real-ip, which finds out who the client is, and before everything that may answer.
  priority: 22_900,
  kind: 'observability',
  summary: 'Tells callers with a signed token, in headers of the response, which rules made the answer.',
  schema: {
    type: 'object',
    required: ['secret'],
    properties: {
      secret: {
        type: 'string',
        minLength: LEAST_SECRET,
        secret: true,
        description: 'What tokens are signed with; `gatewright debug-token` makes them.',
      },
      header: {
        type: 'string',
        minLength: 1,
        maxLength: 64,
        pattern: '^[0-9A-Za-z-]+$',
        remedy: 'is no name of a header: use letters, digits and hyphens',
        default: 'X-Gatewright-Debug',
        description: 'Header of the request that the token comes in. It never goes on to the upstream.',
      },
      max_lifetime: {
        type: 'integer',
        minimum: 1,
        maximum: 2_592_000,
        default: 86_400,
        description: 'Seconds; a token that expires later than that from now is refused.',
      },
    },
  },
  examples: [{ title: 'For callers with a token', config: { secret: '0123456789abcdef0123456789abcdef' } }],
  create({ secret, header, max_lifetime }, host) {
    return {
      rewrite(exchange) {
        const { request } = exchange;
        const token = request.header(header);
        if (token === undefined) return;
        request.removeHeader(header);
        const asked = { host: request.host, path: request.path, address: exchange.remoteAddress };
        const now_s = host.clock.wall_ms() / 1000;
        // No word to a caller whose token is worth nothing: the answer is as if there were none.
        if (isDebugToken(token, asked, { secret, now_s, max_lifetime_s: max_lifetime })) exchange.set(grantedKey, true);
        else host.log.debug('debug_token_refused', { client: exchange.remoteAddress, exchange: exchange.id });
      },
      responseHead(exchange) {
        if (exchange.get(grantedKey) !== true) return;
        const { response } = exchange;
        for (const [name, value] of facts(exchange)) {
          if (value !== '') response.setHeader(`X-Gatewright-${name}`, printable(value));
        }
        // For this caller alone: no cache may give it to another one.
        response.setHeader('Cache-Control', 'private, no-store');
      },
    };
  },
});

function facts(exchange: Exchange): readonly (readonly [name: string, value: string])[] {
  const { route, outcome, response } = exchange;
  const plugin = exchange.variable('replied_by') ?? '';
  const gateway = plugin === '' ? 'gateway' : `plugin ${plugin}`;
  return [
    ['Exchange', exchange.id],
    ['Revision', String(exchange.revision)],
    ['Route', route.id],
    ['Service', route.serviceId],
    ['Consumer', exchange.consumer?.username ?? ''],
    ['Replied-By', response.isFromUpstream ? 'upstream' : gateway],
    ['Node', response.isFromUpstream ? nodeOf(exchange) : outcome.node],
    // The one that is answering is not over yet.
    ['Attempts', String(outcome.attempts + (response.isFromUpstream ? 1 : 0))],
    ['Elapsed-Ms', exchange.elapsed_ms.toFixed(1)],
    ['Near-Routes', exchange.variable('near_routes') ?? ''],
  ];
}

function nodeOf(exchange: Exchange): string {
  const [host = '', port = ''] = [exchange.variable('balancer_ip'), exchange.variable('balancer_port')];
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** As a header may carry it: names of routes are people's own texts. */
function printable(text: string): string {
  const clean = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return clean.length > MOST_CHARACTERS ? `${clean.slice(0, MOST_CHARACTERS)}...` : clean;
}
