/**
 * Writing to the handle of a socket, past its stream: what the kernel takes at once, which is nearly everything, needs
 * no request object, no state and no callback. The handle is private to Node.js, so this is done only in the version whose
 * own stream calls it in the same way; elsewhere, and before a connection is made, the stream writes.
 */
import { getSystemErrorName } from 'node:util';
import type { OwnedSocket } from './owned-socket.ts';
import type { Scratch } from './scratch.ts';

interface PendingWrite {
  /** Kept from the collector until the kernel has taken it; null for text. */
  kept: Uint8Array | null;
  /** Where that stands, null outside of it. */
  scratch: Scratch | null;
  socket: OwnedSocket;
  oncomplete: (this: PendingWrite, status: number) => void;
}

interface DirectHandle {
  /** @returns 0 if the kernel took all of it, a negative error, or the request that waits for the rest to be taken */
  writeLatin1String(request: null, text: string): number | PendingWrite;
  writeBuffer(request: null, bytes: Uint8Array): number | PendingWrite;
}

interface WithHandle {
  readonly _handle: DirectHandle | null;
}

/** Before Node.js 26 a handle ends the process if it is given no request. What later versions do is not known. */
const IS_KNOWN = process.versions.node.startsWith('26.');

/**
 * The handle to write to; null where the stream has to do it. A handle of TLS takes one write after the other: a second one
 * while one is under way would end the process, and keeping them apart is what its stream does.
 */
function handleOf(socket: OwnedSocket): DirectHandle | null {
  if (!IS_KNOWN || socket.connecting || socket.writableLength !== 0 || socket.encrypted === true) return null;
  return (socket as unknown as WithHandle)._handle;
}

/** Writes one character per byte. */
export function sendText(socket: OwnedSocket, text: string): void {
  socket.writes++;
  const result = handleOf(socket)?.writeLatin1String(null, text);
  if (result === 0) return;
  // An error comes again, and the stream tells it as it tells all errors.
  if (result === undefined || typeof result === 'number') socket.write(text, 'latin1');
  else wait(socket, result, null, null);
}

/** Writes bytes, which are not changed until the kernel has taken all of them. @param scratch where they stand, null elsewhere */
export function sendBytes(socket: OwnedSocket, bytes: Uint8Array, scratch: Scratch | null): void {
  socket.writes++;
  const result = handleOf(socket)?.writeBuffer(null, bytes);
  if (result === 0) return;
  if (result !== undefined && typeof result !== 'number') {
    scratch?.lend();
    wait(socket, result, bytes, scratch);
    return;
  }
  scratch?.lend();
  // A stream that holds less than its high-water mark tells of no 'drain'.
  socket.write(bytes, () => scratch?.giveBack());
}

function wait(socket: OwnedSocket, request: PendingWrite, bytes: Uint8Array | null, scratch: Scratch | null): void {
  socket.inFlight++;
  request.kept = bytes;
  request.scratch = scratch;
  request.socket = socket;
  request.oncomplete = onTaken;
}

function onTaken(this: PendingWrite, status: number): void {
  const { socket, scratch } = this;
  socket.inFlight--;
  scratch?.giveBack();
  if (socket.destroyed) return;
  if (status < 0) socket.destroy(writeError(status));
  else if (!hasLeftovers(socket)) socket.emit('drain');
}

/** As the stream would make it. */
function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' });
}

/** Whether something was written that the kernel did not take. */
export function hasLeftovers(socket: OwnedSocket): boolean {
  return socket.inFlight !== 0 || socket.writableLength !== 0;
}

/** Whether a 'drain' event will come: of a stream none does below its high-water mark, and waiting for it would be for ever. */
export function isBehind(socket: OwnedSocket): boolean {
  return socket.inFlight !== 0 || (socket.writableNeedDrain && socket.writableLength !== 0);
}
