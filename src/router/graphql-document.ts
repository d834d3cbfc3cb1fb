/**
 * What routing asks of a GraphQL document (GraphQL, October 2021, §2): the kind, the name and the root fields of the operation
 * that will run. Root fields that come by way of fragments count too, or a fragment would hide them from a rule.
 */

export interface GraphqlOperation {
  readonly operation: 'query' | 'mutation' | 'subscription';
  /** '' for an anonymous one. */
  readonly name: string;
  /** By their names, not their aliases; each once. */
  readonly rootFields: readonly string[];
}

/** A field by its name, or the fragment that is spread. */
type Selection = { readonly field: string } | { readonly fragment: string };

interface Definition extends Omit<GraphqlOperation, 'rootFields'> {
  readonly selections: readonly Selection[];
}

const MAX_DEPTH = 50;

/**
 * @param operationName chooses among several operations; '' if the request names none
 * @returns null for a malformed document, and where it cannot be told which operation will run
 */
export function parseGraphql(text: string, operationName: string): GraphqlOperation | null {
  try {
    const { operations, fragments } = new Parser(tokensOf(text)).document();
    const chosen = operationName === '' ? operations : operations.filter(({ name }) => name === operationName);
    if (chosen.length !== 1) return null;
    const [{ operation, name, selections }] = chosen;
    const rootFields = new Set<string>();
    collect(selections, fragments, rootFields, new Set());
    return { operation, name, rootFields: [...rootFields] };
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

class Malformed extends Error {}

function collect(
  selections: readonly Selection[],
  fragments: ReadonlyMap<string, readonly Selection[]>,
  rootFields: Set<string>,
  entered: Set<string>,
): void {
  const pending = [...selections].reverse();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if ('field' in next) {
      rootFields.add(next.field);
      continue;
    }
    const spread = fragments.get(next.fragment);
    if (spread === undefined) throw new Malformed();
    if (entered.has(next.fragment)) continue;
    entered.add(next.fragment);
    for (const selection of spread.toReversed()) pending.push(selection);
  }
}

/** Names and punctuators; strings and numbers as they are; '' at the end. */
function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  const token = /[\s,\ufeff]+|#[^\n\r]*|\.\.\.|[_A-Za-z]\w*|-?\d[\w.+-]*|"""|"(?:[^"\\\n\r]|\\.)*"|[!$&()[\]:=@{|}]/y;
  while (token.lastIndex < text.length) {
    const found = token.exec(text)?.[0];
    if (found === undefined) throw new Malformed();
    if (found === '"""') {
      token.lastIndex = endOfBlockString(text, token.lastIndex);
      tokens.push(found);
    } else if (!/^[\s,\ufeff#]/.test(found)) tokens.push(found);
  }
  tokens.push('');
  return tokens;
}

function endOfBlockString(text: string, start: number): number {
  for (let at = start; ; at += 3) {
    at = text.indexOf('"""', at);
    if (at < 0) throw new Malformed();
    if (text[at - 1] !== '\\' || at === start) return at + 3;
  }
}

class Parser {
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
  }

  document(): { operations: Definition[]; fragments: Map<string, readonly Selection[]> } {
    const operations: Definition[] = [];
    const fragments = new Map<string, readonly Selection[]>();
    while (this.token !== '') {
      const keyword = this.token;
      if (keyword === '{') operations.push({ operation: 'query', name: '', selections: this.selectionSet(0) });
      else if (keyword === 'fragment') {
        this.at++;
        const name = this.name();
        this.expect('on');
        this.name();
        this.directives();
        if (fragments.has(name)) throw new Malformed();
        fragments.set(name, this.selectionSet(0));
      } else if (keyword === 'query' || keyword === 'mutation' || keyword === 'subscription') {
        this.at++;
        const name = isName(this.token) ? this.name() : '';
        if (this.token === '(') this.skipGroup();
        this.directives();
        operations.push({ operation: keyword, name, selections: this.selectionSet(0) });
      } else throw new Malformed();
    }
    return { operations, fragments };
  }

  /** The selections that count as those of the set itself: inline fragments are opened, fields are not. */
  private selectionSet(depth: number): Selection[] {
    if (depth > MAX_DEPTH) throw new Malformed();
    this.expect('{');
    const selections: Selection[] = [];
    do {
      if (!this.take('...')) selections.push(this.field());
      else for (const selection of this.fragment(depth)) selections.push(selection);
    } while (!this.take('}'));
    return selections;
  }

  private fragment(depth: number): Selection[] {
    if (isName(this.token) && this.token !== 'on') {
      const fragment = this.name();
      this.directives();
      return [{ fragment }];
    }
    if (this.take('on')) this.name();
    this.directives();
    return this.selectionSet(depth + 1);
  }

  private field(): Selection {
    let field = this.name();
    if (this.take(':')) field = this.name();
    if (this.token === '(') this.skipGroup();
    this.directives();
    if (this.token === '{') this.skipGroup();
    return { field };
  }

  private directives(): void {
    while (this.take('@')) {
      this.name();
      if (this.token === '(') this.skipGroup();
    }
  }

  /** From an opening bracket to the one that closes it. */
  private skipGroup(): void {
    const closers: string[] = [];
    do {
      const token = this.tokens[this.at++];
      if (token === '') throw new Malformed();
      if (token === '(') closers.push(')');
      else if (token === '[') closers.push(']');
      else if (token === '{') closers.push('}');
      else if (/^[)\]}]$/.test(token) && closers.pop() !== token) throw new Malformed();
    } while (closers.length > 0);
  }

  private get token(): string {
    return this.tokens[this.at];
  }

  private name(): string {
    const token = this.tokens[this.at++];
    if (!isName(token)) throw new Malformed();
    return token;
  }

  private take(token: string): boolean {
    if (this.token !== token) return false;
    this.at++;
    return true;
  }

  private expect(token: string): void {
    if (!this.take(token)) throw new Malformed();
  }
}

function isName(token: string): boolean {
  return /^[_A-Za-z]/.test(token);
}
