/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of consumer-restriction. */
export interface ConsumerRestriction {
  /** What the lists name: consumers, groups of consumers, or the services or routes that a consumer may use. Default: `"consumer_name"`. */
  readonly type?: 'consumer_name' | 'consumer_group_id' | 'service_id' | 'route_id';
  /** Only these pass. Bounds: 1 to 100000 items; each: not empty. */
  readonly whitelist?: readonly string[];
  /** These do not pass, whatever the other lists say. Bounds: 1 to 100000 items; each: not empty. */
  readonly blacklist?: readonly string[];
  /** Methods by consumer: who is listed may use no others. Who is not listed passes only where `whitelist` or `blacklist` lets it. Bounds: 1 to 100000 items. */
  readonly allowed_by_methods?: readonly {
    /** Name of a consumer. Bounds: not empty. */
    readonly user: string;
    /** Methods that the consumer may use. Bounds: not empty; each once. */
    readonly methods: readonly ('GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS' | 'CONNECT' | 'TRACE' | 'PURGE')[];
  }[];
  /** Status of a refusal; callers that nobody has identified get 401. Default: `403`. Bounds: 200 to 599. */
  readonly rejected_code?: number;
  /** The message of a refusal, in place of the usual one. Bounds: not empty. */
  readonly rejected_msg?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in consumers by their name or group, by the route or service they call, and by method. */
export function consumerRestriction(attributes: ConsumerRestriction = {}): { readonly 'consumer-restriction': ConsumerRestriction } {
  return { 'consumer-restriction': attributes };
}
