/** The streams that we opened: requests under way to a node. */
import type { HeaderListLimits } from './hpack-decoder.ts';
import type { ClientConnection } from './client-connection.ts';
import { STREAM_WINDOW } from './client-settings.ts';
import type { ClientStream } from './client-stream.ts';
import * as h2 from './protocol.ts';
import { StreamTable } from './stream-table.ts';

/** What a late head counts for. */
const LATE_HEAD = 1_024;

export class ClientStreams extends StreamTable<ClientStream> {
  protected readonly connection: ClientConnection;

  constructor(connection: ClientConnection, limits: HeaderListLimits) {
    super(limits);
    this.connection = connection;
    this.last = -1;
  }

  /** Gives the stream its number: in the order in which their heads are sent (§5.1.1). */
  add(stream: ClientStream): void {
    this.last += 2;
    stream.id = this.last;
    this.open.set(stream.id, stream);
  }

  onConnected(): void {
    for (const stream of this.open.values()) stream.onConnected();
  }

  protected onBlock(id: number, isLast: boolean): number {
    const stream = this.open.get(id);
    if (stream === undefined) return id > this.last ? h2.PROTOCOL_ERROR : this.lateFrame(id, LATE_HEAD);
    const { isTooLarge, fields } = this.decoder;
    if (!stream.hasHead) {
      if (isTooLarge || !stream.takeHead(fields, isLast)) this.fail(stream, h2.PROTOCOL_ERROR);
      return h2.NO_ERROR;
    }
    const trailers = this.trailersOf(isLast);
    if (trailers === null) this.fail(stream, h2.PROTOCOL_ERROR);
    else stream.endByTrailers(trailers);
    return h2.NO_ERROR;
  }

  protected isWanted(id: number): boolean {
    return this.open.has(id);
  }

  protected get window(): number {
    return STREAM_WINDOW;
  }

  /**
   * What we gave up may still be answered, as far as its window went. That is no misconduct, however often clients make us give
   * requests up.
   */
  protected lateFrame(id: number, flow: number): number {
    const left = this.givenUp.get(id);
    if (left === undefined) return this.spendLate();
    if (flow > left) return h2.FLOW_CONTROL_ERROR;
    this.givenUp.set(id, left - flow);
    return h2.NO_ERROR;
  }

  /** §8.1: who has answered may reset what is left of the request. */
  protected lateReset(id: number): number {
    return this.givenUp.delete(id) || this.past.delete(id) ? h2.NO_ERROR : this.spendLate();
  }

  private spendLate(): number {
    return this.connection.spend('refused_streams') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
  }

  protected onReset(stream: ClientStream, code: number): number {
    const isRefused = code === h2.REFUSED_STREAM;
    // Before the exchange hears of it: it may try again at once.
    if (isRefused) this.connection.noteRefused();
    stream.refused(isRefused);
    return h2.NO_ERROR;
  }

  protected onFlood(kind: 'continuation_flood' | 'hpack_bomb'): void {
    this.connection.noteAbuse(kind);
  }

  /** RFC 9218 §7.1: servers send none. */
  protected onPriority(): number {
    return h2.PROTOCOL_ERROR;
  }

  protected startOne(stream: ClientStream): void {
    stream.handOn();
    stream.startBody();
  }

  /** The node looks at no stream after that one. */
  refuseAfter(last: number): void {
    for (const stream of this.open.values()) if (stream.id > last) stream.refused(true);
  }
}
