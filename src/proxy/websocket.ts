/** Exchanges that leave HTTP for WebSocket: like any other up to the upstream's 101, and a tunnel from there on. */
import type { CompiledNode, CompiledUpstream } from '../compile/snapshot.ts';
import { parsed } from '../http1/fields.ts';
import { Head } from '../http1/head.ts';
import { type OutgoingRequest, type OutgoingResponse, responseText } from '../http1/messages.ts';
import { ServerConnection } from '../http1/server-connection.ts';
import type { Tunnel } from '../http1/tunnel.ts';
import type { TunnelEnd } from '../http1/tunnel-end.ts';
import { ServerStream } from '../http2/server-stream.ts';
import type { UpstreamStream } from '../upstream/transport.ts';
import type { Exchange } from './exchange.ts';
import { noteHeadSent } from './plane.ts';
import { Forward } from './forward.ts';
import { droppedFromResponse } from './forwarding.ts';
import { isKnown, type TunnelCaller } from './tunnels.ts';
import { runResponseHead } from './pipeline.ts';
import { type Handshake, type HandshakeFault, isAnswer, readHandshake } from './websocket-handshake.ts';

const SWITCH = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';

/** What takes the request of a route that enables WebSocket. @returns why a handshake is refused */
export function webSocketForward(exchange: Exchange, upstream: CompiledUpstream): Forward | HandshakeFault {
  const handshake = readHandshake(exchange);
  if (handshake === null) return new Forward(exchange, upstream);
  return typeof handshake === 'string' ? handshake : new WebSocketForward(exchange, upstream, handshake);
}

class WebSocketForward extends Forward {
  private readonly handshake: Handshake;

  constructor(exchange: Exchange, upstream: CompiledUpstream, handshake: Handshake) {
    super(exchange, upstream);
    this.handshake = handshake;
  }

  protected override requestTo(node: CompiledNode): OutgoingRequest {
    const request = super.requestTo(node);
    const { key } = this.handshake;
    return { ...request, added: request.added + (key === '' ? SWITCH : `${SWITCH}Sec-WebSocket-Key: ${key}\r\n`) };
  }

  override onResponseHead(status: number, text: string): 'coding' | 'codingWithTrailers' | 'data' {
    if (this.exchange.downstream.isConnect !== true || status >= 300) return super.onResponseHead(status, text);
    // A client of HTTP/2 would take any success for its tunnel.
    this.stream?.abort();
    this.onResponseFault('malformed');
    return 'data';
  }

  onResponseSwitch(text: string, rest: Buffer): void {
    const { exchange, stream } = this;
    if (stream === null) return;
    const head = new Head(text);
    const isAsked = exchange.sentMethod === 'GET' && parsed.minorVersion === 1;
    if (!isAsked || !isAnswer(this.handshake, head)) {
      stream.abort();
      this.onResponseFault('malformed');
      return;
    }
    this.headAt_ms = this.now_ms;
    this.target.health?.noteStatus(this.nodeIndex, 101);
    this.parts?.answered(this.nodeIndex, 101, this.latency_ms);
    exchange.upstreamHead = head;
    exchange.upstreamStatus = 101;
    exchange.status = this.switchStatus;
    if (!this.runHead(head)) {
      this.endAttempt(this.latency_ms);
      this.giveUp('plugin_failed');
      return;
    }
    // After its head an exchange knows no configuration any more, and the tunnel is to be closed when the caller's changes.
    const caller = callerOf(exchange);
    noteHeadSent(exchange);
    this.join(stream, rest, caller);
  }

  /** Runs the phase `responseHead`. @returns false if a plugin failed, or wants another answer: the upstream has switched already */
  private runHead(head: Head): boolean {
    const { exchange } = this;
    if (exchange.chain.responseHead.length === 0) return true;
    const response = exchange.openResponse(head);
    const isSound = runResponseHead(exchange);
    // What follows is no body.
    exchange.dropBodySteps();
    return isSound && exchange.status === this.switchStatus && response.replacement === null;
  }

  /** RFC 8441 §5: HTTP/2 knows no 101, and any status that says success opens the tunnel. */
  private get switchStatus(): number {
    return this.exchange.downstream.isMultiplexed ? 200 : 101;
  }

  private join(stream: UpstreamStream, rest: Buffer, caller: TunnelCaller | null): void {
    const { exchange } = this;
    // Counted before the client's connection is not any more: who drains waits for both.
    const tunnel = exchange.connectionMemo.tunnels.add(caller, (ended) => this.onTunnelOver(ended));
    const { client, head, ahead } = this.takeClient(tunnel);
    const upstream = tunnel.upstream.takeOver(stream.release(tunnel.upstream));
    tunnel.begin({ client, upstream }, head, ahead, rest);
    // What changed while the upstream was asked counts, too.
    if (caller !== null && !isKnown(caller, exchange.plane.current.snapshot.consumers)) tunnel.revoke();
  }

  /** @returns what is still to be written of the head, and what the client sent ahead */
  private takeClient(tunnel: Tunnel): { readonly client: TunnelEnd; readonly head: string; readonly ahead: Buffer } {
    const { downstream } = this.exchange;
    if (downstream instanceof ServerConnection) {
      const client = tunnel.client.takeOver(downstream.socket);
      return { client, head: `${responseText(this.switchHead(SWITCH))}\r\n`, ahead: downstream.release() };
    }
    if (!(downstream instanceof ServerStream)) throw new TypeError('a client that nothing is known of');
    const client = downstream.openTunnel(this.switchHead(''), tunnel.client);
    return { client, head: '', ahead: client.takeEarly() };
  }

  private switchHead(added: string): OutgoingResponse {
    const { upstreamHead, plane, responseAdded, downstream } = this.exchange;
    // RFC 8441 §5: it belongs to a key that the client does not know.
    if (downstream.isMultiplexed) upstreamHead?.remove('sec-websocket-accept');
    const server = responseAdded?.has('server') === true ? '' : plane.ownFields.server;
    return {
      keepsStart: false,
      status: this.switchStatus,
      reason: 'Switching Protocols',
      fields: upstreamHead,
      dropped: droppedFromResponse('unframed', plane.options.serverHeader !== ''),
      added: added + server + (responseAdded?.text() ?? ''),
    };
  }

  private onTunnelOver({ client, upstream, outcome }: Tunnel): void {
    const { exchange } = this;
    this.stream = null;
    exchange.bodyBytesReceived = client.received;
    exchange.bodyBytesSent = upstream.received;
    exchange.errorCode = outcome;
    this.noteAttempt(this.latency_ms, 'answered');
    exchange.finish();
  }
}

/** Null where there is no consumer, or one that no configuration knows. */
function callerOf({ consumer, credentialId, snapshot }: Exchange): TunnelCaller | null {
  if (consumer === null) return null;
  const { username } = consumer;
  const proof = snapshot.consumers?.proofOf(username, credentialId);
  return proof === undefined ? null : { username, credentialId, ...proof };
}
