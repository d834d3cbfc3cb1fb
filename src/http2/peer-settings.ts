/** The other side's SETTINGS (RFC 9113 §6.5.2, RFC 9218 §2.1.1). */
import * as h2 from './protocol.ts';

export class PeerSettings {
  initialWindow = h2.DEFAULT_WINDOW;
  /** −1 if the last frame did not say. */
  tableSize = -1;
  private priorities = -1;
  /** How many streams it takes at once (§6.5.2: no bound unless it says one). */
  concurrentStreams = Number.POSITIVE_INFINITY;
  private readonly isServers: boolean;

  constructor(isServers: boolean) {
    this.isServers = isServers;
  }

  /** Reads the payload of a frame. @returns an error code, `NO_ERROR` if it is sound */
  read(bytes: Buffer, start: number, end: number): number {
    this.tableSize = -1;
    for (let at = start; at < end; at += 6) {
      const value = bytes.readUInt32BE(at + 2);
      const fault = this.take(bytes.readUInt16BE(at), value);
      if (fault !== h2.NO_ERROR) return fault;
    }
    // RFC 9218 §2.1.1: what the first frame says, holds; not to say it is to say 0.
    if (this.priorities < 0) this.priorities = 0;
    return h2.NO_ERROR;
  }

  private take(id: number, value: number): number {
    switch (id) {
      case h2.HEADER_TABLE_SIZE:
        this.tableSize = this.tableSize < 0 ? value : Math.min(this.tableSize, value);
        return h2.NO_ERROR;
      case h2.ENABLE_PUSH:
        // A server may only say that it does not push.
        return value <= (this.isServers ? 0 : 1) ? h2.NO_ERROR : h2.PROTOCOL_ERROR;
      case h2.MAX_CONCURRENT_STREAMS:
        this.concurrentStreams = value;
        return h2.NO_ERROR;
      case h2.INITIAL_WINDOW_SIZE:
        if (value > h2.MOST_WINDOW) return h2.FLOW_CONTROL_ERROR;
        this.initialWindow = value;
        return h2.NO_ERROR;
      case h2.MAX_FRAME_SIZE:
        return value >= h2.FRAME_BYTES && value < 2 ** 24 ? h2.NO_ERROR : h2.PROTOCOL_ERROR;
      case h2.NO_RFC7540_PRIORITIES:
        if (value > 1 || (this.priorities >= 0 && this.priorities !== value)) return h2.PROTOCOL_ERROR;
        this.priorities = value;
        return h2.NO_ERROR;
      default:
        // §6.5.2: unknown ones are ignored; ENABLE_CONNECT_PROTOCOL is the server's to say.
        return h2.NO_ERROR;
    }
  }
}
