/** A request that cannot be sent to its node: what is said of it comes later, as Transport promises. */
import type { ResponseFault, ResponseSink } from '../http1/client-settings.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import type { UpstreamStream } from './transport.ts';

export class FailedStream implements UpstreamStream {
  readonly isReused = false;
  readonly isConnected = false;
  readonly isMultiplexed = false;
  readonly hasReceived = false;
  readonly framing = 'none';
  readonly trailers = '';
  private sink: ResponseSink | null;

  constructor(sink: ResponseSink, fault: ResponseFault, onException: (error: unknown) => void) {
    this.sink = sink;
    process.nextTick(() => {
      try {
        this.sink?.onResponseFault(fault);
      } catch (error) {
        onException(error);
      }
    });
  }

  send(): boolean {
    return true;
  }

  write(): boolean {
    return true;
  }

  pause(): void {}

  resume(): void {}

  release(): OwnedSocket {
    throw new TypeError('there is no connection to be released');
  }

  abort(): void {
    this.sink = null;
  }
}
