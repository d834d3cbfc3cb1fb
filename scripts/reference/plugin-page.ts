/** The reference page of a plugin, from its definition. */
import { dump } from 'js-yaml';
import { inertHost } from '../../src/compile/inert-host.ts';
import type { PluginShape } from '../../src/compile/plugins.ts';
import type { AnyPlugin, PluginInstance } from '../../src/sdk/plugin.ts';
import { attributeTable } from './attributes.ts';

/** In the order in which they run. */
const PHASES: readonly (keyof PluginInstance)[] = [
  'rewrite',
  'access',
  'beforeProxy',
  'responseHead',
  'responseBody',
  'log',
];

export function pluginPage(shape: PluginShape): string {
  const { definition } = shape;
  const { name, summary, priority, kind = 'none', schema, consumerSchema, metadataSchema, effects = [] } = definition;
  const facts = [
    ['Priority', String(priority)],
    ['Kind', kind],
    ['Phases', phasesOf(shape).join(', ')],
    ...(effects.length === 0 ? [] : [['Reaches beyond the gateway', effects.join(', ')]]),
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

/** Those that an instance has, made from the first example. Throws if that is no valid configuration. */
function phasesOf(shape: PluginShape): string[] {
  const { name, definition } = shape;
  const { config, problems } = shape.read('route', definition.examples?.[0]?.config ?? {}, name);
  if (problems.length > 0) throw new Error(problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const host = inertHost({ plugin: name, object: 'routes/1', configHash: '' });
  const instance = definition.create(config as never, host, shape.metadata.config);
  return PHASES.filter((phase) => instance[phase] !== undefined);
}

function examplesOf({ name, examples = [] }: AnyPlugin): string[] {
  if (examples.length === 0) return [];
  const blocks = examples.map(({ title, config }) => {
    const route = { uri: '/*', plugins: { [name]: config }, upstream: { nodes: { '127.0.0.1:8081': 1 } } };
    const yaml = dump({ routes: [route] }, { lineWidth: 110 });
    return `### ${title}\n\n\`\`\`yaml\n${yaml}\`\`\``;
  });
  return [`## Examples`, ...blocks];
}
