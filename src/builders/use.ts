/** People's own plugins in a configuration written in TypeScript. */
import type { TypedPlugin } from '../sdk/plugin.ts';
import type { Offer, Schema } from '../sdk/schema.ts';
import type { Meta } from './meta.ts';
import type { Plugins } from './plugins.ts';

/** With the others in its type: one that has a name that they do not know would not fit among them. */
type Used<N extends string, S> = Plugins & { readonly [K in N]: Attributes<S> };

type Attributes<S> = Offer<S> & { readonly _meta?: Meta };

/**
 * A plugin of your own with its attributes, typed by its schema: `plugins: { ...use(tenant, { tenants: { acme: 100 } }) }`.
 * The file of the plugin still stands under `gateway.plugin_files`, which is what loads it.
 */
export function use<N extends string, S extends Schema>(
  plugin: TypedPlugin<N, S>,
  attributes: Attributes<S>,
): Used<N, S> {
  return { [plugin.name]: attributes } as Used<N, S>;
}
