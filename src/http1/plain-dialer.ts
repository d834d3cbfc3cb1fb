import { connectFault, type Dialer } from './client-settings.ts';
import { connect } from './sockets.ts';

/** Connections without TLS. @param preamble what each begins with; null for nothing */
export function plainDialer(host: string, port: number, preamble: Uint8Array | null = null): Dialer {
  return {
    readyEvent: 'connect',
    dial: (owner) => {
      const socket = connect(host, port, owner);
      if (preamble !== null) socket.write(preamble);
      return socket;
    },
    failed: (_socket, error, isReady) => (isReady ? 'reset' : connectFault(error)),
  };
}
