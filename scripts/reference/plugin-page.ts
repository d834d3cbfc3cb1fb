/** The reference page of a plugin, from its definition. */
import { dump } from 'js-yaml';
import { phasesOf } from '../../src/compile/plugin-phases.ts';
import type { PluginShape } from '../../src/compile/plugins.ts';
import type { AnyPlugin } from '../../src/sdk/plugin.ts';
import { attributeTable } from './attributes.ts';

export function pluginPage(shape: PluginShape): string {
  const { definition } = shape;
  const { name, summary, priority, kind = 'none', schema, consumerSchema, metadataSchema, effects = [] } = definition;
  const facts = [
    ['Priority', String(priority)],
    ['Kind', kind],
    ['Phases', phasesOf(shape)?.join(', ') ?? ''],
    ...(effects.length === 0 ? [] : [['Reaches beyond the gateway', effects.join(', ')]]),
    ...(definition.buffers === undefined ? [] : [['May need whole', definition.buffers]]),
    ...(definition.prefersRoute === true ? [['As a global rule', 'skipped on routes that have it themselves']] : []),
  ];
  return [
    `# ${name}`,
    summary,
    `| | |\n|---|---|\n${facts.map(([label, value]) => `| ${label} | ${value} |`).join('\n')}`,
    `## Attributes\n\n${attributeTable(schema)}`,
    ...(consumerSchema === undefined
      ? []
      : [`## Attributes on consumers and credentials\n\n${attributeTable(consumerSchema)}`]),
    ...(metadataSchema === undefined ? [] : [`## Metadata\n\n${attributeTable(metadataSchema)}`]),
    ...examplesOf(definition),
  ]
    .map((part) => `${part.trimEnd()}\n`)
    .join('\n');
}

function examplesOf({ name, examples = [] }: AnyPlugin): string[] {
  if (examples.length === 0) return [];
  const blocks = examples.map(({ title, config, upstream = {} }) => {
    const route = { uri: '/*', plugins: { [name]: config }, upstream: { ...upstream, nodes: { '127.0.0.1:8081': 1 } } };
    const yaml = dump({ routes: [route] }, { lineWidth: 110 });
    return `### ${title}\n\n\`\`\`yaml\n${yaml}\`\`\``;
  });
  return [`## Examples`, ...blocks];
}
