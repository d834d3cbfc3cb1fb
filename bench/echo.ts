/** WebSocket as the benchmark needs it: frames of less than 64 KiB, which come back as they were. */
import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The answer to a handshake. */
export function switchText(key: string): string {
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/** A text as one frame; a client's is masked. */
export function frameOf(text: string, isMasked: boolean): Buffer {
  const payload = Buffer.from(text, 'latin1');
  const long = payload.length > 125;
  const head = [0x81, (isMasked ? 0x80 : 0) | (long ? 126 : payload.length)];
  if (long) head.push(payload.length >> 8, payload.length & 255);
  if (!isMasked) return Buffer.concat([Buffer.from(head), payload]);
  const mask = [1, 2, 3, 4];
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return Buffer.concat([Buffer.from([...head, ...mask]), payload]);
}

/** Gives masked frames back, unmasked. */
export class Echo {
  private pending: Buffer = Buffer.alloc(0);

  /** @returns what is complete */
  take(bytes: Buffer): Buffer {
    const all = this.pending.length === 0 ? bytes : Buffer.concat([this.pending, bytes]);
    const answers: Buffer[] = [];
    let at = 0;
    for (;;) {
      const next = frameEnd(all, at);
      if (next < 0 || next > all.length) break;
      answers.push(answerTo(all.subarray(at, next)));
      at = next;
    }
    this.pending = Buffer.from(all.subarray(at));
    const [first] = answers;
    return answers.length === 1 && first !== undefined ? first : Buffer.concat(answers);
  }
}

/** Where the frame ends that begins at `at`; -1 while that is not known. */
export function frameEnd(bytes: Buffer, at: number): number {
  if (bytes.length < at + 2) return -1;
  const second = bytes[at + 1] ?? 0;
  const isLong = (second & 127) === 126;
  if (isLong && bytes.length < at + 4) return -1;
  const length = isLong ? bytes.readUInt16BE(at + 2) : second & 127;
  return at + 2 + (isLong ? 2 : 0) + (second & 128 ? 4 : 0) + length;
}

function answerTo(frame: Buffer): Buffer {
  const isLong = ((frame[1] ?? 0) & 127) === 126;
  const maskAt = isLong ? 4 : 2;
  const answer = Buffer.allocUnsafe(frame.length - 4);
  frame.copy(answer, 0, 0, maskAt);
  answer[1] = (frame[1] ?? 0) & 127;
  const start = maskAt + 4;
  for (let i = start; i < frame.length; i++) answer[i - 4] = (frame[i] ?? 0) ^ (frame[maskAt + ((i - start) & 3)] ?? 0);
  return answer;
}
