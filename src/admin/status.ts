/**
 * The status server, for the probes of orchestrators and load balancers, as the Status API of APISIX's documentation:
 * `/status` says that the process lives, `/status/ready` whether it should get traffic.
 */
import type http from 'node:http';
import { answerControl, type ControlContext } from './control-api.ts';
import { answerHealthcheck, type HealthAnswer, type UpstreamHealthReport } from './health-answer.ts';
import { isRead, NOT_ALLOWED, NOT_FOUND, pathOf, sendJson, sendText, startSideServer } from './side-server.ts';
import type { SideServer, SideServerOptions } from './side-server.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for the prober's log; it names nothing that is secret. Ignored while ready. */
  readonly reason: string;
}

export interface StatusOptions extends SideServerOptions {
  /** Asked at every `/status/ready`. It answers from memory: nothing waits for it. What it throws goes to `onError`. */
  isReady(): Readiness;
  /**
   * Stands in the answer of `/status`, and of `/status/ready` while ready; its `status` in place of `ok`. It names nothing that
   * is secret. Without it there is nothing. What it throws goes to `onError`.
   */
  remarks?(): Readonly<Record<string, unknown>>;
  /** For `/v1/healthcheck`, asked at every request for it; without it there is none. What it throws goes to `onError`. */
  health?(): readonly UpstreamHealthReport[];
  /** What is in force, for the Control API: asked at every request below `/v1`; without it there is none. What it throws goes to `onError`. */
  control?(): ControlContext;
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
    const health = answerHealth(request, options);
    if (health !== null) {
      sendText(response, health, fields);
      return;
    }
    const { status, body } = decide(request, options);
    sendJson(response, status, body, fields);
  });
}

function answerHealth(request: http.IncomingMessage, { health, onError }: StatusOptions): HealthAnswer | null {
  if (health === undefined || !isRead(request)) return null;
  try {
    return answerHealthcheck(pathOf(request), request.headers.accept, health);
  } catch (error) {
    onError(error);
    return { status: 500, contentType: 'application/json', text: '{"error_msg":"500 Internal Server Error"}\n' };
  }
}

function decide(request: http.IncomingMessage, options: StatusOptions): Answer {
  const path = pathOf(request);
  if (options.health !== undefined && /^\/v1\/healthcheck(?:\/|$)/.test(path))
    return { status: 405, body: NOT_ALLOWED };
  if (path.startsWith('/v1/')) return answerConfiguration(request, path, options);
  if (path !== '/status' && path !== '/status/ready') return { status: 404, body: NOT_FOUND };
  if (!isRead(request)) return { status: 405, body: NOT_ALLOWED };
  if (path === '/status') return alive(options);
  try {
    const { ready, reason } = options.isReady();
    return ready ? alive(options) : { status: 503, body: { status: 'error', error: reason } };
  } catch (error) {
    options.onError(error);
    return { status: 503, body: { status: 'error', error: 'readiness is not known' } };
  }
}

/** Remarks change nothing for traffic: that they fail does not either. */
function alive({ remarks, onError }: StatusOptions): Answer {
  try {
    return { status: 200, body: { ...OK.body, ...remarks?.() } };
  } catch (error) {
    onError(error);
    return OK;
  }
}

function answerConfiguration(request: http.IncomingMessage, path: string, { control, onError }: StatusOptions): Answer {
  try {
    const query = new URLSearchParams((request.url ?? '').slice(path.length));
    const found = control === undefined ? null : answerControl(path, query, control());
    if (found === null) return { status: 404, body: NOT_FOUND };
    return isRead(request) ? found : { status: 405, body: NOT_ALLOWED };
  } catch (error) {
    onError(error);
    return { status: 500, body: { error_msg: '500 Internal Server Error' } };
  }
}
