/** Where Prometheus, and what speaks its language, fetches the metrics. */
import type http from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isRead, NOT_ALLOWED, NOT_FOUND, pathOf, sendJson, startSideServer } from './side-server.ts';
import type { SideServer, SideServerOptions } from './side-server.ts';

export interface MetricsText {
  readonly contentType: string;
  /** Made as they are asked for; other work goes on between two of them. */
  readonly pieces: Iterable<string>;
}

export interface MetricsServerOptions extends SideServerOptions {
  /** The one path that has metrics, beginning with a slash. */
  readonly path: string;
  /** The metrics now, in the format that the field Accept asks for. What it or its pieces throw goes to `onError`. */
  render(accept: string | undefined): MetricsText | Promise<MetricsText>;
}

export type MetricsServer = SideServer;

/** @returns once it listens; rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL) if it cannot */
export function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  return startSideServer(options, (request, response, fields) => {
    if (pathOf(request) !== options.path) sendJson(response, 404, NOT_FOUND, fields);
    else if (!isRead(request)) sendJson(response, 405, NOT_ALLOWED, fields);
    else void send(request, response, fields, options);
  });
}

async function send(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  fields: Readonly<Record<string, string>>,
  options: MetricsServerOptions,
): Promise<void> {
  try {
    const { contentType, pieces } = await options.render(request.headers.accept);
    const begin = (): unknown =>
      response.headersSent || response.writeHead(200, { 'Content-Type': contentType, ...fields });
    for (const piece of pieces) {
      // Not before there is one: if the first fails, the answer can still say so.
      begin();
      if (request.method === 'HEAD') break;
      if (!response.write(piece)) await drained(response);
      else await nextTurn();
      if (response.destroyed) return;
    }
    begin();
    response.end();
  } catch (error) {
    options.onError(error);
    // What was cut short must not look complete.
    if (response.headersSent) response.destroy();
    else sendJson(response, 500, { error_msg: '500 Internal Server Error' }, fields);
  }
}

/** Until the client took what was written, or is gone. */
function drained(response: http.ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle).off('close', settle);
      resolve();
    };
    response.on('drain', settle).on('close', settle);
    if (response.destroyed) settle();
  });
}
