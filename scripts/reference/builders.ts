/** All files of src/builders that are made from schemas, relative to that folder. */
import { metaSchema } from '../../src/compile/meta.ts';
import { fileSchema } from '../../src/config/file-schema.ts';
import { settingsSchema } from '../../src/config/settings.ts';
import { PLUGINS } from '../../src/model/attributes.ts';
import { MODELS } from '../../src/model/models.ts';
import { upstreamSchema } from '../../src/model/upstream.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import type { AnyPlugin } from '../../src/sdk/plugin.ts';
import type { Schema } from '../../src/sdk/schema.ts';
import { commentOf, interfaceOf, type NameOf, quoted } from './types-of.ts';

type Kind = keyof typeof MODELS;

/** Names of objects, as their builders have them. */
const OBJECT_NAMES: Readonly<Record<Kind, string>> = {
  routes: 'route',
  services: 'service',
  upstreams: 'upstream',
  consumers: 'consumer',
  credentials: 'credential',
  consumer_groups: 'consumerGroup',
  plugin_configs: 'pluginConfig',
  global_rules: 'globalRule',
  plugin_metadata: 'pluginMetadata',
  ssls: 'ssl',
  stream_routes: 'streamRoute',
  protos: 'proto',
  secrets: 'secret',
};
const KINDS = Object.keys(OBJECT_NAMES) as Kind[];
/** Whose plugins may be credentials. */
const HOLDERS: readonly Kind[] = ['consumers', 'credentials'];

const GENERATED = '/** Made by "npm run reference" from the schemas: changes belong there. */\n';

export function builderFiles(): Map<string, string> {
  const plugins = ALL_PLUGINS.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const names = [...KINDS.map((kind) => OBJECT_NAMES[kind]), ...plugins.flatMap(buildersOf)];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`two builders would be named ${twice}`);
  return new Map([
    ['meta.ts', `${GENERATED}\n${interfaceOf('Meta', metaSchema, () => undefined)}`],
    ...plugins.map((plugin) => [`plugins/${plugin.name}.ts`, pluginFile(plugin)] as const),
    ['plugins.ts', pluginsFile(plugins)],
    ...KINDS.map((kind) => [`objects/${fileName(OBJECT_NAMES[kind])}.ts`, objectFile(kind)] as const),
    ['settings.ts', `${GENERATED}\n${interfaceOf('Settings', settingsSchema, () => undefined)}`],
    ['configuration-file.ts', configurationFile()],
    ['index.ts', indexFile(plugins)],
  ]);
}

