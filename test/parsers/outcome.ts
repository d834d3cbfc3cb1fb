/** What must not depend on how the bytes were cut, as text. */
import type { ClientRun } from './client-run.ts';
import type { ServerRun } from './server-run.ts';

/**
 * Of a request that broke off, how much of its body was handed on before may depend on the cuts; everything else
 * may not.
 */
export function serverOutcome(run: ServerRun): string {
  const requests = run.requests.map(({ head, framing, coding, isComplete }) => [
    head,
    framing,
    isComplete ? coding : '',
  ]);
  return JSON.stringify({ events: run.events, requests, written: run.written, problems: run.problems });
}

export function clientOutcome(run: ClientRun): string {
  const { events, interim, response, isComplete, problems } = run;
  const final =
    response === null ? null : [response.head, response.framing, isComplete ? [response.coding, response.body] : ''];
  return JSON.stringify({ events, interim, final, problems });
}
