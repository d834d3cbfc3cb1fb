/** The contract of a plugin. */
import type { AttemptPart } from './attempt.ts';
import type { Consumer, Exchange } from './exchange.ts';
import type { Counters, Host } from './host.ts';
import type { ConsumerQuota } from './quotas.ts';
import type { Reply } from './reply.ts';
import type { Infer, Schema } from './schema.ts';

/** Nothing lets the exchange go on; a Reply ends it. Only a Promise is awaited. */
export type PhaseResult = void | Reply | Promise<void | Reply>;

/** One plugin with one configuration. A phase that it does not have costs nothing. */
export interface PluginInstance {
  /**
   * Once, before the instance is used: what takes longer than a millisecond, in steps, between which the thread serves requests.
   * Not called where a configuration is only checked. If it throws, the object counts as bad.
   */
  prepare?(): Iterable<void>;
  /** First: before the consumer is known. Authentication runs here. */
  rewrite?(exchange: Exchange): PhaseResult;
  /** The caller is known: allow or refuse. */
  access?(exchange: Exchange): PhaseResult;
  /** Everything is decided, nothing is sent: the last moment to change the request. */
  beforeProxy?(exchange: Exchange): PhaseResult;
  /** The head of the response is there, the upstream's or that of a Reply. Synchronous. */
  responseHead?(exchange: Exchange): void;
  /**
   * A piece of the response body, for exchanges in which `responseHead` called `transformBody()`. Returns what goes on in
   * its place, nothing to hold it back. `isLast` comes exactly once, perhaps with an empty piece. The bytes are valid
   * during the call only. Synchronous.
   */
  responseBody?(exchange: Exchange, piece: Uint8Array, isLast: boolean): Uint8Array | undefined;
  /** Once for every exchange, when it is over. Synchronous. */
  log?(exchange: Exchange): void;
  /**
   * How its limits stand for a consumer, for whoever asks. It consumes nothing, and waits for nobody: what is not known
   * here at once is null. `counters` are those of the instance's Host, which has none where it is only looked at.
   */
  quotas?(consumer: Consumer, counters: Counters): readonly ConsumerQuota[];
  /** A part in the choice of nodes, before and after each attempt. */
  readonly attempts?: AttemptPart;
  /** After the last exchange that uses the instance. */
  close?(): void | Promise<void>;
}

/** Something that is wrong with a configuration beyond its schema. */
export interface ConfigProblem {
  /** Below the plugin's attributes: `rules[0].key`. */
  readonly path: string;
  /** Lower case, no full stop: names the value and says what would be right. */
  readonly message: string;
}

export interface PluginExample {
  readonly title: string;
  readonly config: unknown;
  /** Attributes of the upstream beside it, where they matter. */
  readonly upstream?: Readonly<Record<string, unknown>>;
}

/** What else stands in the object that has a plugin. */
export interface Beside {
  /** Of the upstream that stands in the object itself; undefined where there is none. */
  readonly upstreamScheme: string | undefined;
  /** Names of all its plugins, this one among them. */
  readonly plugins: readonly string[];
}

/** What a configuration needs beside its plugin; paths are below the plugin's attributes. */
export interface PluginUses {
  readonly upstreams?: readonly UpstreamUse[];
  readonly plugins?: readonly NestedPlugin[];
}

/** An upstream by its id, or one that stands in the configuration itself. */
export interface UpstreamUse {
  readonly path: string;
  readonly id?: string | number | undefined;
  readonly object?: unknown;
}

/** A plugin with its attributes inside of another one's. */
export interface NestedPlugin {
  readonly path: string;
  readonly name: string;
  readonly config: unknown;
  /** The only kind that it may be of. */
  readonly kind?: 'auth';
}

