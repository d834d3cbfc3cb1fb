/**
 * The connections to one name at a node over TLS that chooses between HTTP/2 and HTTP/1.1. Every new connection is offered
 * both, so that a node that speaks something else than before is noticed by itself; what it chose last only tells how many
 * requests may wait for the same connection.
 */
import type { KeepalivePool } from '../compile/snapshot.ts';
import type { Dialer, ResponseSink } from '../http1/client-settings.ts';
import { AwaitingStream } from './awaiting-stream.ts';
import { Http2NodePool } from './http2-pool.ts';
import { Negotiation, type NegotiationOwner } from './negotiation.ts';
import type { NodeConnections } from './node-connections.ts';
import { NodePool, type PoolSettings } from './node-pool.ts';
import type { OpenOptions, UpstreamStream } from './transport.ts';

export class NegotiatedPool implements NodeConnections, NegotiationOwner {
  private readonly dialer: Dialer;
  private readonly settings: PoolSettings;
  /** Requests after which a connection of HTTP/2 is closed; 0 means no bound. */
  private readonly requests: number;
  /** Of HTTP/2, which exchanges share. */
  private readonly shared: Http2NodePool;
  /** Of HTTP/1.1, which serve one exchange at a time. */
  private readonly single: NodePool;
  private readonly negotiations = new Set<Negotiation>();
  /** What the node chose last; before it chose anything, what it is hoped for. */
  private isHttp2 = true;

  /** @param dialer makes connections that offer both */
  constructor(dialer: Dialer, keepalive: KeepalivePool, settings: PoolSettings) {
    this.dialer = dialer;
    this.settings = settings;
    this.requests = keepalive.requests;
    this.shared = new Http2NodePool(dialer, keepalive, settings);
    this.single = new NodePool(dialer, keepalive, settings);
  }

  get openCount(): number {
    return this.shared.openCount + this.single.openCount + this.negotiations.size;
  }

  get idleCount(): number {
    return this.shared.idleCount + this.single.idleCount;
  }

  open(sink: ResponseSink, options: OpenOptions): UpstreamStream {
    const stream = this.openThere(sink, options);
    if (stream !== null) return stream;
    const awaiting = new AwaitingStream(sink, options);
    this.await(awaiting);
    return awaiting;
  }

  /** On a connection that is there already. */
  private openThere(sink: ResponseSink, options: OpenOptions): UpstreamStream | null {
    const stream = this.shared.openWhereRoom(sink, options);
    return stream === null && !options.isFresh ? this.single.openIdle(sink, options) : stream;
  }

  private await(stream: AwaitingStream): void {
    const most = this.mostAwaiting;
    const { timeouts } = stream.options;
    for (const negotiation of this.negotiations) {
      // It is for those who wait equally long.
      const isInTime = negotiation.timeouts.connect_ms === timeouts.connect_ms;
      if (isInTime && negotiation.count < most) return negotiation.add(stream);
    }
    const negotiation = new Negotiation(this.dialer, this, this.settings.wheel, timeouts);
    this.negotiations.add(negotiation);
    negotiation.add(stream);
  }

  private get mostAwaiting(): number {
    if (!this.isHttp2) return 1;
    const { assumedStreams } = this.shared;
    return this.requests > 0 ? Math.min(assumedStreams, this.requests) : assumedStreams;
  }

  close(): void {
    this.shared.close();
    this.single.close();
  }

  retire(): void {
    this.shared.retire();
    this.single.retire();
  }

  closeOldest(): boolean {
    return this.single.closeOldest() || this.shared.closeOldest();
  }

  // What becomes of connections that are being made.

  onChosen(negotiation: Negotiation, isHttp2: boolean): void {
    this.negotiations.delete(negotiation);
    this.isHttp2 = isHttp2;
    const streams = negotiation.takeStreams();
    if (isHttp2) {
      const connection = this.shared.add(negotiation.made, negotiation.timeouts);
      for (const stream of streams) this.place(stream);
      // All of them were given up meanwhile.
      if (connection.isIdle) connection.drain();
      return;
    }
    const [first, ...others] = streams;
    if (first !== undefined)
      this.guard(first, () => first.join(this.single.openOn(negotiation.made, first.sink, first.options)));
    for (const stream of others) this.place(stream);
  }

  /** One of those that waited. */
  private place(stream: AwaitingStream): void {
    // Given up by what became of another one.
    if (stream.awaited === null) return;
    this.guard(stream, () => {
      const there = this.openThere(stream.sink, stream.options);
      if (there === null) this.await(stream);
      else stream.join(there);
    });
  }

  /** What one exchange throws must cost no other one. */
  private guard(stream: AwaitingStream, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.onException(error);
      stream.abort();
      stream.fail('reset');
    }
  }

  onOver(negotiation: Negotiation): void {
    this.negotiations.delete(negotiation);
  }

  onException(error: unknown): void {
    this.settings.onFault(error);
  }
}
