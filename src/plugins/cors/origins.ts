/** Which origins are meant. */
import { compileRegex } from '../../sdk/index.ts';

/** `any`: every origin, without a look at it; otherwise a test of the Origin header. */
export type OriginTest = 'any' | ((origin: string) => boolean);

/** Of a list with commas between; `**` is everyone by name. */
export function originsOf(list: string): OriginTest {
  if (list === '*') return 'any';
  if (list === '**') return () => true;
  const origins = new Set(list.split(',').map((origin) => origin.trim()));
  return (origin) => origins.has(origin);
}

export function originsLike(patterns: readonly string[]): OriginTest {
  const regexes = patterns.map((pattern) => compileRegex(pattern));
  return (origin) => regexes.some((regex) => regex.test(origin));
}

export function eitherOf(tests: readonly OriginTest[]): OriginTest {
  const closer = tests.filter((test) => test !== 'any');
  return closer.length < tests.length ? 'any' : (origin) => closer.some((test) => test(origin));
}
