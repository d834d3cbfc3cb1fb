import { SCRATCH_FOLDERS } from './house.ts';
import { placeOf } from './place.ts';
import { field, fieldList, fieldOf, identifierName } from './rule.ts';
import type { Rule, RuleContext, SyntaxNode } from './rule.ts';

/** Constructors of things that exist to be changed, and the annotation that makes a constant of each. */
const CONTAINERS: ReadonlyMap<string, string> = new Map([
  ['Map', 'ReadonlyMap'],
  ['Set', 'ReadonlySet'],
  ['WeakMap', ''],
  ['WeakSet', ''],
  ['EventEmitter', ''],
  ['Array', 'readonly T[]'],
]);

/** True for an annotation that forbids changing the value: ReadonlyMap, Readonly<…>, readonly T[]. */
function isReadonlyType(annotation: SyntaxNode | undefined): boolean {
  const type = field(annotation, 'typeAnnotation');
  if (type?.type === 'TSTypeOperator') return fieldOf(type, 'operator') === 'readonly';
  return identifierName(field(type, 'typeName'))?.startsWith('Readonly') === true;
}

/** True where nothing, or an index signature, says what an object may hold: it starts empty in order to be filled. */
function isOpenType(declarator: SyntaxNode): boolean {
  const annotation = field(field(declarator, 'id'), 'typeAnnotation');
  const type = field(annotation, 'typeAnnotation');
  return type === undefined || type.type === 'TSTypeLiteral' || identifierName(field(type, 'typeName')) === 'Record';
}

/** How a value declared at module level could change between calls, undefined if it cannot (as far as syntax tells). */
function mutability(declarator: SyntaxNode): string | undefined {
  const init = field(declarator, 'init');
  if (isReadonlyType(field(field(declarator, 'id'), 'typeAnnotation'))) return undefined;
  if (init?.type === 'NewExpression') {
    const name = identifierName(field(init, 'callee')) ?? '';
    const remedy = CONTAINERS.get(name);
    if (remedy === undefined) return undefined;
    return `a ${name}${remedy === '' ? '' : ` (a constant one is annotated ${remedy})`}`;
  }
  if (init?.type === 'ArrayExpression' && fieldList(init, 'elements').length === 0) return 'an array that starts empty';
  if (init?.type === 'ObjectExpression' && fieldList(init, 'properties').length === 0 && isOpenType(declarator)) {
    return 'an object that starts empty';
  }
  return undefined;
}

export const moduleState: Rule = {
  meta: { type: 'problem', docs: { description: 'no module holds state that changes between calls' } },
  create(context: RuleContext) {
    const place = placeOf(context.cwd, context.filename);
    if (place === undefined || place.isTest || SCRATCH_FOLDERS.includes(place.folder)) return {};
    const problem = (what: string): string => `no mutable state at module level: ${what}; let its owner hold it`;
    return {
      VariableDeclaration(node) {
        const parent = node.parent?.type === 'ExportNamedDeclaration' ? node.parent.parent : node.parent;
        if (parent?.type !== 'Program' || fieldOf(node, 'declare') === true) return;
        const kind = fieldOf(node, 'kind');
        if (kind === 'let' || kind === 'var') {
          context.report({ node, message: problem(`a binding declared with ${kind}`) });
          return;
        }
        for (const declarator of fieldList(node, 'declarations')) {
          const what = mutability(declarator);
          if (what !== undefined) context.report({ node: declarator, message: problem(what) });
        }
      },
    };
  },
};
