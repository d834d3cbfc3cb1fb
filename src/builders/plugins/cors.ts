/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of cors. */
export interface Cors {
  /** Origins that may read responses, with commas between; * is any, ** is any with credentials too, which lets every website act for its visitors. Default: `"*"`. */
  readonly allow_origins?: string;
  /** Methods that scripts of those origins may use; * is any, ** is any with credentials too. Default: `"*"`. */
  readonly allow_methods?: string;
  /** Request headers that scripts of those origins may set; * is any, ** is any with credentials too. Default: `"*"`. */
  readonly allow_headers?: string;
  /** Response headers that scripts may read; without it, what the upstream says about that stays. */
  readonly expose_headers?: string;
  /** How long a browser may keep the answer to a preflight request, in seconds; -1 is not at all. Default: `5`. Bounds: ≥ -1. */
  readonly max_age?: number;
  /** Whether requests may carry cookies and the like. Then no attribute may be *. Default: `false`. */
  readonly allow_credential?: boolean;
  /** Patterns that an origin must contain a match of, one of them; allow_origins is not looked at then. Bounds: not empty; each: 1 to 4096 characters. */
  readonly allow_origins_by_regex?: readonly string[];
  /** Names of lists in the allow_origins of the plugin metadata. They stand beside allow_origins, or in its place if that is *. Bounds: not empty; each: 1 to 4096 characters. */
  readonly allow_origins_by_metadata?: readonly string[];
  /** Origins that may read how long a resource took, with commas between; * is any. */
  readonly timing_allow_origins?: string;
  /** Patterns of such origins; timing_allow_origins is not looked at then. Bounds: not empty; each: 1 to 4096 characters. */
  readonly timing_allow_origins_by_regex?: readonly string[];
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets scripts of other websites use a route from within browsers (cross-origin resource sharing). */
export function cors(attributes: Cors = {}): { readonly 'cors': Cors } {
  return { 'cors': attributes };
}

/** What all instances of cors share. */
export interface CorsMetadata {
  /** Lists of origins by name, each as the attribute allow_origins, for allow_origins_by_metadata. */
  readonly allow_origins?: {
    readonly [name: string]: string;
  };
}

/** The item of `plugin_metadata` for cors. */
export function corsMetadata(attributes: CorsMetadata): PluginMetadata {
  return { ...attributes, id: 'cors' };
}
