/** Who may call the Admin API: keys with roles, compared so that time tells nothing. */
import { createHash, timingSafeEqual } from 'node:crypto';

export type Role = 'admin' | 'viewer';

export interface AdminKey {
  readonly name: string;
  /** A secret. */
  readonly key: string;
  readonly role: Role;
}

/** Who calls. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

/** What of a request can hold a key, in the order in which APISIX looks. */
export interface Credentials {
  /** `X-API-KEY`, '' if absent. */
  readonly header: string;
  /** The argument `api_key`. */
  readonly argument: string;
  /** The cookie `x_api_key`. */
  readonly cookie: string;
}

export class AdminKeys {
  private readonly known: readonly { readonly caller: Caller; readonly digest: Buffer }[];

  constructor(keys: readonly AdminKey[]) {
    this.known = keys.map(({ name, key, role }) => ({ caller: { name, role }, digest: digestOf(key) }));
  }

  /** Null if the key is none. Always compares with every key: neither a match nor its place can be measured. */
  identify(key: string): Caller | null {
    const digest = digestOf(key);
    let found: Caller | null = null;
    for (const one of this.known) if (timingSafeEqual(one.digest, digest) && found === null) found = one.caller;
    return key === '' ? null : found;
  }
}

/** The key that a request brings, '' for none, and whether a browser may have added it by itself. */
export function keyOf({ argument, header, cookie }: Credentials): {
  readonly key: string;
  readonly isAmbient: boolean;
} {
  const key = argument || header || cookie;
  return { key, isAmbient: argument === '' && header === '' && cookie !== '' };
}

/** The value of a cookie in a `Cookie` field, '' if it is not there. */
export function cookieOf(field: string, name: string): string {
  for (const pair of field.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return unescaped(pair.slice(equals + 1).trim());
  }
  return '';
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Of equal length whatever the key's is. */
const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest();
