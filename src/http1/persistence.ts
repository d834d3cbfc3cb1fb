import { parsed } from './fields.ts';

/** Whether a connection outlives the answer in progress (RFC 9112 §9.3), and what its client is told about that. */
export class Persistence {
  /** Minor version of the request that is being answered. */
  minorVersion = 1;
  /** The connection ends with the answer in progress. */
  closes = false;
  /** The client itself said that this is its last request. */
  isLastRequest = false;

  /** A request came; its head is in the parser's scratch memory. */
  begin(): void {
    this.minorVersion = parsed.minorVersion;
    this.isLastRequest = parsed.connectionClose;
    this.closes ||= parsed.connectionClose || (parsed.minorVersion === 0 && !parsed.connectionKeepAlive);
  }

  /** The field of the answer's head, '' where the default says it. */
  get field(): string {
    if (this.closes) return 'Connection: close\r\n';
    // An HTTP/1.0 client keeps the connection only if it is told to.
    return this.minorVersion === 0 ? 'Connection: keep-alive\r\n' : '';
  }
}
