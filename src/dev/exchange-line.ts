/** One exchange on one line: what was asked, what came of it, by whom and why. */
import type { ExchangeRecord } from '../embed/contract.ts';
import { printable } from './excerpt.ts';
import type { Colour, Paint } from './paint.ts';

const MOST_TARGET = 100;

export function exchangeLine(record: ExchangeRecord, paint: Paint): string {
  const { method, target, status, duration_ms } = record;
  const asked = method === '' ? 'what is no request' : `${method} ${shortened(target)}`;
  const verdict = [route(record), ...(record.consumer === '' ? [] : [`consumer ${record.consumer}`]), answer(record)];
  const answered = paint(colourOf(status), status === 0 ? 'no answer' : String(status));
  return `${printable(asked)} → ${answered}  ${printable(verdict.join(', '))}  ${paint('grey', `${milliseconds(duration_ms)} ms`)}`;
}

function route({ routeId, nearRoutes, errorCode }: ExchangeRecord): string {
  if (routeId !== '') return `route ${routeId}`;
  if (errorCode !== 'route_not_found') return 'no route';
  return nearRoutes === '' ? 'no route, and none is near' : `no route; near: ${nearRoutes}`;
}

function answer({ repliedBy, errorCode, nodes }: ExchangeRecord): string {
  const last = nodes.at(-1) ?? '';
  const before = nodes.slice(0, -1);
  const tried = nodes.length === 0 ? '' : `, tried ${nodes.join(', ')}`;
  const why = errorCode === '' ? '' : ` (${errorCode})`;
  if (repliedBy === 'upstream') return `from ${last}${before.length === 0 ? '' : ` after ${before.join(', ')}`}${why}`;
  return `by ${repliedBy === 'gateway' ? 'the gateway' : repliedBy}${why}${tried}`;
}

function colourOf(status: number): Colour {
  if (status === 0 || status >= 500) return 'red';
  if (status >= 400) return 'yellow';
  return status >= 300 ? 'cyan' : 'green';
}

function shortened(target: string): string {
  return target.length > MOST_TARGET ? `${target.slice(0, MOST_TARGET)}…` : target;
}

function milliseconds(duration_ms: number): string {
  return duration_ms < 10 ? duration_ms.toFixed(1) : String(Math.round(duration_ms));
}
