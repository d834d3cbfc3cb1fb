/** Exchanges that leave HTTP for WebSocket: like any other up to the upstream's 101, and a tunnel from there on. */
import type { CompiledNode, CompiledUpstream } from '../compile/snapshot.ts';
import { parsed } from '../http1/fields.ts';
import { Head } from '../http1/head.ts';
import { type OutgoingRequest, responseText } from '../http1/messages.ts';
import { ServerConnection } from '../http1/server-connection.ts';
import type { Tunnel } from '../http1/tunnel.ts';
import type { UpstreamStream } from '../upstream/transport.ts';
import type { Exchange } from './exchange.ts';
import { Forward } from './forward.ts';
import { droppedFromResponse } from './forwarding.ts';
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
    return { ...request, added: request.added + SWITCH };
  }

  onResponseSwitch(text: string, rest: Buffer): void {
    const { exchange, stream } = this;
    if (stream === null) return;
    const { downstream } = exchange;
    const head = new Head(text);
    const isAsked = exchange.sentMethod === 'GET' && parsed.minorVersion === 1;
    if (!isAsked || !(downstream instanceof ServerConnection) || !isAnswer(this.handshake, head)) {
      stream.abort();
      this.onResponseFault('malformed');
      return;
    }
    this.headAt_ms = this.now_ms;
    this.target.health?.noteStatus(this.nodeIndex, 101);
    this.parts?.answered(this.nodeIndex, 101, this.latency_ms);
    exchange.upstreamHead = head;
    exchange.status = exchange.upstreamStatus = 101;
    if (!this.runHead(head)) {
      this.endAttempt(this.latency_ms);
      this.giveUp('plugin_failed');
      return;
    }
    exchange.isHeadSent = true;
    this.join(stream, downstream, rest);
  }

  /** Runs the phase `responseHead`. @returns false if a plugin failed, or wants another answer: the upstream has switched already */
  private runHead(head: Head): boolean {
    const { exchange } = this;
    if (exchange.chain.responseHead.length === 0) return true;
    const response = exchange.openResponse(head);
    const isSound = runResponseHead(exchange);
    // What follows is no body.
    exchange.dropBodySteps();
    return isSound && exchange.status === 101 && response.replacement === null;
  }

  private join(stream: UpstreamStream, connection: ServerConnection, rest: Buffer): void {
    const { exchange } = this;
    // Counted before the client's connection is not any more: who drains waits for both.
    const tunnel = exchange.plane.tunnels.add((ended) => this.onTunnelOver(ended));
    const client = tunnel.client.takeOver(connection.socket);
    const ahead = connection.release();
    const upstream = stream.release(tunnel.upstream);
    tunnel.begin({ client, upstream }, this.switchText(), ahead, rest);
  }

  private switchText(): string {
    const { exchange } = this;
    const { upstreamHead, plane, responseAdded } = exchange;
    const server = responseAdded?.has('server') === true ? '' : plane.ownFields.server;
    const text = responseText({
      keepsStart: false,
      status: 101,
      reason: 'Switching Protocols',
      fields: upstreamHead,
      dropped: droppedFromResponse('unframed', plane.options.serverHeader !== ''),
      added: SWITCH + server + (responseAdded?.text() ?? ''),
    });
    return `${text}\r\n`;
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
