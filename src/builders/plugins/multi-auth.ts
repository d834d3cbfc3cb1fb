/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of multi-auth. */
export interface MultiAuth {
  /** Authentication plugins with their attributes, each as `{ name: attributes }`. They are asked in this order, until one knows who calls. Bounds: 2 to 20 items; each: 1 attributes. */
  readonly auth_plugins: readonly {
    readonly [name: string]: unknown;
  }[];
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in callers whom one of several authentication plugins knows. */
export function multiAuth(attributes: MultiAuth): { readonly 'multi-auth': MultiAuth } {
  return { 'multi-auth': attributes };
}

/** What all instances of multi-auth share. */
export interface MultiAuthMetadata {
  /** Whether the error log tells of refusals, each with who, from where, on which route and what each plugin found. Of who is let in, the plugin tells that knew the caller. Default: `"refused"`. */
  readonly events?: 'none' | 'refused';
}

/** The item of `plugin_metadata` for multi-auth. */
export function multiAuthMetadata(attributes: MultiAuthMetadata): PluginMetadata {
  return { ...attributes, id: 'multi-auth' };
}
