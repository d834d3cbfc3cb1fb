/**
 * Writing: each message, or as much of it as is there, goes out in one write. Small ones as one latin1 string; larger
 * ones are put together in a scratch buffer, which is lent to the socket only if the kernel did not take all of it at once.
 */
import { latin1, writeLatin1 } from './bytes.ts';
import { hasLeftovers, isBehind, sendBytes, sendText } from './direct-write.ts';
import { type OwnedSocket, takeQueued, writeText } from './owned-socket.ts';

/** Up to here joining text and body as a string is cheaper than copying both. */
const STRING_JOIN_BYTES = 2_048;
const SCRATCH_BYTES = 262_144 + 65_536;

let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** Scratch buffers that came back. Leaving them to the collector lets tens of megabytes pile up before it runs. */
const spares: (typeof scratch)[] = [];
const MOST_SPARES = 16;

/**
 * Writes `text` and the bytes from `start` to `end` after it. The bytes may be reused by the caller at once.
 * @returns false if the socket is behind: wait for its 'drain' before writing more. Of a small message that is known
 *   only at the end of the turn: then its owner's `onBehind` is called
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
  const before = takeQueued(socket) + text;
  const total = before.length + length;
  if (total > scratch.length) return writeMessageApart(socket, before, bytes, start, end);
  const at = before === '' ? 0 : writeLatin1(scratch, before, 0);
  scratch.set(bytes.subarray(start, end), at);
  sendBytes(socket, new Uint8Array(scratch.buffer, 0, total));
  // Taken by the kernel as a whole: the scratch is ours again.
  if (!hasLeftovers(socket)) return true;
  lend(socket);
  return !isBehind(socket);
}

function lend(socket: OwnedSocket): void {
  // A second one, lent before the first came back, is left to the collector.
  socket.lent ??= scratch;
  scratch = spares.pop() ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES);
}

/** To be called when everything that was written to the socket is taken, and at no other time: the memory is used again. */
export function takeBack(socket: OwnedSocket): void {
  const { lent } = socket;
  if (lent === null) return;
  socket.lent = null;
  if (spares.length < MOST_SPARES) spares.push(lent);
}

function writeMessageApart(socket: OwnedSocket, text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text !== '') sendText(socket, text);
  sendBytes(socket, Buffer.from(bytes.subarray(start, end)));
  return !isBehind(socket);
}

export const NO_BYTES = Buffer.alloc(0);
