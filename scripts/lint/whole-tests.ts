import { field, fieldList, fieldOf, identifierName, memberName } from './rule.ts';
import type { Rule, RuleContext, SyntaxNode } from './rule.ts';

const RUNNERS: readonly string[] = ['test', 'it', 'describe', 'suite', 't'];
const PARTIAL: readonly string[] = ['only', 'skip', 'todo'];

/** The one file that may skip: it does so loudly, and never under CI. */
const SKIPPER = 'test/require-program.ts';

export const wholeTests: Rule = {
  meta: { type: 'problem', docs: { description: 'no test is skipped, postponed or run alone' } },
  create(context: RuleContext) {
    if (context.filename.endsWith(SKIPPER)) return {};
    const report = (node: SyntaxNode, what: string): void =>
      context.report({
        node,
        message: `${what} leaves tests out: every test runs (see ${SKIPPER} for missing programs)`,
      });
    return {
      CallExpression(node) {
        const callee = field(node, 'callee');
        const isMember = callee?.type === 'MemberExpression';
        const runner = identifierName(isMember ? field(callee, 'object') : callee);
        if (runner === undefined || !RUNNERS.includes(runner)) return;
        const member = isMember ? memberName(callee) : undefined;
        if (member !== undefined && PARTIAL.includes(member)) report(node, `${runner}.${member}`);
        for (const argument of fieldList(node, 'arguments')) {
          if (argument.type !== 'ObjectExpression') continue;
          for (const property of fieldList(argument, 'properties')) {
            const name = identifierName(field(property, 'key'));
            const isOff = fieldOf(field(property, 'value'), 'value') === false;
            if (name !== undefined && PARTIAL.includes(name) && !isOff) report(property, `the option ${name}`);
          }
        }
      },
    };
  },
};
