/** The plugins of one object: read, checked, and made into instances. */
import { canonicalText } from '../model/canonical.ts';
import { IDENTITY_FIELDS } from '../sdk/header-names.ts';
import type { NestedPlugin } from '../sdk/plugin.ts';
import type { Kind, RawObject } from '../model/object-set.ts';
import { pathOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { Step } from './chain.ts';
import type { HeldInstance, Instances } from './instances.ts';
import { NO_META } from './meta.ts';
import { messageOf } from './plugin-registry.ts';
import { joined, NO_USES, readUpstreams } from './plugin-uses.ts';
import type { ReadUses, UpstreamReference } from './plugin-uses.ts';
import { missingPlugin } from './plugins.ts';
import type { CompiledUpstream } from './snapshot.ts';
import type { Metadata, PluginPlace, PluginReading, PluginRegistry, PluginShape } from './plugins.ts';

type Bodies = 'request' | 'response' | 'both' | null;

/** One plugin of one object. */
export interface PluginUse {
  readonly plugin: string;
  /** Null where `_meta.disable` switches the plugin off. */
  readonly step: Step | null;
  readonly prefersRoute: boolean;
  /** Which bodies it may want whole, and which are to pass as they come. */
  readonly buffers?: Bodies;
  readonly streams?: Bodies;
  /** Request fields that no client may say, in lower case and with hyphens; those of plugins inside of it as well. */
  readonly claims?: readonly string[];
  /** Query arguments that carry secrets; those of plugins inside of it as well. */
  readonly secretArguments?: readonly string[];
  /** Instances that stand inside of its own; absent where there are none. */
  readonly inner?: readonly HeldInstance[];
  /** Of whom the plugin is: orders those that have priority and name in common. */
  readonly object: string;
}

/** What an authentication plugin finds a consumer by. */
export interface CredentialUse {
  readonly plugin: string;
  /** A secret in most plugins: never to be printed. */
  readonly key: string;
  /** Frozen, with defaults. */
  readonly config: unknown;
}

/** The plugins of one object. The same object as before while nothing about them changed. */
export interface ObjectPlugins {
  readonly uses: readonly PluginUse[];
  /** On consumers and credentials. */
  readonly credentials: readonly CredentialUse[];
  readonly instances: readonly HeldInstance[];
  /** Upstreams that plugins name by id, and those that stand in their attributes. */
  readonly references: readonly UpstreamReference[];
  readonly upstreams: readonly CompiledUpstream[];
  /** Of `plugin_metadata`: what it says. */
  readonly metadata: Metadata | null;
  /** What they were made of besides the object. */
  readonly sources: readonly PluginSource[];
  /** Equal for equal plugins of the same object. */
  readonly identity: string;
}

interface PluginSource {
  readonly shape: PluginShape;
  readonly metadata: Metadata;
}

export const NO_PLUGINS: ObjectPlugins = Object.freeze({
  uses: Object.freeze([]),
  credentials: Object.freeze([]),
  instances: Object.freeze([]),
  references: Object.freeze([]),
  upstreams: Object.freeze([]),
  metadata: null,
  sources: Object.freeze([]),
  identity: '',
});

/** The schema that the plugins of a kind of object follow; other kinds have no plugins. */
export const PLACES: { readonly [K in Kind]?: PluginPlace } = {
  routes: 'route',
  services: 'route',
  plugin_configs: 'route',
  global_rules: 'route',
  consumer_groups: 'route',
  consumers: 'consumer',
  credentials: 'consumer',
};

interface Draft {
  uses: PluginUse[];
  credentials: CredentialUse[];
  instances: HeldInstance[];
  references: UpstreamReference[];
  upstreams: CompiledUpstream[];
  sources: PluginSource[];
  identities: string[];
  /** Of the plugin that is being read, and of those inside of it. */
  claims: string[];
  secretArguments: string[];
  problems: Problem[];
  unknown: Problem[];
}

export interface ObjectPluginsReading {
  readonly plugins: ObjectPlugins;
  readonly problems: readonly Problem[];
  readonly unknown: readonly Problem[];
}

/** Reads the plugins of all objects of one configuration; those of `plugin_metadata` come first. */
export class PluginReader {
  private readonly registry: PluginRegistry;
  private readonly instances: Instances;
  /** By plugin. */
  private readonly metadata = new Map<string, Metadata>();

  /** @param registry the enabled plugins */
  constructor(registry: PluginRegistry, instances: Instances) {
    this.registry = registry;
    this.instances = instances;
  }

  /** To be called with each good `plugin_metadata` object, before other objects are read. */
  takeMetadata(name: string, metadata: Metadata): void {
    this.metadata.set(name, metadata);
  }

  /** Whether plugins that were read from the same object earlier would be read the same now. */
  isCurrent({ sources }: ObjectPlugins): boolean {
    return sources.every(
      ({ shape, metadata }) => this.registry.get(shape.name) === shape && this.metadataOf(shape).text === metadata.text,
    );
  }

  /** @param value the object after its own checks @param previous given back if nothing changed */
  read(kind: Kind, raw: RawObject, value: unknown, previous: ObjectPlugins | undefined): ObjectPluginsReading {
    if (kind === 'plugin_metadata') return this.readMetadata(raw, value as Readonly<Record<string, unknown>>);
    const place = PLACES[kind];
    const attributes = (value as { readonly plugins?: Readonly<Record<string, unknown>> }).plugins;
    if (place === undefined || attributes === undefined) return { plugins: NO_PLUGINS, problems: [], unknown: [] };
    const draft: Draft = {
      uses: [],
      credentials: [],
      instances: [],
      references: [],
      upstreams: [],
      sources: [],
      identities: [],
      claims: [],
      secretArguments: [],
      problems: [],
      unknown: [],
    };
    for (const name of Object.keys(attributes)) {
      const path = pathOf(pathOf(raw.path, 'plugins'), name);
      const shape = this.registry.get(name);
      if (shape === undefined) {
        draft.problems.push({ path, code: 'not_available', message: missingPlugin(name, this.registry) });
        continue;
      }
      const misplaced = whyMisplaced(kind, shape);
      if (misplaced !== null) draft.problems.push({ path, code: 'not_supported', message: misplaced });
      else {
        const use = { shape, place, path, object: `${kind}/${raw.id}`, isChecked: raw.isChecked === true };
        this.readPlugin(use, attributes[name], value as Neighbours, draft);
      }
    }
    return { plugins: completed(draft, previous), problems: draft.problems, unknown: draft.unknown };
  }

  private readPlugin(use: Use, attributes: unknown, object: Neighbours, draft: Draft): void {
    const { shape, place, path } = use;
    const reading = shape.read(place, attributes, path);
    draft.problems.push(...reading.problems);
    draft.unknown.push(...reading.unknown);
    if (reading.problems.length > 0) return;
    if (shape.definition.checkBeside !== undefined && !reading.meta.isDisabled) {
      const beside = { upstreamScheme: object.upstream?.scheme, plugins: Object.keys(object.plugins ?? {}) };
      const unfit = shape.checkBeside(reading.config, beside, path);
      draft.problems.push(...unfit);
      if (unfit.length > 0) return;
    }
    const metadata = this.metadataOf(shape);
    draft.sources.push({ shape, metadata });
    // Without `_meta.filter` compiled: its text says as much.
    const meta = canonicalText((attributes as Readonly<Record<string, unknown>>)['_meta']);
    if (place === 'consumer' && shape.definition.kind === 'auth') {
      readCredential(use, reading, draft);
      draft.identities.push(`${shape.name} ${canonicalText(reading.config)} ${meta}`);
    } else {
      draft.claims = [];
      draft.secretArguments = [];
      const before = draft.instances.length;
      const held = reading.meta.isDisabled ? null : this.instantiate(use, reading.config, metadata, draft);
      const { claims, secretArguments } = draft;
      const inner = draft.instances.slice(before).filter((one) => one !== held);
      const within = inner.length === 0 ? {} : { inner };
      draft.uses.push({ ...useOf(use, reading, held), claims, secretArguments, ...within });
      draft.identities.push(`${held?.key ?? shape.name} ${meta}`);
    }
  }

  private instantiate(use: Use, config: unknown, metadata: Metadata, draft: Draft): HeldInstance | null {
    const { shape, object, path } = use;
    const before = draft.problems.length;
    try {
      const { upstreams, plugins } = this.readUses(use, config, draft);
      if (draft.problems.length > before) return null;
      const held = this.instances.obtain(shape, object, config, { metadata, upstreams, plugins });
      draft.instances.push(held);
      draft.claims.push(...claimsOf(shape, config));
      draft.secretArguments.push(...(shape.definition.secretArguments?.(config as never) ?? []));
      return held;
    } catch (error) {
      const message = `the plugin "${shape.name}" refuses this configuration: ${messageOf(error)}`;
      draft.problems.push({ path, code: 'invalid_value', message });
      return null;
    }
  }

  /** What the configuration names is read as if it stood where it belongs. */
  private readUses(use: Use, config: unknown, draft: Draft): ReadUses {
    const { shape, object, path, isChecked } = use;
    const uses = shape.definition.uses?.(config as never);
    if (uses === undefined) return NO_USES;
    const read = readUpstreams(uses, { plugin: shape.name, object, path, isChecked }, draft);
    draft.references.push(...read.references);
    draft.upstreams.push(...read.inline);
    const plugins = new Map<string, HeldInstance>();
    for (const nested of uses.plugins ?? []) {
      const held = this.readNested(nested, { ...use, path: joined(path, nested.path) }, draft);
      if (held !== null) plugins.set(nested.path, held);
    }
    return { ...read, plugins };
  }

  private readNested(nested: NestedPlugin, { path, object, isChecked }: Use, draft: Draft): HeldInstance | null {
    const shape = this.registry.get(nested.name);
    if (shape === undefined) {
      draft.problems.push({ path, code: 'not_available', message: missingPlugin(nested.name, this.registry) });
      return null;
    }
    if (nested.kind !== undefined && shape.definition.kind !== nested.kind) {
      const message = `"${nested.name}" identifies nobody: here stand plugins of the kind ${nested.kind}`;
      draft.problems.push({ path, code: 'invalid_value', message });
      return null;
    }
    const { config, problems, unknown, meta } = shape.read('route', nested.config, path);
    draft.problems.push(...problems);
    draft.unknown.push(...unknown);
    if (meta !== NO_META) {
      const message = `"_meta" has no effect inside of another plugin: leave it out`;
      draft.problems.push({ path: pathOf(path, '_meta'), code: 'not_supported', message });
    }
    if (problems.length > 0) return null;
    const metadata = this.metadataOf(shape);
    draft.sources.push({ shape, metadata });
    return this.instantiate({ shape, place: 'route', path, object, isChecked }, config, metadata, draft);
  }

  private readMetadata(raw: RawObject, value: Readonly<Record<string, unknown>>): ObjectPluginsReading {
    const { id, create_time: _created, update_time: _updated, ...attributes } = value;
    const shape = this.registry.get(String(id));
    if (shape === undefined) {
      const message = missingPlugin(String(id), this.registry);
      return { plugins: NO_PLUGINS, problems: [{ path: raw.path, code: 'not_available', message }], unknown: [] };
    }
    const { config, problems, unknown } = shape.read('metadata', attributes, raw.path);
    const metadata = { config, text: canonicalText(config) };
    const plugins: ObjectPlugins = { ...NO_PLUGINS, metadata, sources: [{ shape, metadata }], identity: metadata.text };
    return { plugins, problems, unknown };
  }

  private metadataOf(shape: PluginShape): Metadata {
    return this.metadata.get(shape.name) ?? shape.metadata;
  }
}

/** What of the object a plugin may want to know. */
interface Neighbours {
  readonly upstream?: { readonly scheme: string };
  readonly plugins?: Readonly<Record<string, unknown>>;
}

interface Use {
  readonly shape: PluginShape;
  readonly place: PluginPlace;
  readonly path: string;
  readonly object: string;
  /** See `RawObject`. */
  readonly isChecked: boolean;
}

function whyMisplaced(kind: Kind, { name, definition }: PluginShape): string | null {
  const isAuth = definition.kind === 'auth';
  if (kind === 'credentials' && !isAuth) {
    return `the plugin "${name}" authenticates nobody: a credential holds one authentication plugin`;
  }
  if (isAuth && definition.consumerSchema === undefined && (kind === 'consumers' || kind === 'credentials')) {
    return `the plugin "${name}" knows callers by other means than attributes of a consumer: put it on routes`;
  }
  if (kind === 'consumer_groups' && isAuth) {
    return `the plugin "${name}" authenticates, which is over once the group is known: put it on routes, and keys on consumers`;
  }
  return null;
}

function useOf({ shape, object }: Use, { meta, config }: PluginReading, held: HeldInstance | null): PluginUse {
  const { name, definition } = shape;
  const { prefersRoute = false, buffers = null } = definition;
  const streams = (held !== null && definition.streams?.(config as never)) || null;
  const step: Step | null =
    held === null
      ? null
      : {
          plugin: name,
          number: shape.number,
          priority: meta.priority ?? definition.priority,
          instance: held.instance,
          filter: meta.filter,
          errorResponse: meta.errorResponse,
        };
  return { plugin: name, step, prefersRoute, buffers, streams, object };
}

function claimsOf({ definition }: PluginShape, config: unknown): string[] {
  const claimed = definition.claims?.(config as never) ?? [];
  const names = definition.kind === 'auth' ? [...IDENTITY_FIELDS, ...claimed] : claimed;
  return names.map((name) => name.toLowerCase().replaceAll('_', '-'));
}

/** A credential that is switched off identifies nobody. */
function readCredential({ shape, path }: Use, { config, meta }: PluginReading, draft: Draft): void {
  const unfit = (attribute: string): void => {
    const message = `"${attribute}" means nothing where a caller is identified: put it on the route`;
    draft.problems.push({ path: pathOf(pathOf(path, '_meta'), attribute), code: 'not_supported', message });
  };
  if (meta.priority !== undefined) unfit('priority');
  if (meta.filter !== null) unfit('filter');
  if (meta.errorResponse !== undefined) unfit('error_response');
  if (meta.isDisabled) return;
  try {
    const key: unknown = shape.definition.consumerKey?.(config as never);
    if (typeof key !== 'string') throw new TypeError('consumerKey returned no string');
    draft.credentials.push({ plugin: shape.name, key, config });
  } catch (error) {
    const message = `the plugin "${shape.name}" finds no key in this configuration: ${messageOf(error)}`;
    draft.problems.push({ path, code: 'invalid_value', message });
  }
}

function completed(draft: Draft, previous: ObjectPlugins | undefined): ObjectPlugins {
  const { uses, credentials, instances, sources, references, upstreams } = draft;
  const identity = draft.identities.join('\n');
  const isSame =
    previous !== undefined &&
    previous.identity === identity &&
    previous.sources.length === sources.length &&
    previous.sources.every(({ shape }, i) => shape === sources[i]?.shape);
  if (isSame) return previous;
  return { uses, credentials, instances, references, upstreams, metadata: null, sources, identity };
}
