/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of traffic-split. */
export interface TrafficSplit {
  /** The first one that matches decides; without any, the request goes where its route says. Bounds: ≤ 1000 items. */
  readonly rules: readonly {
    /** The rule matches where one of these does; without any, always. */
    readonly match?: readonly {
      /** Conditions on variables, all of which must hold. */
      readonly vars?: readonly unknown[];
    }[];
    /** Where requests go; an item without an upstream stands for that of the route. Default: `[{"weight":1}]`. Bounds: 1 to 100 items. */
    readonly weighted_upstreams?: readonly {
      /** Id of an upstream object. Bounds: 1 to 64 characters; ≥ 1. */
      readonly upstream_id?: string | number;
      /** An upstream of its own, with the attributes of upstream objects. */
      readonly upstream?: {
        readonly [name: string]: unknown;
      };
      /** Its share, relative to the others. Default: `1`. Bounds: 0 to 1000000. */
      readonly weight?: number;
    }[];
    /** A text with variables, such as `$cookie_user`: requests with an equal one go to the same upstream, and a change of weights moves as few of them as can be. Where it is empty, turns are taken. Bounds: 1 to 1024 characters. */
    readonly sticky_key?: string;
  }[];
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Sends requests to other upstreams, by conditions and by weight. */
export function trafficSplit(attributes: TrafficSplit): { readonly 'traffic-split': TrafficSplit } {
  return { 'traffic-split': attributes };
}
