/** The header of the PROXY protocol that tells an upstream who the client of an exchange is. */
import { isIP } from 'node:net';
import { plainAddress } from '../http1/address.ts';
import { encodeProxyHeader, type ProxyVersion } from '../proxy-protocol/encode.ts';
import type { Endpoint } from '../proxy-protocol/header.ts';
import type { Exchange } from './exchange.ts';

export function introductionOf(exchange: Exchange, version: ProxyVersion): Buffer {
  const { connectionMemo, remoteAddress, serverPort } = exchange;
  const source = endpointOf(remoteAddress, Number(exchange.variable('remote_port')));
  const destination = endpointOf(plainAddress(connectionMemo.socket?.localAddress ?? ''), serverPort);
  return encodeProxyHeader(version, source, destination);
}

/** A client on a UNIX domain socket has no address, and what a plugin says of one may be anything. */
function endpointOf(address: string, port: number): Endpoint {
  if (isIP(address) === 0 || address.includes('%')) return { address: '', port: 0 };
  return { address, port: port >= 0 && port <= 65_535 ? port : 0 };
}
