/** One replacement in a text. */
import { isUtf8 } from 'node:buffer';
import { checkRegex, compileRegex, type ConfigProblem, type HostClock, type RegexMatch } from '../../sdk/index.ts';
import { toBytes } from '../template.ts';
import type { Config } from './schema.ts';

export type FilterConfig = NonNullable<Config['filters']>[number];

export type BodyFilter = (body: Buffer) => Buffer;

/**
 * One search is linear in the text. Many of them need not be, where each looks for a longer match up to the end: beyond
 * this time, and one millisecond for every 1,000 bytes, a body counts as one that cannot be filtered.
 */
const PATIENCE_MS = 500;

/** Throws RangeError once `deadline_ms` has passed. */
type TextFilter = (text: string, deadline_ms: number) => string;
type Groups = readonly (string | undefined)[];
type Replacement = (groups: Groups) => string;

export function filterProblems(filter: FilterConfig, path: string): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const regexFault = checkRegex(filter.regex);
  if (regexFault !== null) problems.push({ path: `${path}.regex`, message: regexFault });
  if (/^(?:[^$]|\$\$|\$[0-9]|\$\{[0-9]+\})*$/s.test(filter.replace)) return problems;
  const message = `${JSON.stringify(filter.replace)} has a dollar sign that begins no group: write $$ for the character`;
  problems.push({ path: `${path}.replace`, message });
  return problems;
}

/** All filters, one after the other. A body that is no UTF-8 is looked at byte by byte. Throws RangeError if it takes too long. */
export function compileFilters(filters: readonly FilterConfig[], clock: HostClock): BodyFilter {
  const onText = filters.map((filter) => compileFilter(filter, (text) => text, clock));
  const onBytes = filters.map((filter) => compileFilter(filter, toBytes, clock));
  return (body) => {
    const isText = isUtf8(body);
    const encoding = isText ? 'utf8' : 'latin1';
    const before = body.toString(encoding);
    let text = before;
    const deadline_ms = clock.monotonic_ms() + PATIENCE_MS + body.length / 1_000;
    for (const filter of isText ? onText : onBytes) text = filter(text, deadline_ms);
    return text === before ? body : Buffer.from(text, encoding);
  };
}

function compileFilter(filter: FilterConfig, written: (text: string) => string, clock: HostClock): TextFilter {
  const { options, scope } = filter;
  const source = written(filter.regex);
  const regex = compileRegex(options.includes('s') ? `(?s)${source}` : source, { ignoreCase: options.includes('i') });
  const replacement = compileReplacement(written(filter.replace));
  const isGlobal = scope === 'global';
  const isAnchored = options.includes('a');
  return (text, deadline_ms) => {
    let result = '';
    let copied = 0;
    for (let from = 0; from <= text.length;) {
      const match = regex.exec(text, from);
      if (match === null || (isAnchored && match.index !== from)) break;
      result += text.slice(copied, match.index) + replacement(match.groups);
      copied = match.end;
      if (!isGlobal) break;
      from = nextStart(text, match);
      if (clock.monotonic_ms() > deadline_ms) throw new RangeError(`${filter.regex} takes too long for this body`);
    }
    return copied === 0 && result === '' ? text : result + text.slice(copied);
  };
}

/** An empty match is followed by the next character. */
function nextStart(text: string, { index, end }: RegexMatch): number {
  if (end > index) return end;
  return end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
}

function compileReplacement(text: string): Replacement {
  const parts: (string | number)[] = [];
  let at = 0;
  for (const match of text.matchAll(/\$(?:(\$)|([0-9]+)|\{([0-9]+)\})/g)) {
    parts.push(text.slice(at, match.index), match[1] ?? Number(match[2] ?? match[3]));
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return (groups) => {
    let result = '';
    for (const part of parts) result += typeof part === 'string' ? part : (groups[part] ?? '');
    return result;
  };
}
