import { definePlugin, type Exchange, type Reply } from '../../sdk/index.ts';
import { authMetadataSchema, HIDE_CREDENTIALS, realmAttribute } from '../auth-attributes.ts';
import { AuthGate } from '../auth-gate.ts';
import { LACKING, readBasic } from '../basic-credentials.ts';
import { canonicalDn, escapeValue } from '../distinguished-name.ts';
import {
  addressProblems,
  consumerKeyOf,
  directoryAddress,
  DirectoryOutage,
  dnProblems,
  LDAP_URI,
  resultCode,
  USER_DN,
} from '../ldap-directory.ts';

/**
 * What a directory answers, beside "invalid credentials", where there is no such entry, or one without a password:
 * noSuchObject, invalidDNSyntax, inappropriateAuthentication (RFC 4511, appendix A).
 */
const NO_SUCH_USER: ReadonlySet<number> = new Set([32, 34, 48]);

export default definePlugin({
  name: 'ldap-auth',
  priority: 2_540,
  kind: 'auth',
  summary: 'Lets in callers whose name and password a directory takes, and whom a consumer stands for.',
  schema: {
    type: 'object',
    required: ['base_dn', 'ldap_uri'],
    properties: {
      base_dn: {
        type: 'string',
        minLength: 1,
        maxLength: 4_096,
        description: 'DN below which the callers are, such as `ou=users,dc=example,dc=org`.',
      },
      ldap_uri: LDAP_URI,
      use_tls: { type: 'boolean', default: false, description: 'Whether connections to it are encrypted.' },
      tls_verify: {
        type: 'boolean',
        default: false,
        description: 'Whether its certificate is verified; without that, anybody in between can read passwords.',
      },
      uid: {
        type: 'string',
        pattern: '^(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\\.[0-9]+)*)$',
        remedy: 'is no name of an attribute: write one such as cn or uid',
        default: 'cn',
        description: 'Attribute that names of callers are in: the DN is `uid=name,base_dn`.',
      },
      hide_credentials: HIDE_CREDENTIALS,
      realm: realmAttribute('ldap'),
    },
  },
  consumerSchema: { type: 'object', required: ['user_dn'], properties: { user_dn: USER_DN } },
  metadataSchema: authMetadataSchema,
  consumerKey: consumerKeyOf,
  effects: ['network'],
  examples: [
    {
      title: 'A directory on this machine',
      config: { base_dn: 'ou=users,dc=example,dc=org', ldap_uri: '127.0.0.1:1389', uid: 'cn' },
    },
    {
      title: 'Encrypted, and the password not shown to the upstream',
      config: {
        base_dn: 'ou=users,dc=example,dc=org',
        ldap_uri: 'ldap.example.org',
        use_tls: true,
        tls_verify: true,
        hide_credentials: true,
      },
    },
  ],
  check: ({ ldap_uri, base_dn }) => [...addressProblems(ldap_uri), ...dnProblems('base_dn', base_dn)],
  create({ base_dn, ldap_uri, use_tls, tls_verify, uid, hide_credentials, realm }, host, metadata) {
    const address = directoryAddress(ldap_uri, use_tls ? 636 : 389);
    if (address === null) throw new TypeError(`${ldap_uri} is no address`);
    const client = host.connect('ldap', {
      ...address,
      security: use_tls ? 'tls' : 'none',
      tls: { verify: tls_verify },
    });
    const outage = new DirectoryOutage(host);
    const gate = new AuthGate({
      host,
      challenge: `Basic realm="${realm}", charset="UTF-8"`,
      anonymous_consumer: undefined,
      metadata,
      secret: 'password',
      hide: hide_credentials ? ({ request }) => request.removeHeader('authorization') : undefined,
    });
    const missing = gate.refusal('credentials_missing', 'Missing authorization in request');
    const invalid = gate.refusal('credentials_invalid', 'Invalid user authorization');

    async function ask(exchange: Exchange, claimed: string, password: string): Promise<Reply | undefined> {
      const dn = `${uid}=${escapeValue(claimed)},${base_dn}`;
      try {
        const isRight = await client.accepts(dn, password);
        if (exchange.isOver) return undefined;
        if (!isRight) return gate.refuse(exchange, invalid, { reason: 'password_wrong', claimed });
      } catch (error) {
        if (!NO_SUCH_USER.has(resultCode(error))) return outage.answer(error);
        return gate.refuse(exchange, invalid, { reason: 'name_unknown', claimed });
      }
      const match = exchange.findConsumer('ldap-auth', canonicalDn(dn) ?? dn);
      if (match !== undefined) return gate.accept(exchange, match);
      return gate.refuse(exchange, invalid, { reason: 'consumer_unknown', claimed, isGuess: false });
    }

    return {
      rewrite(exchange) {
        const sent = readBasic(exchange.request);
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
