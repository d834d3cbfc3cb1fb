/** Compiles the format of the access log, once, into a function that makes one line of one record. */
import type { AccessRecord } from './access-record.ts';
import { escapeJson, escapeText, escapeUnicodeJson, escapeUnicodeText } from './escape.ts';
import { jsonFormat } from './json-format.ts';
import { remembering } from './field-reader.ts';
import type { FieldReader } from './field-reader.ts';
import { LogTime } from './log-time.ts';
import { findVariable } from './variables.ts';
import type { Variable } from './variables.ts';

/**
 * APISIX's default line (its documentation, `access_log_format`), and at its end what APISIX cannot tell: why the
 * gateway answered itself, which route, which exchange.
 */
export const TEXT_FORMAT =
  '$remote_addr - $remote_user [$time_local] $http_host "$request" $status $body_bytes_sent $request_time ' +
  '"$http_referer" "$http_user_agent" $upstream_addr $upstream_status $upstream_response_time ' +
  '"$upstream_scheme://$upstream_host$upstream_uri" $error_code $route_id $request_id';

export interface CompiledFormat {
  /** One line with its line feed: printable ASCII, whatever the record holds. */
  readonly format: (record: AccessRecord) => string;
}

type Part = string | Variable;

/**
 * @param format `text`, `json`, or a line with $variables; one that begins with `{` is escaped as JSON
 * @throws {TypeError} with all problems, for formats that `checkFormat` finds fault with
 */
export function compileFormat(format: string): CompiledFormat {
  const time = new LogTime();
  if (format === 'json') return { format: jsonFormat(time) };
  const { parts, problems } = parse(templateOf(format), time);
  if (problems.length > 0) throw new TypeError(`access log format: ${problems.join('; ')}`);
  return { format: lineOf(parts, isJsonTemplate(format)) };
}

/** Everything that is wrong with a format, for the check of the settings; empty if it can be compiled. */
export function checkFormat(format: string): string[] {
  return format === 'json' ? [] : parse(templateOf(format), new LogTime()).problems;
}

/** A block scalar of YAML ends with a line feed of its own. */
const templateOf = (format: string): string => (format === 'text' ? TEXT_FORMAT : format.replace(/\r?\n$/, ''));
const isJsonTemplate = (format: string): boolean => format.startsWith('{');

function parse(template: string, time: LogTime): { parts: Part[]; problems: string[] } {
  const parts: Part[] = [];
  const problems: string[] = [];
  if (/[^\x20-\x7e]/.test(template)) {
    problems.push('the format has a line break, a control character or one beyond ASCII; write one line of ASCII');
  }
  let at = 0;
  for (const match of template.matchAll(/\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))?/g)) {
    const name = match[1] ?? match[2];
    if (match.index > at) parts.push(template.slice(at, match.index));
    at = match.index + match[0].length;
    if (name === undefined) {
      problems.push(`the "$" at position ${match.index} begins no variable; write $name or \${name}`);
      continue;
    }
    const variable = findVariable(name, time);
    if (typeof variable === 'string') problems.push(variable);
    else parts.push(variable);
  }
  if (at < template.length) parts.push(template.slice(at));
  if (parts.every((part) => typeof part === 'string') && problems.length === 0) {
    problems.push('the format has no variable, so that every line would be the same; use text, json or $variables');
  }
  if (problems.length === 0 && isJsonTemplate(template)) problems.push(...jsonProblems(parts));
  return { parts, problems };
}

/** A JSON template is tried on samples: text outside of quotes would let a client write fields of its own. */
function jsonProblems(parts: readonly Part[]): string[] {
  const sample = parts.map((part) => (typeof part === 'string' ? part : part.kind === 'number' ? '0' : 'x')).join('');
  try {
    JSON.parse(sample);
    return [];
  } catch {
    return ['the format begins with "{" and is not JSON; put quotes around every variable that is not a number'];
  }
}

/** Text and value alternate: each reader gives its value with the text that follows. */
function lineOf(parts: readonly Part[], isJson: boolean): (record: AccessRecord) => string {
  let start = '';
  const fields: { variable: Variable; after: string }[] = [];
  for (const part of parts) {
    const last = fields.at(-1);
    if (typeof part !== 'string') fields.push({ variable: part, after: '' });
    else if (last === undefined) start += part;
    else last.after += part;
  }
  fields.at(-1)!.after += '\n';
  const readers = fields.map(({ variable, after }) => fieldReader(variable, after, isJson));
  return (record) => {
    let line = start;
    for (let i = 0; i < readers.length; i++) line += readers[i]!(record);
    return line;
  };
}

/** Without a value a text field is `-`, as in nginx: fields can be counted. In a JSON template it stays empty. */
function fieldReader(variable: Variable, after: string, isJson: boolean): FieldReader {
  const { kind, read, pieces } = variable;
  if (kind === 'number') return (record) => read(record) + after;
  const empty = isJson ? '' : '-';
  if (pieces !== undefined) {
    const readers = pieces.map((piece, i) => fieldReader(piece, i < pieces.length - 1 ? ' ' : after, isJson));
    const nothing = empty + after;
    return (record) => {
      if (pieces[0]!.read(record) === '') return nothing;
      let text = '';
      for (let i = 0; i < readers.length; i++) text += readers[i]!(record);
      return text;
    };
  }
  const escape = isJson ? jsonEscapes[kind] : textEscapes[kind];
  return remembering(read, (value) => (escape(value) || empty) + after);
}

const unchanged = (value: string): string => value;
const textEscapes = { plain: unchanged, bytes: escapeText, unicode: escapeUnicodeText } as const;
const jsonEscapes = { plain: unchanged, bytes: escapeJson, unicode: escapeUnicodeJson } as const;
