/**
 * TLS in front of an HTTP connection. The ClientHello is read before anything is computed; the object that serves its name
 * then does the handshake, by rules of its own: versions, client certificates, tickets that no other object's server takes.
 */
import { createHmac } from 'node:crypto';
import type net from 'node:net';
import tls from 'node:tls';
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';
import type { Certificates, CompiledSsl, TlsVersion } from '../compile/certificates.ts';
import { disown, type OwnedSocket, type SocketOwner } from '../http1/owned-socket.ts';
import { own, releaseReading } from '../http1/sockets.ts';
import { MOST_HELLO_BYTES, readClientHello } from './client-hello.ts';
import { TlsFacts } from './tls-facts.ts';

export interface TlsFrontOptions {
  readonly wheel: TimerWheel;
  /** How long a handshake may take. */
  readonly handshake_ms: number;
  /** Served to clients that name no server, or one that nobody serves; '' refuses them. */
  readonly fallbackName: string;
  readonly minVersion: TlsVersion;
  /** The same in all workers: what tickets are protected with is derived from it. */
  readonly ticketSecret: Uint8Array;
  /** Which stretch of time it is: tickets of another one are not taken. */
  readonly ticketEpoch: () => number;
  readonly certificates: () => Certificates;
  /** What the authority says of a certificate, by the key of its stapling; null if that is not known. */
  readonly staple: (key: string) => Buffer | null;
  readonly onFault: (error: unknown) => void;
  /** A handshake came to nothing; the reason is for the operator, not for the client. */
  readonly onRefused: (reason: string, address: string) => void;
}

export interface Secured {
  readonly socket: tls.TLSSocket;
  readonly isHttp2: boolean;
  readonly facts: TlsFacts;
}

/** What becomes of one connection. */
export interface SecuredSink {
  /** Of the client, for operators. */
  readonly address: string;
  onSecured(secured: Secured): void;
  onEnded(handshake: Handshake): void;
}

/** RFC 8446 §6.2, as records of their own: unrecognized_name, and decode_error. */
const UNRECOGNIZED_NAME = Buffer.of(21, 3, 3, 0, 2, 2, 112);
const DECODE_ERROR = Buffer.of(21, 3, 3, 0, 2, 2, 50);

export class TlsFront {
  readonly options: TlsFrontOptions;
  /** One per object and kind of listener; an object that is gone takes its server along. */
  private readonly servers = new WeakMap<CompiledSsl, Map<boolean, ObjectServer>>();
  /** From node:tls's events back to the handshake: it keeps the socket that it was given. */
  readonly handshakes = new WeakMap<net.Socket, Handshake>();

  constructor(options: TlsFrontOptions) {
    this.options = options;
  }

  /** Takes a connection that was just accepted. */
  begin(socket: net.Socket, allowsHttp2: boolean, sink: SecuredSink): Handshake {
    return new Handshake(this, socket, allowsHttp2, sink);
  }

  handshakeOf(socket: tls.TLSSocket): Handshake | undefined {
    const { _parent: parent } = socket as unknown as { readonly _parent?: net.Socket };
    return parent === undefined ? undefined : this.handshakes.get(parent);
  }

  serverFor(ssl: CompiledSsl, allowsHttp2: boolean): tls.Server {
    let both = this.servers.get(ssl);
    if (both === undefined) {
      both = new Map<boolean, ObjectServer>();
      this.servers.set(ssl, both);
    }
    let server = both.get(allowsHttp2);
    if (server === undefined) {
      server = new ObjectServer(ssl, allowsHttp2, this);
      both.set(allowsHttp2, server);
    }
    return server.current();
  }
}

/** The TLS server of one object; it listens to nothing, connections are handed to it. */
class ObjectServer {
  private readonly ssl: CompiledSsl;
  private readonly options: TlsFrontOptions;
  private readonly server: tls.Server;
  private epoch: number;

  constructor(ssl: CompiledSsl, allowsHttp2: boolean, front: TlsFront) {
    const { options } = front;
    this.ssl = ssl;
    this.options = options;
    this.epoch = options.ticketEpoch();
    const isMutual = ssl.clientCa !== '';
    this.server = tls.createServer({
      cert: ssl.certs.map(({ cert }) => cert),
      key: ssl.certs.map(({ key }) => key),
      ...(isMutual ? { ca: ssl.clientCa, requestCert: true } : {}),
      // Looked at when the handshake is complete: only there can the reason be told to the operator.
      rejectUnauthorized: false,
      minVersion: lowest(ssl.protocols, options.minVersion),
      maxVersion: highest(ssl.protocols),
      ALPNProtocols: allowsHttp2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      handshakeTimeout: options.handshake_ms,
      ticketKeys: ticketKeys(options.ticketSecret, ssl.trust, this.epoch),
      honorCipherOrder: true,
    });
    this.server.on('secureConnection', (socket) => front.handshakeOf(socket)?.secured(socket, ssl));
    const { stapling } = ssl;
    if (stapling !== null) {
      this.server.on('OCSPRequest', (_certificate, _issuer, done) => done(null, options.staple(stapling.key)));
    }
    this.server.on('tlsClientError', (error, socket) => front.handshakeOf(socket)?.refuse(error, socket));
  }

