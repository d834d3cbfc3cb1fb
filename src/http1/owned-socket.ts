/**
 * A socket, who it belongs to, and the text that it writes at the end of the turn. Small messages wait until everything
 * that can be read in one turn of the event loop has been read, and are then written one after the other. That costs a fifth less
 * per request than reading and writing in turns: code and data of the kernel stay in the processor's caches, and a
 * peer on another core is woken once for several messages.
 */
import type net from 'node:net';
import { hasLeftovers, isBehind, sendBytes, sendText } from './direct-write.ts';
import { currentScratch, recycle } from './scratch.ts';

/** What a socket belongs to. Handlers are shared by all sockets: no closure per connection. */
export interface SocketOwner {
  /** Bytes arrived; they are valid only until the call returns. */
  onBytes(bytes: Buffer, start: number, end: number): void;
  /** The peer will send no more. */
  onPeerEnd(): void;
  /** What waited for the end of the turn was written, and the peer is behind with it: `onWritable` will follow. */
  onBehind(): void;
  /** Everything written was taken. */
  onWritable(): void;
  /** The socket is gone; no event follows. `error` tells whether it broke. */
  onGone(error: Error | null): void;
  /** One of the above threw: a fault of ours, which must cost this connection and no other. */
  onException(error: unknown): void;
}

export interface OwnedSocket extends net.Socket {
  /** Of TLS. */
  readonly encrypted?: boolean;
  /** Of TLS, once the peer's end came: it did not say that it was one (RFC 8446 §6.1), so that more may have been meant to come. */
  isCut?: boolean;
  /** Of TLS: that is not looked at. */
  mayEndSilently?: boolean;
  owner: SocketOwner | null;
  failure: Error | null;
  /** A message in the scratch that is written at the end of this turn, before the text. */
  queuedBytes: Uint8Array | null;
  /** Text that is written at the end of this turn. */
  queued: string;
  /** How often something was handed on to the kernel. */
  writes: number;
  /** Writes past the stream that the kernel has not taken as a whole. */
  inFlight: number;
}

/** Who gets many small messages in one turn may be slow to take them: beyond this they are not collected. */
const MOST_QUEUED_BYTES = 16_384;
/** Sockets that wait together: more of them would wait longer and gain nothing by it. */
const MOST_WAITING = 64;

/** The first `waiting` sockets of the queue have text, or had it until they ended. */
const queue: (OwnedSocket | null)[] = new Array<OwnedSocket | null>(MOST_WAITING).fill(null);
let waiting = 0;
let isScheduled = false;

/** Writes text at the end of the turn, or at once where it has to wait for other text anyway. @returns false if the socket is behind */
export function writeText(socket: OwnedSocket, text: string): boolean {
  if (socket.queued !== '') {
    socket.queued += text;
    if (socket.queued.length <= MOST_QUEUED_BYTES) return true;
    writeQueued(socket);
    return !isBehind(socket);
  }
  if (socket.connecting || hasLeftovers(socket)) {
    sendText(socket, text);
    return !isBehind(socket);
  }
  socket.queued = text;
  if (socket.queuedBytes === null) enqueue(socket);
  return true;
}

/** The same for a message that stands in the scratch. To be called only of a socket that has nothing queued and nothing left over. */
export function queueBytes(socket: OwnedSocket, bytes: Uint8Array): void {
  socket.queuedBytes = bytes;
  enqueue(socket);
}

function enqueue(socket: OwnedSocket): void {
  queue[waiting++] = socket;
  if (waiting === MOST_WAITING) writeAllQueued();
  else if (!isScheduled) {
    isScheduled = true;
    setImmediate(endTurn);
  }
}

function endTurn(): void {
  isScheduled = false;
  writeAllQueued();
}

/** Ends the turn for all that waits. */
export function writeAllQueued(): void {
  for (let i = 0; i < waiting; i++) {
    const socket = queue[i];
    queue[i] = null;
    if (socket !== null && socket !== undefined) writeQueued(socket);
  }
  waiting = 0;
  recycle();
}

/** Writes at once what waits for the end of the turn. */
export function writeQueued(socket: OwnedSocket): void {
  const { queued, queuedBytes, owner } = socket;
  if (queuedBytes !== null) {
    socket.queuedBytes = null;
    sendBytes(socket, queuedBytes, currentScratch());
  } else if (queued === '') return;
  if (queued !== '') {
    socket.queued = '';
    sendText(socket, queued);
  }
  if (owner === null || !isBehind(socket)) return;
  try {
    owner.onBehind();
  } catch (error) {
    confine(socket, owner, error);
  }
}

/** Whether something waits for the end of the turn. */
export function isQueued(socket: OwnedSocket): boolean {
  return socket.queued !== '' || socket.queuedBytes !== null;
}

/** Takes back what waits for the end of the turn: it is not written. */
export function dropQueued(socket: OwnedSocket): void {
  socket.queued = '';
  socket.queuedBytes = null;
}

/** Whether anything that was written has not left this process. */
export function hasUnsent(socket: OwnedSocket): boolean {
  return isQueued(socket) || hasLeftovers(socket);
}

const NOTHING = Buffer.alloc(0);

/**
 * Ends our side behind everything that was written. The stream knows nothing of what went past it: it would ask for the shutdown
 * at once, which then waits in libuv, and until that is done the socket could not be reset.
 */
export function endWriting(socket: OwnedSocket): void {
  if (socket.inFlight !== 0) socket.write(NOTHING);
  socket.end();
}

/** Whether libuv is shutting our side down: it refuses to reset a socket meanwhile, and its handle would stay for ever. */
function isShuttingDown(socket: OwnedSocket): boolean {
  return socket.writableEnded && !socket.writableFinished && !hasLeftovers(socket);
}

/**
 * No event reaches the owner any more, and the socket ends after what waits to be written.
 * @param reset end it by RST, so that what was sent cannot look complete
 */
export function disown(socket: OwnedSocket, reset: boolean): void {
  socket.owner = null;
  writeQueued(socket);
  // Over TLS an end without close_notify is what a client knows a cut by (RFC 8446 §6.1), and RST cannot be asked for. A UNIX
  // domain socket has none: there, framing alone tells a client. Who is being shut down has been given everything.
  if (reset && socket.encrypted !== true && hasReset(socket) && !isShuttingDown(socket)) socket.resetAndDestroy();
  else socket.destroy();
}

/** Private: only handles of TCP have `reset`, and the stream throws for the others. */
function hasReset(socket: net.Socket): boolean {
  const { _handle } = socket as unknown as { readonly _handle?: { readonly reset?: unknown } | null };
  return _handle === null || _handle === undefined || _handle.reset !== undefined;
}

/** Ends a socket whose owner threw: that must cost no other one. */
export function confine(socket: OwnedSocket, owner: SocketOwner | null, error: unknown): void {
  disown(socket, true);
  owner?.onException(error);
}

/** Calls back on a stack of its own; what it throws is confined as in a callback of the socket. */
export function later(socket: OwnedSocket, owner: SocketOwner, callback: () => void): void {
  process.nextTick(() => {
    try {
      callback();
    } catch (error) {
      confine(socket, owner, error);
    }
  });
}
