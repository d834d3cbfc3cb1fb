/** Schemas as types of TypeScript, with what editors show: descriptions, defaults and bounds. */
import type { Schema } from '../../src/sdk/schema.ts';
import { boundsText } from './attributes.ts';

/** Schemas that have a name of their own: a type is named instead of spelled out where it stands. */
export type NameOf = (schema: Schema) => string | undefined;

/** An interface, with its description. @param extended names of what it extends */
export function interfaceOf(name: string, schema: Schema, nameOf: NameOf, extended: readonly string[] = []): string {
  const parents = extended.length === 0 ? '' : ` extends ${extended.join(', ')}`;
  const comment = commentOf(schema.description ?? '', '');
  return `${comment}export interface ${name}${parents} {\n${membersOf(schema, nameOf, '  ')}}\n`;
}

/** A comment before a member, '' for no text. */
export function commentOf(text: string, indent: string): string {
  const safe = text.replaceAll('*/', '*\\/').replaceAll('\n', ' ');
  return safe === '' ? '' : `${indent}/** ${safe} */\n`;
}

function membersOf(schema: Schema, nameOf: NameOf, indent: string): string {
  const members = Object.entries(propertiesOf(schema)).map(([name, attribute]) => {
    const isRequired = schema.required?.includes(name) === true && attribute.default === undefined;
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : quoted(name);
    const type = isRefused(attribute) ? 'never' : typeOf(attribute, nameOf, indent);
    return `${commentOf(explanation(attribute), indent)}${indent}readonly ${key}${isRequired ? '' : '?'}: ${type};\n`;
  });
  const open = openType(schema, nameOf, indent, members.length > 0);
  return members.join('') + (open === null ? '' : `${indent}readonly [name: string]: ${open};\n`);
}

/** Of an object: its own, and those that only some of its variants have. */
function propertiesOf(schema: Schema): Record<string, Schema> {
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  const branches = [schema.then, schema.else].filter((branch) => branch !== undefined);
  const inner = [...variants, ...branches].map(propertiesOf);
  return { ...Object.assign({}, ...inner), ...schema.properties } as Record<string, Schema>;
}

/** Attributes that nothing fits: they are there to be refused with a reason. */
function isRefused({ not }: Schema): boolean {
  return not !== undefined && Object.keys(not).length === 0;
}

function explanation(schema: Schema): string {
  if (isRefused(schema)) return `Refused: ${schema.remedy ?? 'not available in this version'}.`;
  const { description = '' } = schema;
  const value = schema.default;
  const byDefault = value === undefined ? '' : ` Default: \`${JSON.stringify(value)}\`.`;
  const bounds = boundsText(schema);
  return `${description}${byDefault}${bounds === '' ? '' : ` Bounds: ${bounds}.`}`.trim();
}

/** What further attributes hold; null where there are none. */
function openType(schema: Schema, nameOf: NameOf, indent: string, hasMembers: boolean): string | null {
  const { additionalProperties, patternProperties } = schema;
  const patterns = Object.values(patternProperties ?? {});
  if (additionalProperties === true) return 'unknown';
  const isSchema = typeof additionalProperties === 'object';
  if (!isSchema && patterns.length === 0) return null;
  // Every member would have to fit what the others are.
  if (hasMembers) return 'unknown';
  const all = [...(isSchema ? [additionalProperties] : []), ...patterns];
  return union(all.map((one) => typeOf(one, nameOf, indent)));
}

export function typeOf(schema: Schema, nameOf: NameOf, indent: string): string {
  const named = nameOf(schema);
  if (named !== undefined) return named;
  if (Object.hasOwn(schema, 'const')) return literal(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map(literal));
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'number':
    case 'integer':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      return `readonly ${elementOf(schema.items, nameOf, indent)}[]`;
    case 'object':
      return objectType(schema, nameOf, indent);
    case undefined:
  }
  const variants = schema.anyOf ?? schema.oneOf ?? [];
  if (variants.length > 0) return union(variants.map((variant) => typeOf(variant, nameOf, indent)));
  return 'unknown';
}

function objectType(schema: Schema, nameOf: NameOf, indent: string): string {
  const members = membersOf(schema, nameOf, `${indent}  `);
  if (members !== '') return `{\n${members}${indent}}`;
  // Without attributes of its own it takes none where it says so, and any where it says nothing.
  return schema.properties === undefined
    ? '{ readonly [name: string]: unknown }'
    : '{ readonly [name: string]: never }';
}

function elementOf(items: Schema | undefined, nameOf: NameOf, indent: string): string {
  const type = items === undefined ? 'unknown' : typeOf(items, nameOf, indent);
  return /^[\w"']+$/.test(type) || (type.startsWith('{') && !type.includes('} | ')) ? type : `(${type})`;
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(' | ');
}

function literal(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : JSON.stringify(value);
}

/** As the formatter would have it. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
