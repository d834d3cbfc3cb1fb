/** The plugins that exist, made of their definitions. */
import { ERRORS } from '../sdk/errors.ts';
import type { Exchange } from '../sdk/exchange.ts';
import type { AnyPlugin, Beside, ConfigProblem, PluginInstance } from '../sdk/plugin.ts';
import type { Schema } from '../sdk/schema.ts';
import { canonicalText } from '../model/canonical.ts';
import { pathOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { fillerFor, validator } from '../model/validate.ts';
import { metaReader, NO_META } from './meta.ts';
import type { Meta, MetaReader } from './meta.ts';
import type { Metadata, PluginPlace, PluginReading, PluginRegistry, PluginShape } from './plugins.ts';
import { resolveReferences, withoutValues } from './value-references.ts';
import type { Environment } from './value-references.ts';

/**
 * Throws TypeError if two plugins have the same name: which of them would run is nobody's to guess.
 * @param env what `$env://` in attributes refers to; null leaves references as they are
 */
export function pluginRegistry(definitions: readonly AnyPlugin[], env: Environment | null = {}): PluginRegistry {
  return registryOf(definitions, { reader: validator, env });
}

/**
 * The same for attributes that were checked elsewhere: only their defaults are filled in.
 * @param disabled names of plugins that must not run: what has one is refused
 */
export function checkedPluginRegistry(
  definitions: readonly AnyPlugin[],
  disabled: ReadonlySet<string> = new Set(),
  env: Environment | null = {},
): PluginRegistry {
  const usable = definitions.map((one) => (disabled.has(one.name) ? { ...one, create: refuseAll } : one));
  return registryOf(usable, { reader: fillerFor, env });
}

/** Stands for an instance of a plugin that keeps ending workers: every exchange of its routes is refused. */
function refuseAll(): PluginInstance {
  const { status, message } = ERRORS.plugin_disabled;
  const code = 'plugin_disabled';
  const refuse = (exchange: Exchange) => ({ status, code, body: { message, code, request_id: exchange.id } });
  return { rewrite: refuse, access: refuse };
}

function registryOf(definitions: readonly AnyPlugin[], { reader, env }: Omit<Reading, 'readMeta'>): PluginRegistry {
  const registry = new Map<string, PluginShape>();
  const readMeta = metaReader(reader);
  for (const definition of definitions) {
    const { name } = definition;
    if (registry.has(name)) throw new TypeError(`there are two plugins "${name}": rename one of them`);
    registry.set(name, new Plugin(definition, registry.size + 1, { readMeta, reader, env }));
  }
  return registry;
}

type Reader = typeof validator;

/** How attributes are read. */
interface Reading {
  readonly readMeta: MetaReader;
  readonly reader: Reader;
  readonly env: Environment | null;
}

type Validate = ReturnType<Reader>;

class Plugin implements PluginShape {
  readonly definition: AnyPlugin;
  readonly number: number;
  private readonly readMeta: MetaReader;
  private readonly env: Environment | null;
  private readonly isChecking: boolean;
  private readonly validators: Readonly<Record<PluginPlace, Validate | null>>;
  private defaultMetadata: Metadata | null = null;

  constructor(definition: AnyPlugin, number: number, { readMeta, reader, env }: Reading) {
    this.definition = definition;
    this.number = number;
    this.readMeta = readMeta;
    this.env = env;
    this.isChecking = reader === validator;
    const { kind, schema, consumerSchema, metadataSchema } = definition;
    const route = reader(schema);
    this.validators = {
      route,
      consumer: kind === 'auth' ? validatorOf(consumerSchema, reader) : route,
      metadata: validatorOf(metadataSchema, reader),
    };
  }

  get name(): string {
    return this.definition.name;
  }

  get metadata(): Metadata {
    const { metadataSchema } = this.definition;
    // What has to be written has no default: then there is none as long as nobody writes it.
    const isDefaulted = metadataSchema !== undefined && hasRequired(metadataSchema);
    return (this.defaultMetadata ??= metadataOf(isDefaulted ? this.validators.metadata?.({}, '') : undefined));
  }

  read(place: PluginPlace, attributes: unknown, path: string): PluginReading {
    const validate = this.validators[place];
    if (validate === null) {
      const message = `the plugin "${this.name}" has no attributes here`;
      return failed([{ path, code: 'invalid_value', message }]);
    }
    if (place === 'metadata') return this.readOwn(validate, attributes, path, () => []);
    const { own, meta, problems, unknown } = this.splitMeta(attributes, path);
    // To switch off what a service has, nobody should have to repeat its attributes.
    if (meta.isDisabled && Object.keys(own).length === 0) return { config: Object.freeze({}), meta, problems, unknown };
    const which = this.isRoutePart(place) ? 'check' : 'checkConsumer';
    const check = (config: unknown) => (this.isChecking ? this.check(which, path, config) : []);
    const reading = this.readOwn(validate, own, path, check);
    return {
      config: reading.config,
      meta,
      problems: [...reading.problems, ...problems],
      unknown: [...reading.unknown, ...unknown],
    };
  }

  /** Without `_meta`: with what references stand for, which no problem tells. */
  private readOwn(
    validate: Validate,
    own: unknown,
    path: string,
    check: (config: unknown) => readonly Problem[],
  ): PluginReading {
    const resolved = resolveReferences(own, path, this.env);
    if (resolved.problems.length > 0) return failed(resolved.problems);
    const reading = ownAttributes(validate(resolved.value, path));
    const problems = reading.problems.length > 0 ? reading.problems : check(reading.config);
    return { ...reading, problems: withoutValues(problems, resolved) };
  }

  /** Whether the attributes follow the schema of routes, which is the one that `check` knows. */
  private isRoutePart(place: PluginPlace): boolean {
    return this.validators[place] === this.validators.route;
  }

  private splitMeta(attributes: unknown, path: string) {
    const { _meta: metaValue, ...own } = attributes as Record<string, unknown>;
    const nothing = { meta: NO_META, problems: [], unknown: [] };
    const read = metaValue === undefined ? nothing : this.readMeta(metaValue, pathOf(path, '_meta'));
    return { own, ...read };
  }

  checkBeside(config: unknown, beside: Beside, path: string): Problem[] {
    return this.isChecking ? this.check('checkBeside', path, config, beside) : [];
  }

  /** A fault in a plugin's own check must not end the gateway; the object counts as bad. */
  private check(which: 'check' | 'checkBeside' | 'checkConsumer', path: string, ...of: unknown[]): Problem[] {
    let found: readonly ConfigProblem[];
    try {
      found = this.definition[which]?.(...(of as [never, never])) ?? [];
    } catch (error) {
      const message = `the check of the plugin "${this.name}" failed: ${messageOf(error)}`;
      return [{ path, code: 'invalid_value', message }];
    }
    return found.map((problem) => ({
      path: below(path, problem.path),
      code: 'invalid_value',
      message: problem.message,
    }));
  }
}

function validatorOf(schema: Schema | undefined, reader: Reader): Validate | null {
  return schema === undefined ? null : reader(schema);
}

function failed(problems: readonly Problem[]): PluginReading {
  return { config: undefined, meta: NO_META, problems, unknown: [] };
}

function ownAttributes(checked: ReturnType<Validate>): PluginReading {
  const { value, problems, unknown } = checked;
  const meta: Meta = NO_META;
  return { config: problems.length === 0 ? frozenCopy(value) : undefined, meta, problems, unknown };
}

function hasRequired({ required = [], properties = {} }: Schema): boolean {
  return required.every((name) => properties[name]?.default !== undefined);
}

function metadataOf(checked: ReturnType<Validate> | undefined): Metadata {
  if (checked === undefined || checked.problems.length > 0) return { config: undefined, text: '' };
  return { config: frozenCopy(checked.value), text: canonicalText(checked.value) };
}

function below(path: string, relative: string): string {
  return relative === ''
    ? path
    : relative.startsWith('[') || path === ''
      ? `${path}${relative}`
      : `${path}.${relative}`;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Deep, so that neither a plugin nor a later change of the document reaches what others hold. */
function frozenCopy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy));
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    // A plain assignment to `__proto__` would change the prototype instead of adding a member.
    Object.defineProperty(copy, key, { value: frozenCopy(member), enumerable: true });
  }
  return Object.freeze(copy);
}
