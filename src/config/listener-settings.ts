/** The keys `gateway.http` and `gateway.https`: where clients are accepted. */
import { isIP } from 'node:net';
import path from 'node:path';
import type { Infer, Schema } from '../sdk/schema.ts';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { isCidr } from './admin-settings.ts';

export const PORT = { type: 'integer', minimum: 0, maximum: 65535 } as const satisfies Schema;
export const ADDRESS = { type: 'string', minLength: 1, maxLength: 255 } as const satisfies Schema;

const ID = { type: 'integer', minimum: 0, maximum: 4_294_967_294 } as const satisfies Schema;

const PLACE = {
  address: {
    ...ADDRESS,
    description: 'IP address to listen on; 0.0.0.0 by default. `::` stands for all, those of IPv4 included.',
  },
  port: { ...PORT, description: 'Port to listen on; 0 takes a free one and the log names it.' },
  path: {
    type: 'string',
    minLength: 1,
    maxLength: 4096,
    description:
      'UNIX domain socket to listen on, in place of a port. A relative path begins where this file lies; what another process left there is replaced.',
  },
  mode: {
    type: 'string',
    pattern: '^0?[0-7]{3}$',
    remedy: 'is no mode: write three octal digits such as "0660"',
    description: 'Who may connect to the socket at `path`, as an octal number in quotes; "0660" by default.',
  },
  uid: { ...ID, description: 'User that owns the socket at `path`; the one that the gateway runs as by default.' },
  gid: { ...ID, description: 'Group that owns the socket at `path`; the one that the gateway runs as by default.' },
  proxy_protocol: {
    type: 'object',
    required: ['from'],
    description:
      'Takes the address of clients from the PROXY protocol, version 1 or 2, that these peers begin their connections with.',
    properties: {
      from: {
        type: 'array',
        minItems: 1,
        maxItems: 4096,
        items: ADDRESS,
        description:
          'Addresses and CIDR blocks of the peers that send it, and have to; `unix:` stands for peers on UNIX domain sockets. Nobody else is believed.',
      },
    },
  },
} as const;

const RULES = {
  anyOf: [{ required: ['port'] }, { required: ['path'] }],
  not: { anyOf: [{ required: ['port', 'path'] }, { required: ['address', 'path'] }] },
  dependentRequired: { mode: ['path'], uid: ['path'], gid: ['path'] },
  remedy: 'a listener has either "port", perhaps with "address", or "path", perhaps with "mode", "uid" and "gid"',
} as const;

export const HTTP_LISTENERS = {
  type: 'array',
  description: 'Where plain HTTP is accepted.',
  maxItems: 64,
  default: [{ port: 9080 }],
  items: {
    type: 'object',
    ...RULES,
    properties: {
      ...PLACE,
      http2: {
        type: 'boolean',
        default: false,
        description:
          'Whether HTTP/2 in the clear is served too, to clients that begin with its preface (prior knowledge).',
      },
    },
  },
} as const satisfies Schema;

export const HTTPS_LISTENERS = {
  type: 'array',
  description: 'Where HTTPS is accepted: by the certificates of the SSL objects, chosen by server name.',
  maxItems: 64,
  default: [],
  items: {
    type: 'object',
    ...RULES,
    properties: {
      ...PLACE,
      http2: { type: 'boolean', default: true, description: 'Whether ALPN offers HTTP/2, too.' },
    },
  },
} as const satisfies Schema;

export type ListenerSettings = Infer<typeof HTTP_LISTENERS>[number] | Infer<typeof HTTPS_LISTENERS>[number];

/** Where no place is left open any more: what has no path has an address. */
export function withAddresses<L extends ListenerSettings>(listeners: readonly L[]): L[] {
  return listeners.map((one) => (one.path === undefined ? { ...one, address: one.address ?? '0.0.0.0' } : one));
}

/** What `sockaddr_un` holds on all systems, less what the name under which a socket is made needs beside the folder. */
const MOST_PATH_BYTES = 90;

interface Listeners {
  readonly http: readonly ListenerSettings[];
  readonly https: readonly ListenerSettings[];
}

/** A port that is not for traffic. */
export interface SidePort {
  readonly address: string;
  readonly port: number;
  readonly path: string;
}

/** All that no two can have at once. */
export function checkListeners({ http, https }: Listeners, sides: readonly SidePort[]): Problem[] {
  const problems: Problem[] = [];
  if (http.length + https.length === 0) {
    const message = 'there is no listener: name one here or in gateway.https';
    problems.push({ path: 'gateway.http', code: 'missing_attribute', message });
  }
  const seen = new Map<string, string>();
  const note = (key: string, at: string, what: string): void => {
    const other = seen.get(key);
    if (other !== undefined)
      problems.push({ path: at, code: 'duplicate', message: `${other} listens on ${what} already` });
    seen.set(key, at);
  };
  const notePort = ({ address, port, path: at }: SidePort): void => {
    if (isIP(address) === 0) {
      const message = `${quote(address)} is not an IP address: 0.0.0.0 stands for all, 127.0.0.1 for this machine only`;
      problems.push({ path: pathOf(at, 'address'), value: address, code: 'invalid_value', message });
    }
    if (port !== 0) note(`${address} ${port}`, at, `${address} port ${port}`);
  };
  for (const [kind, listeners] of Object.entries({ http, https })) {
    for (const [i, listener] of listeners.entries()) {
      const at = pathOf(`gateway.${kind}`, i);
      if (listener.path === undefined)
        notePort({ address: listener.address ?? '', port: listener.port ?? 0, path: at });
      else {
        problems.push(...checkPath(listener.path, pathOf(at, 'path')));
        note(path.normalize(listener.path), at, listener.path);
      }
    }
  }
  for (const side of sides) notePort(side);
  return problems;
}

/** Lists of peers: addresses, CIDR blocks, and `unix:`. */
export function checkPeers(listed: readonly string[], at: string): Problem[] {
  return listed.flatMap((block, i) => {
    if (block === 'unix:' || isCidr(block)) return [];
    const message = `${quote(block)} is no IP address, no CIDR block such as 10.0.0.0/8, and not unix:`;
    return [{ path: pathOf(at, i), value: block, code: 'invalid_value' as const, message }];
  });
}

function checkPath(value: string, at: string): Problem[] {
  if (value.includes('\0')) return [{ path: at, code: 'invalid_value', message: 'a path holds no NUL' }];
  if (Buffer.byteLength(value) <= MOST_PATH_BYTES) return [];
  const message = `the path has ${Buffer.byteLength(value)} bytes: a UNIX domain socket may have ${MOST_PATH_BYTES} here`;
  return [{ path: at, value, code: 'invalid_value', message }];
}

/** The same, with paths that begin at the root. */
export function withAbsolutePlaces<L extends ListenerSettings>(listeners: readonly L[], folder: string): L[] {
  return listeners.map((one) => (one.path === undefined ? one : { ...one, path: path.resolve(folder, one.path) }));
}
