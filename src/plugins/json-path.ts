/**
 * Paths into JSON, the part of RFC 9535 that names members: `$.a.b`, `$['a']`, `$.list[0]`, `$.list[*]`, `$..groups`.
 * Filters and slices are refused. Every path is bounded in what it visits, since the value comes from outside.
 */

/** Values in their order, none where the path leads nowhere; null where looking for them takes too long. */
export type JsonPath = (root: unknown) => unknown[] | null;

type Step =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'element'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'below' };

/** Objects and lists that one search looks into. */
const MOST_VISITED = 2_000;
const NAME = '\\*|[A-Za-z_\\u0080-\\uffff][\\w\\u0080-\\uffff-]*';
const BRACKETED = String.raw`\[(\d{1,9}|\*|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]`;
/** `..` with a name or brackets, a dot with a name, or brackets. */
const SEGMENT = new RegExp(String.raw`(?:(\.\.)(?:(${NAME})|${BRACKETED})|\.(${NAME})|${BRACKETED})`, 'y');

/** What is wrong with a path, null if nothing is. */
export function jsonPathFault(text: string): string | null {
  const isRight = text.startsWith('$') && stepsOf(text) !== null;
  return isRight
    ? null
    : `${JSON.stringify(text)} is no path that is supported: write $.a.b, $['a'], $.list[0], $.list[*] or $..a`;
}

/** Throws TypeError for a path that `jsonPathFault` finds fault with. */
export function compileJsonPath(text: string): JsonPath {
  const steps = text.startsWith('$') ? stepsOf(text) : null;
  if (steps === null) throw new TypeError(jsonPathFault(text) ?? text);
  return (root) => {
    const budget: Budget = { left: MOST_VISITED };
    const found = steps.reduce<unknown[]>(
      (values, step) => values.flatMap((value) => take(value, step, budget)),
      [root],
    );
    return budget.left < 0 ? null : found;
  };
}

function stepsOf(text: string): Step[] | null {
  const steps: Step[] = [];
  let at = 1;
  while (at < text.length) {
    SEGMENT.lastIndex = at;
    const found = SEGMENT.exec(text);
    if (found === null) return null;
    const [whole, below, bareBelow, bracketedBelow, bare, bracketed] = found;
    if (below !== undefined) steps.push({ kind: 'below' });
    steps.push(stepOf(bareBelow ?? bare ?? '', bracketedBelow ?? bracketed ?? ''));
    at += whole.length;
  }
  return steps;
}

function stepOf(bare: string, bracketed: string): Step {
  if (bare === '*' || bracketed === '*') return { kind: 'all' };
  if (bare !== '') return { kind: 'member', name: bare };
  if (/^\d/.test(bracketed)) return { kind: 'element', index: Number(bracketed) };
  return { kind: 'member', name: bracketed.slice(1, -1).replaceAll(/\\(.)/g, '$1') };
}

interface Budget {
  left: number;
}

function take(value: unknown, step: Step, budget: Budget): unknown[] {
  if (step.kind === 'below') return descendants(value, budget);
  if (typeof value !== 'object' || value === null || --budget.left < 0) return [];
  if (step.kind === 'all') return Object.values(value);
  if (step.kind === 'element') return Array.isArray(value) && step.index < value.length ? [value[step.index]] : [];
  return !Array.isArray(value) && Object.hasOwn(value, step.name)
    ? [(value as Readonly<Record<string, unknown>>)[step.name]]
    : [];
}

/** A value and everything in it, in the order of the text. Without recursion: it may be nested as deep as it likes. */
function descendants(root: unknown, budget: Budget): unknown[] {
  const found: unknown[] = [];
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    found.push(value);
    if (typeof value !== 'object' || value === null) continue;
    if (--budget.left < 0) break;
    for (const child of Object.values(value).toReversed()) waiting.push(child);
  }
  return found;
}
