import { definePlugin, type Exchange } from '../../sdk/index.ts';
import { headerNameFault } from '../../sdk/header-names.ts';
import {
  ANONYMOUS_CONSUMER,
  authMetadataSchema,
  HEADER_NAME,
  HIDE_CREDENTIALS,
  realmAttribute,
} from '../auth-attributes.ts';
import { AuthGate } from '../auth-gate.ts';
import { encodeQuery, withoutArgument } from '../query.ts';

export default definePlugin({
  name: 'key-auth',
  priority: 2_500,
  kind: 'auth',
  summary: 'Lets in callers that send a key of a consumer, in a header or in the query.',
  schema: {
    type: 'object',
    properties: {
      header: { ...HEADER_NAME, default: 'apikey', description: 'Header that the key is read from.' },
      query: {
        type: 'string',
        minLength: 1,
        default: 'apikey',
        description: 'Query argument that the key is read from where the header is missing.',
      },
      hide_credentials: HIDE_CREDENTIALS,
      anonymous_consumer: ANONYMOUS_CONSUMER,
      realm: realmAttribute('key'),
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
  metadataSchema: authMetadataSchema,
  secretArguments: ({ query }) => [query],
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
  create({ header, query, hide_credentials, anonymous_consumer, realm }, host, metadata) {
    const gate = new AuthGate({
      host,
      challenge: `apikey realm="${realm}"`,
      secret: 'key',
      anonymous_consumer,
      metadata,
      hide: hide_credentials ? hide : undefined,
    });
    const missing = gate.refusal('key_missing', 'Missing API key in request');
    const invalid = gate.refusal('key_invalid', 'Invalid API key in request');

    /** Also where it was not looked for: a client that sends its key twice wants it hidden twice. */
    function hide({ request }: Exchange): void {
      if (request.header(header) !== undefined) request.removeHeader(header);
      if (request.argument(query) !== undefined) {
        request.setQuery(encodeQuery(withoutArgument(request.query, query)));
      }
    }

    return {
      rewrite(exchange) {
        const { request } = exchange;
        const key = request.header(header) ?? request.argument(query);
        if (key === undefined || key === '') return gate.lack(exchange, missing);
        if (gate.isHeld(exchange, '')) return gate.refuseHeld(exchange, '');
        // The look-up is one in a table of seeded hashes: how far a wrong key is right does not show in its time.
        const match = exchange.findConsumer('key-auth', key);
        return match === undefined
          ? gate.refuse(exchange, invalid, { reason: 'key_unknown' })
          : gate.accept(exchange, match);
      },
    };
  },
});
