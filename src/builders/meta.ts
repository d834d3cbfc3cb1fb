/** Made by "npm run reference" from the schemas: changes belong there. */

/** How the gateway treats this configuration of the plugin. */
export interface Meta {
  /** Switches the plugin off; decided after merging, so a route can switch off what its service has. */
  readonly disable?: boolean;
  /** Takes the place of the plugin's own priority. */
  readonly priority?: number;
  /** Conditions on variables of the request; the plugin runs where they hold. */
  readonly filter?: readonly unknown[];
  /** Takes the place of the body in the plugin's own refusals. */
  readonly error_response?: string | {
    readonly [name: string]: unknown;
  };
  /** A Lua function; refused. */
  readonly pre_function?: string;
}
