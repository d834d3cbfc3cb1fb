/** Where clients are accepted: what main tells workers about it. */
import type { ListenerSettings } from '../config/listener-settings.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { pathOf } from '../model/problem.ts';
import type { Protocol } from '../proxy/listener.ts';

export interface TcpPlace {
  readonly address: string;
  /** 0 until it is known. */
  readonly port: number;
}

/** A UNIX domain socket. */
export interface UnixPlace {
  readonly path: string;
  readonly mode: number;
  /** Null leaves it to whoever makes the socket. */
  readonly uid: number | null;
  readonly gid: number | null;
}

export interface ListenerPlan {
  /** Its place as it is configured: a listener stays the same one while other things of it change. */
  readonly key: string;
  /** Its path in the configuration. */
  readonly source: string;
  readonly place: TcpPlace | UnixPlace;
  readonly protocol: Protocol;
  /** Peers that send the PROXY protocol. */
  readonly proxied: readonly string[];
}

/** Ports that were found for listeners on port 0, by key. */
export type FoundPorts = readonly (readonly [key: string, port: number])[];

export function plansOf({ http, https }: Pick<GatewaySettings, 'http' | 'https'>): ListenerPlan[] {
  const taken = new Set<string>();
  const planOf = (listener: ListenerSettings, source: string, protocol: Protocol): ListenerPlan => {
    const place = placeOf(listener);
    const first = 'path' in place ? `unix ${place.path}` : `${place.address} ${place.port}`;
    let key = first;
    // Several free ports.
    for (let n = 2; taken.has(key); n++) key = `${first} ${n}`;
    taken.add(key);
    return { key, source, place, protocol, proxied: listener.proxy_protocol?.from ?? [] };
  };
  return [
    ...http.map((one, i) => planOf(one, pathOf('gateway.http', i), one.http2 ? 'either' : 'http1')),
    ...https.map((one, i) => planOf(one, pathOf('gateway.https', i), one.http2 ? 'tlsHttp2' : 'tls')),
  ];
}

function placeOf({ address, port, path, mode, uid, gid }: ListenerSettings): TcpPlace | UnixPlace {
  if (path === undefined) return { address: address ?? '0.0.0.0', port: port ?? 0 };
  return { path, mode: Number.parseInt(mode ?? '0660', 8), uid: uid ?? null, gid: gid ?? null };
}

/** The same plans with the ports that were found. */
export function withPorts(plans: readonly ListenerPlan[], found: FoundPorts): ListenerPlan[] {
  const ports = new Map(found);
  return plans.map((plan) => {
    const port = ports.get(plan.key);
    if (port === undefined || 'path' in plan.place) return plan;
    return { ...plan, place: { ...plan.place, port } };
  });
}

/** The port that clients are sent to for TLS: 443 if it is one, else the first; null where there is none, or only sockets. */
export function httpsPortOf(plans: readonly ListenerPlan[], found: FoundPorts): number | null {
  const secured = plans.filter(({ protocol }) => protocol === 'tls' || protocol === 'tlsHttp2');
  const ports = portsIn(withPorts(secured, found)).map(([, port]) => port);
  return ports.includes(443) ? 443 : (ports[0] ?? null);
}

/** Ports of plans that are known. */
export function portsIn(plans: readonly ListenerPlan[]): FoundPorts {
  return plans.flatMap(({ key, place }) => ('port' in place && place.port !== 0 ? [[key, place.port] as const] : []));
}

export const hasUnknownPort = (plans: readonly ListenerPlan[]): boolean =>
  plans.some(({ place }) => 'port' in place && place.port === 0);

/**
 * What one of several workers listens on. They share ports; a UNIX domain socket cannot be shared, and the workers take
 * turns in having one.
 */
export function shareOf(plans: readonly ListenerPlan[], slot: number, workers: number): ListenerPlan[] {
  let sockets = 0;
  return plans.filter(({ place }) => !('path' in place) || sockets++ % workers === slot);
}

/** Fields of a line of the log. */
export function placeFields({ place, protocol }: ListenerPlan): Readonly<Record<string, string | number>> {
  const name = protocol === 'tls' || protocol === 'tlsHttp2' ? 'https' : 'http';
  if ('path' in place) return { protocol: name, path: place.path };
  return { protocol: name, address: place.address, port: place.port };
}
