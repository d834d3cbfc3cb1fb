/**
 * Writing: each message, or as much of it as is there, goes out in one write. Small ones as one latin1 string; larger
 * ones are put together in a scratch memory, which the socket holds only if the kernel did not take all of it at once.
 */
import { latin1, writeLatin1 } from './bytes.ts';
import { hasLeftovers, isBehind, sendBytes, sendText } from './direct-write.ts';
import { type OwnedSocket, queueBytes, writeAllQueued, writeQueued, writeText } from './owned-socket.ts';
import { currentScratch, type Scratch } from './scratch.ts';

/** Up to here joining text and body as a string is cheaper than copying both. */
const STRING_JOIN_BYTES = 2_048;
/** Larger messages do not wait for the end of the turn: they would fill the memory, and gain little. */
const MOST_WAITING_BYTES = 32_768;

/**
 * Writes `text` and the bytes from `start` to `end` after it. The bytes may be reused by the caller at once.
 * @returns false if the socket is behind: wait for its 'drain' before writing more. Of a message that waits for the end of
 *   the turn that is known only then: its owner's `onBehind` is called
 */
export function writeMessage(
  socket: OwnedSocket,
  text: string,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const length = end - start;
  if (length === 0) return writeText(socket, text);
  if (length <= STRING_JOIN_BYTES) return writeText(socket, text + latin1(bytes, start, end));
  // The scratch comes before queued text, and there is room for one.
  if (socket.queuedBytes !== null) writeQueued(socket);
  const scratch = scratchFor(socket.queued.length + text.length + length);
  if (scratch === null) return writeMessageApart(socket, text, bytes, start, end);
  const isWaiting = socket.queued !== '';
  const before = isWaiting ? socket.queued + text : text;
  const total = before.length + length;
  socket.queued = '';
  const { memory, used } = scratch;
  const at = before === '' ? used : used + writeLatin1(memory, before, used);
  memory.set(bytes.subarray(start, end), at);
  const message = new Uint8Array(memory.buffer, used, total);
  if (total <= MOST_WAITING_BYTES && !socket.connecting && !hasLeftovers(socket)) {
    scratch.used += total;
    if (isWaiting) socket.queuedBytes = message;
    else queueBytes(socket, message);
    return true;
  }
  sendBytes(socket, message, scratch);
  if (hasLeftovers(socket)) scratch.used += total;
  return !isBehind(socket);
}

/** @returns null if a message of that size never has room */
function scratchFor(bytes: number): Scratch | null {
  if (currentScratch().used + bytes > currentScratch().memory.length) writeAllQueued();
  return bytes <= currentScratch().memory.length ? currentScratch() : null;
}

function writeMessageApart(socket: OwnedSocket, text: string, bytes: Uint8Array, start: number, end: number): boolean {
  writeQueued(socket);
  if (text !== '') sendText(socket, text);
  sendBytes(socket, Buffer.from(bytes.subarray(start, end)), null);
  return !isBehind(socket);
}

export const NO_BYTES = Buffer.alloc(0);
