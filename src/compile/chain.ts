/** The phases of one route as flat arrays: what runs, in its order, and nothing else. */
import type { CompiledRoute } from './snapshot.ts';
import type { Consumer, ConsumerMatch } from '../sdk/exchange.ts';
import type { PluginInstance } from '../sdk/plugin.ts';

/** One plugin in a chain. */
export interface Step {
  readonly plugin: string;
  /** Of the plugin in its registry, from 1. */
  readonly number: number;
  readonly priority: number;
  readonly instance: PluginInstance;
  /** `_meta.filter`, compiled; null lets every exchange through. Evaluated once per exchange. */
  readonly filter: ((exchange: Variables) => boolean) | null;
  /** `_meta.error_response`: the body of the plugin's own refusals; undefined leaves it. */
  readonly errorResponse: string | object | undefined;
}

/** What a filter may look at. */
export interface Variables {
  variable(name: string): string | undefined;
}

/** The steps of a route (and of a consumer, where one is known) with those of the global rules before them. */
export interface Chain {
  readonly rewrite: readonly Step[];
  /** `rewrite` of plugins that only the consumer or its group brought: runs once the consumer is known. */
  readonly consumerRewrite: readonly Step[];
  readonly access: readonly Step[];
  readonly beforeProxy: readonly Step[];
  readonly responseHead: readonly Step[];
  readonly responseBody: readonly Step[];
  readonly log: readonly Step[];
  /** Of plugins that take part in the choice of nodes. */
  readonly attempts: readonly Step[];
  /** Names of request fields that no client may say, in lower case and with hyphens: see `claims` of a plugin. */
  readonly claimed: readonly string[];
  /** Query arguments whose values no log shows: see `secretArguments` of a plugin. */
  readonly secretArguments: readonly string[];
  /** Nothing runs in any phase. */
  readonly isEmpty: boolean;
}

/** Who can call, by what identifies them. */
export interface ConsumerIndex {
  find(plugin: string, key: string): ConsumerMatch | undefined;
  named(username: string): Consumer | undefined;
  /** What a caller was known by; undefined if there is no such consumer, or credential. @param credentialId '' for none */
  proofOf(username: string, credentialId: string): ConsumerProof | undefined;
}

/** Both parts are the same objects as long as nothing about the consumer, and about the credential, has changed. */
export interface ConsumerProof {
  readonly consumer: Consumer;
  /** Null where the consumer itself has the key. */
  readonly credential: unknown;
}

export interface ChainSource {
  /** @param route null where no route matched: the global rules alone */
  chainOf(route: CompiledRoute | null, consumer: Consumer | null): Chain;
}
