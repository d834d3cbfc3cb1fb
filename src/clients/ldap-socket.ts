/**
 * Connections to a directory, ready to be spoken LDAP on. StartTLS is done here and not by the library: what came before
 * the encryption must not be read after it, or somebody in between could put the answer to the next question there.
 */
import net from 'node:net';
import tls from 'node:tls';
import { ClientError } from '../sdk/clients.ts';
import { clientError } from './http-faults.ts';
import type { LdapBounds } from './ldap-options.ts';

/** All that a directory may send on one connection between two questions. */
const MOST_BYTES = 1_048_576;

/** ExtendedRequest of RFC 4511 §4.14.1, with the message id 1. */
const START_TLS = Buffer.from('301d02010177188016312e332e362e312e342e312e313436362e3230303337', 'hex');

/** Told once why the connection is of no use any more. */
type OnLost = (fault: ClientError) => void;

export class LdapSocket {
  readonly stream: net.Socket;
  #received = 0;
  #fault: ClientError | null = null;
  #onLost: OnLost = () => {};

  private constructor(stream: net.Socket) {
    this.stream = stream;
    stream.on('error', (error) => this.#lose(clientError(error, null)));
    stream.on('close', () => this.#lose(new ClientError('reset', 'the directory closed the connection')));
    stream.on('data', (bytes: Buffer) => this.#count(bytes));
  }

  /**
   * Rejects with a ClientError.
   *
   * @param onOpening is given what ends the attempt
   */
  static async open(bounds: LdapBounds, onOpening: (giveUp: OnLost) => void): Promise<LdapSocket> {
    const { host, port, security } = bounds;
    const isSecure = security === 'tls';
    const stream = isSecure ? tls.connect({ ...bounds.tls, host, port }) : net.connect({ host, port });
    onOpening((fault) => void stream.destroy(fault));
    await ready(stream, isSecure ? 'secureConnect' : 'connect');
    if (security !== 'starttls') return new LdapSocket(stream);
    await startTls(stream);
    const secured = tls.connect({ ...bounds.tls, socket: stream });
    onOpening((fault) => {
      secured.destroy(fault);
      stream.destroy();
    });
    // What breaks below is told above.
    stream.on('error', () => {});
    await ready(secured, 'secureConnect').catch((error: unknown) => {
      stream.destroy();
      throw error;
    });
    return new LdapSocket(secured);
  }

  /** Null while it can be used. */
  get fault(): ClientError | null {
    return this.#fault;
  }

  /** Told in place of who was told before; at once if it is lost. */
  lostTo(onLost: OnLost): void {
    this.#onLost = onLost;
    if (this.#fault !== null) onLost(this.#fault);
  }

  /** Before a question: what came until then does not count. */
  ask(): void {
    this.#received = 0;
  }

  close(fault: ClientError): void {
    this.#lose(fault);
  }

  #count(bytes: Buffer): void {
    // Every message is a SEQUENCE (RFC 4511 §4.1.1); the library would wait for one.
    if (this.#received === 0 && bytes[0] !== 0x30) this.#lose(new ClientError('malformed', 'this is not LDAP'));
    this.#received += bytes.length;
    if (this.#received <= MOST_BYTES) return;
    this.#lose(new ClientError('too_large', `the directory sent more than ${MOST_BYTES} bytes`));
  }

  #lose(fault: ClientError): void {
    if (this.#fault !== null) return;
    this.#fault = fault;
    this.stream.destroy();
    this.#onLost(fault);
  }
}

function ready(stream: net.Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const onFailed = (error: Error): void => reject(clientError(error, null));
    const onClosed = (): void => reject(new ClientError('reset', 'the directory closed the connection'));
    stream.once('error', onFailed);
    stream.once('close', onClosed);
    stream.once(event, () => {
      stream.off('close', onClosed);
      stream.off('error', onFailed);
      resolve();
    });
  });
}

/** Rejects with a ClientError. */
function startTls(stream: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const end = (fault: ClientError | null): void => {
      stream.off('data', onData).off('error', onFailed).off('close', onClosed);
      stream.pause();
      if (fault === null) return resolve();
      stream.on('error', () => {});
      stream.destroy();
      reject(fault);
    };
    const onData = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]);
      const verdict = startTlsVerdict(received);
      if (verdict !== null) end(verdict === 'accepted' ? null : verdict);
    };
    const onFailed = (error: Error): void => end(clientError(error, null));
    const onClosed = (): void => end(new ClientError('reset', 'the directory closed the connection'));
    stream.on('data', onData).on('error', onFailed).on('close', onClosed);
    stream.write(START_TLS);
  });
}

/** What the directory says to StartTLS: null until it has said all. */
function startTlsVerdict(bytes: Buffer): 'accepted' | ClientError | null {
  const malformed = new ClientError('malformed', 'the answer to StartTLS is not LDAP');
  if (bytes.length > 0 && bytes[0] !== 0x30) return malformed;
  const message = element(bytes, 0);
  if (message === 'more') return null;
  if (message === null) return malformed;
  // Whatever follows was not encrypted, and would be read as if it had been.
  if (message.end !== bytes.length)
    return new ClientError('malformed', 'the answer to StartTLS has something behind it');
  const id = element(bytes, message.start);
  const response = id === null || id === 'more' ? null : element(bytes, id.end);
  if (response === null || response === 'more' || response.tag !== 0x78) return malformed;
  const code = element(bytes, response.start);
  if (code === null || code === 'more' || code.tag !== 0x0a || code.end - code.start !== 1) return malformed;
  const status = bytes[code.start] ?? 0;
  if (status === 0) return 'accepted';
  return new ClientError('rejected', `the directory refuses StartTLS with ${status}`, { status });
}

interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** Definite lengths of at most two bytes; null for anything else. */
function element(bytes: Buffer, at: number): Element | 'more' | null {
  if (bytes.length < at + 2) return 'more';
  const [tag = 0, first = 0] = bytes.subarray(at, at + 2);
  const more = first < 0x80 ? 0 : first - 0x80;
  if (more > 2 || first === 0x80) return null;
  if (bytes.length < at + 2 + more) return 'more';
  const length = more === 0 ? first : bytes.readUIntBE(at + 2, more);
  const start = at + 2 + more;
  return bytes.length < start + length ? 'more' : { tag, start, end: start + length };
}
