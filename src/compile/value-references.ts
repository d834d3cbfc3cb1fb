/**
 * `$env://NAME` and `$env://NAME/MEMBER` in attributes of plugins: the value of an environment variable, or a member of it
 * where it is JSON (terminology/secret.md). They are resolved where attributes are read, so that stores, answers and what
 * travels between threads hold the reference. Pure.
 */
import { pathOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Resolved {
  /** The same value where it holds no reference. */
  readonly value: unknown;
  /** A reference that leads to nothing must not become a key that everybody can guess. */
  readonly problems: readonly Problem[];
  readonly uses: readonly ResolvedUse[];
}

interface ResolvedUse {
  readonly path: string;
  readonly reference: string;
  readonly text: string;
}

const REFERENCE = /^\$(?:env|ENV):\/\/([^/]+)(?:\/(.+))?$/;
const MANAGED = /^\$(?:secret|SECRET):\/\//;

/** @param env null leaves references as they are, for those who only show what is configured */
export function resolveReferences(value: unknown, path: string, env: Environment | null): Resolved {
  const problems: Problem[] = [];
  const uses: ResolvedUse[] = [];
  if (env === null) return { value, problems, uses };
  const resolve = (inner: unknown, at: string): unknown => {
    if (typeof inner === 'string') return inner.startsWith('$') ? resolveText(inner, at) : inner;
    if (typeof inner !== 'object' || inner === null) return inner;
    if (Array.isArray(inner)) return resolveList(inner, at);
    let copy: [string, unknown][] | null = null;
    const members = Object.entries(inner);
    for (const [i, [key, member]] of members.entries()) {
      const found = resolve(member, pathOf(at, key));
      if (found !== member) (copy ??= [...members])[i] = [key, found];
    }
    return copy === null ? inner : Object.fromEntries(copy);
  };
  const resolveList = (list: readonly unknown[], at: string): unknown => {
    const found = list.map((item, i) => resolve(item, pathOf(at, i)));
    return found.some((item, i) => item !== list[i]) ? found : list;
  };
  const resolveText = (text: string, at: string): unknown => {
    const report = (code: Problem['code'], message: string): string => {
      problems.push({ path: at, value: text, code, message });
      return text;
    };
    if (MANAGED.test(text)) {
      return report('not_available', 'secret managers are not available in this version: write $env://NAME');
    }
    const [, name = '', member] = REFERENCE.exec(text) ?? [];
    if (name === '') return text;
    const whole = env[name];
    if (whole === undefined) return report('environment', `the variable ${name} is not set where the gateway runs`);
    const found = member === undefined ? whole : memberOf(whole, member);
    if (found === undefined) {
      return report(
        'environment',
        `the variable ${name} holds no JSON object with a text, number or boolean "${member}"`,
      );
    }
    uses.push({ path: at, reference: text, text: String(found) });
    return found;
  };
  return { value: resolve(value, path), problems, uses };
}

function memberOf(text: string, member: string): string | number | boolean | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return undefined;
    const found = (value as Readonly<Record<string, unknown>>)[member];
    return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean' ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Shorter ones occur in messages by chance. */
const SHORTEST_TOLD = 5;

/** What variables hold is never printed: problems name the reference. */
export function withoutValues(problems: readonly Problem[], { uses }: Resolved): readonly Problem[] {
  if (uses.length === 0 || problems.length === 0) return problems;
  return problems.map((problem) => {
    const { path, code } = problem;
    const own = uses.find((use) => use.path === path);
    if (own !== undefined) return { path, code, message: `what ${own.reference} stands for does not fit here` };
    const told = uses.filter(({ text }) => text.length >= SHORTEST_TOLD);
    if (!told.some(({ text }) => problem.message.includes(text) || String(problem.value).includes(text)))
      return problem;
    const message = told.reduce((before, { text, reference }) => before.replaceAll(text, reference), problem.message);
    return { path, code, message };
  });
}