/** `limit-count` → `LimitCount`. */
function pascal(name: string): string {
  return name.replaceAll(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function camel(name: string): string {
  const text = pascal(name);
  return text[0]?.toLowerCase() + text.slice(1);
}

/** `consumerGroup` → `consumer-group`. */
function fileName(builder: string): string {
  return builder.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function capital(name: string): string {
  return name[0]?.toUpperCase() + name.slice(1);
}

function buildersOf({ name, consumerSchema, metadataSchema }: AnyPlugin): string[] {
  const builder = camel(name);
  return [
    builder,
    ...(consumerSchema === undefined ? [] : [`${builder}Credential`]),
    ...(metadataSchema === undefined ? [] : [`${builder}Metadata`]),
  ];
}

function typesOf({ name, consumerSchema, metadataSchema }: AnyPlugin): string[] {
  const type = pascal(name);
  return [
    type,
    ...(consumerSchema === undefined ? [] : [`${type}Credential`]),
    ...(metadataSchema === undefined ? [] : [`${type}Metadata`]),
  ];
}

function isRequired(schema: Schema): boolean {
  return (schema.required ?? []).some((name) => schema.properties?.[name]?.default === undefined);
}

function pluginFile(plugin: AnyPlugin): string {
  const { name, summary, schema, consumerSchema, metadataSchema } = plugin;
  const [type, builder] = [pascal(name), camel(name)];
  const none: NameOf = () => undefined;
  const meta: Schema = { type: 'object', properties: { _meta: metaSchema } };
  const described = (text: string, one: Schema): Schema => ({ ...meta, ...one, description: text });
  const withMeta = (one: Schema): Schema => ({ ...one, properties: { ...one.properties, _meta: metaSchema } });
  const nameOf: NameOf = (one) => (one === metaSchema ? 'Meta' : undefined);
  const parts = [
    `${GENERATED}import type { Meta } from '../meta.ts';\n${metadataSchema === undefined ? '' : `import type { PluginMetadata } from '../objects/plugin-metadata.ts';\n`}`,
    interfaceOf(type, described(`The attributes of ${name}.`, withMeta(schema)), nameOf),
    builderOf({ builder, type, name, summary, isNeeded: isRequired(schema) }),
  ];
  if (consumerSchema !== undefined) {
    const credential = `${type}Credential`;
    const text = `The attributes of ${name} on a consumer or credential.`;
    parts.push(
      interfaceOf(credential, described(text, withMeta(consumerSchema)), nameOf),
      builderOf({
        builder: `${builder}Credential`,
        type: credential,
        name,
        summary: `${name} on a consumer or credential: what identifies the caller.`,
        isNeeded: isRequired(consumerSchema),
      }),
    );
  }
  if (metadataSchema !== undefined) {
    const metadata = `${type}Metadata`;
    parts.push(
      interfaceOf(metadata, { ...metadataSchema, description: `What all instances of ${name} share.` }, none),
      `${commentOf(`The item of \`plugin_metadata\` for ${name}.`, '')}export function ${builder}Metadata(attributes: ${metadata}): PluginMetadata {\n  return { ...attributes, id: ${quoted(name)} };\n}\n`,
    );
  }
  return parts.join('\n');
}

interface Builder {
  readonly builder: string;
  readonly type: string;
  readonly name: string;
  readonly summary: string;
  readonly isNeeded: boolean;
}

function builderOf({ builder, type, name, summary, isNeeded }: Builder): string {
  const result = `{ readonly ${quoted(name)}: ${type} }`;
  const argument = isNeeded ? `attributes: ${type}` : `attributes: ${type} = {}`;
  return `${commentOf(summary, '')}export function ${builder}(${argument}): ${result} {\n  return { ${quoted(name)}: attributes };\n}\n`;
}

function pluginsFile(plugins: readonly AnyPlugin[]): string {
  const credentials = plugins.filter(({ consumerSchema }) => consumerSchema !== undefined);
  const imports = plugins.map((plugin) => {
    const types = typesOf(plugin).filter((type) => !type.endsWith('Metadata'));
    return `import type { ${types.join(', ')} } from './plugins/${plugin.name}.ts';\n`;
  });
  const member = ({ name, summary }: AnyPlugin, type: string): string =>
    `${commentOf(summary, '  ')}  readonly ${quoted(name)}?: ${type};\n`;
  const own = credentials.map(({ name }) => quoted(name)).join(' | ');
  return [
    `${GENERATED}${imports.join('')}`,
    `/** Plugins by name. Your own are added by \`use(…)\`, or by declaring them here: \`declare module 'gatewright' { interface Plugins { … } }\`. */\nexport interface Plugins {\n${plugins.map((plugin) => member(plugin, pascal(plugin.name))).join('')}}\n`,
    `/** Plugins of a consumer or credential: those that authenticate have what identifies it. */\nexport interface ConsumerPlugins extends Omit<Plugins, ${own}> {\n${credentials.map((plugin) => member(plugin, `${pascal(plugin.name)}Credential`)).join('')}}\n`,
  ].join('\n');
}

/** Names of what objects have in common with each other. */
function objectNames(kind: Kind): NameOf {
  return (schema) => {
    if (schema.properties === upstreamSchema.properties && kind !== 'upstreams') return 'Upstream';
    if (schema.additionalProperties === PLUGINS.additionalProperties && schema.type === 'object') {
      return HOLDERS.includes(kind) ? 'ConsumerPlugins' : 'Plugins';
    }
    return undefined;
  };
}

function objectFile(kind: Kind): string {
  const { schema } = MODELS[kind];
  const builder = OBJECT_NAMES[kind];
  const type = capital(builder);
  const text = interfaceOf(type, schema, objectNames(kind));
  const plugins = /: (Plugins|ConsumerPlugins);/.exec(text)?.[1];
  const imports = [
    plugins === undefined ? '' : `import type { ${plugins} } from '../plugins.ts';\n`,
    /: Upstream;/.test(text) ? `import type { Upstream } from './upstream.ts';\n` : '',
  ];
  const made = `${commentOf(schema.description ?? '', '')}export function ${builder}(attributes: ${type}): ${type} {\n  return attributes;\n}\n`;
  return [`${GENERATED}${imports.join('')}`, text, made].join('\n');
}

function configurationFile(): string {
  const named = new Map<Schema, string>(KINDS.map((kind) => [MODELS[kind].schema, capital(OBJECT_NAMES[kind])]));
  const imports = KINDS.map((kind) => {
    const builder = OBJECT_NAMES[kind];
    return `import type { ${capital(builder)} } from './objects/${fileName(builder)}.ts';\n`;
  });
  const nameOf: NameOf = (schema) => (schema === settingsSchema ? 'Settings' : named.get(schema));
  const text = interfaceOf(
    'ConfigurationFile',
    { ...fileSchema, description: 'Everything that a file may say.' },
    nameOf,
  );
  return [`${GENERATED}${imports.join('')}import type { Settings } from './settings.ts';\n`, text].join('\n');
}

function indexFile(plugins: readonly AnyPlugin[]): string {
  const objects = KINDS.map((kind) => {
    const builder = OBJECT_NAMES[kind];
    const file = `./objects/${fileName(builder)}.ts`;
    return `export { ${builder} } from '${file}';\nexport type { ${capital(builder)} } from '${file}';\n`;
  });
  const exported = plugins.map((plugin) => {
    const file = `./plugins/${plugin.name}.ts`;
    return `export { ${buildersOf(plugin).join(', ')} } from '${file}';\nexport type { ${typesOf(plugin).join(', ')} } from '${file}';\n`;
  });
  return [
    GENERATED,
    `export type { ConfigurationFile } from './configuration-file.ts';\n`,
    `export type { ConsumerPlugins, Plugins } from './plugins.ts';\n`,
    `export type { Meta } from './meta.ts';\nexport type { Settings } from './settings.ts';\n`,
    ...objects,
    ...exported,
  ].join('');
}
