import { isBuiltin } from 'node:module';
import path from 'node:path';
import { HOUSE, IMPURE_NODE_MODULES, PURE_NAMES, ROOT_FILES } from './house.ts';
import type { Layer } from './house.ts';
import { placeOf } from './place.ts';
import type { Place } from './place.ts';
import { field, fieldList, fieldOf, identifierName, memberName, stringValue } from './rule.ts';
import type { Rule, RuleContext, SyntaxNode } from './rule.ts';

/** One import, re-export or start of a worker. */
interface Import {
  readonly specifier: string;
  /** True if nothing but types is taken. */
  readonly typeOnly: boolean;
  /** What is taken by name; undefined if all of the module is. */
  readonly names: readonly string[] | undefined;
}

/** Why the file at `from` may not have this import, undefined if it may. */
function layerProblem(root: string, from: Place, taken: Import): string | undefined {
  const { specifier } = taken;
  const layer = layerOf(from);
  if (layer === undefined) {
    return from.folder === ''
      ? `src/${from.inside} has no row in scripts/lint/house.ts: a file belongs into a folder of src/`
      : `src/${from.folder} is not a folder of the house: give it a row in scripts/lint/house.ts`;
  }
  if (specifier.startsWith('.')) return relativeProblem(root, from, layer, specifier);
  if (isBuiltin(specifier)) return builtinProblem(from, layer, taken);
  if (layer.packages === 'none') {
    return `${nameOf(from)} may not import packages, and "${specifier}" is one`;
  }
  return undefined;
}

function layerOf(place: Place): Layer | undefined {
  const table = place.folder === '' ? ROOT_FILES : HOUSE;
  const key = place.folder === '' ? place.inside : place.folder;
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

const nameOf = (place: Place): string => `src/${place.folder === '' ? place.inside : place.folder}`;

function relativeProblem(root: string, from: Place, layer: Layer, specifier: string): string | undefined {
  const target = placeOf(root, path.resolve(root, 'src', path.dirname(from.inside), specifier));
  if (target === undefined) {
    // package.json holds the version; nothing else outside src/ is shipped as code.
    return path.basename(specifier) === 'package.json'
      ? undefined
      : `${nameOf(from)} may not import "${specifier}": it lies outside src/`;
  }
  if (target.isTest) return `"${specifier}" is a test: only the test runner loads it`;
  if (target.folder === from.folder || layer.imports.includes(target.folder)) return undefined;
  const allowed = layer.imports.length === 0 ? 'nothing' : layer.imports.join(', ');
  return `${nameOf(from)} may not import ${nameOf(target)}; it may import ${allowed}`;
}

function builtinProblem(from: Place, layer: Layer, taken: Import): string | undefined {
  const { specifier, typeOnly, names } = taken;
  if (typeOnly || layer.node === 'any') return undefined;
  if (layer.node === 'types') return `${nameOf(from)} may import only types from Node.js, and "${specifier}" is code`;
  const [module = ''] = specifier.replace(/^node:/, '').split('/');
  if (!IMPURE_NODE_MODULES.includes(module)) return undefined;
  const pure = PURE_NAMES[module] ?? [];
  if (names !== undefined && names.every((name) => pure.includes(name))) return undefined;
  return `${nameOf(from)} does no input or output, and "${specifier}" does`;
}

/** True if every name that an import or export declaration takes is a type. */
function isTypeOnly(node: SyntaxNode): boolean {
  if (fieldOf(node, 'importKind') === 'type' || fieldOf(node, 'exportKind') === 'type') return true;
  const specifiers = fieldList(node, 'specifiers');
  return (
    specifiers.length > 0 &&
    specifiers.every((each) => fieldOf(each, 'importKind') === 'type' || fieldOf(each, 'exportKind') === 'type')
  );
}

/** The names that a declaration takes from its module, undefined if it takes the module as a whole. */
function namesOf(node: SyntaxNode): readonly string[] | undefined {
  const names: string[] = [];
  for (const specifier of fieldList(node, 'specifiers')) {
    const name = identifierName(field(specifier, node.type === 'ImportDeclaration' ? 'imported' : 'local'));
    if (name === undefined) return undefined;
    names.push(name);
  }
  return names.length === 0 ? undefined : names;
}

/** The file that `new URL('./x.ts', import.meta.url)` names: how worker threads are started. */
function urlSpecifier(node: SyntaxNode): string | undefined {
  const [target, base] = fieldList(node, 'arguments');
  if (identifierName(field(node, 'callee')) !== 'URL' || base?.type !== 'MemberExpression') return undefined;
  if (field(base, 'object')?.type !== 'MetaProperty' || memberName(base) !== 'url') return undefined;
  const specifier = stringValue(target);
  return specifier !== undefined && /\.[jt]s$/.test(specifier) ? specifier : undefined;
}

export const layers: Rule = {
  meta: {
    type: 'problem',
    docs: { description: 'a folder of src/ imports only what scripts/lint/house.ts grants it' },
  },
  create(context: RuleContext) {
    const place = placeOf(context.cwd, context.filename);
    if (place === undefined || place.isTest) return {};
    const check = (node: SyntaxNode, specifier: string | undefined, declaration?: SyntaxNode): void => {
      if (specifier === undefined) return;
      const typeOnly = node.type === 'TSImportType' || (declaration !== undefined && isTypeOnly(declaration));
      const names = declaration === undefined ? undefined : namesOf(declaration);
      const message = layerProblem(context.cwd, place, { specifier, typeOnly, names });
      if (message !== undefined) context.report({ node, message });
    };
    const declaration = (node: SyntaxNode): void => check(node, stringValue(field(node, 'source')), node);
    return {
      ImportDeclaration: declaration,
      ExportNamedDeclaration: declaration,
      ExportAllDeclaration: declaration,
      ImportExpression: (node) => check(node, stringValue(field(node, 'source'))),
      TSImportType(node) {
        const argument = field(node, 'source') ?? field(node, 'argument');
        check(node, stringValue(argument) ?? stringValue(field(argument, 'literal')));
      },
      NewExpression: (node) => check(node, urlSpecifier(node)),
    };
  },
};
