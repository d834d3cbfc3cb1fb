import type { Infer, Schema } from '../../sdk/index.ts';
import { HIDE_CREDENTIALS, realmAttribute } from '../auth-attributes.ts';
import { LDAP_URI } from '../ldap-directory.ts';

const DN = { type: 'string', minLength: 1, maxLength: 4_096 } as const;

export const schema = {
  type: 'object',
  required: ['ldap_uri', 'base_dn'],
  properties: {
    ldap_uri: LDAP_URI,
    base_dn: { ...DN, description: 'DN of the subtree that is searched, such as `ou=users,dc=example,dc=org`.' },
    attribute: {
      type: 'string',
      pattern: '^(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\\.[0-9]+)*)$',
      remedy: 'is no name of an attribute: write one such as uid or sAMAccountName',
      default: 'cn',
      description: 'Attribute that has to be the name that the caller sends.',
    },
    bind_dn: { ...DN, description: 'DN of the account that searches; without it, nobody in particular does.' },
    ldap_password: { type: 'string', minLength: 1, secret: true, description: 'Password of that account.' },
    use_ldaps: {
      type: 'boolean',
      default: false,
      description: 'Whether connections are encrypted from the first byte.',
    },
    use_starttls: { type: 'boolean', default: false, description: 'Whether they are encrypted by StartTLS.' },
    ssl_verify: {
      type: 'boolean',
      default: true,
      description: 'Whether the certificate of the directory is verified, with the host of `ldap_uri`.',
    },
    timeout: {
      type: 'integer',
      minimum: 1,
      maximum: 60_000,
      default: 10_000,
      description: 'Time in milliseconds within which each of the two questions is answered, connecting included.',
    },
    keepalive: { type: 'boolean', default: true, description: 'Whether connections are used again.' },
    keepalive_timeout: {
      type: 'integer',
      minimum: 1_000,
      maximum: 86_400_000,
      default: 60_000,
      description: 'Time in milliseconds after which an unused connection is closed.',
    },
    keepalive_pool_size: {
      type: 'integer',
      minimum: 1,
      maximum: 65_536,
      default: 5,
      description: 'Unused connections that each worker keeps, for searching and for proving each.',
    },
    keepalive_pool_name: {
      not: {},
      remedy:
        'is not offered: connections of different routes, and those that search and those that prove, are never shared; leave it out',
    },
    size_limit: {
      type: 'integer',
      minimum: 2,
      maximum: 1_000,
      default: 2,
      description: 'Entries that the search may return; more than one is refused, since nobody knows who is meant.',
    },
    time_limit: {
      type: 'integer',
      minimum: 0,
      maximum: 2_147_483_647,
      default: 5,
      description: 'Time in seconds that the directory may search; 0 for its own bound.',
    },
    consumer_required: {
      type: 'boolean',
      default: true,
      description: 'Whether callers for whom no consumer stands are refused.',
    },
    header_type: {
      type: 'string',
      enum: ['ldap', 'basic'],
      default: 'ldap',
      description: 'Scheme in front of the credentials.',
    },
    hide_credentials: HIDE_CREDENTIALS,
    realm: realmAttribute('ldap'),
  },
  dependentRequired: { bind_dn: ['ldap_password'], ldap_password: ['bind_dn'] },
} as const satisfies Schema;

export type Config = Infer<typeof schema>;
