/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of ldap-auth-advanced. */
export interface LdapAuthAdvanced {
  /** Directory, as `host` or `host:port`; without a port, 636 where TLS comes first and 389 elsewhere. Bounds: 1 to 512 characters. */
  readonly ldap_uri: string;
  /** DN of the subtree that is searched, such as `ou=users,dc=example,dc=org`. Bounds: 1 to 4096 characters. */
  readonly base_dn: string;
  /** Attribute that has to be the name that the caller sends. Default: `"cn"`. */
  readonly attribute?: string;
  /** DN of the account that searches; without it, nobody in particular does. Bounds: 1 to 4096 characters. */
  readonly bind_dn?: string;
  /** Password of that account. Bounds: not empty; never printed. */
  readonly ldap_password?: string;
  /** Whether connections are encrypted from the first byte. Default: `false`. */
  readonly use_ldaps?: boolean;
  /** Whether they are encrypted by StartTLS. Default: `false`. */
  readonly use_starttls?: boolean;
  /** Whether the certificate of the directory is verified, with the host of `ldap_uri`. Default: `true`. */
  readonly ssl_verify?: boolean;
  /** Time in milliseconds within which each of the two questions is answered, connecting included. Default: `10000`. Bounds: 1 to 60000. */
  readonly timeout?: number;
  /** Whether connections are used again. Default: `true`. */
  readonly keepalive?: boolean;
  /** Time in milliseconds after which an unused connection is closed. Default: `60000`. Bounds: 1000 to 86400000. */
  readonly keepalive_timeout?: number;
  /** Unused connections that each worker keeps, for searching and for proving each. Default: `5`. Bounds: 1 to 65536. */
  readonly keepalive_pool_size?: number;
  /** Refused: is not offered: connections of different routes, and those that search and those that prove, are never shared; leave it out. */
  readonly keepalive_pool_name?: never;
  /** Entries that the search may return; more than one is refused, since nobody knows who is meant. Default: `2`. Bounds: 2 to 1000. */
  readonly size_limit?: number;
  /** Time in seconds that the directory may search; 0 for its own bound. Default: `5`. Bounds: 0 to 2147483647. */
  readonly time_limit?: number;
  /** Whether callers for whom no consumer stands are refused. Default: `true`. */
  readonly consumer_required?: boolean;
  /** Scheme in front of the credentials. Default: `"ldap"`. */
  readonly header_type?: 'ldap' | 'basic';
  /** Whether the credentials are taken out of what the upstream gets. Default: `false`. */
  readonly hide_credentials?: boolean;
  /** Realm in the WWW-Authenticate header of a refusal. Default: `"ldap"`. Bounds: not empty. */
  readonly realm?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in callers that a directory finds by their name and whose password it takes, with or without a consumer. */
export function ldapAuthAdvanced(attributes: LdapAuthAdvanced): { readonly 'ldap-auth-advanced': LdapAuthAdvanced } {
  return { 'ldap-auth-advanced': attributes };
}

/** The attributes of ldap-auth-advanced on a consumer or credential. */
export interface LdapAuthAdvancedCredential {
  /** DN of the entry, such as `cn=user01,ou=users,dc=example,dc=org`. Characters with a meaning of their own are escaped: `cn=comma\,user,…`. Bounds: 1 to 4096 characters. */
  readonly user_dn: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** ldap-auth-advanced on a consumer or credential: what identifies the caller. */
export function ldapAuthAdvancedCredential(attributes: LdapAuthAdvancedCredential): { readonly 'ldap-auth-advanced': LdapAuthAdvancedCredential } {
  return { 'ldap-auth-advanced': attributes };
}

/** What all instances of ldap-auth-advanced share. */
export interface LdapAuthAdvancedMetadata {
  /** Which attempts the error log tells of, each with who, from where, on which route and why. Default: `"refused"`. */
  readonly events?: 'none' | 'refused' | 'all';
  /** What guessing costs: see docs/authentication.md. Default: `{}`. */
  readonly damping?: {
    /** Wrong credentials that an address may send at once before it is answered with 429; 0: no bound. By default 30 for passwords and keys, and no bound for signatures and tokens, which nobody guesses, and with `gateway.profile: apisix`; with `blocks: all` always 30. Bounds: 0 to 1000000. */
    readonly failures?: number;
    /** Time in which so many are forgiven, evenly, in seconds. Default: `60`. Bounds: 1 to 86400. */
    readonly window_s?: number;
    /** What an address beyond its bound gets 429 for: failures: further wrong credentials; all: whatever it sends, before anybody looks at it. Default: `"failures"`. */
    readonly blocks?: 'failures' | 'all';
  };
}

/** The item of `plugin_metadata` for ldap-auth-advanced. */
export function ldapAuthAdvancedMetadata(attributes: LdapAuthAdvancedMetadata): PluginMetadata {
  return { ...attributes, id: 'ldap-auth-advanced' };
}
