/** What the error log says of a request that no route serves: which routes came near, and what kept each from serving it. */
import type { ErrorLog } from '../observe/error-log.ts';
import type { Exchange } from '../proxy/exchange.ts';

/** Says nothing where no route is near: scanners ask for a lot. */
export function explainNoRoute(exchange: Exchange, errorLog: ErrorLog): void {
  if (!errorLog.writes('info')) return;
  const near = exchange.variable('near_routes');
  if (near === undefined) return;
  const { id, method, host, path } = exchange;
  errorLog.info('route_not_found', { method, host, path, near, exchange: id });
}
