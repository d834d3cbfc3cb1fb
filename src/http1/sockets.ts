/**
 * Reading sockets into one static buffer for all connections of a worker. Node.js offers that for outgoing sockets
 * (`onread`, documented); for accepted ones it takes two private pieces, the listening handle's `onconnection` and
 * `new Socket({ handle })`. They are looked for when a listener starts; where they are missing, 'data' events serve.
 */
import net from 'node:net';
import { confine, type OwnedSocket, type SocketOwner } from './owned-socket.ts';

/** `onread`: the shared buffer; `data`: one buffer per read, about 2 µs a request slower. */
export type ReadPath = 'onread' | 'data';

/** One for all sockets of both sides: reading is synchronous, no two reads overlap. */
const READ_BUFFER = Buffer.allocUnsafeSlow(262_144);

export const ONREAD = {
  buffer: READ_BUFFER,
  callback(this: OwnedSocket, length: number, bytes: Buffer): boolean {
    const { owner } = this;
    if (owner === null) return true;
    try {
      owner.onBytes(bytes, 0, length);
    } catch (error) {
      confine(this, owner, error);
    }
    return true;
  },
};

/**
 * What an upstream is read into at first: whoever it is for may be slow, and then all that was read waits in memory. As a part of the
 * other one, it is as warm.
 */
const NARROW_BUFFER = READ_BUFFER.subarray(0, 65_536);
export const NARROW_READ_BYTES = NARROW_BUFFER.length;

const ONREAD_NARROW = { buffer: NARROW_BUFFER, callback: ONREAD.callback };

function onData(this: OwnedSocket, bytes: Buffer): void {
  ONREAD.callback.call(this, bytes.length, bytes);
}

function onEnd(this: OwnedSocket): void {
  const { owner } = this;
  try {
    owner?.onPeerEnd();
  } catch (error) {
    confine(this, owner, error);
  }
}

function onDrain(this: OwnedSocket): void {
  const { owner } = this;
  try {
    owner?.onWritable();
  } catch (error) {
    confine(this, owner, error);
  }
}

function onError(this: OwnedSocket, error: Error): void {
  this.failure = error;
}

function onClose(this: OwnedSocket): void {
  const { owner } = this;
  this.owner = null;
  try {
    owner?.onGone(this.failure);
  } catch (error) {
    confine(this, owner, error);
  }
}

/**
 * Has its fields from the beginning: giving them to a socket that is there costs more than making it. Its events go to
 * the owner by a call, without a list of listeners to be made for each connection; and who ends it without wanting to hear of
 * it pays for no event.
 */
class ConnectionSocket extends net.Socket implements OwnedSocket {
  owner: SocketOwner | null = null;
  failure: Error | null = null;
  queuedBytes: Uint8Array | null = null;
  queued = '';
  writes = 0;
  inFlight = 0;
  /** Whether its events go to an owner, even if it has none any more. */
  hasHadOwner = false;

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (!this.hasHadOwner) return super.emit(event, ...(values as []));
    switch (event) {
      case 'end':
        onEnd.call(this);
        break;
      case 'drain':
        onDrain.call(this);
        break;
      case 'error':
        onError.call(this, values[0] as Error);
        // Without a listener the event would throw.
        if (this.listenerCount('error') === 0) return true;
        break;
      case 'close':
        onClose.call(this);
        break;
      default:
    }
    return super.emit(event, ...(values as []));
  }

  override destroy(error?: Error): this {
    const inside = this as unknown as Inside;
    const handle = inside._handle;
    const isSilent = this.hasHadOwner && this.owner === null && error === undefined && !inside.resetAndClosing;
    if (
      !isSilent ||
      handle === null ||
      this.connecting ||
      this.writableLength !== 0 ||
      this.listenerCount('close') !== 0
    )
      return super.destroy(error);
    // What the stream would do for others to learn of it, in several turns, is left out.
    inside.destroyed = true;
    handle.onread = ignore;
    handle.close();
    inside._handle = null;
    return this;
  }
}

/** What a socket has for itself. */
interface Inside {
  _handle: { onread: () => void; close(): void } | null;
  readonly resetAndClosing: boolean;
  destroyed: boolean;
}

function ignore(): void {}

/** Makes `owner` the receiver of the socket's events. */
export function own(socket: net.Socket, owner: SocketOwner): OwnedSocket {
  const owned = socket as OwnedSocket;
  // A socket may change hands: its events reach whoever owns it then.
  const isOwned = (owned.owner ?? null) !== null;
  owned.owner = owner;
  if (isOwned) return owned;
  if (!(socket instanceof ConnectionSocket)) {
    owned.failure = null;
    owned.queuedBytes = null;
    owned.queued = '';
    owned.writes = 0;
    owned.inFlight = 0;
    owned.on('end', onEnd);
    owned.on('drain', onDrain);
    owned.on('error', onError);
    owned.on('close', onClose);
  } else socket.hasHadOwner = true;
  return owned;
}

/** Whoever takes the socket over reads it by means of its own. */
export function releaseReading(socket: net.Socket): void {
  socket.removeListener('data', onData);
  socket.pause();
}

/** Lets the owner have what comes of a socket that was not accepted by `listen`. */
export function readByEvents(socket: net.Socket): void {
  socket.on('data', onData);
}

/** The private names under which a socket keeps what `onread` gave it. */
interface BufferNames {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly next: symbol;
}

function bufferNames(): BufferNames | null {
  const names = Object.getOwnPropertySymbols(new net.Socket({ onread: ONREAD }));
  const named = (description: string): symbol | undefined => names.find((name) => name.description === description);
  const [buffer, callback, next] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')];
  return buffer === undefined || callback === undefined || next === undefined ? null : { buffer, callback, next };
}

