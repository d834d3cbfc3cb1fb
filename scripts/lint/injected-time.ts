import { TIME_SOURCES } from './house.ts';
import { placeOf } from './place.ts';
import { field, fieldList, fieldOf, identifierName, memberName, stringValue } from './rule.ts';
import type { Rule, RuleContext, SyntaxNode } from './rule.ts';

/** Members of global objects that give another answer at each call. */
const FORBIDDEN: ReadonlyMap<string, readonly string[]> = new Map([
  ['Date', ['now']],
  ['Math', ['random']],
  ['performance', ['now', 'timeOrigin']],
  ['process', ['hrtime', 'uptime']],
  ['crypto', ['getRandomValues', 'randomUUID']],
  // The whole object, since it may get any name where it is imported.
  ['perf_hooks', ['performance']],
]);

const GLOBAL_OBJECTS: readonly string[] = ['globalThis', 'global'];

/** `Date`, also where it is written `globalThis.Date`. */
function globalName(node: SyntaxNode | undefined): string | undefined {
  if (node?.type !== 'MemberExpression') return identifierName(node);
  const object = identifierName(field(node, 'object'));
  return object !== undefined && GLOBAL_OBJECTS.includes(object) ? memberName(node) : undefined;
}

function message(source: string): string {
  return `${source} is read only in src/${TIME_SOURCES.join(', src/')}: take time and randomness as arguments`;
}

export const injectedTime: Rule = {
  meta: { type: 'problem', docs: { description: 'decisions are given time and randomness and never fetch them' } },
  create(context: RuleContext) {
    const place = placeOf(context.cwd, context.filename);
    if (place === undefined || place.isTest || TIME_SOURCES.includes(place.folder)) return {};
    const report = (node: SyntaxNode, source: string): void => context.report({ node, message: message(source) });
    return {
      MemberExpression(node) {
        const object = globalName(field(node, 'object'));
        const member = memberName(node);
        if (object === undefined || member === undefined) return;
        if (FORBIDDEN.get(object)?.includes(member) === true) report(node, `${object}.${member}`);
      },
      VariableDeclarator(node) {
        const object = globalName(field(node, 'init'));
        const forbidden = object === undefined ? undefined : FORBIDDEN.get(object);
        if (object === undefined || forbidden === undefined) return;
        for (const property of fieldList(field(node, 'id'), 'properties')) {
          const key = field(property, 'key');
          const member = identifierName(key) ?? stringValue(key);
          if (member !== undefined && forbidden.includes(member)) report(property, `${object}.${member}`);
        }
      },
      NewExpression(node) {
        const isNow = globalName(field(node, 'callee')) === 'Date' && fieldList(node, 'arguments').length === 0;
        if (isNow) report(node, 'new Date()');
      },
      CallExpression(node) {
        if (globalName(field(node, 'callee')) === 'Date') report(node, 'Date()');
      },
      ImportSpecifier(node) {
        const source = stringValue(field(node.parent ?? undefined, 'source'));
        const name = identifierName(field(node, 'imported'));
        const object = source?.replace(/^node:/, '');
        if (name === undefined || object === undefined || fieldOf(node, 'importKind') === 'type') return;
        if (FORBIDDEN.get(object)?.includes(name) === true) report(node, `${name} of ${source}`);
      },
    };
  },
};
