/** Changes of header fields as configurations write them: add, then remove, then set. */
import { headerNameFault } from '../sdk/header-names.ts';
import type { ConfigProblem } from '../sdk/index.ts';
import { type Captures, compileTemplate, type Template, type TemplateSource } from './template.ts';

export type HeaderValue = string | number;

export interface HeaderChanges {
  readonly add: readonly (readonly [name: string, value: HeaderValue])[];
  readonly remove: readonly string[];
  /** A name may come up several times: then the field gets each of the values. */
  readonly set: readonly (readonly [name: string, value: HeaderValue])[];
}

/** The request or the response of an Exchange. */
export interface HeaderTarget {
  setHeader(name: string, value: string): void;
  addHeader(name: string, value: string): void;
  removeHeader(name: string): void;
}

export type HeaderActions = (target: HeaderTarget, source: TemplateSource, captures: Captures) => void;

const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f]/;
const EACH_CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/g;

/** Why a text cannot be the value of a field, null if it can. */
export function headerValueFault(value: HeaderValue): string | null {
  return CONTROLS.test(String(value)) ? 'a header value holds no line breaks and no other control characters' : null;
}

/** `paths` gives the place of a name and of its value in the configuration. */
export function headerProblems(
  changes: Partial<HeaderChanges>,
  pathOf: (action: keyof HeaderChanges, name: string, index: number) => string,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report = (path: string, message: string | null): void => {
    if (message !== null) problems.push({ path, message });
  };
  for (const action of ['add', 'set'] as const) {
    changes[action]?.forEach(([name, value], index) => {
      report(pathOf(action, name, index), headerNameFault(name) ?? headerValueFault(value));
    });
  }
  changes.remove?.forEach((name, index) => report(pathOf('remove', name, index), headerNameFault(name)));
  return problems;
}

/** The place of a member in a configuration. */
export function pathBelow(path: string, name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}

/** Null if there is nothing to do. */
export function compileHeaderActions(changes: HeaderChanges): HeaderActions | null {
  const add = changes.add.map(([name, value]): [string, Template] => [name, valueTemplate(value)]);
  const remove = changes.remove;
  const seen = new Set<string>();
  const set = changes.set.map(([name, value]): [string, Template, boolean] => {
    const lower = name.toLowerCase();
    const isFirst = !seen.has(lower);
    seen.add(lower);
    return [name, valueTemplate(value), isFirst];
  });
  if (add.length + remove.length + set.length === 0) return null;
  return (target, source, captures) => {
    for (const [name, value] of add) target.addHeader(name, value(source, captures));
    for (const name of remove) target.removeHeader(name);
    for (const [name, value, isFirst] of set) {
      if (isFirst) target.setHeader(name, value(source, captures));
      else target.addHeader(name, value(source, captures));
    }
  };
}

function valueTemplate(value: HeaderValue): Template {
  return compileTemplate(String(value), { value: () => withoutControls });
}

/** A client that smuggles line breaks into a variable must not get a field of its own: they are percent-encoded. */
export function withoutControls(bytes: string): string {
  if (!CONTROLS.test(bytes)) return bytes;
  return bytes.replace(EACH_CONTROL, percentEncoded);
}

/** A byte, given as a character. */
export function percentEncoded(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
