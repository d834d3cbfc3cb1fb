/** What a test asks for, as a client would send it. */
import { isIP } from 'node:net';
import type { GatewaySettings } from '../config/settings.ts';
import { type ClientTls, type Outgoing, outgoing, type RequestOptions } from './test-client.ts';

export interface RequestAt {
  readonly request: Outgoing;
  /** Port 0: any. */
  readonly from: { readonly address: string; readonly port: number };
  /** Of the gateway. */
  readonly port: number;
  readonly tls: ClientTls | null;
}

const HOST = 'gateway.test';

/** Throws TypeError for what cannot be sent. */
export function requestAt(target: string, options: RequestOptions, settings: GatewaySettings): RequestAt {
  const url = /^(https?):\/\/([^/?#]+)([^#]*)$/.exec(target);
  const [, scheme = 'http', host = HOST, rest = ''] = url ?? [];
  const path = url === null ? target : rest.startsWith('/') ? rest : `/${rest}`;
  if (!/^[\x21-\x7e]+$/.test(path))
    throw new TypeError(`${JSON.stringify(path)} cannot be sent: escape spaces and what is beyond ASCII`);
  const isSecure = options.tls === undefined ? scheme === 'https' : options.tls !== false;
  const asked = typeof options.tls === 'object' ? options.tls : {};
  const [listener] = isSecure ? settings.https : settings.http;
  const [name = host] = host.split(':');
  return {
    request: outgoing(path, host, options),
    from: endsOf(options.from ?? '127.0.0.1'),
    port: options.port ?? listener?.port ?? (isSecure ? 443 : 80),
    tls: isSecure ? { serverName: name, ...asked } : null,
  };
}

function endsOf(from: string): RequestAt['from'] {
  const whole = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(from);
  const address = whole === null ? from : (whole[1] ?? whole[2] ?? '');
  const port = Number(whole?.[3] ?? 0);
  if (isIP(address) === 0 || port > 65_535)
    throw new TypeError(`${JSON.stringify(from)} is no address: write 192.0.2.1, or 192.0.2.1:4000`);
  return { address, port };
}
