/** Which path and query are forwarded. */
import { checkRegex, compileRegex, type ConfigProblem, type Exchange } from '../../sdk/index.ts';
import { encodeQuery } from '../query.ts';
import type { Captures } from '../template.ts';
import type { Config } from './schema.ts';
import { compileTarget, hasDotSegment, rawPath, readablePath } from './upstream-path.ts';

export interface PathRule {
  /** What is forwarded, with arguments of its own after a question mark; null leaves what was asked for. */
  decide(exchange: Exchange): { readonly target: string | null; readonly captures: Captures };
  /** Whether dot segments pass. */
  readonly allowsDotSegments: boolean;
}

/** Null if path and query stay as they are. */
export function compilePathRule({ uri, regex_uri = [], use_real_request_uri_unsafe: isRaw }: Config): PathRule | null {
  if (uri === undefined && regex_uri.length === 0 && !isRaw) return null;
  const fixed = uri === undefined ? null : compileTarget(uri);
  const pairs = pairsOf(regex_uri).map(([pattern, path]) => ({
    regex: compileRegex(pattern),
    target: compileTarget(path),
  }));
  return {
    allowsDotSegments: isRaw && fixed === null,
    decide(exchange) {
      const asked = isRaw ? rawPath(exchange.request.target) : exchange.request.path;
      let target = isRaw ? asked : null;
      let captures: Captures = null;
      const subject = pairs.length === 0 ? '' : readablePath(asked);
      for (const pair of pairs) {
        const match = pair.regex.exec(subject);
        if (match === null) continue;
        captures = match.groups;
        if (fixed === null) target = pair.target(exchange, captures);
        break;
      }
      if (fixed !== null) target = fixed(exchange, captures);
      return { target, captures };
    },
  };
}

/** @returns false, and changes nothing, if the path may not be forwarded */
export function forward({ request }: Exchange, target: string, allowsDotSegments: boolean): boolean {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const absolute = path.startsWith('/') ? path : `/${path}`;
  if (!allowsDotSegments && hasDotSegment(absolute)) return false;
  request.setPath(absolute);
  if (mark < 0) return true;
  const own = target.slice(mark + 1);
  const asked = encodeQuery(request.query);
  request.setQuery(own === '' || asked === '' ? own + asked : `${own}&${asked}`);
  return true;
}

export function pathProblems({ uri, regex_uri = [] }: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report = (path: string, message: string | null): void => {
    if (message !== null) problems.push({ path, message });
  };
  if (uri !== undefined) report('uri', pathFault(uri));
  if (regex_uri.length % 2 === 1) {
    report('regex_uri', `has ${regex_uri.length} items: each regular expression needs a path after it`);
  }
  regex_uri.forEach((text, i) => report(`regex_uri[${i}]`, i % 2 === 0 ? checkRegex(text) : pathFault(text)));
  return problems;
}

function pathFault(text: string): string | null {
  const shown = JSON.stringify(text);
  if (/[\x00-\x1f\x7f]/.test(text)) return `${shown} is no path: it holds control characters`;
  if (text.includes('#')) return `${shown} has a fragment, which is never sent: write %23 for the character`;
  const [path = ''] = text.split('?');
  if (!/^[/$]/.test(path)) return `${shown} is no path: begin with "/"`;
  return hasDotSegment(path) ? `${shown} has dot segments: write the path that they lead to` : null;
}

function pairsOf(list: readonly string[]): [pattern: string, path: string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < list.length; i += 2) pairs.push([list[i] ?? '', list[i + 1] ?? '']);
  return pairs;
}
