import { definePlugin, type Exchange, type Host, type LdapClient, type Reply } from '../../sdk/index.ts';
import { authMetadataSchema } from '../auth-attributes.ts';
import { AuthGate } from '../auth-gate.ts';
import { LACKING, readBasic } from '../basic-credentials.ts';
import { canonicalDn } from '../distinguished-name.ts';
import { externalUserKey } from '../external-user.ts';
import {
  addressProblems,
  consumerKeyOf,
  directoryAddress,
  DirectoryOutage,
  dnProblems,
  USER_DN,
} from '../ldap-directory.ts';
import { schema, type Config } from './schema.ts';

/** In the order in which they are looked at. */
const FIELDS = ['proxy-authorization', 'authorization'] as const;

export default definePlugin({
  name: 'ldap-auth-advanced',
  priority: 2_541,
  kind: 'auth',
  summary:
    'Lets in callers that a directory finds by their name and whose password it takes, with or without a consumer.',
  schema,
  consumerSchema: { type: 'object', required: ['user_dn'], properties: { user_dn: USER_DN } },
  metadataSchema: authMetadataSchema,
  consumerKey: consumerKeyOf,
  effects: ['network'],
  examples: [
    {
      title: 'Everybody in the directory',
      config: {
        ldap_uri: '127.0.0.1:1389',
        base_dn: 'ou=users,dc=example,dc=org',
        attribute: 'uid',
        consumer_required: false,
      },
    },
    {
      title: 'With an account that may search, encrypted, with the scheme that browsers and curl know',
      config: {
        ldap_uri: 'ldap.example.org',
        use_ldaps: true,
        base_dn: 'ou=users,dc=example,dc=org',
        attribute: 'uid',
        bind_dn: 'cn=gateway,dc=example,dc=org',
        ldap_password: 'gateway-password',
        header_type: 'basic',
        hide_credentials: true,
      },
    },
  ],
  check({ ldap_uri, base_dn, bind_dn, use_ldaps, use_starttls }) {
    const both = 'cannot be combined with use_ldaps: connections are encrypted once';
    return [
      ...addressProblems(ldap_uri),
      ...dnProblems('base_dn', base_dn),
      ...(bind_dn === undefined ? [] : dnProblems('bind_dn', bind_dn)),
      ...(use_ldaps && use_starttls ? [{ path: 'use_starttls', message: both }] : []),
    ];
  },
  create(config, host, metadata) {
    const { header_type, hide_credentials, realm, consumer_required } = config;
    const client = connect(host, config);
    const outage = new DirectoryOutage(host);
    const gate = new AuthGate({
      host,
      challenge: header_type === 'basic' ? `Basic realm="${realm}", charset="UTF-8"` : `ldap realm="${realm}"`,
      anonymous_consumer: undefined,
      metadata,
      secret: 'password',
      hide: hide_credentials ? hide : undefined,
    });
    const missing = gate.refusal('credentials_missing', 'Authorization required');
    const invalid = gate.refusal('credentials_invalid', 'Authorization required');
    const schemes = [header_type];

    /** Throws ClientError. */
    function entriesOf(claimed: string): Promise<readonly string[]> {
      const { base_dn, attribute, size_limit, time_limit } = config;
      return client.find({ base: base_dn, attribute, value: claimed, most: size_limit, limit_s: time_limit });
    }

    async function ask(exchange: Exchange, claimed: string, password: string): Promise<Reply | undefined> {
      const refuse = (reason: string, isGuess = true): Reply | undefined =>
        gate.refuse(exchange, invalid, { reason, claimed, isGuess });
      let dn: string | undefined;
      try {
        const entries = await entriesOf(claimed);
        if (exchange.isOver) return undefined;
        [dn] = entries;
        if (dn === undefined) return refuse('name_unknown');
        if (entries.length > 1) return refuse('name_ambiguous');
        const isRight = await client.accepts(dn, password);
        if (exchange.isOver) return undefined;
        if (!isRight) return refuse('password_wrong');
      } catch (error) {
        return outage.answer(error);
      }
      const match = exchange.findConsumer('ldap-auth-advanced', canonicalDn(dn) ?? dn);
      if (match !== undefined) return gate.accept(exchange, match);
      if (consumer_required) return refuse('consumer_unknown', false);
      exchange.set(externalUserKey, { username: claimed, dn });
      if (hide_credentials) hide(exchange);
      return gate.admit(exchange, dn);
    }

    return {
      rewrite(exchange) {
        const [first, second] = FIELDS.map((field) => readBasic(exchange.request, schemes, field));
        const sent = typeof first === 'string' && LACKING.has(first) ? second! : first!;
        if (typeof sent === 'string') {
          return LACKING.has(sent)
            ? gate.lack(exchange, missing, sent)
            : gate.refuse(exchange, invalid, { reason: sent });
        }
        const { name, password } = sent;
        if (gate.isHeld(exchange, name)) return gate.refuseHeld(exchange, name);
        // A directory would take it for nobody in particular, and say yes (RFC 4513 §5.1.2).
        if (password === '') return gate.refuse(exchange, invalid, { reason: 'password_empty', claimed: name });
        return ask(exchange, name, password);
      },
    };
  },
});

function connect(host: Host, config: Config): LdapClient {
  const { use_ldaps, use_starttls, bind_dn, ldap_password } = config;
  const address = directoryAddress(config.ldap_uri, use_ldaps ? 636 : 389);
  if (address === null) throw new TypeError(`${config.ldap_uri} is no address`);
  return host.connect('ldap', {
    ...address,
    security: use_ldaps ? 'tls' : use_starttls ? 'starttls' : 'none',
    tls: { verify: config.ssl_verify },
    timeout_ms: config.timeout,
    idle_connections: config.keepalive ? config.keepalive_pool_size : 0,
    idle_ms: config.keepalive_timeout,
    ...(bind_dn !== undefined && ldap_password !== undefined
      ? { search_as: { dn: bind_dn, password: ldap_password } }
      : {}),
  });
}

function hide({ request }: Exchange): void {
  for (const field of FIELDS) if (request.header(field) !== undefined) request.removeHeader(field);
}
