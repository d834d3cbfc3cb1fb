/** What is derived once per client connection instead of once per request: keep-alive clients repeat themselves. */
import type net from 'node:net';
import { flat } from '../http1/bytes.ts';
import type { Head } from '../http1/head.ts';
import type { TlsFacts } from '../tls/tls-facts.ts';
import type { Authority, AuthorityMemo } from './authority.ts';
import type { Exchange } from './exchange.ts';
import { describeClient } from './forwarding.ts';
import type { Tunnels } from './tunnels.ts';

export class ConnectionMemo {
  /** Of a connection over TLS. */
  readonly tls: TlsFacts | null;
  readonly isPeerTrusted: boolean;
  /** Of the peer; 0 if it is not known. */
  readonly remotePort: number;
  /** Of the client, for what is seldom asked of it. */
  socket: net.Socket | null = null;
  /** Where this connection goes if it leaves HTTP. */
  readonly tunnels: Tunnels;
  private authority: Authority | null = null;
  private forwardingHost: string | null = null;
  private forwardingVersion = -1;
  private forwarding = '';
  private isForwardingFlat = false;

  private readonly authorities: AuthorityMemo;

  constructor(
    isPeerTrusted: boolean,
    remotePort: number,
    authorities: AuthorityMemo,
    tls: TlsFacts | null,
    tunnels: Tunnels,
  ) {
    this.tls = tls;
    this.isPeerTrusted = isPeerTrusted;
    this.remotePort = remotePort;
    this.authorities = authorities;
    this.tunnels = tunnels;
  }

  /** Of a head's field; null if it is malformed. */
  authorityAt(head: Head, index: number): Authority | null {
    const { authority } = this;
    return authority !== null && head.holds(index, authority.text) ? authority : this.authorityOf(head.value(index));
  }

  /** Parsed Host; null if it is malformed. */
  authorityOf(text: string): Authority | null {
    if (this.authority !== null && this.authority.text === text) return this.authority;
    const authority = this.authorities.get(text);
    if (authority !== null) this.authority = authority;
    return authority;
  }

  /** The forwarding fields of a request that brought none of its own. */
  forwardingOf(exchange: Exchange): string {
    const { hostHeader, minorVersion } = exchange;
    if (this.forwardingHost !== hostHeader || this.forwardingVersion !== minorVersion) {
      this.forwarding = describeClient(exchange);
      this.isForwardingFlat = false;
      this.forwardingHost = hostHeader;
      this.forwardingVersion = minorVersion;
    } else if (!this.isForwardingFlat) {
      // Not for the first request: many connections bring no second one.
      this.forwarding = flat(this.forwarding);
      this.isForwardingFlat = true;
    }
    return this.forwarding;
  }
}
