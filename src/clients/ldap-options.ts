/** The options of clients of a directory, checked and completed. */
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { ClientTls, LdapClientOptions } from '../sdk/clients.ts';

export interface LdapBounds {
  readonly host: string;
  readonly port: number;
  readonly security: LdapClientOptions['security'];
  readonly tls: ConnectionOptions;
  readonly timeout_ms: number;
  readonly search_as: { readonly dn: string; readonly password: string } | null;
  readonly connections: number;
  readonly idle_connections: number;
  readonly idle_ms: number;
}

const LONGEST_MS = 60_000;
const LONGEST_IDLE_MS = 86_400_000;
const MOST_CONNECTIONS = 65_536;

/** Throws TypeError. */
export function checkedLdapOptions(options: LdapClientOptions): LdapBounds {
  const { host, port, security, search_as = null } = options;
  const { timeout_ms = 10_000, connections = 100, idle_connections = 5, idle_ms = 60_000 } = options;
  const check = (name: string, value: number, least: number, most: number): void => {
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new TypeError(`${name} of a client of a directory is ${value}: it must be from ${least} to ${most}`);
    }
  };
  if (host === '') throw new TypeError('a client of a directory needs a host');
  check('port', port, 1, 65_535);
  check('timeout_ms', timeout_ms, 1, LONGEST_MS);
  check('connections', connections, 1, MOST_CONNECTIONS);
  check('idle_connections', idle_connections, 0, MOST_CONNECTIONS);
  check('idle_ms', idle_ms, 1, LONGEST_IDLE_MS);
  if (search_as !== null && (search_as.dn === '' || search_as.password === '')) {
    throw new TypeError('whoever searches needs a DN and a password: an empty one is nobody in particular');
  }
  const tls = secureOptions(host, options.tls ?? {});
  return { host, port, security, tls, timeout_ms, search_as, connections, idle_connections, idle_ms };
}

function secureOptions(host: string, { verify = true, ca, cert, key, server_name }: ClientTls): ConnectionOptions {
  const name = server_name ?? host;
  return {
    host: name,
    rejectUnauthorized: verify,
    // An address is no name for SNI (RFC 6066 §3); the certificate is compared with `host`.
    ...(isIP(name) === 0 && { servername: name }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
