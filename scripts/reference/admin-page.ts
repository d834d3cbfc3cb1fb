/** The reference page of the Admin API, from the same description that it serves as OpenAPI. */
import { openApiDocument } from '../../src/admin/openapi.ts';
import type { PluginRegistry } from '../../src/compile/plugins.ts';
import { MODELS } from '../../src/model/models.ts';
import { attributeTable, cell } from './attributes.ts';

interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly description: string }[];
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export function adminPage(plugins: PluginRegistry): string {
  const { paths } = openApiDocument(plugins) as Document;
  const kinds = Object.values(MODELS).map(({ kind, noun, schema }) => {
    const text = `${schema.description ?? ''}\n\n${operationTable(paths, noun)}\n\n${attributeTable(schema)}`;
    return `## ${noun.charAt(0).toUpperCase()}${noun.slice(1)}\n\nIn files and paths: \`${kind}\`. ${text.trimEnd()}\n`;
  });
  return `# Admin API

Every path and every attribute. \`/openapi.json\` on the Admin API's own listener has the same for programs, and the schemas
of all plugins. The [guide](../admin-api.md) says how to use them.

${kinds.join('\n')}
## The rest

${operationTable(paths, 'about')}
`;
}

function operationTable(paths: Document['paths'], tag: string): string {
  const rows = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method, operation]) => method !== 'parameters' && operation.tags.includes(tag))
      .map(([method, { summary, parameters = [], responses }]) => {
        const names = parameters.map(({ name }) => `\`${name}\``).join(', ');
        return `| ${method.toUpperCase()} | \`${path}\` | ${cell(summary)} | ${names} | ${Object.keys(responses).join(', ')} |`;
      }),
  );
  return `| Method | Path | | Arguments | Statuses |\n|---|---|---|---|---|\n${rows.join('\n')}`;
}
