/** What the two plugins that ask a directory have in common. */
import { ClientError } from '../sdk/clients.ts';
import type { ConfigProblem, Host, Reply, Schema } from '../sdk/index.ts';
import { AuthOutage } from './auth-outage.ts';
import { canonicalDn } from './distinguished-name.ts';

export const LDAP_URI = {
  type: 'string',
  minLength: 1,
  maxLength: 512,
  description: 'Directory, as `host` or `host:port`; without a port, 636 where TLS comes first and 389 elsewhere.',
} as const satisfies Schema;

export const USER_DN = {
  type: 'string',
  minLength: 1,
  maxLength: 4_096,
  pattern: '^[^=]+=',
  remedy: 'is no DN: write one such as cn=user01,ou=users,dc=example,dc=org',
  description:
    'DN of the entry, such as `cn=user01,ou=users,dc=example,dc=org`. Characters with a meaning of their own are escaped: `cn=comma\\,user,…`.',
} as const satisfies Schema;

/** A DN that is none identifies nobody. */
export const consumerKeyOf = ({ user_dn }: { readonly user_dn: string }): string => canonicalDn(user_dn) ?? user_dn;

export interface DirectoryAddress {
  readonly host: string;
  readonly port: number;
}

/** `host`, `host:port`, `[::1]`, `[::1]:port`; null for anything else. */
export function directoryAddress(text: string, defaultPort: number): DirectoryAddress | null {
  const [, bracketed, bare, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/?#@]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  const port = digits === undefined ? defaultPort : Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port };
}

export function addressProblems(ldap_uri: string): ConfigProblem[] {
  if (directoryAddress(ldap_uri, 389) !== null) return [];
  const remedy = 'write host or host:port, and say with an attribute of its own that it is to be encrypted';
  return [{ path: 'ldap_uri', message: `${JSON.stringify(ldap_uri)} is no address: ${remedy}` }];
}

export function dnProblems(path: string, dn: string): ConfigProblem[] {
  if (canonicalDn(dn) !== null) return [];
  return [{ path, message: `${JSON.stringify(dn)} is no DN: write one such as ou=users,dc=example,dc=org` }];
}

/** While the directory cannot be asked, nobody is told that a password is wrong. */
export class DirectoryOutage {
  private readonly outage: AuthOutage;

  /** To be made in `create`. */
  constructor(host: Host) {
    this.outage = new AuthOutage(host, 'ldap_unavailable');
  }

  /** Counts it and says why in the log. Throws what is no fault of the client. */
  answer(error: unknown): Reply {
    this.outage.tell(error);
    return UNAVAILABLE;
  }
}

const UNAVAILABLE: Reply = Object.freeze({
  status: 500,
  code: 'auth_unavailable',
  body: Object.freeze({ message: 'the request cannot be authenticated at present' }),
});

/** The result code of a directory that said something else than yes or no; 0 for other faults. */
export function resultCode(error: unknown): number {
  return error instanceof ClientError && error.fault === 'rejected' ? error.status : 0;
}
