/**
 * Where the frames of a WebSocket begin and end (RFC 6455 §5.2), told from their heads alone: what is in them is
 * nobody's business but the peers'. It is needed to put in a frame of our own without breaking another one in two.
 */
const CLOSE = 8;

export class FrameMeter {
  /** Bytes of the current frame's head that are there, and that it has, the mask not counted. */
  private headBytes = 0;
  private headLength = 2;
  private length = 0;
  /** Bytes that are missing of the current frame, mask included. */
  private missing = 0;
  private maskBytes = 0;
  private opcode = 0;
  /** What comes is no sequence of frames. */
  private isLost = false;
  /** A close frame began: by RFC 6455 §5.5.1 no frame follows it. */
  hasClosed = false;

  /** Whether a frame could be put in after the last byte. */
  get isAtBoundary(): boolean {
    return !this.isLost && this.headBytes === 0 && this.missing === 0;
  }

  /** Takes all bytes. */
  scan(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) at = this.advance(bytes, at, end);
  }

  /** Takes bytes up to the end of the current frame. @returns where that is, `end` if it is not there */
  advance(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.missing === 0) {
      if (this.isLost) return end;
      this.takeHead(bytes[at++] ?? 0);
      if (this.headBytes === 0 && this.missing === 0) return at;
    }
    const taken = Math.min(this.missing, end - at);
    this.missing -= taken;
    return at + taken;
  }

  private takeHead(byte: number): void {
    switch (this.headBytes++) {
      case 0:
        this.opcode = byte & 15;
        break;
      case 1:
        this.maskBytes = byte >= 128 ? 4 : 0;
        this.length = byte & 127;
        if (this.length >= 126) {
          this.headLength = this.length === 126 ? 4 : 10;
          this.length = 0;
        }
        break;
      default:
        this.length = this.length * 256 + byte;
    }
    if (this.headBytes < this.headLength) return;
    this.headBytes = 0;
    this.headLength = 2;
    this.missing = this.length + this.maskBytes;
    this.isLost = this.length > 2 ** 52;
    if (this.opcode === CLOSE) this.hasClosed = true;
  }
}
