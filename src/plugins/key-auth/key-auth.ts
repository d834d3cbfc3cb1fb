import { definePlugin, type Exchange, type Reply } from '../../sdk/index.ts';
import { headerNameFault } from '../../sdk/header-names.ts';
import { identityHeaders } from '../identity.ts';
import { encodeQuery, withoutArgument } from '../query.ts';

export default definePlugin({
  name: 'key-auth',
  priority: 2_500,
  kind: 'auth',
  summary: 'Lets in callers that send a key of a consumer, in a header or in the query.',
  schema: {
    type: 'object',
    properties: {
      header: {
        type: 'string',
        minLength: 1,
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        remedy: 'is no header name: use letters, digits and hyphens',
        default: 'apikey',
        description: 'Header that the key is read from.',
      },
      query: {
        type: 'string',
        minLength: 1,
        default: 'apikey',
        description: 'Query argument that the key is read from where the header is missing.',
      },
      hide_credentials: {
        type: 'boolean',
        default: false,
        description: 'Whether the key is taken out of what the upstream gets.',
      },
      anonymous_consumer: {
        type: 'string',
        minLength: 1,
        description: 'Consumer that callers without a valid key are treated as; without it they are refused.',
      },
      realm: {
        type: 'string',
        minLength: 1,
        pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*$',
        remedy: 'may hold printable ASCII without quotes and backslashes only',
        default: 'key',
        description: 'Realm in the WWW-Authenticate header of a refusal.',
      },
    },
  },
  consumerSchema: {
    type: 'object',
    required: ['key'],
    properties: {
      key: {
        type: 'string',
        minLength: 1,
        pattern: '^(?:[^\\x00-\\x20\\x7f](?:[^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?)?$',
        remedy:
          'begins or ends with a space, or holds a line break or another control character: no header field brings such a key; take it out',
        secret: true,
        description: 'The key; unique among all consumers.',
      },
    },
  },
  consumerKey: ({ key }: { readonly key: string }) => key,
  examples: [
    { title: 'Key in the header apikey', config: {} },
    {
      title: 'Key in a header of its own, hidden from the upstream',
      config: { header: 'X-Key', hide_credentials: true },
    },
  ],
  check({ header }) {
    const message =
      header.toLowerCase() === 'host'
        ? 'Host says where a request goes: use a header of its own'
        : headerNameFault(header);
    return message === null ? [] : [{ path: 'header', message }];
  },
  create({ header, query, hide_credentials, anonymous_consumer, realm }, host) {
    const challenge = { 'WWW-Authenticate': `apikey realm="${realm}"` };
    const refusal = (code: string, message: string): Reply =>
      Object.freeze({ status: 401, code, headers: challenge, body: Object.freeze({ message }) });
    const missing = refusal('key_missing', 'Missing API key in request');
    const invalid = refusal('key_invalid', 'Invalid API key in request');

    /** Also where it was not looked for: a client that sends its key twice wants it hidden twice. */
    function hide({ request }: Exchange): void {
      if (request.header(header) !== undefined) request.removeHeader(header);
      if (request.argument(query) !== undefined) {
        request.setQuery(encodeQuery(withoutArgument(request.query, query)));
      }
    }

    function refuseOrAnonymous(exchange: Exchange, reply: Reply): Reply | undefined {
      if (anonymous_consumer === undefined) return reply;
      const consumer = exchange.consumerNamed(anonymous_consumer);
      if (consumer === undefined) {
        host.log.error('anonymous_consumer_missing', { consumer: anonymous_consumer });
        return reply;
      }
      // What is no key here may be one elsewhere, or have been one until a moment ago.
      if (hide_credentials) hide(exchange);
      exchange.authenticate(consumer);
      identityHeaders(exchange, consumer, '');
      return undefined;
    }

    return {
      rewrite(exchange) {
        const { request } = exchange;
        const key = request.header(header) ?? request.argument(query);
        if (key === undefined || key === '') return refuseOrAnonymous(exchange, missing);
        const match = exchange.findConsumer('key-auth', key);
        if (match === undefined) return refuseOrAnonymous(exchange, invalid);
        if (hide_credentials) hide(exchange);
        exchange.authenticate(match.consumer, match.credentialId);
        identityHeaders(exchange, match.consumer, match.credentialId);
        return undefined;
      },
    };
  },
});
