/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of proxy-rewrite. */
export interface ProxyRewrite {
  /** Path that is forwarded in place of the one that was asked for; variables may stand in it. Arguments after a question mark go before those of the request. */
  readonly uri?: string;
  /** Pairs of a regular expression and a path. The path beside the first expression that matches the one that was asked for takes its place as a whole; $1, $2 … in it are what was captured. Without effect on the path where uri is there. Bounds: ≥ 2 items. */
  readonly regex_uri?: readonly string[];
  /** Whether the path goes on as the client wrote it, neither normalised nor freed of dot segments. Unsafe: routes were chosen by the normalised one. Default: `false`. */
  readonly use_real_request_uri_unsafe?: boolean;
  /** Method that is forwarded. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'HEAD' | 'DELETE' | 'OPTIONS' | 'MKCOL' | 'COPY' | 'MOVE' | 'PROPFIND' | 'LOCK' | 'UNLOCK' | 'PATCH' | 'TRACE';
  /** Host that the upstream is told. Bounds: 1 to 261 characters. */
  readonly host?: string;
  /** Header fields to change: add, then remove, then set. Without any of these three, names and values to set. Variables may stand in values, and $1, $2 … for what regex_uri captured. */
  readonly headers?: {
    /** Fields that are added to those of the request; a list adds each of its values. */
    readonly add?: {
      readonly [name: string]: string | number | readonly (string | number)[];
    };
    /** Names of fields that are taken away. Bounds: each: not empty. */
    readonly remove?: readonly string[];
    /** Fields that take the place of those of the request; a list gives several fields of one name. */
    readonly set?: {
      readonly [name: string]: string | number | readonly (string | number)[];
    };
    readonly [name: string]: unknown;
  };
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Changes what the upstream is asked for: path, arguments, method, host, header fields. */
export function proxyRewrite(attributes: ProxyRewrite = {}): { readonly 'proxy-rewrite': ProxyRewrite } {
  return { 'proxy-rewrite': attributes };
}
