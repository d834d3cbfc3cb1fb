/** docs/reference/tests.md: every field of a file of tests. */
import type { Schema } from '../../src/sdk/schema.ts';
import { answerSchema } from '../../src/testing/answer.ts';
import {
  expectedSchema,
  headSchema,
  rowsSchema,
  sentSchema,
  stepSchema,
  testSchema,
} from '../../src/testing/cases/case-schema.ts';
import { attributeTable } from './attributes.ts';

export function testsPage(): string {
  return `# Tests

Every field of a file of tests, as \`gatewright test\` reads it. [Testing](../testing.md) shows how they go together;
\`gatewright schema test --json\` prints the same as JSON Schema. An unknown field is an error.

## The file

${table({ ...headSchema, properties: { ...headSchema.properties, tests: { type: 'array', description: 'The tests.' } }, required: ['tests'] })}
## A test

Either \`request\` and \`expect\`, or \`steps\`.

${table({ ...testSchema, properties: { ...testSchema.properties, each: rowsSchema } })}
## A step

One deed each: \`request\`, \`advance\`, \`apply\` or \`resolve\`.

${table(stepSchema)}
## A request

${table(sentSchema)}
## What is expected

${table(expectedSchema)}
## An answer of an upstream

A status, one of \`refused\`, \`timeout\`, \`reset\`, \`close\`, \`silent\`, or an object with these fields. A node has one answer, a list of them,
or \`answers\` and \`probe\`, each of which is one or a list.

${table(answerSchema)}`;
}

/** The attributes of an object without what is inside of them, which has a table of its own or a sentence. */
function table(schema: Schema): string {
  const properties = Object.entries(schema.properties ?? {}).map(([name, attribute]) => [
    name,
    withoutInner(attribute),
  ]);
  return attributeTable({ ...schema, properties: Object.fromEntries(properties) as Record<string, Schema> });
}

function withoutInner({ properties: _, additionalProperties: __, items: ___, anyOf, ...rest }: Schema): Schema {
  return anyOf === undefined ? rest : { ...rest, anyOf: anyOf.map(withoutInner) };
}
