/** What the streams of a connection write: heads and content, within what the client lets the connection send. */
import type { OutgoingRequest, OutgoingResponse } from '../http1/messages.ts';
import type { FrameWriter } from './frame-writer.ts';
import { HpackEncoder, type LineMemo } from './hpack-encoder.ts';
import * as h2 from './protocol.ts';
import { kindOf } from './protocol.ts';
import { block, writeInterimBlock, writeRequestBlock, writeResponseBlock, writeTrailerBlock } from './message-block.ts';

/** Bytes that may wait for the socket before streams have to wait themselves. */
const MOST_BACKLOG = 262_144;
/** Who reads by so little at a time, and says so each time, reads. */
const LEAST_GIVEN_BACK = 256;

export class Outflow {
  private readonly writer: FrameWriter;
  private readonly lines: LineMemo;
  private readonly onSent: () => void;
  private readonly encoder = new HpackEncoder();
  private sendWindow = h2.DEFAULT_WINDOW;
  /** Since when the connection's window lets nothing through; −1 while it does. */
  private shutAt_ms = -1;
  /** Content whose room has not been given back: in the window of the connection, and in those of its streams together. */
  private untakenOfAll = 0;
  private untakenOfStreams = 0;

  /** @param onSent told of each frame of content */
  constructor(writer: FrameWriter, lines: LineMemo, onSent: () => void) {
    this.writer = writer;
    this.lines = lines;
    this.onSent = onSent;
  }

  /** The client's SETTINGS_HEADER_TABLE_SIZE. */
  allowTable(size: number): void {
    this.encoder.allow(size);
  }

  /** @returns false if the connection's window would become too large */
  widen(more: number): boolean {
    this.sendWindow += more;
    this.shutAt_ms = -1;
    return this.sendWindow <= h2.MOST_WINDOW;
  }

  /**
   * Whether a window is opened by no more than what was sent, and not by next to nothing: that is how content is taken, whatever
   * number of frames the other side has for it. Many open theirs by each 4 KiB that they read, or by less.
   */
  isGivenBack(stream: number, more: number): boolean {
    if (more < LEAST_GIVEN_BACK || more > (stream === 0 ? this.untakenOfAll : this.untakenOfStreams)) return false;
    if (stream === 0) this.untakenOfAll -= more;
    else this.untakenOfStreams -= more;
    return true;
  }

  get generation(): number {
    return this.writer.generation;
  }

  /** The client does not take what is written. */
  get isBehind(): boolean {
    return this.writer.isBehind;
  }

  /** How long the other side has let nothing of any stream through. */
  get shut_ms(): number {
    return this.shutAt_ms < 0 ? 0 : this.writer.now_ms - this.shutAt_ms;
  }

  /** Bytes of content that may go into one frame now. */
  get sendable(): number {
    return this.writer.backlog > MOST_BACKLOG ? 0 : Math.min(this.sendWindow, h2.FRAME_BYTES);
  }

  writeHead(stream: number, response: OutgoingResponse): number {
    writeResponseBlock(this.encoder, this.lines, response);
    return this.writeBlock(stream);
  }

  /** @returns where END_STREAM can be set; `block.isChunked` tells how the body comes */
  writeRequest(stream: number, request: OutgoingRequest, scheme: 'http' | 'https'): number {
    writeRequestBlock(this.encoder, this.lines, request, scheme);
    return this.writeBlock(stream);
  }

  writeInterim(stream: number, status: number, text: string): void {
    writeInterimBlock(this.encoder, this.lines, status, text);
    this.writeBlock(stream);
  }

  /** The end of a response. @param text lines of fields, each with its CRLF */
  writeTrailers(stream: number, text: string): void {
    writeTrailerBlock(this.encoder, this.lines, text);
    this.writeBlock(stream, h2.END_STREAM);
  }

  /** @returns where END_STREAM can be set */
  private writeBlock(stream: number, flags = 0): number {
    const { bytes, length } = block;
    let end = Math.min(length, h2.FRAME_BYTES);
    const first = this.writer.frame(
      kindOf(h2.HEADERS, flags | (end === length ? h2.END_HEADERS : 0)),
      stream,
      bytes,
      0,
      end,
    );
    const { generation } = this.writer;
    while (end < length) {
      const start = end;
      end = Math.min(length, start + h2.FRAME_BYTES);
      this.writer.frame(kindOf(h2.CONTINUATION, end === length ? h2.END_HEADERS : 0), stream, bytes, start, end);
    }
    return generation === this.writer.generation ? first : -1;
  }

  /**
   * The window must have room for it.
   * @param isCrumb it is so small because the client opened its window no further: no reason to let it open windows more often
   * @returns where END_STREAM can be set
   */
  writeData(stream: number, bytes: Uint8Array, start: number, end: number, isCrumb: boolean): number {
    const length = end - start;
    this.sendWindow -= length;
    if (this.sendWindow === 0) this.shutAt_ms = this.writer.now_ms;
    this.untakenOfAll += length;
    this.untakenOfStreams += length;
    if (!isCrumb) this.onSent();
    return this.writer.frame(kindOf(h2.DATA, 0), stream, bytes, start, end);
  }

  /** Ends a stream by the flag of its last frame, if that is still to be written, else by a frame of its own. */
  endStream(stream: number, lastFrameAt: number, generation: number): void {
    const { memory } = this.writer;
    if (memory !== null && lastFrameAt >= 0 && generation === this.writer.generation) {
      memory[lastFrameAt + 4] |= h2.END_STREAM;
      return;
    }
    this.writer.frame(kindOf(h2.DATA, h2.END_STREAM), stream, NO_BYTES, 0, 0);
  }
}

const NO_BYTES = Buffer.alloc(0);
