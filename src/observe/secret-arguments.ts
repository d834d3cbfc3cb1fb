/** Query arguments that carry secrets, as plugins say: whoever reads a log could act as the client whose key is in it. */
import { unescape } from 'node:querystring';
import type { AccessRecord } from './access-record.ts';

const HIDDEN = '***';
const NONE: readonly string[] = [];

export function secretArguments({ chain }: AccessRecord): readonly string[] {
  return chain?.secretArguments ?? NONE;
}

/** A target, or whatever else has its query behind a question mark, with the values of those arguments left out. */
export function hideInTarget(target: string, names: readonly string[]): string {
  if (names.length === 0) return target;
  const mark = target.indexOf('?');
  return mark < 0 ? target : target.slice(0, mark + 1) + hideInQuery(target.slice(mark + 1), names);
}

/** @param query without its question mark */
export function hideInQuery(query: string, names: readonly string[]): string {
  // Most requests with such a plugin carry their secret elsewhere.
  if (!names.some((name) => query.includes(name)) && !query.includes('%') && !query.includes('+')) return query;
  return query
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 0) return pair;
      const name = pair.slice(0, equals);
      return names.includes(unescape(name.replaceAll('+', ' '))) ? `${name}=${HIDDEN}` : pair;
    })
    .join('&');
}
