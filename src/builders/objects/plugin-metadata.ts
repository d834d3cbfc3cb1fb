/** Made by "npm run reference" from the schemas: changes belong there. */

/** What all instances of one plugin share. */
export interface PluginMetadata {
  /** Name of the plugin. Bounds: 1 to 64 characters. */
  readonly id: string;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly create_time?: number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly update_time?: number;
  readonly [name: string]: unknown;
}

/** What all instances of one plugin share. */
export function pluginMetadata(attributes: PluginMetadata): PluginMetadata {
  return attributes;
}
