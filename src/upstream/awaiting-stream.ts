/** A request that was asked for before it is known which protocol its connection will speak: it waits, and is then sent on that. */
import type { ResponseFault, ResponseFraming, ResponseSink } from '../http1/client-settings.ts';
import { ByteQueue } from '../http1/bytes.ts';
import type { OutgoingRequest } from '../http1/messages.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import type { OutgoingOwner } from '../http1/sockets.ts';
import type { OpenOptions, UpstreamStream } from './transport.ts';

/** Of one request, until it can be sent: what a socket takes that is still being connected. */
const MOST_KEPT_BYTES = 65_536;

/** What requests wait for. */
export interface Awaited {
  /** It was given up. */
  leave(stream: AwaitingStream): void;
}

export class AwaitingStream implements UpstreamStream {
  readonly sink: ResponseSink;
  readonly options: OpenOptions;
  /** Null once the request is sent, or over. */
  awaited: Awaited | null = null;
  private stream: UpstreamStream | null = null;
  private request: OutgoingRequest | null = null;
  private readonly body = new ByteQueue();
  private isComplete = false;
  private trailersOfRequest = '';
  /** Its sender was told to wait. */
  private isBehind = false;

  constructor(sink: ResponseSink, options: OpenOptions) {
    this.sink = sink;
    this.options = options;
  }

  // What forwarding asks.

  get isReused(): boolean {
    return this.stream !== null && this.stream.isReused;
  }

  get isConnected(): boolean {
    return this.stream !== null && this.stream.isConnected;
  }

  /** As long as it is not known, what holds for HTTP/2 is made ready. */
  get isMultiplexed(): boolean {
    return this.stream === null || this.stream.isMultiplexed;
  }

  get hasReceived(): boolean {
    return this.stream !== null && this.stream.hasReceived;
  }

  get framing(): ResponseFraming {
    return this.stream === null ? 'none' : this.stream.framing;
  }

  get trailers(): string {
    return this.stream === null ? '' : this.stream.trailers;
  }

  addTrailers(text: string): void {
    if (this.stream === null) this.trailersOfRequest = text;
    else this.stream.addTrailers?.(text);
  }

  send(request: OutgoingRequest, bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean {
    if (this.stream !== null) return this.stream.send(request, bytes, start, end, isComplete);
    this.request = request;
    return this.keep(bytes, start, end, isComplete);
  }

  write(bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean {
    return this.stream === null
      ? this.keep(bytes, start, end, isComplete)
      : this.stream.write(bytes, start, end, isComplete);
  }

  private keep(bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean {
    if (end > start) this.body.append(bytes, start, end);
    this.isComplete = isComplete;
    // Who is told to wait earlier is not read, and nobody would notice that the client is gone.
    this.isBehind = !isComplete && this.body.length >= MOST_KEPT_BYTES;
    return !this.isBehind;
  }

  pause(): void {
    this.stream?.pause();
  }

  resume(): void {
    this.stream?.resume();
  }

  release(owner: OutgoingOwner): OwnedSocket {
    if (this.stream === null) throw new TypeError('there is no connection to be released');
    return this.stream.release(owner);
  }

  abort(): void {
    const { awaited } = this;
    this.awaited = null;
    if (this.stream !== null) this.stream.abort();
    else awaited?.leave(this);
  }

  // What becomes of it.

  /** The request goes out on a stream that was opened for the same sink. */
  join(stream: UpstreamStream): void {
    this.awaited = null;
    this.stream = stream;
    const { request, isBehind } = this;
    if (request === null) return;
    this.request = null;
    if (this.trailersOfRequest !== '') stream.addTrailers?.(this.trailersOfRequest);
    const body = this.body.take();
    if (stream.send(request, body, 0, body.length, this.isComplete) && isBehind) this.sink.onUpstreamWritable();
  }

  /** No connection came about. */
  fail(fault: ResponseFault): void {
    this.awaited = null;
    this.sink.onResponseFault(fault);
  }
}
