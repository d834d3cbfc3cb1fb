import { checkRegex, compileRegex, definePlugin } from '../../sdk/index.ts';
import type { Exchange, Infer, Reply, Schema } from '../../sdk/index.ts';
import { compileTemplate } from '../template.ts';
import { encodeUri, namesHost, safeLocation, withQuery } from './location.ts';

const metadataSchema = {
  type: 'object',
  properties: {
    https_port: {
      type: 'integer',
      minimum: 1,
      maximum: 65_535,
      description:
        'Port that `http_to_https` leads to. By default that of a listener with TLS: 443 if it is one, else the first; 443 if there is none.',
    },
  },
} as const satisfies Schema;

type Metadata = Infer<typeof metadataSchema>;

export default definePlugin({
  name: 'redirect',
  priority: 900,
  kind: 'transformation',
  summary: 'Sends clients elsewhere: to HTTPS, or to another URI.',
  schema: {
    type: 'object',
    properties: {
      http_to_https: {
        type: 'boolean',
        default: false,
        description:
          'Whether requests over HTTP are sent to HTTPS with the same URI: 301, or 308 where it is no GET or HEAD.',
      },
      uri: {
        type: 'string',
        minLength: 2,
        maxLength: 8192,
        pattern: '^[^\\x00-\\x1f\\x7f]*$',
        remedy: 'holds control characters',
        description: 'URI that the client is sent to, with variables such as `$uri`; one without a value is empty.',
      },
      regex_uri: {
        type: 'array',
        minItems: 2,
        maxItems: 2,
        items: { type: 'string', minLength: 1, maxLength: 8192 },
        description: 'A regular expression, and where a path that it matches is sent to, with `$1` for its groups.',
      },
      ret_code: {
        type: 'integer',
        minimum: 200,
        maximum: 599,
        default: 302,
        description: 'Status of the answer; not of `http_to_https`.',
      },
      encode_uri: {
        type: 'boolean',
        default: false,
        description: 'Whether what RFC 3986 does not allow in a URI is escaped in `Location`.',
      },
      append_query_string: {
        type: 'boolean',
        default: false,
        description: 'Whether the query of the request is added.',
      },
    },
    remedy: 'write one of "http_to_https", "uri" and "regex_uri"',
  },
  metadataSchema,
  examples: [
    { title: 'To another URI for good', config: { uri: '/test/default.html', ret_code: 301 } },
    { title: 'Below what was asked for', config: { uri: '$uri/index.html', ret_code: 301 } },
    { title: 'By parts of the path', config: { regex_uri: ['^/iresty/(.*)/(.*)/(.*)', '/$1-$2-$3'] } },
    { title: 'To HTTPS', config: { http_to_https: true } },
  ],
  check({ http_to_https, uri, regex_uri, append_query_string }) {
    const ways = [http_to_https || undefined, uri, regex_uri].filter((way) => way !== undefined).length;
    const problems = [];
    if (ways !== 1) problems.push({ path: '', message: 'write exactly one of "http_to_https", "uri" and "regex_uri"' });
    if (http_to_https && append_query_string) {
      const message = 'http_to_https brings the query along by itself: leave this out';
      problems.push({ path: 'append_query_string', message });
    }
    const fault = regex_uri?.[0] === undefined ? null : checkRegex(regex_uri[0]);
    if (fault !== null) problems.push({ path: 'regex_uri[0]', message: fault });
    return problems;
  },
  create(config, host, metadata) {
    const { http_to_https, uri, regex_uri = [], ret_code, encode_uri, append_query_string } = config;
    if (http_to_https) {
      const { https_port } = metadata as Metadata;
      // Listeners may come and go.
      return { rewrite: (exchange) => toHttps(exchange, https_port ?? host.httpsPort() ?? 443) };
    }
    const [pattern, replacement = ''] = regex_uri;
    const text = uri ?? replacement;
    const template = compileTemplate(text);
    const regex = pattern === undefined ? null : compileRegex(pattern);
    const isHostFixed = namesHost(text);
    return {
      rewrite(exchange): Reply | undefined {
        const match = regex === null ? null : regex.exec(exchange.request.path);
        if (regex !== null && match === null) return undefined;
        const made = template(exchange, match === null ? null : match.groups);
        const encoded = encode_uri ? encodeUri(made) : made;
        const location = append_query_string ? withQuery(encoded, exchange.request.query) : encoded;
        return { status: ret_code, headers: { Location: safeLocation(location, isHostFixed) } };
      },
    };
  },
});

function toHttps(exchange: Exchange, port: number): Reply | undefined {
  const { request } = exchange;
  if (schemeOf(exchange) === 'https') return undefined;
  const status = request.method === 'GET' || request.method === 'HEAD' ? 301 : 308;
  const host = request.host.includes(':') && !request.host.startsWith('[') ? `[${request.host}]` : request.host;
  const authority = port === 443 ? host : `${host}:${port}`;
  return { status, headers: { Location: safeLocation(`https://${authority}${pathOf(exchange)}`, true) } };
}

/** Behind a proxy that ends TLS, a trusted one says how the client came. */
function schemeOf(exchange: Exchange): string {
  const { request, isPeerTrusted } = exchange;
  const told = isPeerTrusted ? request.header('x-forwarded-proto') : undefined;
  return told?.toLowerCase() ?? request.scheme;
}

function pathOf({ request: { path, query } }: Exchange): string {
  return query === '' ? path : `${path}?${query}`;
}
