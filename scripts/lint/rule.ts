/** The little of ESLint's rule interface that this project's own rules need; oxlint offers the same. */

/** A syntax node (ESTree with TypeScript's additions). Fields are read through `field` and `fieldOf`, never assumed. */
export interface SyntaxNode {
  readonly type: string;
  readonly parent?: SyntaxNode | null;
}

export interface RuleContext {
  /** Absolute path of the file that is being linted. */
  readonly filename: string;
  /** The folder that the linter was started in: the root of the repository. */
  readonly cwd: string;
  report(problem: { readonly node: SyntaxNode; readonly message: string }): void;
}

export type Visitor = Readonly<Record<string, (node: SyntaxNode) => void>>;

export interface Rule {
  readonly meta: { readonly type: 'problem'; readonly docs: { readonly description: string } };
  create(context: RuleContext): Visitor;
}

/** Any field of a node, undefined if it has none of that name. */
export function fieldOf(node: SyntaxNode | undefined, name: string): unknown {
  return node === undefined ? undefined : (node as unknown as Record<string, unknown>)[name];
}

/** A field that holds a node, undefined if it holds anything else. */
export function field(node: SyntaxNode | undefined, name: string): SyntaxNode | undefined {
  const value = fieldOf(node, name);
  return typeof value === 'object' && value !== null && 'type' in value ? (value as SyntaxNode) : undefined;
}

/** A field that holds a list of nodes; empty if it holds anything else. */
export function fieldList(node: SyntaxNode | undefined, name: string): readonly SyntaxNode[] {
  const value = fieldOf(node, name);
  return Array.isArray(value) ? (value as SyntaxNode[]) : [];
}

/** The name of an identifier, undefined for any other node. */
export function identifierName(node: SyntaxNode | undefined): string | undefined {
  if (node?.type !== 'Identifier') return undefined;
  const name = fieldOf(node, 'name');
  return typeof name === 'string' ? name : undefined;
}

/** The value of a string literal, undefined for any other node. */
export function stringValue(node: SyntaxNode | undefined): string | undefined {
  if (node?.type !== 'Literal') return undefined;
  const value = fieldOf(node, 'value');
  return typeof value === 'string' ? value : undefined;
}

/** The name of the member that `object.name` or `object['name']` refers to. */
export function memberName(node: SyntaxNode): string | undefined {
  const property = field(node, 'property');
  return fieldOf(node, 'computed') === true ? stringValue(property) : identifierName(property);
}