  current(): tls.Server {
    const epoch = this.options.ticketEpoch();
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      this.server.setTicketKeys(ticketKeys(this.options.ticketSecret, this.ssl.trust, epoch));
    }
    return this.server;
  }
}

const ORDER: readonly TlsVersion[] = ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

function lowest(protocols: readonly TlsVersion[], otherwise: TlsVersion): TlsVersion {
  return ORDER.find((version) => protocols.includes(version)) ?? otherwise;
}

function highest(protocols: readonly TlsVersion[]): TlsVersion {
  return ORDER.findLast((version) => protocols.includes(version)) ?? 'TLSv1.3';
}

/** 48 bytes: name, HMAC key and AES key of tickets (the layout of node:tls). */
function ticketKeys(secret: Uint8Array, trust: string, epoch: number): Buffer {
  const part = (index: number): Buffer => createHmac('sha256', secret).update(`${index} ${epoch} ${trust}`).digest();
  return Buffer.concat([part(0), part(1)]).subarray(0, 48);
}

/** One connection until it is secured. */
export class Handshake extends TimedEntry implements SocketOwner {
  private readonly front: TlsFront;
  private readonly socket: OwnedSocket;
  private readonly allowsHttp2: boolean;
  private readonly sink: SecuredSink;
  private readonly address: string;
  private hello = Buffer.alloc(0);
  private isHandedOver = false;
  private isOver = false;

  constructor(front: TlsFront, socket: net.Socket, allowsHttp2: boolean, sink: SecuredSink) {
    super();
    this.front = front;
    this.socket = own(socket, this);
    this.allowsHttp2 = allowsHttp2;
    this.sink = sink;
    this.address = sink.address;
    const { wheel, handshake_ms } = front.options;
    wheel.arm(this, handshake_ms);
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.hello = Buffer.concat([this.hello, bytes.subarray(start, end)]);
    const hello = readClientHello(this.hello);
    if (hello === 'incomplete' && this.hello.length <= MOST_HELLO_BYTES) return;
    if (typeof hello === 'string') return this.turnAway(DECODE_ERROR, 'no TLS client');
    const { fallbackName, certificates } = this.front.options;
    const found = hello.serverName === '' ? undefined : certificates().find(hello.serverName);
    const ssl = found ?? (fallbackName === '' ? undefined : certificates().find(fallbackName));
    if (ssl === undefined) {
      const what = hello.serverName === '' ? 'the client names no server' : `no certificate for ${hello.serverName}`;
      return this.turnAway(UNRECOGNIZED_NAME, what);
    }
    this.handOver(ssl);
  }

  private handOver(ssl: CompiledSsl): void {
    const { socket } = this;
    let server: tls.Server;
    try {
      server = this.front.serverFor(ssl, this.allowsHttp2);
    } catch (error) {
      // What the checks of the configuration let through and OpenSSL does not take.
      this.front.options.onFault(error);
      return this.turnAway(UNRECOGNIZED_NAME, 'the certificate cannot be used');
    }
    this.isHandedOver = true;
    // From here on node:tls has the time.
    this.front.options.wheel.remove(this);
    this.front.handshakes.set(socket, this);
    releaseReading(socket);
    socket.unshift(this.hello);
    this.hello = Buffer.alloc(0);
    server.emit('connection', socket);
  }

  private turnAway(alert: Buffer, reason: string): void {
    this.front.options.onRefused(reason, this.address);
    this.socket.end(alert);
    this.cutOff();
  }

  /** The handshake is complete. */
  secured(socket: tls.TLSSocket, ssl: CompiledSsl): void {
    if (this.isOver) {
      socket.destroy();
      return;
    }
    const facts = new TlsFacts(socket, ssl);
    if (ssl.clientCa !== '' && ssl.skips.length === 0 && !facts.isVerified) {
      return this.refuse(new Error(facts.verifyError === '' ? 'no client certificate' : facts.verifyError), socket);
    }
    this.done();
    const isHttp2 = socket.alpnProtocol === 'h2';
    this.sink.onSecured({ socket, isHttp2, facts });
  }

  /** The handshake came to nothing. */
  refuse(error: Error, socket: tls.TLSSocket): void {
    // Never the socket beneath: within a callback of TLS, that would end the process.
    socket.destroy();
    if (this.isOver) return;
    this.front.options.onRefused(error.message, this.address);
    this.ended();
  }

  onPeerEnd(): void {
    if (!this.isHandedOver) this.cutOff();
  }

  onBehind(): void {}

  onWritable(): void {}

  onGone(): void {
    this.ended();
  }

  onException(error: unknown): void {
    this.front.options.onFault(error);
    this.ended();
  }

  onDeadline(): void {
    this.front.options.onRefused('the handshake took too long', this.address);
    this.cutOff();
  }

  /** A handshake under way is completed: its client sees the end of the connection after its first answer. */
  drain(): void {}

  cutOff(): void {
    const { socket } = this;
    socket.owner = null;
    // Beneath TLS a socket is destroyed on a stack of its own only: within a callback of TLS, that would end the process.
    if (this.isHandedOver) setImmediate(() => socket.destroy());
    else disown(socket, false);
    this.ended();
  }

  private done(): void {
    this.isOver = true;
    this.front.options.wheel.remove(this);
    this.front.handshakes.delete(this.socket);
  }

  private ended(): void {
    if (this.isOver) return;
    this.done();
    this.sink.onEnded(this);
  }
}
