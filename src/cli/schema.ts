/** `gatewright schema`: what may be written in a configuration, as a table or as JSON Schema. */
import { parseArgs } from 'node:util';
import { fileSchema } from '../config/file-schema.ts';
import { settingsSchema } from '../config/settings.ts';
import { MODELS } from '../model/models.ts';
import { nearest } from '../model/problem.ts';
import { publishSchema } from '../model/publish.ts';
import type { Schema } from '../sdk/schema.ts';
import { testFileSchema } from '../testing/cases/case-schema.ts';
import { EXIT, type Io, UsageError } from './arguments.ts';

/** The schemas by the name that people give them: `route`, `consumer_group`, `gateway`. */
const SCHEMAS: ReadonlyMap<string, Schema> = new Map([
  ['gateway', settingsSchema as Schema],
  ...Object.values(MODELS).map((model) => [model.noun.toLowerCase().replaceAll(' ', '_'), model.schema] as const),
  ['test', testFileSchema],
]);

/**
 * `gatewright schema [KIND] [--json]`: KIND is gateway or a kind of object, such as route. As a table, or as JSON Schema
 * (draft 2020-12), which without KIND is that of the whole file. Throws UsageError.
 */
export function schema(args: readonly string[], io: Io): number {
  const { kind, isJson } = parse(args);
  const found = kind === undefined ? fileSchema : findSchema(kind);
  if (found === undefined) {
    const near = nearest(kind ?? '', SCHEMAS.keys());
    const hint = near === undefined ? '' : `, did you mean "${near}"?`;
    throw new UsageError(`there is no kind "${kind}"${hint}; the kinds are ${[...SCHEMAS.keys()].join(', ')}`);
  }
  if (isJson) io.stdout(asJson(found));
  else io.stdout(kind === undefined ? listKinds() : asTable(found));
  return EXIT.fine;
}

function parse(args: readonly string[]): { readonly kind: string | undefined; readonly isJson: boolean } {
  try {
    const options = { json: { type: 'boolean' } } as const;
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
    if (positionals.length > 1) throw new Error(`one kind is expected, found ${positionals.join(' ')}`);
    return { kind: positionals[0], isJson: values.json === true };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function findSchema(kind: string): Schema | undefined {
  const name = kind.toLowerCase().replaceAll('-', '_');
  return SCHEMAS.get(name) ?? Object.entries(MODELS).find(([key]) => key === name)?.[1].schema;
}

function asJson(found: Schema): string {
  const published = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...publishSchema(found) };
  return `${JSON.stringify(published, null, 2)}\n`;
}

function listKinds(): string {
  const width = Math.max(...Array.from(SCHEMAS.keys(), (name) => name.length));
  return Array.from(SCHEMAS, ([name, { description }]) => `${name.padEnd(width)}  ${description ?? ''}\n`).join('');
}

function asTable(found: Schema): string {
  return `${found.description ?? ''}\n\n${columns(attributeRows(found))}`;
}

/** Lines of texts, each as wide as the widest of its column. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((text, i) => (widths[i] = Math.max(widths[i] ?? 0, text.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((text, i) => text.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Name, type and description of every attribute, nested ones included. */
export function attributeRows(found: Schema): readonly (readonly string[])[] {
  return attributesOf(found, '');
}

type Row = readonly [name: string, type: string, text: string];

function attributesOf(found: Schema, prefix: string): Row[] {
  return Object.entries(found.properties ?? {}).flatMap(([name, attribute]) => {
    const isRequired = found.required?.includes(name) === true;
    const hasDefault = attribute.default !== undefined && typeof attribute.default !== 'object';
    const notes = [
      attribute.description ?? '',
      isRequired ? '(required)' : hasDefault ? `(default ${JSON.stringify(attribute.default)})` : '',
    ];
    const row: Row = [prefix + name, typeText(attribute), notes.filter((note) => note !== '').join(' ')];
    return [row, ...innerAttributes(attribute, prefix + name)];
  });
}

function innerAttributes(attribute: Schema, name: string): Row[] {
  const branches = attribute.type === undefined ? (attribute.anyOf ?? []) : [];
  return [
    ...attributesOf(attribute, `${name}.`),
    ...(attribute.items === undefined ? [] : attributesOf(attribute.items, `${name}[].`)),
    ...branches.flatMap((branch) => innerAttributes(branch, name)),
  ];
}

function typeText(attribute: Schema): string {
  if (Object.hasOwn(attribute, 'const')) return JSON.stringify(attribute.const);
  if (attribute.enum !== undefined) {
    const values = attribute.enum.map((value) => JSON.stringify(value)).join(' | ');
    return values.length > 60 ? 'one of several' : values;
  }
  if (attribute.type === 'array')
    return attribute.items === undefined ? 'list' : `list of ${typeText(attribute.items)}`;
  if (attribute.type === undefined && attribute.anyOf !== undefined)
    return [...new Set(attribute.anyOf.map(typeText))].join(' | ');
  return attribute.type ?? 'any';
}
