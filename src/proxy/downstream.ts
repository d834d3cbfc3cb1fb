/** The client's side of an exchange, whichever protocol it speaks. */
import type { OutgoingResponse } from '../http1/messages.ts';

export interface Downstream {
  readonly remoteAddress: string;
  readonly localPort: number;
  /** Of HTTP/1; a client that speaks HTTP/2 counts as 1. */
  readonly minorVersion: number;
  /** HTTP/2: the connection has other exchanges at the same time, and frames bodies itself. */
  readonly isMultiplexed: boolean;
  /** The request asks for a tunnel in a stream (RFC 8441). */
  readonly isConnect?: boolean;
  /** Fields that came behind the request's body, each line with its CRLF; '' without. Known once the request is complete. */
  readonly requestTrailers?: string;
  /** Room for what is derived once per connection. */
  memo: unknown;
  /** Lets the connection close after the current answer. */
  closeAfterAnswer(): void;
  /** The answer does not wait for the request body: keeps the connection where dropping the body is cheap. */
  discardBody(): void;
  respondInterim(text: string): void;
  /** Head and begin of the body. @returns false: write no more until the sink's `onClientWritable` */
  respond(response: OutgoingResponse, bytes: Uint8Array, start: number, end: number): boolean;
  write(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * The response is complete.
   * @param trailers fields behind the body, each line with its CRLF: for who frames bodies itself
   */
  end(trailers?: string): void;
  /** Gives the client up. @param reset so that what was sent cannot be taken for complete */
  abort(reset: boolean): void;
  pauseBody(): void;
  resumeBody(): void;
}
