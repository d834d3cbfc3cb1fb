/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of ldap-auth. */
export interface LdapAuth {
  /** DN below which the callers are, such as `ou=users,dc=example,dc=org`. Bounds: 1 to 4096 characters. */
  readonly base_dn: string;
  /** Directory, as `host` or `host:port`; without a port, 636 where TLS comes first and 389 elsewhere. Bounds: 1 to 512 characters. */
  readonly ldap_uri: string;
  /** Whether connections to it are encrypted. Default: `false`. */
  readonly use_tls?: boolean;
  /** Whether its certificate is verified; without that, anybody in between can read passwords. Default: `false`. */
  readonly tls_verify?: boolean;
  /** Attribute that names of callers are in: the DN is `uid=name,base_dn`. Default: `"cn"`. */
  readonly uid?: string;
  /** Whether the credentials are taken out of what the upstream gets. Default: `false`. */
  readonly hide_credentials?: boolean;
  /** Realm in the WWW-Authenticate header of a refusal. Default: `"ldap"`. Bounds: not empty. */
  readonly realm?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in callers whose name and password a directory takes, and whom a consumer stands for. */
export function ldapAuth(attributes: LdapAuth): { readonly 'ldap-auth': LdapAuth } {
  return { 'ldap-auth': attributes };
}

/** The attributes of ldap-auth on a consumer or credential. */
export interface LdapAuthCredential {
  /** DN of the entry, such as `cn=user01,ou=users,dc=example,dc=org`. Characters with a meaning of their own are escaped: `cn=comma\,user,…`. Bounds: 1 to 4096 characters. */
  readonly user_dn: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** ldap-auth on a consumer or credential: what identifies the caller. */
export function ldapAuthCredential(attributes: LdapAuthCredential): { readonly 'ldap-auth': LdapAuthCredential } {
  return { 'ldap-auth': attributes };
}

/** What all instances of ldap-auth share. */
export interface LdapAuthMetadata {
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

/** The item of `plugin_metadata` for ldap-auth. */
export function ldapAuthMetadata(attributes: LdapAuthMetadata): PluginMetadata {
  return { ...attributes, id: 'ldap-auth' };
}
