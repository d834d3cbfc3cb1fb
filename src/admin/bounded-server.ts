/** What the small HTTP servers beside the data plane have in common: bounds, and a quick end. */
import type http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Listening {
  /** IP address to listen on. */
  readonly address: string;
  /** 0 takes a free port. */
  readonly port: number;
}

const MAX_CONNECTIONS = 256;
const MAX_FIELDS = 64;
const SOCKET_TIMEOUT_MS = 20_000;
const CLOSE_GRACE_MS = 1000;

export function bound(server: http.Server, timeout_ms = SOCKET_TIMEOUT_MS): void {
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = MAX_FIELDS;
  server.setTimeout(timeout_ms);
  // An Expect or Upgrade that nobody asked for is answered like any other request; Node.js would wait, or hang up.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** @returns the port; rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL) */
export function listen(server: http.Server, { address, port }: Listening): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Stops listening, lets answers under way finish and ends idle connections; all of them after one second. */
export function close(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(grace);
      resolve();
    });
    server.closeIdleConnections();
  });
}
