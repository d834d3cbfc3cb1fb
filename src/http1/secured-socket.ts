/** Outgoing connections over TLS: read and owned as plain ones are, and silent until they are secured. */
import net from 'node:net';
import tls from 'node:tls';
import { ONREAD, type OutgoingOwner, own, readByEvents } from './sockets.ts';
import { confine, type OwnedSocket } from './owned-socket.ts';

type SecuredSocket = tls.TLSSocket & OwnedSocket & { owner: OutgoingOwner | null; hasSendFailed?: boolean };

/** Opens one. Nothing that is written leaves before `secureConnect`, which comes only when everything was verified. */
export function connectSecured(options: tls.ConnectionOptions, owner: OutgoingOwner): OwnedSocket {
  // `onread` is passed on to the socket beneath; the types of Node.js know it only there.
  const all = { ...options, allowHalfOpen: true, noDelay: true, onread: ONREAD };
  const socket = tls.connect(all as tls.ConnectionOptions) as SecuredSocket;
  own(socket, owner);
  socket.destroy = destroyUnlessSending;
  socket.push = pushOrEnd;
  socket.cork();
  socket.once('secureConnect', uncork);
  return socket;
}

/** The same on a connection that begins with something else, which is sent in the clear. */
export function connectBehind(preamble: Uint8Array, options: tls.ConnectionOptions, owner: OutgoingOwner): OwnedSocket {
  const { host, port, path } = options as { host?: string; port?: number; path?: string };
  const beneath = net.connect(path === undefined ? { host: host ?? '', port: port ?? 0, noDelay: true } : { path });
  beneath.write(preamble);
  const socket = connectSecured({ ...options, socket: beneath }, owner);
  readByEvents(socket);
  // Whoever brings a socket along sees to its errors.
  beneath.on('error', (error) => socket.destroy(error));
  beneath.on('close', () => socket.destroy());
  return socket;
}

function uncork(this: tls.TLSSocket): void {
  this.uncork();
}

const { destroy, push } = tls.TLSSocket.prototype;

/** As of a plain outgoing socket: what the peer said before a write failed is still to be read. */
function destroyUnlessSending(this: SecuredSocket, error?: Error): SecuredSocket {
  const isOfWrite = error !== undefined && (error as NodeJS.ErrnoException).syscall === 'write';
  if (isOfWrite && !this.readableEnded && this.owner !== null) {
    if (this.hasSendFailed === true || this.owner.onSendError()) {
      this.hasSendFailed = true;
      return this;
    }
  }
  return destroy.call(this, error) as SecuredSocket;
}

/** A stream with a failed write emits no 'end'. */
function pushOrEnd(this: SecuredSocket, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk === null && this.mayEndSilently !== true) this.isCut = endsWithoutNotice(this);
  if (chunk !== null || this.hasSendFailed !== true) return push.call(this, chunk, encoding);
  const { owner } = this;
  try {
    owner?.onPeerEnd();
  } catch (fault) {
    confine(this, owner, fault);
  }
  destroy.call(this);
  return false;
}

/** What a socket of TLS reads from: its own handle, and beneath it that of the connection. */
interface SecuredHandle {
  readonly reading?: boolean;
  readonly _parent?: { readonly readStart?: () => number; readonly readStop?: () => number } | null;
}

/**
 * Whether the connection ended, and not the TLS on it by a close_notify: Node.js gives both as the same end. It is told from the
 * handle beneath, which is private: a close_notify is found while that still reads, and starting to read once more is
 * an error then; the end of the connection has stopped it. Where nothing reads at all, the peer is being kept waiting, and its
 * end was in what had been read.
 */
function endsWithoutNotice(socket: SecuredSocket): boolean {
  const { _handle: handle } = socket as unknown as { readonly _handle?: SecuredHandle | null };
  const beneath = handle?._parent;
  if (handle?.reading !== true || beneath?.readStart === undefined) return false;
  if (beneath.readStart() !== 0) return false;
  beneath.readStop?.();
  return true;
}
