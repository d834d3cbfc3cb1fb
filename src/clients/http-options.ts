/** The options of HTTP clients, checked and completed. */
import type { SecureContextOptions } from 'node:tls';
import type { ClientTls, HttpClientOptions } from '../sdk/clients.ts';

export interface HttpBounds {
  readonly timeout_ms: number;
  readonly max_response_bytes: number;
  readonly keepalive: boolean;
  readonly connections: number;
  readonly idle_connections: number;
  readonly idle_ms: number;
  readonly redirects: number;
  readonly tls: SecureContextOptions & { readonly rejectUnauthorized: boolean; readonly servername?: string };
}

const LONGEST_MS = 600_000;
const LONGEST_IDLE_MS = 86_400_000;

/** Throws TypeError. */
export function checkedOptions(options: HttpClientOptions): HttpBounds {
  const {
    timeout_ms = 3_000,
    max_response_bytes = 1_048_576,
    connections = 100,
    redirects = 0,
    keepalive = true,
    idle_connections = connections,
    idle_ms = 4_000,
  } = options;
  const check = (name: string, value: number, least: number, most: number): void => {
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new TypeError(`${name} of an HTTP client is ${value}: it must be from ${least} to ${most}`);
    }
  };
  check('timeout_ms', timeout_ms, 1, LONGEST_MS);
  check('max_response_bytes', max_response_bytes, 0, 1_073_741_824);
  check('connections', connections, 1, 65_536);
  check('idle_connections', idle_connections, 1, 65_536);
  check('idle_ms', idle_ms, 1, LONGEST_IDLE_MS);
  check('redirects', redirects, 0, 20);
  const tls = secureOptions(options.tls ?? {});
  return { timeout_ms, max_response_bytes, keepalive, connections, idle_connections, idle_ms, redirects, tls };
}

function secureOptions({ verify = true, ca, cert, key, server_name }: ClientTls): HttpBounds['tls'] {
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError('cert and key of an HTTP client belong together: give both, or none');
  }
  return {
    rejectUnauthorized: verify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(server_name === undefined ? {} : { servername: server_name }),
  };
}
