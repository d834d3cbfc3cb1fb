/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of redirect. */
export interface Redirect {
  /** Whether requests over HTTP are sent to HTTPS with the same URI: 301, or 308 where it is no GET or HEAD. Default: `false`. */
  readonly http_to_https?: boolean;
  /** URI that the client is sent to, with variables such as `$uri`; one without a value is empty. Bounds: 2 to 8192 characters. */
  readonly uri?: string;
  /** A regular expression, and where a path that it matches is sent to, with `$1` for its groups. Bounds: 2 items; each: 1 to 8192 characters. */
  readonly regex_uri?: readonly string[];
  /** Status of the answer; not of `http_to_https`. Default: `302`. Bounds: 200 to 599. */
  readonly ret_code?: number;
  /** Whether what RFC 3986 does not allow in a URI is escaped in `Location`. Default: `false`. */
  readonly encode_uri?: boolean;
  /** Whether the query of the request is added. Default: `false`. */
  readonly append_query_string?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Sends clients elsewhere: to HTTPS, or to another URI. */
export function redirect(attributes: Redirect = {}): { readonly 'redirect': Redirect } {
  return { 'redirect': attributes };
}

/** What all instances of redirect share. */
export interface RedirectMetadata {
  /** Port that `http_to_https` leads to. By default that of a listener with TLS: 443 if it is one, else the first; 443 if there is none. Bounds: 1 to 65535. */
  readonly https_port?: number;
}

/** The item of `plugin_metadata` for redirect. */
export function redirectMetadata(attributes: RedirectMetadata): PluginMetadata {
  return { ...attributes, id: 'redirect' };
}
