/** Schemas as tables of Markdown. */
import type { Schema } from '../../src/sdk/schema.ts';

interface Row {
  readonly name: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** A table of all attributes with those inside them, or a sentence where there are none. */
export function attributeTable(schema: Schema): string {
  const rows = rowsOf(schema, '');
  const offered = rows.filter((row) => !isRefused(row));
  const lines = offered.map(
    ({ name, schema: attribute, isRequired }) =>
      `| \`${name}\` | ${typeOf(attribute)} | ${isRequired ? 'required' : defaultOf(attribute)} | ${boundsOf(attribute)} | ${cell(attribute.description ?? '')} |`,
  );
  const table =
    lines.length === 0
      ? 'None.\n'
      : `| Name | Type | Default | Bounds | Description |\n|---|---|---|---|---|\n${lines.join('\n')}\n`;
  return table + refusedText(rows.filter(isRefused));
}

/** A text in a cell of a table. */
export function cell(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function code(text: string): string {
  // Inside a table the bar has to be escaped even in code; a text with a backtick needs a longer fence.
  const fence = text.includes('`') ? '``' : '`';
  const space = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${space}${text.replaceAll('|', '\\|')}${space}${fence}`;
}

function rowsOf(schema: Schema, prefix: string): Row[] {
  const rows = Object.entries(schema.properties ?? {}).flatMap(([name, attribute]) => [
    { name: prefix + name, schema: attribute, isRequired: schema.required?.includes(name) === true },
    ...innerRows(attribute, prefix + name),
  ]);
  const { additionalProperties } = schema;
  return typeof additionalProperties === 'object'
    ? [...rows, ...innerRows(additionalProperties, `${prefix}NAME`)]
    : rows;
}

function innerRows(schema: Schema, name: string): Row[] {
  const variants = schema.anyOf ?? schema.oneOf ?? [];
  const rows = [
    ...rowsOf(schema, `${name}.`),
    ...(schema.items === undefined ? [] : innerRows(schema.items, `${name}[]`)),
    ...variants.flatMap((variant) => innerRows(variant, name)),
  ];
  // Two variants may have an attribute in common.
  return [...new Map(rows.toReversed().map((row) => [row.name, row])).values()].toReversed();
}

/** Attributes that nothing fits: they are there to be refused with a reason. */
function isRefused({ schema }: Row): boolean {
  return schema.not !== undefined && Object.keys(schema.not).length === 0;
}

function refusedText(rows: readonly Row[]): string {
  const byReason = Map.groupBy(rows, ({ schema }) => schema.remedy ?? 'not available in this version');
  return Array.from(byReason, ([reason, refused]) => {
    const names = refused.map(({ name }) => `\`${name}\``).join(', ');
    return `\nRefused (${reason}): ${names}.\n`;
  }).join('');
}

function typeOf(schema: Schema): string {
  if (Object.hasOwn(schema, 'const')) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(JSON.stringify(value))).join(', ');
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list of ${typeOf(schema.items)}`;
  const variants = schema.type === undefined ? (schema.anyOf ?? schema.oneOf ?? []) : [];
  if (variants.length > 0) return [...new Set(variants.map(typeOf))].join(' or ');
  const { additionalProperties: values } = schema;
  if (schema.type === 'object' && typeof values === 'object' && schema.properties === undefined)
    return `map of ${typeOf(values)}`;
  return schema.type ?? 'any';
}

function defaultOf(schema: Schema): string {
  return schema.default === undefined ? '' : code(JSON.stringify(schema.default));
}

/** Bounds without the patterns, for where people read on one line. */
export function boundsText(schema: Schema): string {
  const parts = boundsOf(schema).split('; ');
  return parts.filter((part) => !/^(?:each: )?matches /.test(part)).join('; ');
}

function boundsOf(schema: Schema): string {
  const own = [
    range(schema.minimum, schema.maximum, ''),
    schema.exclusiveMinimum === undefined ? '' : `> ${schema.exclusiveMinimum}`,
    schema.exclusiveMaximum === undefined ? '' : `< ${schema.exclusiveMaximum}`,
    range(schema.minLength, schema.maxLength, 'characters'),
    range(schema.minItems, schema.maxItems, 'items'),
    range(schema.minProperties, schema.maxProperties, 'attributes'),
    schema.uniqueItems === true ? 'each once' : '',
    schema.pattern === undefined ? '' : `matches ${code(schema.pattern)}`,
    schema.secret === true ? 'never printed' : '',
  ];
  const items = schema.items === undefined ? '' : boundsOf(schema.items);
  const variants = (schema.anyOf ?? schema.oneOf ?? []).map(boundsOf);
  const all = [...own, items === '' ? '' : `each: ${items}`, ...variants];
  return [...new Set(all.filter((text) => text !== ''))].join('; ');
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  // The largest safe integer stands for "no bound": nobody wants to read it.
  const text = span(least, most === Number.MAX_SAFE_INTEGER ? undefined : most);
  if (text === '≥ 1' && unit !== '') return 'not empty';
  return text === '' || unit === '' ? text : `${text} ${unit}`;
}

function span(least: number | undefined, most: number | undefined): string {
  if (least === undefined) return most === undefined ? '' : `≤ ${most}`;
  if (most === undefined) return `≥ ${least}`;
  return least === most ? `${least}` : `${least} to ${most}`;
}
