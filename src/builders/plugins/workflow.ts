/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of workflow. */
export interface Workflow {
  /** The first one whose case holds decides. Bounds: 1 to 1000 items. */
  readonly rules: readonly {
    /** Conditions on variables, all of which must hold; without it, the rule always decides. Bounds: not empty. */
    readonly case?: readonly unknown[];
    /** What happens: `[return, { code: … }]` answers; `[limit-count, …]` and `[limit-conn, …]` run that plugin with these attributes, in place of the one that the route may have. Bounds: 1 items; each: 2 items. */
    readonly actions: readonly (readonly unknown[])[];
  }[];
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Answers or limits requests by conditions. */
export function workflow(attributes: Workflow): { readonly 'workflow': Workflow } {
  return { 'workflow': attributes };
}
