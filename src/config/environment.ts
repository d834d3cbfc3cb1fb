/** `${{VAR}}` and `${{VAR:=default}}`, substituted in the text of a file, so that quoting decides the type. */
import type { Problem } from '../model/problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A text that came from the environment and therefore may be a secret: messages name the variable instead. */
export interface Redaction {
  readonly text: string;
  readonly variable: string;
}

export interface Substituted {
  readonly text: string;
  readonly problems: readonly Problem[];
  readonly redactions: readonly Redaction[];
}

const PLACEHOLDER = /\$\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?::=([^\n]*?))?\s*\}\}/g;

/** Names of the variables that a text refers to, each once. */
export function referencedVariables(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(PLACEHOLDER), (match) => match[1] ?? ''))];
}

/** Pure: `env` has the values. A variable that is unset and has no default is a problem, except in a comment. */
export function substitute(text: string, env: Environment): Substituted {
  if (!text.includes('${{')) return { text, problems: [], redactions: [] };
  const problems: Problem[] = [];
  const redactions = new Map<string, Redaction>();
  // The placeholder stays where it is: an empty value would be wrong in ways that distract from the cause.
  const report = (offset: number, placeholder: string, message: string): string => {
    problems.push({ path: '', line: lineAt(text, offset), code: 'environment', message });
    return placeholder;
  };
  const replaced = text.replace(
    PLACEHOLDER,
    (placeholder: string, variable: string, fallback: string | undefined, offset: number) => {
      const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
      const before = text.slice(lineStart, offset);
      if (/^\s*#/.test(before)) return '';
      const value = env[variable];
      if (value === undefined) {
        if (fallback !== undefined) return fallback;
        return report(
          offset,
          placeholder,
          `the variable ${variable} is not set and has no default: set it, or write \${{${variable}:=DEFAULT}}`,
        );
      }
      if (value !== '') redactions.set(`${variable} ${value}`, { text: value, variable });
      const quoted = quoteFor(quotesAround(before), value);
      return (
        quoted ??
        report(
          offset,
          placeholder,
          `the value of ${variable} has a line break or a control character: put "\${{${variable}}}" in double quotes`,
        )
      );
    },
  );
  return { text: replaced, problems, redactions: [...redactions.values()] };
}

/** The quotes that are open at the end of `before`, the text of a line: '' for none. */
function quotesAround(before: string): '' | '"' | "'" {
  let open: '' | '"' | "'" = '';
  for (let i = 0; i < before.length; i++) {
    const char = before[i];
    if (char === '\\' && open === '"') i++;
    else if (char === open) open = '';
    else if (open === '' && (char === '"' || char === "'") && /^$|[\s,[{:(!&]/.test(before[i - 1] ?? '')) open = char;
  }
  return open;
}

/** A value must stay the scalar it stands in: otherwise a quote in a password could add attributes. null if it cannot. */
function quoteFor(quotes: '' | '"' | "'", value: string): string | null {
  if (quotes === '"') return JSON.stringify(value).slice(1, -1);
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) return null;
  return quotes === "'" ? value.replaceAll("'", "''") : value;
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < offset; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

/** Puts the names of the variables in place of what they held. */
export function redact(problem: Problem, redactions: readonly Redaction[]): Problem {
  let { message } = problem;
  let { path } = problem;
  let isTainted = false;
  for (const { text, variable } of redactions) {
    const name = `\${{${variable}}}`;
    if (problem.value !== undefined && String(problem.value).includes(text)) isTainted = true;
    // Short values (a port, a flag) occur in messages by chance: there only the quoted value as a whole is replaced.
    if (text.length >= 5) {
      message = message.replaceAll(text, name).replaceAll(JSON.stringify(text).slice(1, -1), name);
      path = path.replaceAll(text, name).replaceAll(JSON.stringify(text).slice(1, -1), name);
    } else if (String(problem.value) === text) {
      message = message.replaceAll(JSON.stringify(problem.value), name);
    }
  }
  if (!isTainted) return message === problem.message && path === problem.path ? problem : { ...problem, path, message };
  const { value: _, ...rest } = problem;
  return { ...rest, path, message };
}
