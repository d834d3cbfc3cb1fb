/** All pages of docs/reference, by their file, relative to that folder. */
import { metaSchema } from '../../src/compile/meta.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import { settingsSchema } from '../../src/config/settings.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import { ERRORS } from '../../src/sdk/errors.ts';
import { adminPage } from './admin-page.ts';
import { attributeTable, cell } from './attributes.ts';
import { metricsPage } from './metrics-page.ts';
import { pluginPage } from './plugin-page.ts';
import { testsPage } from './tests-page.ts';

export function referencePages(): Map<string, string> {
  const registry = pluginRegistry(ALL_PLUGINS);
  const plugins = [...registry.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const pages = new Map([
    ['README.md', indexPage()],
    ['configuration.md', configurationPage()],
    ['errors.md', errorsPage()],
    ['admin-api.md', adminPage(registry)],
    ['metrics.md', metricsPage(plugins)],
    ['tests.md', testsPage()],
    ...plugins.map((shape) => [`plugins/${shape.name}.md`, pluginPage(shape)] as const),
  ]);
  return new Map(Array.from(pages, ([file, text]) => [file, `${GENERATED}\n\n${text}`]));
}

const GENERATED = '<!-- Made by "npm run reference" from the source: changes belong there. -->';

function indexPage(): string {
  const rows = ALL_PLUGINS.toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1)).map(
    ({ name, priority, kind, summary }) =>
      `| [${name}](plugins/${name}.md) | ${priority} | ${kind ?? ''} | ${cell(summary)} |`,
  );
  return `# Reference

- [Settings](configuration.md): the key \`gateway\` of the configuration
- [Errors](errors.md): every answer that the gateway makes itself
- [Admin API](admin-api.md): its paths, and the attributes of every kind of object
- [Metrics](metrics.md): what Prometheus is told
- [Tests](tests.md): every field of a file of tests
- Plugins: below

The [guide to the configuration](../configuration.md) shows how they go together.

## Plugins

In the order in which they run within a phase: the highest priority first.

| Plugin | Priority | Kind | What it does |
|---|---|---|---|
${rows.join('\n')}

## What every plugin takes

Under \`_meta\`, beside the plugin's own attributes:

${attributeTable(metaSchema)}`;
}

function configurationPage(): string {
  return `# Settings

What stands under the key \`gateway\`: what a start needs to know. An unknown attribute is an error.
\`gatewright schema gateway\` prints the same in a terminal, \`gatewright schema gateway --json\` as JSON Schema.

${attributeTable(settingsSchema)}`;
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, source, retryable, message }]) =>
      `| \`${code}\` | ${status} | ${source} | ${retryable ? 'yes' : 'no'} | ${cell(message)} |`,
  );
  return `# Errors

Every error that the gateway itself answers with. The code stands in the header \`X-Gatewright-Error\`, in the body and in
the access log. "At fault" is who has to change something: the client, the gateway, the upstream, or the configuration
(\`config\`). "Again" says whether the same request may succeed when it is sent again unchanged.

Refusals of plugins have codes of their own, which are in the same places but not in this table.

| Code | Status | At fault | Again | Message |
|---|---|---|---|---|
${rows.join('\n')}
`;
}
