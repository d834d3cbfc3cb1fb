/**
 * The status server, for the probes of orchestrators and load balancers, as the Status API of APISIX's documentation:
 * `/status` says that the process lives, `/status/ready` whether it should get traffic.
 */
import type http from 'node:http';
import { isRead, NOT_ALLOWED, NOT_FOUND, pathOf, sendJson, startSideServer } from './side-server.ts';
import type { SideServer, SideServerOptions } from './side-server.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for the prober's log; it names nothing that is secret. Ignored while ready. */
  readonly reason: string;
}

export interface StatusOptions extends SideServerOptions {
  /** Asked at every `/status/ready`. It answers from memory: nothing waits for it. What it throws goes to `onError`. */
  isReady(): Readiness;
}

export type StatusServer = SideServer;

interface Answer {
  readonly status: number;
  readonly body: object;
}

const OK: Answer = { status: 200, body: { status: 'ok' } };

/** @returns once it listens; rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL) if it cannot */
export function startStatusServer(options: StatusOptions): Promise<StatusServer> {
  return startSideServer(options, (request, response, fields) => {
    const { status, body } = decide(request, options);
    sendJson(response, status, body, fields);
  });
}

function decide(request: http.IncomingMessage, options: StatusOptions): Answer {
  const path = pathOf(request);
  if (path !== '/status' && path !== '/status/ready') return { status: 404, body: NOT_FOUND };
  if (!isRead(request)) return { status: 405, body: NOT_ALLOWED };
  if (path === '/status') return OK;
  try {
    const { ready, reason } = options.isReady();
    return ready ? OK : { status: 503, body: { status: 'error', error: reason } };
  } catch (error) {
    options.onError(error);
    return { status: 503, body: { status: 'error', error: 'readiness is not known' } };
  }
}
