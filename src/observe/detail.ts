/** The details of an event, on one line: ` key=value key="value with spaces"`, errors with their causes and stacks. */

const BARE = /^[A-Za-z0-9_.:/@+-]+$/;
/** Controls of both sets, line separators, marks that reorder text, and halves of surrogate pairs. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu;
const MAX_LENGTH = 8192;
const MAX_CAUSES = 8;

/** Never throws, whatever a value's own toString or getters do. */
export function describeDetail(detail: Record<string, unknown> | undefined): string {
  if (detail === undefined) return '';
  let line = '';
  for (const key of Object.keys(detail)) {
    let text: string | undefined;
    try {
      text = describeValue(detail[key]);
    } catch {
      text = '"(unprintable)"';
    }
    if (text !== undefined) line += ` ${bareOrQuoted(key)}=${text}`;
  }
  return line;
}

function describeValue(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return bareOrQuoted(value);
  if (value instanceof Error) return quoted(describeError(value));
  if (typeof value === 'object' && value !== null) return quoted(JSON.stringify(value, errorsInside) ?? 'undefined');
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return value === null ? 'null' : `(${typeof value})`;
}

const errorsInside = (_key: string, value: unknown): unknown => {
  if (value instanceof Error) return describeError(value);
  return typeof value === 'bigint' ? String(value) : value;
};

/** The stack of an error and those of its causes; a cause may be anything, also the error itself. */
function describeError(error: Error): string {
  const seen = new Set<unknown>();
  const parts: string[] = [];
  let cause: unknown = error;
  while (cause instanceof Error && !seen.has(cause) && parts.length < MAX_CAUSES) {
    seen.add(cause);
    const { code } = cause as NodeJS.ErrnoException;
    const stack =
      typeof cause.stack === 'string' && cause.stack !== '' ? cause.stack : `${cause.name}: ${cause.message}`;
    parts.push(typeof code === 'string' && !stack.includes(code) ? `${stack} [${code}]` : stack);
    cause = cause.cause;
  }
  if (cause !== undefined && !(cause instanceof Error)) parts.push(describeValue(cause) ?? '');
  return parts.join('\ncaused by ');
}

const bareOrQuoted = (text: string): string => (BARE.test(text) ? shortened(text) : quoted(text));

function quoted(text: string): string {
  const escaped = shortened(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replace(UNPRINTABLE, escapeUnit);
  return `"${escaped}"`;
}

function escapeUnit(unit: string): string {
  if (unit === '\n') return '\\n';
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const shortened = (text: string): string =>
  text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}… (${text.length - MAX_LENGTH} more characters)`;
