import type { Dialer } from './client-settings.ts';
import { connect } from './sockets.ts';

/** Connections without TLS. */
export function plainDialer(host: string, port: number): Dialer {
  return {
    readyEvent: 'connect',
    dial: (owner) => connect(host, port, owner),
    failed: (_socket, _error, isReady) => (isReady ? 'reset' : 'refused'),
  };
}