const NAMES = bufferNames();

/**
 * The same for a socket of TLS, into the shared buffer if this Node.js has the private pieces: the socket was made without
 * `onread`, so it is given afterwards what `onread` would have given it.
 * @returns by which way it is read
 */
export function readSecured(socket: net.Socket, readPath: ReadPath): ReadPath {
  const { _handle: handle } = socket as unknown as { _handle: { useUserBuffer?: (buffer: Buffer) => void } | null };
  const isShared = readPath === 'onread' && NAMES !== null && typeof handle?.useUserBuffer === 'function';
  if (isShared) {
    const fields = { [NAMES.buffer]: ONREAD.buffer, [NAMES.callback]: ONREAD.callback, [NAMES.next]: null };
    Object.assign(socket, fields);
    handle.useUserBuffer?.(ONREAD.buffer);
  }
  // What came before, with the end of the handshake, comes by the event.
  readByEvents(socket);
  return isShared ? 'onread' : 'data';
}

const giveWide = (): Buffer => READ_BUFFER;
const giveNarrow = (): Buffer => NARROW_BUFFER;

/**
 * To be called while something that was read is passed on: the next read of the socket has 256 KiB, or 64 KiB again. Without the private
 * pieces it has 64 KiB all the time.
 */
export function readWidely(socket: net.Socket, isWide: boolean): void {
  if (NAMES === null) return;
  const inside = socket as unknown as Record<symbol, unknown>;
  if (inside[NAMES.buffer] !== undefined && inside[NAMES.buffer] !== null)
    inside[NAMES.next] = isWide ? giveWide : giveNarrow;
}

export interface ListenOptions {
  readonly address: string;
  readonly port: number;
  /** UNIX domain socket, in place of address and port. */
  readonly path?: string;
  readonly backlog: number;
  /** Lets tests take the slower path. */
  readonly readPath: ReadPath;
  /** Shares the port with others that say so too. */
  readonly reusePort?: boolean;
  /** Called with each accepted socket, which must be owned within the call. */
  readonly onSocket: (socket: net.Socket, port: number) => void;
  /** The kernel could not hand over a connection (for want of descriptors, for example). */
  readonly onAcceptError: (error: Error) => void;
}

export interface Listening {
  readonly server: net.Server;
  readonly port: number;
  readonly readPath: ReadPath;
}

interface ListeningHandle {
  onconnection: (status: number, handle: AcceptedHandle | undefined) => void;
}

type AcceptedHandle = object;

/** Starts to listen; rejects if the address cannot be had. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const server = net.createServer({ allowHalfOpen: true });
  server.on('connection', (socket) => {
    options.onSocket(socket, portOf(server));
    socket.on('data', onData);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const { address: host, port, path, backlog, reusePort = false } = options;
    server.listen(path === undefined ? { host, port, backlog, reusePort } : { path, backlog }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  server.on('error', options.onAcceptError);
  const readPath = options.readPath === 'onread' && takeOver(server, options) ? 'onread' : 'data';
  return { server, port: portOf(server), readPath };
}

function portOf(server: net.Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** @returns false if this Node.js does not have the private pieces */
function takeOver(server: net.Server, options: ListenOptions): boolean {
  const handle = (server as unknown as { _handle: ListeningHandle | null })._handle;
  if (handle === null || typeof handle.onconnection !== 'function') return false;
  const port = portOf(server);
  handle.onconnection = (status, accepted) => {
    if (accepted === undefined) {
      options.onAcceptError(new Error(`accept failed with status ${status}`));
      return;
    }
    options.onSocket(
      new ConnectionSocket({
        handle: accepted,
        allowHalfOpen: true,
        onread: ONREAD,
      } as unknown as net.SocketConstructorOpts),
      port,
    );
  };
  return true;
}

/** The owner of an outgoing connection. */
export interface OutgoingOwner extends SocketOwner {
  /** A write failed. @returns true to go on reading what the peer sent before; its end ends the socket */
  onSendError(): boolean;
}

/** A socket that does not take a failed write for the end of reading: the peer's last words may still be there. */
class OutgoingSocket extends ConnectionSocket {
  declare owner: OutgoingOwner | null;
  private hasSendFailed = false;

  override destroy(error?: Error): this {
    if (isWriteFailure(error) && !this.readableEnded && this.owner !== null) {
      if (this.hasSendFailed || this.owner.onSendError()) {
        this.hasSendFailed = true;
        return this;
      }
    }
    return super.destroy(error);
  }

  /** A stream with a failed write reads on and emits no 'end': without this its owner would wait for one for ever. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null || !this.hasSendFailed) return super.push(chunk, encoding);
    onEnd.call(this);
    super.destroy();
    return false;
  }
}

function isWriteFailure(error: Error | undefined): boolean {
  return error !== undefined && (error as NodeJS.ErrnoException).syscall === 'write';
}

/** Where to connect to: a name or an address and its port, or `unix:/path`. */
export function placeOf(host: string, port: number): { host: string; port: number } | { path: string } {
  return host.startsWith('unix:/') ? { path: host.slice(5) } : { host, port };
}

/** Opens an outgoing connection. @param host or `unix:/path` */
export function connect(host: string, port: number, owner: OutgoingOwner): OwnedSocket {
  const socket = new OutgoingSocket({ allowHalfOpen: true, onread: ONREAD_NARROW });
  own(socket, owner);
  const options = { ...placeOf(host, port), noDelay: true };
  socket.connect(options as net.NetConnectOpts);
  return socket;
}