export interface PluginDefinition<C = never, K = never> {
  /** As in configurations: lower case with hyphens. */
  readonly name: string;
  /** Higher runs first within a phase; ties by name. */
  readonly priority: number;
  /** One sentence for the reference. */
  readonly summary: string;
  /**
   * `auth` plugins identify callers: their configuration on a consumer is a credential, never merged into a route. One
   * without `consumerSchema` knows callers by other means, and has no place on consumers.
   */
  readonly kind?: 'auth' | 'authorization' | 'traffic' | 'transformation' | 'security' | 'observability';
  readonly schema: Schema;
  /** Of the attributes on a consumer or credential; with `consumerKey`. */
  readonly consumerSchema?: Schema;
  /** Of `plugin_metadata`. */
  readonly metadataSchema?: Schema;
  /** Under which key `findConsumer` finds a consumer with these attributes. Pure. */
  readonly consumerKey?: (config: K) => string;
  /**
   * Request fields by which the upstream is told who calls, and which therefore no client may say: they are taken out of
   * every request on the plugin's routes before the first phase, even where a filter keeps the plugin from running. Those
   * of `IDENTITY_FIELDS` need not be named for `kind: 'auth'`. Pure.
   */
  readonly claims?: (config: C) => readonly string[];
  /** Query arguments that carry secrets: the access log hides their values on the plugin's routes. Pure. */
  readonly secretArguments?: (config: C) => readonly string[];
  /** A global instance is skipped on routes that have the plugin themselves. */
  readonly prefersRoute?: boolean;
  /** What it reaches beyond the gateway. */
  readonly effects?: readonly 'network'[];
  /** Which bodies its instances may ask to have whole; refused beside a plugin that `streams` them. */
  readonly buffers?: 'request' | 'response' | 'both';
  /** Which bodies a configuration wants passed on as they come; null for none. Pure. */
  readonly streams?: (config: C) => 'request' | 'response' | 'both' | null;
  /** What the schema cannot say: pure, all problems at once. */
  readonly check?: (config: C) => readonly ConfigProblem[];
  /** What is wrong with a configuration because of what stands beside it in its object, on routes and what they refer to. Pure. */
  readonly checkBeside?: (config: C, beside: Beside) => readonly ConfigProblem[];
  /** The same as `check` of the attributes on a consumer or credential. */
  readonly checkConsumer?: (config: K) => readonly ConfigProblem[];
  /** The upstreams and the other plugins that a configuration names: they are checked with it. Pure. */
  readonly uses?: (config: C) => PluginUses;
  /**
   * Makes an instance. `metadata` is that of `metadataSchema`, its defaults if none is configured, undefined if it has
   * required attributes.
   *
   * All parsing happens here; no I/O, no timers. The configuration is frozen, defaults filled in.
   */
  readonly create: (config: C, host: Host, metadata: unknown) => PluginInstance;
  /** Configurations for the reference page; a test validates each. */
  readonly examples?: readonly PluginExample[];
}

/** A definition whose configuration types are erased, so that plugins stand in one list. */
export type AnyPlugin = PluginDefinition<never, never>;

/** A definition that still knows its name and its schema: configurations in TypeScript are typed by it. */
export type TypedPlugin<N extends string, S> = AnyPlugin & { readonly name: N; readonly schema: S };

/**
 * Declares a plugin; the types of its configuration follow from its schema. Throws TypeError if the definition itself is
 * wrong: a bad name, a priority that is no number, an `auth` plugin with one of `consumerSchema` and `consumerKey` only.
 */
export function definePlugin<const N extends string, const S extends Schema, const K extends Schema = Schema>(
  definition: Omit<PluginDefinition<Infer<S>, Infer<K>>, 'name' | 'schema' | 'consumerSchema'> & {
    readonly name: N;
    readonly schema: S;
    readonly consumerSchema?: K;
  },
): TypedPlugin<N, S> {
  const fault = definitionFault(definition);
  if (fault !== null) throw new TypeError(fault);
  return definition;
}

const NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const OBJECTS = ['schema', 'consumerSchema', 'metadataSchema'] as const;
const FUNCTIONS = [
  'create',
  'check',
  'checkBeside',
  'checkConsumer',
  'uses',
  'claims',
  'secretArguments',
  'streams',
  'consumerKey',
] as const;
const KINDS = ['auth', 'authorization', 'traffic', 'transformation', 'security', 'observability'];
const BODIES = ['request', 'response', 'both'];

/** What is wrong with a definition, whoever made it and with whatever types; null if nothing is. */
export function definitionFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'a plugin is an object, as definePlugin gives it';
  const definition = value as { readonly [K in keyof PluginDefinition]?: unknown };
  const { name, priority, summary, kind, buffers, effects = [] } = definition;
  if (typeof name !== 'string' || !NAME.test(name)) {
    return `${JSON.stringify(name)} is no plugin name: use lower case and hyphens`;
  }
  if (!Number.isFinite(priority)) return `the priority of ${name} is no number`;
  if (typeof summary !== 'string') return `the summary of ${name} is missing: one sentence`;
  if (typeof definition.schema !== 'object') return `the schema of ${name} is missing: { type: 'object' } at least`;
  if (typeof definition.create !== 'function') return `create of ${name} is missing: a function`;
  for (const member of OBJECTS) {
    const one = definition[member];
    if (one !== undefined && (typeof one !== 'object' || one === null)) return `${member} of ${name} is no object`;
  }
  for (const member of FUNCTIONS) {
    if (definition[member] !== undefined && typeof definition[member] !== 'function')
      return `${member} of ${name} is no function`;
  }
  if (kind !== undefined && !KINDS.includes(kind as string))
    return `the kind of ${name} is none of ${KINDS.join(', ')}`;
  if (buffers !== undefined && !BODIES.includes(buffers as string))
    return `buffers of ${name} is none of ${BODIES.join(', ')}`;
  if (!Array.isArray(effects) || effects.some((effect) => effect !== 'network')) {
    return `effects of ${name} is not ['network'], the only one that there is`;
  }
  if (kind === 'auth' && (definition.consumerSchema === undefined) !== (definition.consumerKey === undefined)) {
    return `${name} is of kind auth: consumerSchema and consumerKey go together, or neither is there`;
  }
  return null;
}
