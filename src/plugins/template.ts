/**
 * Texts with variables: `$remote_addr`, `${arg_id}`, and `$1` for what a regular expression captured. They are parsed once,
 * and give text in which every character is one byte, as header fields and request targets are written: UTF-8, except for
 * values that came as bytes. A variable that has no value is empty. A dollar sign before anything else is itself.
 */

/** An Exchange, for templates. */
export interface TemplateSource {
  variable(name: string): string | undefined;
}

/** Group by group, the whole match first; null where nothing matched. */
export type Captures = readonly (string | undefined)[] | null;

export type Template = (source: TemplateSource, captures: Captures) => string;

/** What becomes of the parts before they are put together. */
export interface TemplateEncoding {
  /** Whether names with a dot are names too, such as `post_arg.a.b`: the source must know them. */
  readonly hasBody?: boolean;
  /** At compile time. `before` is the literal text that has gone before. */
  readonly literal?: (bytes: string, before: string) => string;
  /** At run time: how the value of this variable is written; '' is the name of a capture. Asked at compile time. */
  readonly value?: (name: string, before: string) => (bytes: string) => string;
}

/** A reference of digits is a capture, and ends with them: `$1abc` is the first capture and `abc`. */
const REFERENCE = /\$(?:\{([0-9]+|[A-Za-z_][A-Za-z0-9_]*)\}|([0-9]+|[A-Za-z_][A-Za-z0-9_]*))/g;

/** The same with the members of a body: `$post_arg.user.name`. */
const BODY_REFERENCE =
  /\$(?:\{([0-9]+|post_arg\.[^{}]+|[A-Za-z_][A-Za-z0-9_]*)\}|([0-9]+|post_arg(?:\.[A-Za-z0-9_-]+)+|[A-Za-z_][A-Za-z0-9_]*))/g;

/** Variables whose values are bytes of the head as they came; the others are text. */
const OF_BYTES = /^(?:http_.*|cookie_.*|args|query_string|request_uri)$/;
const BEYOND_ASCII = /[^\x00-\x7f]/;

export function compileTemplate(text: string, encoding: TemplateEncoding = {}): Template {
  const { literal = same, value = () => same, hasBody = false } = encoding;
  const parts: Template[] = [];
  let before = '';
  let at = 0;
  const addLiteral = (piece: string): void => {
    if (piece === '') return;
    const written = literal(toBytes(piece), before);
    before += piece;
    parts.push(() => written);
  };
  for (const { 0: whole, 1: braced, 2: bare = '', index } of text.matchAll(hasBody ? BODY_REFERENCE : REFERENCE)) {
    addLiteral(text.slice(at, index));
    at = index + whole.length;
    const name = braced ?? bare;
    if (/^[0-9]/.test(name)) parts.push(capturePart(Number(name), value('', before)));
    else parts.push(variablePart(name, value(name, before)));
  }
  addLiteral(text.slice(at));
  return joined(parts);
}

function same(bytes: string): string {
  return bytes;
}

function capturePart(group: number, encode: (bytes: string) => string): Template {
  return (_, captures) => {
    const value = captures?.[group];
    return value === undefined || value === '' ? '' : encode(toBytes(value));
  };
}

function variablePart(name: string, encode: (bytes: string) => string): Template {
  const toBytesOf = OF_BYTES.test(name) ? same : toBytes;
  return (source) => {
    const value = source.variable(name);
    return value === undefined || value === '' ? '' : encode(toBytesOf(value));
  };
}

function joined(parts: readonly Template[]): Template {
  const [first, second] = parts;
  if (first === undefined) return () => '';
  if (second === undefined) return first;
  return (source, captures) => {
    let text = '';
    for (const part of parts) text += part(source, captures);
    return text;
  };
}

/** Each byte of the UTF-8 form as one character. */
export function toBytes(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}
